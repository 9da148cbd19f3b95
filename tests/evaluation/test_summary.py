"""Readings of several sets to one figure."""

import pytest

from gankit import Reading
from gankit.evaluation.statistics import student_interval
from gankit.evaluation.summary import over_sets


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
