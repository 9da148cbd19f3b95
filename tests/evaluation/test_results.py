"""Results are values: what they cannot hold is refused, and their files are what the schema says."""

import json
from importlib import resources
from pathlib import Path

import attrs
import jsonschema
import pytest
import tomli_w

from gankit import (
    ComparisonResult,
    EvaluationResult,
    InputError,
    Judging,
    PluginError,
    Reading,
    Summary,
    compare,
    evaluate,
    read_comparison,
    read_evaluation,
    train,
    write_report,
)
from gankit.comparison.compare import plan_comparison
from gankit.evaluation.result_files import to_document
from gankit.evaluation.result_schema import SHIPPED, result_schema, schema_text
from gankit.recipe.structure import to_document as recipe_document

COMMITTED = sorted((Path(__file__).parents[2] / "examples/comparison/results").glob("*/comparison.json"))

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


def test_a_summary_does_not_contradict_itself():
    """A mean of nothing, or an interval over nothing."""
    fields = {"metric": "m", "name": "r", "unit": "1", "better": "higher", "notes": ()}
    for wrong in ({"n": 0, "mean": 1.0}, {"n": 1, "mean": None}, {"n": 1, "mean": 1.0, "interval": (0, 2)}):
        with pytest.raises(InputError, match="summary of m.r: "):
            Summary(**{**fields, "sd": None, "interval": None, "interval_of": None, **wrong})


# What a metric returns ------------------------------------------------------------------------------------

RETURNED = {
    "nothing": (lambda: None, "returned NoneType None; a metric's `measure` returns an iterable of gankit.Reading"),
    "a reading alone": (lambda: Reading(name="mean", value=1, better="higher"), "returned Reading "),
    "numbers": (lambda: [1.0], "returned float 1.0 among its readings; a metric's `measure` returns an iterable of"),
    "a dict": (lambda: {"mean": 1.0}, "returned dict {'mean': 1.0}; "),
    "nonsense": (
        lambda: (Reading(name="mean", value=value, better="higher") for value in "7"),
        "reading 'mean': `value` must be a number or None, got '7'",
    ),
}


@pytest.mark.parametrize("what", RETURNED)
def test_a_metric_that_returns_no_readings_is_blamed_in_one_line(what, trained, measuring, monkeypatch, tmp_path):
    """With plugin and metric, what it returned, and what was expected."""
    returned, message = RETURNED[what]
    monkeypatch.setattr("tests.toy.Strange.measure", lambda *_: returned())
    judging = Judging(metrics="strange", sets=1, per_set=8)
    with pytest.raises(PluginError) as caught:
        evaluate(trained, tmp_path / "out", judging=judging, plugins=measuring, quiet=True)
    assert str(caught.value).startswith(f"metric 'strange' of plugin 'toy': {message}")
    assert "\n" not in str(caught.value)


# Judging --------------------------------------------------------------------------------------------------


def test_judging_takes_names_and_options_as_people_give_them():
    """One name or several; options as texts or as a mapping."""
    assert Judging(metrics="sca").metrics == ("sca",)
    assert Judging(metrics=["sca", "oracle"]).metrics == ("sca", "oracle")
    assert Judging(options=["oracle.steps=5"]) == Judging(options={"oracle.steps": 5})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sets": 0}, "`sets` must be a whole number of at least 1, got 0"),
        ({"per_set": 2.5}, "`per_set` must be a whole number of at least 1, got 2.5"),
        ({"replicates": 5}, "`replicates` must be a whole number of at least 20, got 5"),
        ({"seed": -1}, "`seed` must be a whole number of at least 0, got -1"),
        ({"options": "oracle=5"}, "`options` oracle=5: must be METRIC.OPTION=VALUE"),
    ],
)
def test_judging_that_cannot_be_is_refused_when_it_is_made(given, message):
    """By the parameter that is wrong."""
    with pytest.raises(InputError, match=message):
        Judging(**given)


# Files ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found(trained, measuring, tmp_path_factory):
    """An evaluation of one set by a metric whose readings are measured, not measured and not finite."""
    folder = tmp_path_factory.mktemp("found")
    judging = Judging(metrics=["brightness", "strange"], sets=1, per_set=8)
    return folder, evaluate(trained, folder, judging=judging, plugins=measuring, quiet=True)


@pytest.fixture(scope="module")
def compared(tiny_recipe, tiny_cohort, measuring, tmp_path_factory):
    """A comparison of a recipe whose last phase never starts with itself at another batch."""
    folder = tmp_path_factory.mktemp("compared")
    recipe = tiny_recipe("adc-only", **{"name": "short", "phases.unsupervised.start": 3})
    (folder / "short.toml").write_text(tomli_w.dumps(recipe_document(recipe, measuring.registry)))
    asked = {"steps": 2, "axes": {"training.batch": [2, 4]}, "plugins": measuring}
    asked["judging"] = Judging(metrics="brightness", sets=2, per_set=8, replicates=20)
    plan = plan_comparison([folder / "short.toml"], folder / "out", **asked)
    for run in plan.runs:  # in this process, which is quicker
        train(run.recipe, plan.run_directory(run).path, cohort=tiny_cohort, plugins=measuring, quiet=True)
    return folder / "out", compare([folder / "short.toml"], folder / "out", **asked, quiet=True)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_schema_that_ships_is_that_of_the_classes(name):
    """``python -m gankit.evaluation.result_schema`` writes it."""
    shipped = (resources.files("gankit.evaluation") / "schemas" / name).read_text(encoding="utf-8")
    assert shipped == schema_text(SHIPPED[name])
    jsonschema.Draft202012Validator.check_schema(json.loads(shipped))


def test_what_evaluate_writes_fits_the_schema_and_reads_as_what_it_returns(found):
    """From the folder or the file."""
    folder, result = found
    jsonschema.validate(json.loads((folder / "evaluation.json").read_text()), result_schema(EvaluationResult))
    assert read_evaluation(folder) == read_evaluation(folder / "evaluation.json") == result


def test_what_compare_writes_fits_the_schema_and_reads_as_what_it_returns(compared):
    """From the folder or the file."""
    folder, result = compared
    jsonschema.validate(json.loads((folder / "comparison.json").read_text()), result_schema(ComparisonResult))
    assert read_comparison(folder) == read_comparison(folder / "comparison.json") == result
    assert [method.name for method in result.methods] == ["short batch=2", "short batch=4"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document["rows"][0].pop("name"),
        lambda document: document["rows"][0]["summary"][0].update(mean="seven"),
        lambda document: document["rows"][0]["summary"][0].update(better="bigger"),
        lambda document: document["rows"][0].update(kind="imagined"),
        lambda document: document["rows"][0].update(steps=True),
        lambda document: document.pop("settings"),
    ],
)
def test_the_schema_and_the_reader_refuse_the_same(found, tmp_path, spoil):
    """A missing key, a text for a number, and words that are not known."""
    document = json.loads(json.dumps(to_document(found[1])))
    spoil(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, result_schema(EvaluationResult))
    (tmp_path / "evaluation.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"evaluation.json: damaged \(.*\); run 'gankit evaluate' again") as caught:
        read_evaluation(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": "gankit-evaluation-0"}', '{"format": "gankit-comparison-1"}']
)
def test_another_file_is_refused_with_what_to_do(tmp_path, content):
    """Cut short, no object, an older format, or a comparison."""
    (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(InputError, match=r"evaluation.json: (damaged|format).*; run 'gankit evaluate' again"):
        read_evaluation(tmp_path)


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.parent.name)
def test_comparisons_of_before_are_read(file):
    """Those that are kept as examples hold what they held, to the last key, and fit the schema."""
    document = json.loads(file.read_text())
    jsonschema.validate(document, result_schema(ComparisonResult))
    result = read_comparison(file)
    again = json.loads(json.dumps(to_document(result)))
    assert again.pop("warnings") == []
    assert again == document


def test_a_comparison_of_before_still_has_a_report(plugins, tmp_path):
    """Its tables; its runs are gone."""
    (tmp_path / "comparison.json").write_bytes(COMMITTED[-1].read_bytes())
    page = write_report(tmp_path, plugins=plugins).read_text()
    assert "along the axis" in page
    assert "p (Holm)" in page


# Phases that never start ----------------------------------------------------------------------------------


def test_a_comparison_of_warm_ups_says_so_in_tables_and_report(compared):
    """Once for each method, as training says it."""
    folder, result = compared
    said = "phases.unsupervised starts at step 3, but training ends at step 2"
    assert [warning.partition(": ")[0] for warning in result.warnings] == ["short batch=2", "short batch=4"]
    assert all(said in warning for warning in result.warnings)
    for file in ("comparison.md", "report.html"):
        assert f"Warning: short batch=4: {said}" in (folder / file).read_text()


def test_a_function_that_is_quiet_prints_nothing(trained, measuring, capfd, tmp_path):
    """Nor does any metric."""
    judging = Judging(metrics="brightness", sets=1, per_set=8)
    evaluate(trained, tmp_path, judging=judging, plugins=measuring, quiet=True)
    assert capfd.readouterr() == ("", "")


def test_results_are_frozen(found):
    """A table cannot change what was measured."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found[1].rows[0].name = "other"
