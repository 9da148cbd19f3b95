"""Means, intervals and tests over few samples: Student's t, Welch's test, a test of distances, Holm's correction."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from importlib.util import find_spec
from statistics import NormalDist
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
    interval: tuple[float, float]
    """Student's 95% interval of the difference."""
    t: float
    df: float
    """Degrees of freedom by the Welch-Satterthwaite equation."""
    p: float
    """Two-sided p-value."""


@attrs.frozen(kw_only=True)
class Nearer(Welch):
    """A test of which of two means is nearer to a given value."""

    difference: float
    """Distance of the first mean to the value minus that of the second."""
    p_alike: float | None
    """The p-value of the opposite test: small where the two distances differ by less than the value's margin; None
    where it has none."""


@attrs.frozen
class Known:
    """A value to which means are compared. It may be measured itself, and then has an interval."""

    value: float
    interval: tuple[float, float] | None = None
    """Its 95% interval."""

    @property
    def margin(self) -> float | None:
        """Half the width of its interval; None where it has none or an empty one."""
        return (self.interval[1] - self.interval[0]) / 2 or None if self.interval else None

    @property
    def error(self) -> float:
        """The standard error that its interval stands for, 1/1.96 of half its width; 0 where it has none."""
        return (self.margin or 0.0) / NormalDist().inv_cdf((1 + LEVEL) / 2)


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
    return _interval(mean, sd / math.sqrt(len(values)), len(values) - 1)


def welch(first: Sequence[float], second: Sequence[float]) -> Welch | None:
    """Welch's t-test of two means with unequal variances (Welch 1947, "The generalization of 'Student's' problem").

    ``t = (m1 - m2) / sqrt(v1 + v2)`` with ``v = s² / n``, where m is a mean, s a standard deviation and n the number of
    values. The degrees of freedom are ``(v1 + v2)² / (v1² / (n1 - 1) + v2² / (n2 - 1))``.

    Returns: the test; None where a sample has fewer than two values, or the values of each sample are all equal.
    """
    if min(len(first), len(second)) < 2:
        return None
    apart = _Estimate.of(first, second, sign=-1)
    if apart.error == 0:
        return None
    return Welch(difference=apart.value, interval=apart.interval, t=apart.t, df=apart.df, p=apart.p)


def nearer(first: Sequence[float], second: Sequence[float], real: Known) -> Nearer | None:
    """A test of which mean is nearer to a value r, by ``d = |m1 - r| - |m2 - r|``.

    With ``D = m1 - m2`` and ``S = m1 + m2 - 2 r``, ``d = sign(D S) min(|D|, |S|)``. The two distances are equal only
    where D or S is 0, so d differs from 0 where both do: an intersection-union test, whose p-value is the larger of
    both (Berger 1982, "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24, 295). D is tested
    as Welch does, S in the same way with the standard error e of r: its variance is ``v1 + v2 + 4 e²``. The interval
    holds every d that the 95% intervals of D and S allow.

    The opposite, that the distances to the measured r differ by less than a margin, is shown where the interval of D or
    that of S is within the margin of 0: the interval form of Schuirmann's two one-sided tests (1987, J.
    Pharmacokinet. Biopharm. 15, 657), at twice their p-value since either will do. The margin is half the interval of
    r, which is what r itself leaves open; so its error does not count in S a second time.

    Args:
        first, second: the samples.
        real: r with its interval, taken as independent of both samples.

    Returns: the test; None where a sample has fewer than two values, or the values of each sample are all equal.
    """
    if min(len(first), len(second)) < 2:
        return None
    apart = _Estimate.of(first, second, sign=-1)
    measured = _Estimate.of(first, second, sign=1, less=2 * real.value)
    together = _Estimate.of(first, second, sign=1, less=2 * real.value, known_error=2 * real.error)
    if apart.error == 0:
        return None
    difference = _signed_least(apart.value, together.value)
    less_sure = max((apart, together), key=lambda each: each.p)
    possible = [_signed_least(one, another) for one in apart.interval for another in together.interval]
    return Nearer(
        difference=difference,
        interval=(min(possible), max(possible)),
        t=math.copysign(less_sure.t, difference),
        df=less_sure.df,
        p=less_sure.p,
        p_alike=None if real.margin is None else min(each.p_within(real.margin) for each in (apart, measured)),
    )


def _signed_least(one: float, other: float) -> float:
    """``sign(one other) min(|one|, |other|)``."""
    return min(abs(one), abs(other)) * math.copysign(1, one) * math.copysign(1, other)


@attrs.frozen
class _Estimate:
    """A sum or difference of two means, with its standard error."""

    value: float
    error: float
    df: float
    """Degrees of freedom of the error by the Welch-Satterthwaite equation, ``v² / sum(v_i² / df_i)``, where the
    variance v is the sum of the v_i. What is known has infinitely many."""

    @classmethod
    def of(
        cls, first: Sequence[float], second: Sequence[float], *, sign: int, less: float = 0.0, known_error: float = 0.0
    ) -> _Estimate:
        """The first mean plus or minus the second, less a value with an error of its own. Each sample has two values
        or more."""
        (mean_1, sd_1), (mean_2, sd_2) = mean_and_sd(first), mean_and_sd(second)
        assert sd_1 is not None
        assert sd_2 is not None
        errors = sd_1 / math.sqrt(len(first)), sd_2 / math.sqrt(len(second))
        error = math.hypot(*errors, known_error)
        freedom = zip(errors, (len(first) - 1, len(second) - 1), strict=True)
        shares = sum((each / error) ** 4 / df for each, df in freedom) if error else 0.0  # so that no square underflows
        return cls(mean_1 + sign * mean_2 - less, error, 1 / shares if shares else math.inf)

    @property
    def t(self) -> float:
        return self.value / self.error

    @property
    def p(self) -> float:
        return two_sided(self.t, self.df)

    @property
    def interval(self) -> tuple[float, float]:
        return _interval(self.value, self.error, self.df)

    def p_within(self, margin: float) -> float:
        """Level at which the interval begins to lie within the margin of 0; 1 where the value does not."""
        outside = abs(self.value) >= margin
        return 1.0 if outside else two_sided((margin - abs(self.value)) / self.error, self.df)


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


def _interval(mean: float, error: float, df: float) -> tuple[float, float]:
    half = t_quantile((1 + LEVEL) / 2, df) * error
    return mean - half, mean + half


def two_sided(t: float, df: float) -> float:
    """Two-sided p-value of ``t`` under Student's t distribution with ``df`` degrees of freedom."""
    return 2 * float(special().stdtr(df, -abs(t)))


def t_quantile(probability: float, df: float) -> float:
    """Quantile of Student's t distribution with ``df`` degrees of freedom."""
    return float(special().stdtrit(df, probability))


def special() -> Any:
    """scipy's special functions, imported here since few commands need them. Raises InputError: no scipy."""
    require_scipy()
    return importlib.import_module("scipy.special")
