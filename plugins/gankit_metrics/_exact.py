"""Which candidates are a training slice itself, pixel by pixel.

Letters: N candidates, M training slices, C channels, S space, D pixels.
"""

from __future__ import annotations

import numpy as np

from gankit import Candidate, Cohort, Evaluation, Reading, percentiles, rows_of
from gankit_metrics._features_images import reduced
from gankit_metrics._resampling import drawn, weighted_mean

NEAR = 0.05
"""Share of the usual distance between patients below which two slices are one. Rounding to 8 bits stays below it."""
_AT_ONCE = 1024
"""Slices of which the distances to all others are in memory at a time."""
_SIDE = 64
"""Slices are averaged down to at most so many pixels along each axis."""


def exact_reading(candidate: Candidate, evaluation: Evaluation) -> Reading:
    """The share of candidates that are a training slice of any label."""
    train = evaluation.real.select(evaluation.real.split == "train")
    copied_N = copies(candidate.cohort, train, evaluation).astype(np.float64)
    weights_RN = drawn(candidate.cohort, evaluation, "memorisation/exact")
    return Reading(
        name="exact.copies",
        value=float(copied_N.mean()),
        interval=percentiles(weighted_mean(copied_N, weights_RN)),
        better="lower",
        note=f"{int(copied_N.sum())} of {len(copied_N)} candidates are one of {len(train)} training slices, pixel by"
        f" pixel: nearer than {NEAR:.0%} of the distance between patients; interval: candidates drawn again",
    )


def copies(candidates: Cohort, train: Cohort, evaluation: Evaluation) -> np.ndarray:
    """Whether each candidate is a training slice, (N,): its nearest one is nearer than ``NEAR`` of the median distance
    between a training slice and the nearest one of another patient."""
    x_ND, y_MD = (_pixels(cohort, evaluation) for cohort in (candidates, train))
    nearest_N, _ = _nearest(x_ND, y_MD)
    usual = 0.0
    if len(set(train.patient)) > 1:
        _, between_M = _nearest(y_MD, y_MD, train.patient)
        usual = float(np.median(between_M))
    copied_N: np.ndarray = _distance(x_ND, y_MD[nearest_N]) <= NEAR * usual
    return copied_N


def _pixels(cohort: Cohort, evaluation: Evaluation) -> np.ndarray:
    return np.asarray(rows_of(cohort, lambda part: reduced(evaluation.stacked(part), _SIDE)))


def _nearest(x_ND: np.ndarray, y_MD: np.ndarray, patient: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest of the second slices, (N,), and its distance, (N,). With the patient (N,) of slices that are
    on both sides, it is the nearest of another patient's."""
    square_M, nearest_N = (y_MD**2).sum(axis=1), np.empty(len(x_ND), dtype=int)
    for start in range(0, len(x_ND), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        squared_BM = square_M - 2 * x_ND[part] @ y_MD.T  # less the square of x, which is the same for all
        if patient is not None:
            squared_BM[patient[part, None] == patient] = np.inf
        nearest_N[part] = squared_BM.argmin(axis=1)
    return nearest_N, _distance(x_ND, y_MD[nearest_N])


def _distance(x_ND: np.ndarray, y_ND: np.ndarray) -> np.ndarray:
    """Between each slice and its counterpart, (N,); exactly zero where they are equal."""
    distance_N: np.ndarray = np.linalg.norm(x_ND - y_ND, axis=1)
    return distance_N
