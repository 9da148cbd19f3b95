"""The bootstrap by weights: a replicate is how often each slice was drawn, so that statistics become sums.

Letters: R replicates, N slices.
"""

from __future__ import annotations

import numpy as np

from gankit import Cohort, Evaluation


def drawn(cohort: Cohort, evaluation: Evaluation, stream: str) -> np.ndarray:
    """How often each slice is in each replicate, (R, N) float64; patients are drawn with replacement, all slices of a
    drawn patient together (cluster bootstrap, Field and Welsh 2007, J. R. Stat. Soc. B 69, 369)."""
    patients, index_N = np.unique(cohort.patient, return_inverse=True)
    shape = evaluation.replicates, len(patients)
    chosen_RP = evaluation.draws(f"bootstrap/{stream}").integers(len(patients), size=shape)
    counts_RP = np.stack([np.bincount(row, minlength=len(patients)) for row in chosen_RP])
    return counts_RP[:, index_N].astype(np.float64)


def percentiles(values_R: np.ndarray) -> tuple[float, float] | None:
    """The 95% percentile interval; replicates on which the statistic is not defined (NaN) are left out."""
    values_R = values_R[~np.isnan(values_R)]
    if not len(values_R):
        return None
    low, high = np.quantile(values_R, [0.025, 0.975])
    return float(low), float(high)


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
