"""Named arrays of a .npz to a cohort."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import attrs
import numpy as np

from gankit import Cohort, CohortError, Modality, split_patients

DEFAULT_UNITS = {"adc": "1e-6 mm2/s"}


@attrs.frozen
class Names:
    """Which array is what."""

    modality: dict[str, str]
    unit: dict[str, str]
    present: dict[str, str]
    label: dict[str, str]
    patient: str
    spacing: str | None
    split: str | None


def read_arrays(file: Path, names: Names, test_fraction: float, seed: int) -> Cohort:
    """Read a cohort from a .npz file.

    Raises:
        CohortError: the file cannot be read, lacks an array, or the arrays do not fit together.
    """
    arrays = _load(file)

    def take(option: str, name: str) -> np.ndarray:
        if name not in arrays:
            near = get_close_matches(name, arrays, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CohortError(f"{file}: --{option}: no array {name!r}{hint}; it has {', '.join(arrays)}")
        return arrays[name]

    patient = take("patient", names.patient)
    if patient.ndim != 1:
        raise CohortError(f"{file}: --patient {names.patient}: needs one id a slice, got shape {patient.shape}")
    try:
        patient = patient.astype(str)
    except UnicodeDecodeError as error:
        raise CohortError(
            f"{file}: --patient {names.patient}: bytes that are not ASCII; store the ids as text"
        ) from error
    modalities = {}
    for name, array in names.modality.items():
        present = None
        if name in names.present:
            where = f"{file}: --present {name}={names.present[name]}"
            present = _numbers(where, take("present", names.present[name])).astype(bool)
        unit = names.unit.get(name, DEFAULT_UNITS.get(name, "1"))
        modalities[name] = _modality(f"{file}: --modality {name}={array}", take("modality", array), unit, present)
    labels = {
        name: _label(f"{file}: --label {name}={array}", take("label", array)) for name, array in names.label.items()
    }
    for option, given in (("unit", names.unit), ("present", names.present)):
        if unknown := sorted(set(given) - set(names.modality)):
            raise CohortError(f"--{option} {unknown[0]}: no such --modality; given: {', '.join(names.modality)}")
    first = next(iter(labels.values()), np.full(len(patient), -1))
    if names.split is not None:
        split = take("split", names.split).astype(str)
        if split.ndim != 1:
            raise CohortError(f"{file}: --split {names.split}: needs one value a slice, got shape {split.shape}")
    elif len(first) == len(patient):
        split = split_patients(patient, first, test_fraction, seed)
    else:
        raise CohortError(f"{file}: the first label has {len(first)} slices, but there are {len(patient)} patient ids")
    spacing = None
    if names.spacing is not None:
        where = f"{file}: --spacing {names.spacing}"
        spacing = _numbers(where, take("spacing", names.spacing)).astype(np.float32)
    try:
        return Cohort(
            modalities=modalities,
            labels=labels,
            patient=patient,
            split=split,
            spacing_mm=spacing,
            source=f"arrays of {file.name}",
        )
    except CohortError as error:
        raise CohortError(f"{file}: {error}") from error


def _load(file: Path) -> dict[str, np.ndarray]:
    if not file.is_file():
        raise CohortError(f"{file}: no such file")
    try:
        stored = np.load(file, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            raise ValueError("it is one array without a name, as in .npy")
        with stored:
            return {name: _plain(name, stored) for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise CohortError(f"{file}: not a readable .npz file of plain arrays ({error})") from error


def _plain(name: str, stored: Mapping[str, np.ndarray]) -> np.ndarray:
    try:
        return stored[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError(
            f"array {name!r} holds Python objects, which may run code when read; store numbers, or text as"
            f" {name}.astype(str)"
        ) from error


def _modality(where: str, values: np.ndarray, unit: str, present: np.ndarray | None) -> Modality:
    if values.ndim < 3 or values.dtype.kind not in "biuf":
        raise CohortError(
            f"{where}: needs numbers of shape (slices, *space), got {values.dtype} of shape {values.shape}"
        )
    if present is None:
        present = ~np.isnan(values).all(axis=tuple(range(1, values.ndim)))
    if len(present) != len(values):
        raise CohortError(f"{where}: has {len(values)} slices, but its --present has {len(present)}")
    if len(present) and not present.any():
        raise CohortError(f"{where}: no slice has it; all are NaN, or absent by --present")
    modality = Modality.of(values, unit, present)
    absent = ~modality.present
    if absent.any():
        modality.values[absent] = 0
    return modality


def _numbers(where: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "biuf" or values.ndim != 1:
        raise CohortError(f"{where}: needs one number a slice, got {values.dtype} of shape {values.shape}")
    return values


def _label(where: str, values: np.ndarray) -> np.ndarray:
    signed = _numbers(where, values).astype(np.float64)
    if wrong := sorted(set(np.unique(signed[~(signed < 0)]).tolist()) - {0.0, 1.0}):
        raise CohortError(f"{where}: has values {wrong[:5]}; accepted: 1 yes, 0 no, negative unknown")
    return np.where(signed < 0, -1, signed).astype(np.int8)
