"""Confidence intervals by the bootstrap, which draws whole patients.

Letters: N slices, R replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
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
        statistic: called with one array of indices for each sample. It may return NaN for a draw on which it is not
            defined; such draws are left out.
        patients: patient of each slice, (N,), one array for each sample; see ``resampled``.
        replicates: number of draws.
        generator: source of the draws.
        level: share of the draws between the two ends, in (0, 1).

    Returns: the lower and the upper end; both NaN where the statistic is defined on no draw.
    """
    draws = resampled(*patients, replicates=replicates, generator=generator)
    interval = percentiles(np.array([statistic(*indices) for indices in draws]), level)
    return interval if interval is not None else (float("nan"), float("nan"))


def resampled(
    *patients: np.ndarray, replicates: int, generator: np.random.Generator
) -> Iterator[tuple[np.ndarray, ...]]:
    """Draws of the cluster bootstrap (Field and Welsh 2007, J. R. Stat. Soc. B 69, 369).

    A draw takes as many patients as a sample has, with replacement, each with all of their slices.

    Args:
        patients: patient of each slice, (N,), one array for each sample. Where every slice is a patient of its own,
            this draws slices.
        replicates: number of draws.
        generator: source of the draws.

    Yields: for each draw, one array of indices of slices for each sample.
    """
    samples = [_Patients.of(patient_N) for patient_N in patients]
    for _ in range(replicates):
        yield tuple(sample.draw(generator) for sample in samples)


def percentiles(values_R: np.ndarray, level: float = 0.95) -> tuple[float, float] | None:
    """The ends between which the middle ``level`` of the values is.

    Args:
        values_R: the statistic on each draw, (R,); NaN is left out.
        level: share of the values between the two ends, in (0, 1).

    Returns: the lower and the upper end; None where all values are NaN.
    """
    values_R = values_R[~np.isnan(values_R)]
    if not len(values_R):
        return None
    low, high = np.quantile(values_R, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@attrs.frozen(eq=False)
class _Patients:
    """Whose each slice of a sample is."""

    index_N: np.ndarray
    """Indices of slices, those of a patient one after the other."""
    first_P: np.ndarray
    """Where the slices of each patient begin in these."""
    count_P: np.ndarray
    """How many slices each patient has."""

    @classmethod
    def of(cls, patient_N: np.ndarray) -> _Patients:
        _, number_N, count_P = np.unique(patient_N, return_inverse=True, return_counts=True)
        return cls(np.argsort(number_N, kind="stable"), np.cumsum(count_P) - count_P, count_P)

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        """Indices of the slices of as many patients as there are, drawn with replacement."""
        chosen = generator.integers(len(self.count_P), size=len(self.count_P))
        count = self.count_P[chosen]
        begin = np.cumsum(count) - count
        place_N = np.arange(count.sum()) + np.repeat(self.first_P[chosen] - begin, count)
        drawn_N: np.ndarray = self.index_N[place_N]
        return drawn_N
