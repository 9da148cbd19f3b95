"""``ReadingCurve``: which readings are points of which line."""

import pytest

from gankit import InputError, PluginError, ReadingCurve
from gankit.evaluation.judging import Judging
from gankit.evaluation.metrics import chosen_metrics
from tests.toy import Brightness

CURVE = ReadingCurve(title="area", pattern="fresh.{line}.{at}.auc", axis="patients, %")


def test_readings_are_points_in_the_order_of_the_amount():
    """Of a line each; names that do not fit, or only in part, are left out."""
    names = [
        "fresh.a.10.auc",
        "fresh.a.5.auc",
        "fresh.b.2.5.auc",
        "fresh.a.5.auc.more",
        "test.a.5.auc",
        "fresh.a.b.auc",
    ]
    assert CURVE.lines(names) == {"a": {5: "fresh.a.5.auc", 10: "fresh.a.10.auc"}, "b": {2.5: "fresh.b.2.5.auc"}}


def test_a_dot_in_a_pattern_is_a_dot():
    """Not any letter."""
    assert CURVE.lines(["fresh-a-5-auc"]) == {}


@pytest.mark.parametrize("pattern", ["fresh.{line}.auc", "fresh.{at}.auc", "{at}.{at}.{line}"])
def test_a_pattern_has_both_parts_once(pattern):
    """Else no reading is a point."""
    with pytest.raises(ValueError, match="has {line} and {at} once each"):
        ReadingCurve(title="area", pattern=pattern, axis="patients")


def test_curves_of_another_type_are_blamed_on_the_metric(measuring, monkeypatch):
    """Before any work."""
    monkeypatch.setattr(Brightness, "curves", ("fresh",))
    with pytest.raises((PluginError, InputError), match="must have gankit.ReadingCurve in `curves`"):
        chosen_metrics(Judging(metrics="brightness"), measuring)
