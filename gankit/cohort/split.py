"""Splits of patients into train and test, stratified by label and drawn from a seed."""

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
    """Split slices into train and test so that no patient is in both.

    Patients are stratified by the highest label of their slices. Of each stratum, ``test_fraction`` of the patients,
    rounded, go to test, but at least one stays in train.

    Args:
        patient_N: patient of each slice, (N,).
        label_N: label of each slice, (N,): 1 yes, 0 no, or a class; -1 unknown.
        test_fraction: in [0, 1).
        seed: seed of the draw, >= 0.

    Returns: (N,) strings, "train" or "test".

    Raises:
        InputError: the fraction is outside [0, 1).
    """
    if not 0 <= test_fraction < 1:
        raise InputError(f"test fraction must be at least 0 and below 1, got {test_fraction}")

    # The stratum of each patient
    patients, slice_patient_N = np.unique(patient_N, return_inverse=True)
    stratum_K = np.full(len(patients), -1)
    np.maximum.at(stratum_K, slice_patient_N, label_N)

    # The test patients of each stratum
    test_K = np.zeros(len(patients), dtype=bool)
    for stratum in np.unique(stratum_K):
        members = np.flatnonzero(stratum_K == stratum)
        count = min(round(test_fraction * len(members)), len(members) - 1)
        order = Draws(seed).generator(f"split/{stratum}").permutation(len(members))
        test_K[members[order[:count]]] = True
    return np.where(test_K[slice_patient_N], "test", "train")


def empty_strata(cohort: Cohort) -> Iterator[str]:
    """Yield a sentence for each split without slices, and for each value of a label that a split lacks although the
    cohort has it."""
    for split in SPLITS:
        chosen_N = cohort.split == split
        if not chosen_N.any():
            yield f"no slice is in split {split!r}"
            continue
        for name, values_N in cohort.labels.items():
            words = {0: "no", 1: "yes"} if values_N.max() <= 1 else {}
            for value in np.unique(values_N[values_N >= 0]).tolist():
                if not (chosen_N & (values_N == value)).any():
                    yield f"no slice of split {split!r} has label {name!r} {words.get(value, f'= {value}')}"
