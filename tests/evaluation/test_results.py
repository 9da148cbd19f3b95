"""Results are values: what they cannot hold is refused."""

import attrs
import numpy as np
import pytest

from gankit import InputError, PluginError, Reading, Summary
from gankit.evaluation.results import MethodSummary

NONSENSE = {
    "a text for a value": ({"value": "seven"}, "`value` must be a number or None, got 'seven'"),
    "a truth value": ({"value": True}, "`value` must be a number or None, got True"),
    "a third end": ({"interval": (0, 1, 2)}, "`interval` must be two numbers, lower and upper end, or None, got"),
    "ends the wrong way round": ({"interval": (1, 0)}, r"`interval` must have its lower end first, got \(1.0, 0.0\)"),
    "no direction": ({"better": "bigger"}, "`better` must be one of 'higher', 'lower', 'real', got 'bigger'"),
    "a number for a name": ({"name": 3}, "`name` must be a text, got 3"),
    "no name": ({"name": ""}, "`name` must say what it is of"),
    "no unit": ({"unit": None}, "`unit` must be a text, got None"),
}


@pytest.mark.parametrize("what", NONSENSE)
def test_a_reading_that_is_none_is_refused_when_it_is_made(what):
    """One line says what is accepted."""
    given, message = NONSENSE[what]
    with pytest.raises(PluginError, match=message) as caught:
        Reading(**{"name": "mean", "value": 1, "better": "higher", **given})
    assert "\n" not in str(caught.value)


def test_everything_wrong_with_a_reading_is_said_at_once():
    """Not the first thing alone."""
    with pytest.raises(PluginError, match="`value` must be a number.*; `better` must be one of"):
        Reading(name="mean", value="seven", better="bigger")


SUMMARY = {"metric": "m", "name": "r", "unit": "1", "better": "higher", "notes": (), "n": 2, "mean": 1, "sd": 0}


def test_a_summary_does_not_contradict_itself():
    """A mean of nothing, or an interval over nothing."""
    for wrong in ({"n": 0, "mean": 1.0}, {"n": 1, "mean": None}, {"interval": (0, 2)}, {"interval_of": "sets"}):
        with pytest.raises(InputError, match="summary of 'm.r': "):
            Summary(**{**SUMMARY, "sd": None, "interval": None, "interval_of": None, **wrong})


def test_numbers_are_floats_whatever_made_them():
    """Those of numpy, whole ones, and the ends of an interval that came as a list."""
    reading = Reading(name="mean", value=np.float32(0.5), interval=[0, np.int64(1)], better="real")
    assert (reading.value, reading.interval) == (0.5, (0.0, 1.0))
    assert {type(number) for number in (reading.value, *reading.interval)} == {float}
    assert Reading(name="mean", value=1, interval=(1, 1), better="real").interval == (1.0, 1.0)


def test_a_method_has_as_many_values_as_it_says():
    """Its mean and its tests are of these."""
    fields = {**SUMMARY, "interval": None, "interval_of": None}
    assert MethodSummary(**fields, values=(1.0, 1.0)).id == "m.r"
    with pytest.raises(InputError, match="summary of 'm.r': `values` must be 2, got 1"):
        MethodSummary(**fields, values=(1.0,))


def test_a_row_is_found_by_its_name(judge, trained):
    """One that is not there gets the names of those that are; a table cannot change what was measured."""
    result = judge(trained, sets=1)
    assert result.row("real") is result.rows[1]
    with pytest.raises(InputError, match="no row 'rael'; there are run, real, augmented real"):
        result.row("rael")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        result.rows[0].name = "other"
