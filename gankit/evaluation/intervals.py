"""Confidence intervals by resampling whole patients.

Letters: N slices, R replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np


def bootstrap(
    statistic: Callable[..., float],
    *patients: np.ndarray,
    replicates: int,
    generator: np.random.Generator,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a statistic of one or more samples (Efron and Tibshirani 1993, Ch. 13).

    Args:
        statistic: called with one array of indices for each sample; it may return NaN for a draw on which it is not
            defined, and such draws are left out.
        patients: patient of each slice, (N,), one array a sample; see ``resampled``.
        replicates: number of draws.
        generator: source of the draws.
        level: share of draws between the two ends.

    Returns: the lower and the upper end; NaN where the statistic is defined on no draw.
    """
    draws = resampled(*patients, replicates=replicates, generator=generator)
    interval = percentiles(np.array([statistic(*indices) for indices in draws]), level)
    return interval if interval is not None else (float("nan"), float("nan"))


def resampled(
    *patients: np.ndarray, replicates: int, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, ...]]:
    """Samples drawn anew: patients with replacement, all slices of a drawn patient together (cluster bootstrap, Field
    and Welsh 2007, J. R. Stat. Soc. B 69, 369).

    Args:
        patients: patient of each slice, (N,), one array a sample. Where every slice is a patient of its own, slices are
            drawn.

    Yields: for each of the ``replicates``, an array of indices of slices for each sample.
    """
    members = [_members(patient_N) for patient_N in patients]
    for _ in range(replicates):
        yield tuple(_draw(sample, generator) for sample in members)


def percentiles(values_R: np.ndarray, level: float = 0.95) -> tuple[float, float] | None:
    """The ends between which the middle ``level`` of the replicates' values is, NaN left out; None where all are."""
    values_R = values_R[~np.isnan(values_R)]
    if not len(values_R):
        return None
    low, high = np.quantile(values_R, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _members(patient_N: np.ndarray) -> list[np.ndarray]:
    """Indices of each patient's slices."""
    _, index_N, counts = np.unique(patient_N, return_inverse=True, return_counts=True)
    return np.split(np.argsort(index_N, kind="stable"), np.cumsum(counts)[:-1])


def _draw(members: list[np.ndarray], generator: np.random.Generator) -> np.ndarray:
    return np.concatenate([members[chosen] for chosen in generator.integers(len(members), size=len(members))])
