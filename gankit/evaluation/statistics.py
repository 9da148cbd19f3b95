"""Means, intervals and tests over few samples: Student's t, Welch's test, Holm's correction. Float64, no scipy."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

LEVEL = 0.95
"""Of every interval."""


@attrs.frozen(kw_only=True)
class Welch:
    """Welch's test of two means."""

    difference: float
    """Mean of the first sample less that of the second."""
    t: float
    df: float
    """Degrees of freedom, by Welch and Satterthwaite."""
    p: float
    """Two-sided."""


def mean_and_sd(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and standard deviation (n - 1); the latter is None for one value, and exactly 0 for equal ones.

    Raises:
        ValueError: there is none.
    """
    if len(values) == 0:
        raise ValueError("no value")
    if len(values) == 1:
        return values[0], None
    if min(values) == max(values):  # their mean may round to a neighbour, which would leave a spread
        return values[0], 0.0
    mean = math.fsum(values) / len(values)
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def student_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Student's 95% interval of the mean, ``mean ± t(n - 1) sd / sqrt(n)``; None for one value."""
    mean, sd = mean_and_sd(values)
    if sd is None:
        return None
    half = t_quantile((1 + LEVEL) / 2, len(values) - 1) * sd / math.sqrt(len(values))
    return mean - half, mean + half


def welch(first: Sequence[float], second: Sequence[float]) -> Welch | None:
    """Welch's t-test of two means with unequal variances (Welch 1947, "The generalization of 'Student's' problem").

    t = (m1 - m2) / sqrt(v1 + v2) with v = s² / n, on (v1 + v2)² / (v1² / (n1 - 1) + v2² / (n2 - 1)) degrees of freedom.

    Returns: None where it is not defined: a sample of fewer than two values, or no spread in either sample.
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
    weight_1, weight_2 = error_1 / both, error_2 / both  # scaled, so that small spreads do not underflow
    df = 1 / (weight_1**2 / (len(first) - 1) + weight_2**2 / (len(second) - 1))
    t = (mean_1 - mean_2) / math.sqrt(both)
    return Welch(difference=mean_1 - mean_2, t=t, df=df, p=two_sided(t, df))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Holm 1979, "A simple sequentially rejective multiple test procedure").

    The k-th smallest of m, counted from 0, becomes the largest of ``(m - j) p_j`` over j up to k, at most 1. Rejecting
    what is below a level holds the chance of any false rejection among all m to that level.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


# Student's t ----------------------------------------------------------------------------------------------


def two_sided(t: float, df: float) -> float:
    """Chance of a value at least as far from 0 as ``t`` under Student's t on ``df`` degrees of freedom:
    the regularised incomplete beta function I_x(df / 2, 1 / 2) at x = df / (df + t²)."""
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(df / 2, 0.5, df / (df + t * t), t * t / (df + t * t))


def t_quantile(probability: float, df: float) -> float:
    """The value below which Student's t on ``df`` degrees of freedom is with this probability, from 1/2 up to 1."""
    tail = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while two_sided(high, df) > tail:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if two_sided(middle, df) > tail else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """I_x(a, b), with ``rest`` = 1 - x given apart for accuracy near 1 (DLMF 8.17.22, symmetric by 8.17.4)."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _incomplete_beta(b, a, rest, x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    return math.exp(log_front) * _continued_fraction(a, b, x) / a


def _continued_fraction(a: float, b: float, x: float) -> float:
    """1 / (1 + d_1 / (1 + d_2 / (1 + ...))) of DLMF 8.17.22, by Lentz's method as Thompson and Barnett modified it."""
    tiny = 1e-300
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / ((1 + numerator * d) or tiny)
        c = (1 + numerator / c) or tiny
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return 1 / value
