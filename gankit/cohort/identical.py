"""Slices whose images are the same to the last bit: copies, of which no scanner makes two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import attrs
import numpy as np

from gankit.cohort.cohort import Cohort, Modality
from gankit.files.rows import blocks

FEW = 2
"""An image with so few different values, as a mask or a blank slice, may be the same in two patients."""


@attrs.frozen
class Copies:
    """Slices that have an image in common with a slice of another patient."""

    slices: int
    """How many there are."""
    patients: int
    """Patients that they are of."""
    leaked: int
    """Those of them in another split that are copies of a slice of the train split."""
    leaked_into: tuple[str, ...]
    """The splits of those."""
    first: tuple[int, int]
    """Two slices with the same image."""
    modality: str
    """The modality in which those two are the same."""


def copies_across_patients(cohort: Cohort) -> Copies | None:
    """The slices of which a modality's image is equal to that of another patient's slice, value by value; None where
    there are none. Images with at most two different values, and modalities of one image, are left out."""
    copied, leaked, first = set(), set(), None
    for name, modality in cohort.modalities.items():
        for group in () if has_one_image(modality) else _equal(modality):
            whose, split = cohort.patient[group], cohort.split[group]
            if len(set(whose)) < 2:
                continue
            copied |= set(group)
            leaked |= set(np.array(group)[split != "train"]) if "train" in split else set()
            other = group[int(np.argmax(whose != whose[0]))]
            first = first or (group[0], other, name)
    if first is None:
        return None
    into = tuple(np.unique(cohort.split[sorted(leaked)]).tolist())
    return Copies(len(copied), len(set(cohort.patient[sorted(copied)])), len(leaked), into, first[:2], first[2])


def has_one_image(modality: Modality) -> bool:
    """Whether all slices that have a modality, two or more, have the same image."""
    present = np.flatnonzero(modality.present)
    if len(present) < 2:
        return False
    first = modality.values[present[0]]
    return all(np.array_equal(modality.values[index], first) for index in present[1:])


def _equal(modality: Modality) -> Iterator[list[int]]:
    """Yield the slices of each image that several slices have."""
    groups: dict[bytes, list[int]] = {}
    for place, block in blocks(modality.values):
        for index in (place.start + np.flatnonzero(modality.present[place])).tolist():
            image = np.ascontiguousarray(block[index - place.start]) + 0.0  # -0 is 0
            groups.setdefault(hashlib.blake2b(image.tobytes(), digest_size=16).digest(), []).append(index)
    for group in groups.values():
        if len(group) > 1 and len(np.unique(modality.values[group[0]])) > FEW:
            yield group
