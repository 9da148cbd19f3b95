"""Tests of the differences between methods of a comparison, each pair on each reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import attrs

from gankit.evaluation.results import Difference, MethodResult, MethodSummary, Row, Summary
from gankit.evaluation.statistics import Known, Nearer, Welch, holm, mean_and_sd, nearer, welch

ALONE = (
    "Samples are sample sets of one training of each method: this shows the noise of sampling alone, not that another"
    " training would give the same. Train five seeds of each method for a claim."
)
SEEDS = "Samples are training seeds: one value a seed, the mean over its sample sets."
TESTS = (
    "Welch's t-test of means. Where the aim is the real value, a test of which mean is nearer to it, which counts the"
    " real value's own interval; methods are as far from real where their distances surely differ by less than half of"
    " that interval. Holm's correction over all tests of this table."
)


def explained(unit: Literal["training seed", "sample set"]) -> str:
    """Sentences that say what the samples of the tests are, and what the tests are."""
    return f"{SEEDS if unit == 'training seed' else ALONE} {TESTS}"


def tested(
    methods: Sequence[MethodResult], shown: Sequence[str], real: Mapping[str, Summary], aims: Mapping[str, float]
) -> tuple[Difference, ...]:
    """A test for every reading and every pair of methods, with Holm's correction over all tests together.

    Where a reading should be high or low, the means are compared (Welch's test). Where it should be as on real slices,
    the distances of the means to the real value are; see ``nearer``. Distances that differ by less than half of the
    real value's own 95% interval count as alike.

    Args:
        methods: the methods; the samples of a test are the ``values`` of their summaries.
        shown: ids of the readings to test.
        real: id to the reading of real slices.
        aims: id to the value that real slices have by definition, for readings that ``real`` has no value of.
    """
    tests = [
        _pair(name, first, second, _real(name, real, aims))
        for name in shown
        for first, second in combinations(methods, 2)
    ]
    corrected = iter(holm([test.p for test in tests if test.p is not None]))
    alike = iter(holm([test.p_alike for test in tests if test.p_alike is not None]))
    return tuple(
        attrs.evolve(
            test,
            p_holm=None if test.p is None else next(corrected),
            p_alike_holm=None if test.p_alike is None else next(alike),
        )
        for test in tests
    )


def real_readings(rows: Iterable[Row]) -> dict[str, Summary]:
    """Id to the reading of the row of real slices; empty where there is no such row."""
    return {summary.id: summary for row in rows if row.kind == "real" for summary in row.summary}


def _real(name: str, real: Mapping[str, Summary], aims: Mapping[str, float]) -> Known | None:
    """The value that real slices have of a reading; None where it is not known."""
    measured = real.get(name)
    if measured is not None and measured.mean is not None:
        return Known(measured.mean, measured.interval)
    return Known(aims[name]) if name in aims else None


def _pair(name: str, first: MethodResult, second: MethodResult, real: Known | None) -> Difference:
    one, two = (_summary(method, name) for method in (first, second))
    samples = [() if summary is None else summary.values for summary in (one, two)]
    test = Difference(id=name, a=first.name, b=second.name, n=(len(samples[0]), len(samples[1])))
    if one is None or not all(samples):
        return attrs.evolve(test, note="not measured for both")
    if one.better == "real":
        return _of_distances(attrs.evolve(test, of="distances to real"), samples, real)
    difference = mean_and_sd(samples[0])[0] - mean_and_sd(samples[1])[0]
    return _with(_leaning(test, difference, one.better), welch(samples[0], samples[1]))


def _of_distances(test: Difference, samples: Sequence[Sequence[float]], real: Known | None) -> Difference:
    """The test of the distances of two means to the value of real slices."""
    if real is None:
        return attrs.evolve(test, note="the value of real slices is not known")
    first, second = (abs(mean_and_sd(values)[0] - real.value) for values in samples)
    test = _leaning(attrs.evolve(test, real=real.value, margin=real.margin), first - second, "lower")
    return _with(test, nearer(samples[0], samples[1], real))


def _leaning(test: Difference, difference: float, better: Literal["lower", "higher"]) -> Difference:
    """The test with its difference, and with the method for which that speaks."""
    leads = difference < 0 if better == "lower" else difference > 0
    return attrs.evolve(test, difference=difference, better=("a" if leads else "b") if difference else None)


def _with(test: Difference, found: Welch | None) -> Difference:
    """The test with what was found, or with the reason why there is nothing."""
    if min(test.n) < 2:
        return attrs.evolve(test, note="needs two values of each method")
    if found is None:
        return attrs.evolve(test, note="no spread in either method")
    alike = found.p_alike if isinstance(found, Nearer) else None
    return attrs.evolve(test, interval=found.interval, t=found.t, df=found.df, p=found.p, p_alike=alike)


def _summary(method: MethodResult, name: str) -> MethodSummary | None:
    return next((summary for summary in method.summary if summary.id == name), None)
