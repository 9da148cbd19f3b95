"""Named arrays of a .npz to a cohort."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np

from gankit import Cohort, CohortError, InputError, Modality, nearest, read_npz, split_patients

MAKER = "arrays of"
"""How the source of its cohorts begins."""

DEFAULT_UNITS = {"adc": "1e-6 mm2/s"}
UNKNOWN = -1
"""A label that nobody knows."""


@attrs.frozen(kw_only=True)
class Names:
    """Which array is what; the parameters of ``import_arrays``.

    Raises:
        InputError: no modality, a name that no recipe could have, or an option of a modality that is not there.
    """

    modality: Mapping[str, str]
    unit: Mapping[str, str]
    channels: Mapping[str, str]
    present: Mapping[str, str]
    label: Mapping[str, str]
    truth: Mapping[str, str]
    patient: str
    spacing: str | None
    slice_spacing: str | None
    split: str | None

    def __attrs_post_init__(self) -> None:
        if not self.modality:
            raise InputError("`modality`: none is given; a cohort needs at least one")
        for parameter in ("modality", "label", "truth"):
            for name in getattr(self, parameter):
                if not name.replace("_", "").replace("-", "").isalnum():
                    raise InputError(
                        f"`{parameter}` {name}: a name has letters, digits, '_' and '-' only, got {name!r}"
                    )
        for parameter in ("unit", "channels", "present"):
            if unknown := sorted(set(getattr(self, parameter)) - set(self.modality)):
                known = ", ".join(self.modality)
                raise InputError(f"`{parameter}` {unknown[0]}: no such `modality`; given: {known}")


def read_arrays(file: Path, names: Names, fractions: tuple[float, float], seed: int) -> Cohort:
    """Read a cohort from a .npz file.

    Args:
        fractions: shares of the patients in test and in validation, where the split is drawn.

    Raises:
        InputError: a fraction cannot be used.
        CohortError: the file cannot be read, lacks an array, or the arrays do not fit together.
    """
    stored = _Stored(file, _load(file))
    patient_N = _patients(stored, names.patient)
    modalities = {name: _modality(stored, names, name, len(patient_N)) for name in names.modality}
    labels = {name: _label(stored, f"{name}={array}", array) for name, array in names.label.items()}
    spacing_N, slice_spacing_N = (
        None if array is None else stored.numbers(parameter, array).astype(np.float32)
        for parameter, array in (("spacing", names.spacing), ("slice_spacing", names.slice_spacing))
    )
    try:
        return Cohort(
            modalities=modalities,
            labels=labels,
            patient=patient_N,
            split=_split(stored, names.split, patient_N, labels, fractions, seed),
            spacing_mm=spacing_N,
            slice_spacing_mm=slice_spacing_N,
            truth={name: _truth(stored, f"{name}={array}", array) for name, array in names.truth.items()},
            source=f"{MAKER} {file.name}",
        )
    except CohortError as error:
        raise CohortError(f"{file}: {error}") from error


MISSING = ("", "nan", "none", "nat", "null", "<na>", "n/a", "inf", "-inf")
"""Texts of an id that is not there, as pandas and Python write it, in small letters."""


# The file -------------------------------------------------------------------------------------------------


@attrs.frozen
class _Stored:
    """The arrays of a file, taken by the parameter that names them, for messages."""

    file: Path
    arrays: Mapping[str, np.ndarray]

    def take(self, parameter: str, array: str) -> np.ndarray:
        if array not in self.arrays:
            known = ", ".join(self.arrays)
            near = nearest(array, self.arrays)
            raise CohortError(f"{self.file}: `{parameter}`: no array {array!r}{near}; it has {known}")
        return self.arrays[array]

    def texts(self, parameter: str, array: str, what: str) -> np.ndarray:
        """(N,) as text without blanks around it."""
        values = self.take(parameter, array)
        where = self._where(parameter, array)
        if values.ndim != 1:
            raise CohortError(f"{where}: needs one {what} a slice, got shape {values.shape}")
        if values.dtype.kind not in "USbiuf":
            raise CohortError(f"{where}: needs texts or numbers, got {values.dtype}; convert them by astype(str)")
        try:
            return np.char.strip(_whole(values, where).astype(str))
        except UnicodeDecodeError as error:
            raise CohortError(f"{where}: bytes that are not ASCII; store the {what}s as text") from error

    def numbers(self, parameter: str, array: str, said: str = "") -> np.ndarray:
        """(N,) numbers; ``said`` is what the user wrote, where that is more than the array's name."""
        values = self.take(parameter, array)
        if values.dtype.kind not in "biuf" or values.ndim != 1:
            raise CohortError(
                f"{self._where(parameter, said or array)}: needs one number a slice,"
                f" got {values.dtype} of shape {values.shape}{_examples(values)}"
            )
        return values

    def _where(self, parameter: str, said: str) -> str:
        return f"{self.file}: `{parameter}` {said}"


def _load(file: Path) -> dict[str, np.ndarray]:
    if not file.is_file():
        raise CohortError(f"{file}: no such file")
    try:
        return read_npz(file)
    except ValueError as error:
        raise CohortError(f"{file}: not a readable .npz file of plain arrays ({error})") from error


# Its arrays -----------------------------------------------------------------------------------------------


def _patients(stored: _Stored, array: str) -> np.ndarray:
    """(N,) ids. Raises CohortError: a slice has none."""
    patient_N = stored.texts("patient", array, "id")
    absent_N = np.isin(np.char.lower(patient_N), MISSING)
    if count := int(absent_N.sum()):
        slices = "1 slice" if count == 1 else f"{count} slices"
        raise CohortError(
            f"{stored.file}: `patient` {array}: patient id {str(patient_N[absent_N][0])!r} in {slices}, the first is"
            f" slice {np.flatnonzero(absent_N)[0]}; give each slice the id of its patient, or leave the slices out"
        )
    return patient_N


def _whole(values: np.ndarray, where: str) -> np.ndarray:
    """Whole numbers that are stored as floating point, as 1.0, as integers where they are texts; else the values.

    Raises:
        CohortError: they are so large that neighbouring numbers are stored as one.
    """
    if values.dtype.kind != "f":
        return values
    known = values[np.isfinite(values)]
    if (largest := 2 ** (np.finfo(values.dtype).nmant + 1)) <= np.abs(known).max(initial=0):
        raise CohortError(
            f"{where}: has numbers from {largest} on, which {values.dtype} does not keep apart; store texts or integers"
        )
    return np.array([f"{value:.0f}" if value.is_integer() else str(value) for value in values.tolist()], dtype=str)


def _examples(values: np.ndarray) -> str:
    """The end of a message about texts where there should be numbers: those that are there."""
    if values.dtype.kind not in "US" or values.ndim != 1 or not len(values):
        return ""
    found = [str(text) for text in np.unique(values)]
    by = "texts.astype(float)" if _are_numbers(values) else f"(texts == {found[-1]!r}).astype(int)"
    return f" ({', '.join(map(repr, found[:3]))}); store numbers, as by {by}"


def _are_numbers(texts: np.ndarray) -> bool:
    try:
        texts.astype(float)
    except ValueError:
        return False
    return True


def _modality(stored: _Stored, names: Names, name: str, count: int) -> Modality:
    """A modality of ``count`` slices."""
    array = names.modality[name]
    where = f"{stored.file}: `modality` {name}={array}"
    values = stored.take("modality", array)
    if values.ndim < 2 or values.dtype.kind not in "biuf":
        raise CohortError(
            f"{where}: needs numbers of shape (slices, *space), got {values.dtype} of shape {values.shape}"
        )
    if len(values) != count and count in values.shape[1:]:
        axis = values.shape.index(count) - values.ndim
        raise CohortError(
            f"{where}: shape {values.shape} has its {count} slices along axis {axis}; slices come first, as by"
            f" numpy.moveaxis({array}, {axis}, 0)"
        )
    present_N = _presence(stored, names, name, values)
    if len(present_N) != len(values):
        raise CohortError(f"{where}: has {len(values)} slices, but its `present` has {len(present_N)}")
    if len(present_N) and not present_N.any():
        raise CohortError(f"{where}: no slice has it; all are NaN, or absent by `present`")
    unit = names.unit.get(name, DEFAULT_UNITS.get(name, "1"))
    try:
        modality = Modality.of(values, unit, present_N, channels=names.channels.get(name))  # type: ignore[arg-type]
    except CohortError as error:
        example = "" if name in names.channels else f" {name}=WHERE"
        raise CohortError(f"{where}: {error}{example}") from error
    modality.values[~modality.present] = 0
    return modality


def _presence(stored: _Stored, names: Names, name: str, values: np.ndarray) -> np.ndarray:
    """(N,) bool: as an array says, else where the modality is not wholly NaN."""
    if name not in names.present:
        return ~np.isnan(values).all(axis=tuple(range(1, values.ndim)))
    array = names.present[name]
    given_N = stored.numbers("present", array, f"{name}={array}")
    if count := int(np.isnan(given_N).sum()):
        raise CohortError(f"{stored.file}: `present` {name}={array}: is NaN in {count} slices; store 1 or 0")
    return given_N.astype(bool)


def _label(stored: _Stored, said: str, array: str) -> np.ndarray:
    given = stored.numbers("label", array, said).astype(np.float64)
    signed = np.where(np.isnan(given), UNKNOWN, given)
    if wrong := sorted(set(np.unique(signed[signed >= 0]).tolist()) - set(range(128))):
        raise CohortError(
            f"{stored.file}: `label` {said}: has values {wrong[:5]}; accepted: 1 yes, 0 no, or the number of a class up"
            " to 127; negative or NaN unknown"
        )
    return np.where(signed < 0, UNKNOWN, signed).astype(np.int8)


def _truth(stored: _Stored, said: str, array: str) -> np.ndarray:
    values = stored.take("truth", array)
    where = f"{stored.file}: `truth` {said}"
    if values.ndim < 2 or values.dtype.kind not in "biuf":
        raise CohortError(
            f"{where}: needs numbers of shape (slices, *space), got {values.dtype} of shape {values.shape}"
        )
    if wrong := sorted(set(np.unique(values).tolist()) - set(range(256))):
        raise CohortError(f"{where}: has values {wrong[:5]}; accepted: 0, or the number of a structure up to 255")
    return values.astype(np.uint8)


def _split(
    stored: _Stored,
    array: str | None,
    patient_N: np.ndarray,
    labels: Mapping[str, np.ndarray],
    fractions: tuple[float, float],
    seed: int,
) -> np.ndarray:
    """(N,): as an array says, else drawn by patient and stratified by the first label."""
    if array is not None:
        return stored.texts("split", array, "value")
    first_N = next(iter(labels.values()), np.full(len(patient_N), UNKNOWN))
    if len(first_N) != len(patient_N):
        raise CohortError(f"the first label has {len(first_N)} slices, but there are {len(patient_N)} patient ids")
    test_fraction, validation_fraction = fractions
    return split_patients(patient_N, first_N, test_fraction, seed, validation_fraction)
