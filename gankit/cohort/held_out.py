"""The cohort on which settings are chosen: without its test slices, and with validation slices in their place."""

from __future__ import annotations

import attrs
import numpy as np

from gankit._draws import Draws
from gankit._errors import CohortError, InputError
from gankit.cohort.cohort import VALIDATION, Cohort
from gankit.cohort.split import drawn_splits

SHARE = 0.2
"""Share of the train patients that are held out of a cohort without a validation split."""


@attrs.frozen(eq=False, kw_only=True)
class HeldOut:
    """A cohort for the choice of settings, and where its validation slices come from."""

    cohort: Cohort
    """Its split "test" has the validation slices. No test slice of the cohort that it was made from is in it."""
    said: str
    """One sentence for people."""


def held_out(cohort: Cohort, label: str, share: float | None, seed: int) -> HeldOut:
    """A cohort in which validation slices stand where test slices do, so that all that judges on a test split judges on
    them. The images, labels and patients of the test split are left out before anything is made of them.

    The validation slices are those of the validation split. Where there is none, a share of the train patients is held
    out, by patient, stratified by the highest label of their slices, and drawn from the streams ``tune/split/STRATUM``.

    Args:
        cohort: any cohort.
        label: the label that stratifies.
        share: share of the train patients to hold out, above 0 and below 1; None: ``SHARE``.
        seed: seed of the draw, >= 0.

    Raises:
        InputError: a share is given although the cohort has a validation split, or none of its patients can be held
            out.
        CohortError: there is no train slice, or no such label.
    """
    if VALIDATION in cohort.split:
        if share is not None:
            raise InputError(
                f"`validation` {share}: the cohort has a validation split of {_counts(cohort, VALIDATION)}, which is"
                " used; leave it out"
            )
        kept = cohort.select(cohort.split != "test")
        split_N = np.where(kept.split == VALIDATION, "test", "train")
        return _in_place(kept, split_N, f"validation: the cohort's own split, {_counts(cohort, VALIDATION)}")

    # None is named: some of those who train are held out.
    if "train" not in cohort.split:
        raise CohortError("the cohort has no slice in split 'train'; see 'gankit cohort info'")
    if label not in cohort.labels:
        raise CohortError(f"the cohort has no label {label!r} by which patients are held out; it has {_known(cohort)}")
    kept = cohort.select(cohort.split == "train")
    part = SHARE if share is None else share
    split_N = drawn_splits(kept.patient, kept.labels[label], {"test": part}, Draws(seed), "tune/split")
    if "test" not in split_N:
        patients = len(np.unique(kept.patient))
        raise InputError(f"`validation` {part}: holds out none of the {patients} train patients; give a larger share")
    chosen = kept.select(split_N == "test")
    said = (
        f"validation: {_counts(chosen, 'train')} are held out of train (share {part:g}, seed {seed}), since the cohort"
        " has no validation split"
    )
    return _in_place(kept, split_N, said)


def _in_place(kept: Cohort, split_N: np.ndarray, said: str) -> HeldOut:
    """The cohort with these splits, its labels as a file has them, so that its digest is that of its file."""
    source = f"{kept.source}; validation slices in the place of test slices".removeprefix("; ")
    labels = {name: values.astype(np.int8) for name, values in kept.labels.items()}
    return HeldOut(cohort=attrs.evolve(kept, split=split_N, labels=labels, source=source), said=said)


def _counts(cohort: Cohort, split: str) -> str:
    chosen_N = cohort.split == split
    return f"{chosen_N.sum()} slices of {len(np.unique(cohort.patient[chosen_N]))} patients"


def _known(cohort: Cohort) -> str:
    return ", ".join(cohort.labels) or "none"
