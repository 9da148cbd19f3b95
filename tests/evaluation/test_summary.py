"""Readings of several sets to one figure."""

from typing import ClassVar

import attrs
import pytest

from gankit import AbstractMetric, Reading, Row
from gankit.evaluation.statistics import student_interval
from gankit.evaluation.summary import headline, over_sets


def sets(*intervals, values=(1.0, 2.0, 4.0)):
    """Sets of one reading each."""
    return [
        [Reading(metric="m", name="r", value=value, interval=interval, better="higher")]
        for value, interval in zip(values, intervals, strict=False)
    ]


def test_intervals_of_patients_are_averaged_where_every_set_has_one():
    """Lower ends and upper ends apart."""
    (summary,) = over_sets(sets((0, 2), (1, 3), (2, 7)))
    assert (summary.interval, summary.interval_of) == ((1, 4), "patients")


def test_where_one_set_has_no_interval_it_is_over_the_sets():
    """The others' would speak for a set that they do not cover."""
    (summary,) = over_sets(sets((0, 2), None, (2, 7)))
    assert summary.interval_of == "sets"
    assert summary.interval == pytest.approx(student_interval([1, 2, 4]))


def test_sets_that_were_not_measured_do_not_count():
    """Neither in the mean nor among the intervals."""
    (summary,) = over_sets(sets((0, 2), None, (2, 4), values=(1.0, None, 3.0)))
    assert (summary.n, summary.mean, summary.interval, summary.interval_of) == (2, 2.0, (1, 3), "patients")


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
    return Row(name="row", kind="cohort", source="", slices=1, sets=(), summary=over_sets([readings]))


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
