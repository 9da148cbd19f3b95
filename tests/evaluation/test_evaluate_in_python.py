"""``evaluate`` from Python: no folder needed, and what is of another type is named by its parameter."""

import attrs
import pytest

from gankit import InputError, Judging, PluginError, PluginWarning, evaluate, read_evaluation
from gankit.evaluation.metrics import chosen_metrics


def test_without_a_folder_nothing_is_kept_but_the_value(trained, measuring, tmp_path, monkeypatch):
    """The same rows as with a folder, and no file left in the working directory or among temporary files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    judging = Judging(metrics=["brightness", "strange"], sets=1, per_set=8)
    result = evaluate(trained, judging=judging, plugins=measuring, quiet=True)
    assert list(tmp_path.iterdir()) == []
    assert evaluate(trained, tmp_path / "out", judging=judging, plugins=measuring, quiet=True) == result
    assert read_evaluation(str(tmp_path / "out")) == result


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"judging": "diversity"}, "`judging` must be a gankit.Judging"),
        ({"target": 5}, "`target` must be a path, got 5"),
        ({"out": 5}, "`out` must be a path, got 5"),
        ({"recipe": 5}, "`recipe` must be a path, got 5"),
    ],
)
def test_arguments_of_another_type_are_named(changed, message, trained, measuring, tmp_path):
    """One line with the parameter, before any work."""
    given = {"target": trained, "out": tmp_path / "out", "plugins": measuring, "quiet": True, **changed}
    with pytest.raises(InputError, match=message):
        evaluate(**given)


def test_a_metric_that_cannot_be_imported_is_left_out_unless_it_is_named(measuring, monkeypatch):
    """The others are chosen with a warning; by its name it is refused."""
    find = type(measuring.registry).find

    def broken(self, name, *kinds):
        if name == "strange":
            raise PluginError("plugin 'culprit': cannot be imported")
        return find(self, name, *kinds)

    monkeypatch.setattr(type(measuring.registry), "find", broken)
    with pytest.warns(PluginWarning, match="'culprit': cannot be imported; the metric is left out"):
        chosen = chosen_metrics(Judging(), measuring)
    assert "brightness" in chosen
    assert "strange" not in chosen
    with pytest.raises(PluginError, match="culprit"):
        chosen_metrics(Judging(metrics="strange"), measuring)


def test_one_set_needs_no_scipy_and_several_say_so(trained, measuring, monkeypatch, tmp_path):
    """What a stranger's metric reads on one set is measured without; an interval over sets is refused before work."""
    monkeypatch.setattr("gankit.evaluation.statistics.find_spec", lambda name: None)
    one = Judging(metrics="brightness", sets=1, per_set=8)
    assert evaluate(trained, judging=one, plugins=measuring, quiet=True).rows
    with pytest.raises(InputError, match="scipy"):
        evaluate(trained, tmp_path, judging=attrs.evolve(one, sets=2), plugins=measuring, quiet=True)
    assert not (tmp_path / "readings").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seed": None}, "`seed` must be a whole number of at least 0, got None"),
        ({"options": 5}, "`options` must be METRIC.OPTION to value, or texts METRIC.OPTION=VALUE, got 5"),
        ({"options": {5: 5}}, "`options` must be METRIC.OPTION to value, or texts METRIC.OPTION=VALUE, got {5: 5}"),
        ({"metrics": 5}, "`metrics` must be a name or several, got .5,."),
        ({"modalities": ["adc", None]}, "`modalities` must be a name or several, got .'adc', None."),
        ({"cohort": 5}, "`cohort` must be a path or None, got 5"),
        ({"label": 5}, "`label` must be a text or None, got 5"),
        ({"device": 0}, "`device` must be a text, got 0"),
    ],
)
def test_judging_of_another_type_is_refused_when_it_is_made(given, message):
    """By the parameter that is wrong, with what it takes."""
    with pytest.raises(InputError, match=message):
        Judging(**given)
