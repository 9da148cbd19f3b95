"""Patient-level, stratified, seeded splits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gankit._draws import Draws
from gankit._errors import InputError
from gankit.cohort.cohort import SPLITS

if TYPE_CHECKING:
    from gankit.cohort.cohort import Cohort


def split_patients(patient_N: np.ndarray, label_N: np.ndarray, test_fraction: float, seed: int) -> np.ndarray:
    """Give every slice a split so that no patient is in two.

    Patients are stratified by the highest label any of their slices has (1 yes, 0 no, -1 unknown); of each
    stratum ``test_fraction``, rounded, goes to test, but at least one patient stays in train.

    Returns: (N,) strings, "train" or "test".

    Raises:
        InputError: the fraction is outside [0, 1).
    """
    if not 0 <= test_fraction < 1:
        raise InputError(f"test fraction must be at least 0 and below 1, got {test_fraction}")
    patients, slice_patient_N = np.unique(patient_N, return_inverse=True)
    stratum_K = np.full(len(patients), -1)
    np.maximum.at(stratum_K, slice_patient_N, label_N)
    test_K = np.zeros(len(patients), dtype=bool)
    for stratum in np.unique(stratum_K):
        members = np.flatnonzero(stratum_K == stratum)
        count = min(round(test_fraction * len(members)), len(members) - 1)
        order = Draws(seed).generator(f"split/{stratum}").permutation(len(members))
        test_K[members[order[:count]]] = True
    return np.where(test_K[slice_patient_N], "test", "train")


def empty_strata(cohort: Cohort) -> Iterator[str]:
    """A sentence for each split without slices, and each value of a label that the cohort has but the split lacks."""
    for split in SPLITS:
        chosen_N = cohort.split == split
        if not chosen_N.any():
            yield f"no slice is in split {split!r}"
            continue
        for name, values_N in cohort.labels.items():
            for value, word in ((0, "no"), (1, "yes")):
                if (values_N == value).any() and not (chosen_N & (values_N == value)).any():
                    yield f"no slice of split {split!r} has label {name!r} {word}"
