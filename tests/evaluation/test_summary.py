"""Readings of several sets to one figure."""

from typing import ClassVar

import attrs
import numpy as np
import pytest

from gankit import AbstractMetric, Reading, Row
from gankit.evaluation.statistics import student_interval
from gankit.evaluation.summary import headline, over_sets, over_trainings


def sets(*intervals, values=(1.0, 2.0, 4.0)):
    """Sets of one reading each."""
    return [
        [Reading(metric="m", name="r", value=value, interval=interval, better="higher")]
        for value, interval in zip(values, intervals, strict=False)
    ]


def test_intervals_of_patients_are_averaged_where_every_set_has_one():
    """Lower ends and upper ends apart."""
    (summary,) = over_sets(sets((0, 2), (1, 3), (2, 7)), {})
    assert (summary.interval, summary.interval_of) == ((1, 4), "patients")


def test_where_one_set_has_no_interval_it_is_over_the_sets():
    """The others' would speak for a set that they do not cover."""
    (summary,) = over_sets(sets((0, 2), None, (2, 7)), {})
    assert summary.interval_of == "sets"
    assert summary.interval == pytest.approx(student_interval([1, 2, 4]))


def test_sets_that_were_not_measured_do_not_count():
    """Neither in the mean nor among the intervals."""
    (summary,) = over_sets(sets((0, 2), None, (2, 4), values=(1.0, None, 3.0)), {})
    assert (summary.n, summary.mean, summary.interval, summary.interval_of) == (2, 2.0, (1, 3), "patients")


# Ranges ---------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Share(AbstractMetric):
    """A metric whose reading ``r`` is a share."""

    ranges: ClassVar[dict] = {"r": (0.0, 1.0)}

    def measure(self, candidate, evaluation):
        return ()


@pytest.mark.parametrize("values", [(0.57, 0.71), (0.0, 0.1), (0.9, 1.0)])
def test_an_interval_of_few_values_stays_in_the_range_of_its_reading(values):
    """Student's interval of two shares leaves [0, 1]; the part within is what is possible of it."""
    (free,), (bounded,) = (over_sets(sets(None, None, values=values), metrics) for metrics in ({}, {"m": Share()}))
    low, high = student_interval(values)
    assert free.interval == pytest.approx((low, high))
    assert low < 0 or high > 1
    assert bounded.interval == pytest.approx((max(low, 0), min(high, 1)))
    assert bounded.interval[0] <= bounded.mean <= bounded.interval[1]


def test_intervals_over_trainings_stay_in_the_range_too():
    """Two seeds, each with the mean of its sets."""
    rows = [
        Row(name=name, kind="model", source="", slices=1, sets=(), summary=over_sets(sets(None, values=(value,)), {}))
        for name, value in (("one", 0.57), ("two", 0.71))
    ]
    (summary,) = over_trainings(rows, True, {"m": Share()})
    assert summary.interval == (0.0, 1.0)
    assert summary.values == (0.57, 0.71)


def test_a_truncated_interval_holds_the_true_share_as_often_as_it_says():
    """Shares of 20 slices in four sets, 2,000 times: as many intervals hold the true share as before they were cut."""
    share_TN = np.random.default_rng(0).binomial(20, 0.9, (2000, 4)) / 20
    summaries = [over_sets(sets(*[None] * 4, values=each), {"m": Share()})[0] for each in share_TN.tolist()]
    whole = [student_interval(each) for each in share_TN.tolist()]
    assert [s.interval[0] <= 0.9 <= s.interval[1] for s in summaries] == [low <= 0.9 <= high for low, high in whole]
    assert sum(high > 1 for _, high in whole) > 50


# The short table ------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Plain(AbstractMetric):
    """A metric that leaves to others which of its readings is shown."""

    def measure(self, candidate, evaluation):
        return ()


@attrs.frozen(kw_only=True)
class Chosen(Plain):
    """A metric that shows two."""

    headline: ClassVar[tuple[str, ...]] = ("copies", "ratio")


METRICS = {"chosen": Chosen(), "plain": Plain()}


def row(**values):
    """A row with a reading ``METRIC__NAME`` for each value."""
    readings = [
        Reading(metric=metric, name=name, value=value, better="real", note="")
        for (metric, _, name), value in ((key.partition("__"), value) for key, value in values.items())
    ]
    return Row(name="row", kind="cohort", source="", slices=1, sets=(), summary=over_sets([readings], {}))


MEASURED = {"plain__first": None, "plain__second": 1, "plain__third": 1}


@pytest.mark.parametrize(
    ("given", "patterns", "shown"),
    [
        (MEASURED, (), ["plain.second"]),
        ({"chosen__ratio": 1, "chosen__area": 1, "chosen__copies": 1}, (), ["chosen.ratio", "chosen.copies"]),
        ({"chosen__ratio": None, "chosen__area": 1, "chosen__copies": 1}, (), ["chosen.copies"]),
        ({"chosen__ratio": None, "chosen__area": 1, "chosen__copies": None}, (), ["chosen.area"]),
        ({"chosen__ratio": 1, **MEASURED, "chosen__copies": 1}, (), ["chosen.ratio", "chosen.copies", "plain.second"]),
        ({"chosen__ratio": 1, **MEASURED}, ("plain.*", "chosen.*"), ["plain.second", "plain.third", "chosen.ratio"]),
        ({"earlier__mean": 1, "earlier__sd": 1}, (), ["earlier.mean"]),
    ],
)
def test_the_short_table_shows_what_is_asked_for_else_what_metrics_name(given, patterns, shown):
    """Of what has a value; the first where a metric names nothing, or nothing that was measured."""
    assert list(headline([row(**given)], patterns, METRICS)) == shown
