"""The bootstrap by weights: a replicate is how often each slice was drawn, so that statistics become sums.

Letters: R replicates, N and M slices of the two sides.
"""

from __future__ import annotations

import numpy as np

from gankit import Cohort, Evaluation, percentiles, resampled


def drawn(cohort: Cohort, evaluation: Evaluation, stream: str) -> np.ndarray:
    """How often each slice is in each replicate, (R, N) float64; patients are drawn, see ``gankit.resampled``."""
    generator = evaluation.draws(f"bootstrap/{stream}")
    draws = resampled(cohort.patient, replicates=evaluation.replicates, generator=generator)
    return np.stack([np.bincount(index, minlength=len(cohort)) for (index,) in draws]).astype(np.float64)


def centred(values_R: np.ndarray, value: float) -> tuple[float, float] | None:
    """The percentile interval moved so that the replicates' mean is ``value``.

    A replicate has fewer different slices than the sample, which raises a distance between samples in every
    replicate (bootstrap estimate of bias: Efron and Tibshirani 1993, Ch. 10); moved, the interval says how far the
    figure would vary at the counts at hand.
    """
    found = percentiles(values_R)
    return None if found is None else (found[0] + (shift := value - float(np.nanmean(values_R))), found[1] + shift)


def weighted_mean(values_N: np.ndarray, weights_RN: np.ndarray) -> np.ndarray:
    """Mean of a value of each slice in each replicate, (R,); NaN where no slice was drawn."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights_RN @ values_N) / weights_RN.sum(axis=1)


def area_under_curve(
    x_N: np.ndarray, y_M: np.ndarray, x_weight_RN: np.ndarray, y_weight_RM: np.ndarray
) -> tuple[float, np.ndarray]:
    """The area under the ROC curve of a score that is to be higher on the first side: the share of pairs in which it
    is, ties counting one half (Hanley and McNeil 1982, "The meaning and use of the area under a ROC curve").

    Args:
        x_N, y_M: scores of the sides.
        x_weight_RN, y_weight_RM: from ``drawn``.

    Returns: the area, and that of each replicate, (R,).
    """
    above_NM = (x_N[:, None] > y_M) + 0.5 * (x_N[:, None] == y_M)
    pairs_R = x_weight_RN.sum(axis=1) * y_weight_RM.sum(axis=1)
    return float(above_NM.mean()), ((x_weight_RN @ above_NM) * y_weight_RM).sum(axis=1) / pairs_R
