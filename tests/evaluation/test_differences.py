"""What is tested between methods, and what may be said of it."""

import pytest

from gankit import MethodResult, MethodSummary, Summary
from gankit.evaluation import differences
from gankit.evaluation.statistics import welch

SPREAD = (-0.01, 0.0, 0.01)


def method(name, mean, better="real"):
    """A method of three trainings whose reading ``m.r`` has this mean."""
    values = tuple(mean + each for each in SPREAD)
    fields = {"unit": "1", "better": better, "notes": (), "n": 3, "mean": mean, "sd": 0.01}
    summary = MethodSummary(metric="m", name="r", **fields, interval=None, interval_of=None, values=values)
    rows = tuple(f"{name}-seed{seed}" for seed in range(3))
    return MethodResult(name=name, rows=rows, seeds=(0, 1, 2), steps=1, wall_s=None, device=None, summary=(summary,))


def real(mean, interval=None):
    of = None if interval is None else "patients"
    fields = {"unit": "1", "better": "real", "notes": (), "n": 1, "sd": None}
    return {
        "m.r": Summary(
            metric="m", name="r", **fields | {"n": int(mean is not None)}, mean=mean, interval=interval, interval_of=of
        )
    }


def test_methods_above_and_below_the_real_value_by_as_much_are_as_far_from_it():
    """The difference of their means, which is beyond doubt, says nothing of which is nearer to real."""
    one, other = method("below", 0.60), method("above", 0.80)
    assert welch(one.summary[0].values, other.summary[0].values).p < 0.001
    (test,) = differences.tested([one, other], ["m.r"], real(0.70, (0.65, 0.75)), {})
    assert (test.of, test.real, test.margin) == ("distances to real", 0.70, pytest.approx(0.05))
    assert test.p > 0.5
    assert test.verdict == "both as far from real"


def test_the_method_nearer_to_real_is_named_on_whichever_side_it_is():
    """Not the one with the higher mean."""
    (test,) = differences.tested([method("below", 0.68), method("above", 0.90)], ["m.r"], real(0.70, (0.69, 0.71)), {})
    assert test.verdict == "nearer to real: below"
    assert (test.difference, test.better) == (pytest.approx(-0.18), "a")
    assert test.interval[1] < 0


def test_what_is_neither_different_nor_alike_is_not_shown():
    """Without an interval of the real value there is no margin, so nothing is called alike."""
    (test,) = differences.tested([method("one", 0.60), method("two", 0.799)], ["m.r"], real(0.70), {})
    assert (test.p_alike, test.verdict) == (None, "not shown which is nearer to real")


@pytest.mark.parametrize(("better", "said"), [("higher", "better: two"), ("lower", "better: one")])
def test_readings_that_should_be_high_or_low_are_tested_by_their_means(better, said):
    """Welch's test; the real value plays no part."""
    methods = [method("one", 0.60, better), method("two", 0.80, better)]
    (test,) = differences.tested(methods, ["m.r"], real(0.70), {})
    found = welch(methods[0].summary[0].values, methods[1].summary[0].values)
    assert (test.of, test.p, test.interval) == ("means", found.p, found.interval)
    assert test.verdict == said


def test_a_difference_of_means_that_may_be_chance_is_not_shown():
    """Though one mean is better."""
    (test,) = differences.tested([method("one", 0.60, "higher"), method("two", 0.601, "higher")], ["m.r"], {}, {})
    assert (test.better, test.verdict) == ("b", "not shown which is better")


def test_without_the_real_value_nothing_is_said_of_distances():
    """No p-value of another question takes its place."""
    (test,) = differences.tested([method("one", 0.60), method("two", 0.80)], ["m.r"], {}, {})
    assert (test.p, test.better, test.verdict) == (None, None, "")
    assert test.note == "the value of real slices is not known"


def test_where_real_slices_cannot_be_measured_the_value_that_they_have_by_definition_counts():
    """As for a reconstruction, whose perfect value is 1."""
    (test,) = differences.tested([method("one", 0.60), method("two", 0.80)], ["m.r"], real(None), {"m.r": 1.0})
    assert (test.real, test.verdict) == (1.0, "nearer to real: two")


def test_holm_corrects_tests_of_means_and_of_distances_together():
    """Three methods, three pairs: the smallest p-value times 3."""
    methods = [method("one", 0.60), method("two", 0.62), method("three", 0.70)]
    tests = differences.tested(methods, ["m.r"], real(0.75), {})
    least = min(tests, key=lambda test: test.p)
    assert least.p_holm == pytest.approx(3 * least.p)
