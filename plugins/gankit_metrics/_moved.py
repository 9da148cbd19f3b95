"""Copies of training slices that were moved or mirrored, and whose slices they are.

Letters: N candidates, H held-out slices.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gankit import Candidate, Cohort, Evaluation, Reading, nearest_slices, percentiles
from gankit_metrics._resampling import drawn, weighted_mean
from gankit_metrics._sides import without_value

QUANTILE = 0.01
"""Share of held-out slices that are taken for copies."""
CLEARLY = 0.8
"""Share of the least distance to held-out slices below which a patient is copied: by chance, distances to so many
training slices come slightly below it."""


def moved_readings(
    candidate: Candidate, train: Cohort, held: Cohort, whose: str, evaluation: Evaluation
) -> Iterator[Reading]:
    """The share of candidates that are near to a training slice, and of training patients to whom a candidate is."""
    x, y, z = (np.asarray(evaluation.rows(cohort)) for cohort in (candidate.cohort, train, held))
    said = "moved by up to an eighth of the side, mirrored or not"

    # By candidate: as near to a training slice as held-out slices hardly are?
    apart_H = nearest_slices(z, y).distance_N
    copied_N = (nearest_slices(x, y).distance_N <= np.quantile(apart_H, QUANTILE)).astype(np.float64)
    yield Reading(
        name="moved.copies",
        value=float(copied_N.mean()),
        interval=percentiles(weighted_mean(copied_N, drawn(candidate.cohort, evaluation, "memorisation/moved"))),
        better="lower",
        note=f"{int(copied_N.sum())} of {len(x)} candidates are closer to a training slice, {said}, than"
        f" {1 - QUANTILE:.0%} of {len(held)} held-out slices are ({whose}); interval: candidates drawn again",
    )

    # By patient: has a candidate come nearer to them than to anybody else, and than others are to each other?
    least = min(nearest_slices(z, x).distance_N.min(), apart_H.min())
    near_M = nearest_slices(y, x).distance_N < CLEARLY * least
    copied_P = np.array([near_M[train.patient == patient].any() for patient in np.unique(train.patient)], dtype=float)
    generator = evaluation.draws("memorisation/patients")
    draws_RP = generator.integers(len(copied_P), size=(evaluation.replicates, len(copied_P)))
    yield Reading(
        name="moved.patients",
        value=float(copied_P.mean()),
        interval=percentiles(copied_P[draws_RP].mean(axis=1)),
        better="lower",
        note=f"to {int(copied_P.sum())} of {len(copied_P)} training patients some candidate is clearly closer, {said},"
        f" than candidates and training slices are to held-out slices ({whose}): below {CLEARLY:.0%} of the least"
        " distance; interval: training patients drawn again",
    )


def unmeasured(why: str) -> list[Reading]:
    """Both readings without a value."""
    return without_value(why, {"moved.copies": "lower", "moved.patients": "lower"})
