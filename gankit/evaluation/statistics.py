"""Means, intervals and tests over few samples: Student's t, Welch's test, Holm's correction."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import attrs

from gankit._errors import InputError

LEVEL = 0.95
"""Confidence level of every interval."""


@attrs.frozen(kw_only=True)
class Welch:
    """Welch's test of two means."""

    difference: float
    """Mean of the first sample minus mean of the second."""
    t: float
    df: float
    """Degrees of freedom by the Welch-Satterthwaite equation."""
    p: float
    """Two-sided p-value."""


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation (n - 1). The latter is None for a single value, and exactly 0 for equal values.

    Raises:
        ValueError: there is no value.
    """
    if len(values) == 0:
        raise ValueError("no value")
    if len(values) == 1:
        return values[0], None
    if min(values) == max(values):  # else the mean may be rounded, and the deviation would not be 0
        return values[0], 0.0
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def student_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95% interval of the mean, ``mean ± t(n - 1) sd / sqrt(n)``; None for a single value."""
    mean, sd = mean_and_sd(values)
    if sd is None:
        return None
    half = t_quantile((1 + LEVEL) / 2, len(values) - 1) * sd / math.sqrt(len(values))
    return mean - half, mean + half


def welch(first: Sequence[float], second: Sequence[float]) -> Welch | None:
    """Welch's t-test of two means with unequal variances (Welch 1947, "The generalization of 'Student's' problem").

    ``t = (m1 - m2) / sqrt(v1 + v2)`` with ``v = s² / n``, where m is a mean, s a standard deviation and n the number of
    values. The degrees of freedom are ``(v1 + v2)² / (v1² / (n1 - 1) + v2² / (n2 - 1))``.

    Returns: the test; None where a sample has fewer than two values, or the values of each sample are all equal.
    """
    if min(len(first), len(second)) < 2:
        return None
    (mean_1, sd_1), (mean_2, sd_2) = mean_and_sd(first), mean_and_sd(second)
    assert sd_1 is not None
    assert sd_2 is not None
    error_1, error_2 = sd_1**2 / len(first), sd_2**2 / len(second)
    both = error_1 + error_2
    if both == 0:
        return None
    weight_1, weight_2 = error_1 / both, error_2 / both  # shares, so that squares of small numbers do not underflow
    df = 1 / (weight_1**2 / (len(first) - 1) + weight_2**2 / (len(second) - 1))
    t = (mean_1 - mean_2) / math.sqrt(both)
    return Welch(difference=mean_1 - mean_2, t=t, df=df, p=two_sided(t, df))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979, "A simple sequentially rejective multiple test procedure").

    With the m p-values sorted and counted from 0, the k-th becomes ``min(1, max over j <= k of (m - j) p_j)``. If the
    hypotheses whose corrected value is below a level are rejected, the chance of any false rejection is at most this
    level.

    Returns: corrected p-values in the order of ``p_values``.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


# Student's t ----------------------------------------------------------------------------------------------


def require_scipy() -> None:
    """Make sure, before anything is measured, that intervals and tests can be computed in the end; loads nothing.

    Raises:
        InputError: scipy is not installed.
    """
    if find_spec("scipy") is None:
        raise InputError("intervals and tests over several sets or trainings need scipy; pip install 'gankit[metrics]'")


def two_sided(t: float, df: float) -> float:
    """Two-sided p-value of ``t`` under Student's t distribution with ``df`` degrees of freedom."""
    return 2 * float(_special().stdtr(df, -abs(t)))


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t distribution with ``df`` degrees of freedom."""
    return float(_special().stdtrit(df, probability))


def _special() -> Any:
    """scipy's special functions, imported here since few commands need them. Raises InputError: no scipy."""
    require_scipy()
    return importlib.import_module("scipy.special")
