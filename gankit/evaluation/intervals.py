"""Confidence intervals by resampling whole patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def bootstrap(
    statistic: Callable[..., float],
    *patients: np.ndarray,
    replicates: int,
    generator: np.random.Generator,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a statistic of one or more samples (Efron and Tibshirani 1993, Ch. 13), patients drawn
    with replacement and all slices of a drawn patient kept together (cluster bootstrap, Field and Welsh 2007).

    Args:
        statistic: called with one array of indices for each sample; it may return NaN for a draw on which it is not
            defined, and such draws are left out.
        patients: patient of each slice, (N,), one array a sample. A sample of which every slice is a patient of its
            own is resampled slice by slice.
        replicates: number of draws.
        generator: source of the draws.
        level: share of draws between the two ends.

    Returns: the lower and the upper end; NaN where the statistic is defined on no draw.
    """
    members = [_members(patient_N) for patient_N in patients]
    values = np.array([statistic(*[_draw(sample, generator) for sample in members]) for _ in range(replicates)])
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _members(patient_N: np.ndarray) -> list[np.ndarray]:
    """Indices of each patient's slices."""
    _, index_N, counts = np.unique(patient_N, return_inverse=True, return_counts=True)
    return np.split(np.argsort(index_N, kind="stable"), np.cumsum(counts)[:-1])


def _draw(members: list[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    return np.concatenate([members[chosen] for chosen in generator.integers(len(members), size=len(members))])
