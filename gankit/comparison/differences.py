"""Tests of the differences between methods, each pair on each reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import attrs

from gankit.evaluation.results import Better, Difference, MethodResult, MethodSummary
from gankit.evaluation.statistics import holm, mean_and_sd, welch


def tested(
    methods: Sequence[MethodResult], shown: Sequence[str], real: Mapping[str, float | None]
) -> tuple[Difference, ...]:
    """Welch's test for every reading and every pair of methods, with Holm's correction over all tests together.

    Args:
        methods: the methods; the samples of a test are the ``values`` of their summaries.
        shown: ids of the readings to test.
        real: id to the value of real slices, for readings whose values are better the nearer they are to it.
    """
    tests = [_pair(name, first, second, real.get(name)) for name in shown for first, second in combinations(methods, 2)]
    corrected = iter(holm([test.p for test in tests if test.p is not None]))
    return tuple(test if test.p is None else attrs.evolve(test, p_holm=next(corrected)) for test in tests)


def _pair(name: str, first: MethodResult, second: MethodResult, real: float | None) -> Difference:
    one, two = (_summary(method, name) for method in (first, second))
    samples = [() if summary is None else summary.values for summary in (one, two)]
    test = Difference(id=name, a=first.name, b=second.name, n=(len(samples[0]), len(samples[1])))
    if one is None or not all(samples):
        return attrs.evolve(test, note="not measured for both")
    means = [mean_and_sd(values)[0] for values in samples]
    test = attrs.evolve(test, difference=means[0] - means[1], better=_better(one.better, means, real))
    if min(test.n) < 2:
        return attrs.evolve(test, note="needs two values of each method")
    if (found := welch(*samples)) is None:
        return attrs.evolve(test, note="no spread in either method")
    return attrs.evolve(test, t=found.t, df=found.df, p=found.p)


def _summary(method: MethodResult, name: str) -> MethodSummary | None:
    return next((summary for summary in method.summary if summary.id == name), None)


def _better(direction: Better, means: Sequence[float], real: float | None) -> Literal["a", "b"] | None:
    """The method with the better mean; None where both are equal, or where the value of real slices is unknown."""
    if direction == "real":
        if real is None:
            return None
        first, second = (-abs(mean - real) for mean in means)
    else:
        first, second = (mean if direction == "higher" else -mean for mean in means)
    return None if first == second else "a" if first > second else "b"
