"""Splits of patients into train, test and validation, stratified by label and drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gankit._draws import Draws
from gankit._errors import InputError
from gankit.cohort.cohort import SPLITS, VALIDATION
from gankit.cohort.titles import cohort_item

if TYPE_CHECKING:
    from gankit.cohort.cohort import Cohort

TEST_FRACTION = 0.2
"""Share of patients in test, where an import is not told another."""


def split_patients(
    patient_N: np.ndarray,
    label_N: np.ndarray,
    test_fraction: float,
    seed: int,
    validation_fraction: float = 0.0,
) -> np.ndarray:
    """Split slices into train, test and validation so that no patient is in two of them.

    Patients are stratified by the highest label of their slices. Of each stratum, ``test_fraction`` of the patients,
    rounded, go to test and ``validation_fraction`` to validation, but at least one stays in train. The test patients do
    not depend on ``validation_fraction``.

    Args:
        patient_N: patient of each slice, (N,).
        label_N: label of each slice, (N,): 1 yes, 0 no, or a class; -1 unknown.
        test_fraction: in [0, 1).
        seed: seed of the draw, >= 0.
        validation_fraction: in [0, 1); with ``test_fraction`` below 1.

    Returns: (N,) strings, "train", "test" or "validation".

    Raises:
        InputError: a fraction is outside [0, 1), or both together are 1 or more.
    """
    _require_fractions(test_fraction, validation_fraction)
    shares = {"test": test_fraction, VALIDATION: validation_fraction}
    return drawn_splits(patient_N, label_N, shares, Draws(seed), "split")


def asked_fractions(
    test_fraction: float | None, validation_fraction: float, split: object = None
) -> tuple[float, float]:
    """What an import was asked for, as shares of the patients in test and in validation.

    Args:
        test_fraction: None: ``TEST_FRACTION``.
        validation_fraction: 0: nobody validates.
        split: what says the split of each patient, so that none is drawn; None: nothing does.

    Raises:
        InputError: a fraction is given beside ``split``, or as for ``split_patients``.
    """
    for name, given, who in (
        ("test_fraction", test_fraction, "is in test"),
        ("validation_fraction", validation_fraction or None, "validates"),
    ):
        if split is not None and given is not None:
            raise InputError(f"`{name}` {given}: `split` {split} says who {who}; leave one of them out")
    fractions = TEST_FRACTION if test_fraction is None else test_fraction, validation_fraction
    _require_fractions(*fractions)
    return fractions


def _require_fractions(test_fraction: float, validation_fraction: float) -> None:
    """Make sure that patients are left for the train split. Raises InputError: see ``split_patients``."""
    for name, fraction in (("test_fraction", test_fraction), ("validation_fraction", validation_fraction)):
        if not 0 <= fraction < 1:
            raise InputError(f"`{name}` must be at least 0 and below 1, got {fraction}")
    if test_fraction + validation_fraction >= 1:
        raise InputError(
            f"`validation_fraction` {validation_fraction}: with `test_fraction` {test_fraction} no patient is left to"
            " train on; together they must be below 1"
        )


def drawn_splits(
    patient_N: np.ndarray, label_N: np.ndarray, shares: dict[str, float], draws: Draws, stream: str
) -> np.ndarray:
    """The split of each slice, (N,) str: of each stratum a share of the patients for each split that is named, and
    "train" for the others, at least one.

    Args:
        patient_N, label_N: as for ``split_patients``.
        shares: split to its share of the patients, in the order in which they are drawn.
        draws, stream: the draws; a stratum is drawn from ``STREAM/STRATUM``.
    """
    # The stratum of each patient
    patients, slice_patient_N = np.unique(patient_N, return_inverse=True)
    stratum_K = np.full(len(patients), -1)
    np.maximum.at(stratum_K, slice_patient_N, label_N)

    # The patients of each stratum, in random order, one split after the other
    split_K = np.full(len(patients), "train", dtype=f"U{max(map(len, SPLITS))}")
    for stratum in np.unique(stratum_K):
        members = np.flatnonzero(stratum_K == stratum)
        order = draws.generator(f"{stream}/{stratum}").permutation(len(members))
        first = 0
        for split, share in shares.items():
            count = min(round(share * len(members)), len(members) - 1 - first)
            split_K[members[order[first : first + count]]] = split
            first += count
    return split_K[slice_patient_N]


def empty_strata(cohort: Cohort) -> Iterator[str]:
    """Yield a sentence for each split without slices, or volumes, and for each value of a label that a split lacks
    although the cohort has it. A cohort without a validation split lacks nothing."""
    item = cohort_item(cohort)
    for split in SPLITS:
        chosen_N = cohort.split == split
        if not chosen_N.any():
            if split != VALIDATION:
                yield f"no {item} is in split {split!r}"
            continue
        for name, values_N in cohort.labels.items():
            words = {0: "no", 1: "yes"} if values_N.max() <= 1 else {}
            for value in np.unique(values_N[values_N >= 0]).tolist():
                if not (chosen_N & (values_N == value)).any():
                    yield f"no {item} of split {split!r} has label {name!r} {words.get(value, f'= {value}')}"
