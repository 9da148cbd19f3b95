"""Parts of studies to one cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gankit import Cohort, InputError, Modality, split_patients
from gankit_dicom._labels.delineations import TISSUES
from gankit_dicom._options import MODALITIES, UNITS
from gankit_dicom._part import Kept

TRUTH = ("tissue", "lesion")


def assemble(
    parts: Sequence[Kept],
    patients: Sequence[str],
    given: Mapping[str, str],
    fractions: tuple[float, float],
    seed: int,
    source: str,
    shape: Sequence[int],
) -> Cohort:
    """The cohort of all parts that have items, of which one is in memory at a time.

    Args:
        patients: the real id of each part's patient, by which the split is drawn, so that it does not depend on
            the salt.
        given: the split by real id; patients that it lacks are refused.
        fractions: shares of the patients in test and in validation, where no split is given.
        shape: channels, then space, of a modality of one item.
    """
    kept = [(part, patient) for part, patient in zip(parts, patients, strict=True) if len(part)]
    counts = [len(part) for part, _ in kept]
    real_N = np.repeat([patient for _, patient in kept], counts)
    items = _Items(sum(counts), tuple(shape))
    for part, _ in kept:
        items.add(part)
    return Cohort(
        modalities=items.modalities(),
        labels={"cs": items.cs_N},
        patient=np.repeat([part.record["patient"] for part, _ in kept], counts),
        split=_given_split(real_N, given)
        if given
        else split_patients(real_N, items.cs_N, fractions[0], seed, validation_fraction=fractions[1]),
        spacing_mm=items.spacing_N,
        slice_spacing_mm=items.slice_spacing_N if len(shape) == 4 else None,
        truth={name: values for name, values in items.truth.items() if name in items.found},
        tissues=TISSUES,
        source=source,
    )


def _given_split(real_N: np.ndarray, given: Mapping[str, str]) -> np.ndarray:
    if missing := len(set(real_N) - set(given)):
        raise InputError(
            f"`split`: {missing} imported patients are not in the table; each needs train, test or validation"
        )
    return np.array([given[patient] for patient in real_N])


class _Items:
    """Arrays of all items, filled from one part after the other. What no part has is never touched: no memory."""

    def __init__(self, count: int, shape: tuple[int, ...]) -> None:
        self.filled = 0
        self.found: set[str] = set()
        self.values = {name: np.zeros((count, *shape), dtype=np.float32) for name in MODALITIES}
        self.present = {name: np.zeros(count, dtype=bool) for name in MODALITIES}
        self.truth = {name: np.zeros((count, *shape[1:]), dtype=np.uint8) for name in TRUTH}
        self.cs_N = np.zeros(count, dtype=np.int8)
        self.spacing_N = np.zeros(count, dtype=np.float32)
        self.slice_spacing_N = np.full(count, np.nan, dtype=np.float32)

    def add(self, kept: Kept) -> None:
        part = kept.read()
        place = slice(self.filled, self.filled + len(part))
        for name, images in part.modalities.items():
            self.values[name][place] = images.reshape(len(part), *self.values[name].shape[1:])
            self.present[name][place] = part.present[name]
            self.found.add(name)
        for name in TRUTH:
            if (outlines := getattr(part, name)) is not None:
                self.truth[name][place] = outlines
                self.found.add(name)
        self.cs_N[place] = part.cs
        self.spacing_N[place] = part.spacing_mm
        if part.slice_spacing_mm is not None:
            self.slice_spacing_N[place] = part.slice_spacing_mm
        self.filled += len(part)

    def modalities(self) -> dict[str, Modality]:
        return {
            name: Modality.of(self.values[name], UNITS[name], self.present[name], channels="first")
            for name in MODALITIES
            if name in self.found
        }
