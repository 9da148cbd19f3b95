"""Results as JSON: what is written fits the schema and reads as what was written."""

import json
from importlib import resources
from pathlib import Path

import attrs
import jsonschema
import pytest
import tomli_w

from gankit import (
    ComparisonResult,
    Difference,
    EvaluationResult,
    InputError,
    Judging,
    Reading,
    compare,
    evaluate,
    read_comparison,
    read_evaluation,
    train,
    write_report,
)
from gankit.comparison.compare import plan_comparison
from gankit.evaluation.result_files import converter, to_document
from gankit.evaluation.result_schema import SHIPPED, result_schema, schema_text
from gankit.evaluation.results import JudgedSet
from gankit.files.json_file import write_document
from gankit.recipe.structure import to_document as recipe_document
from tests.damage import flipped, spoilt

COMMITTED = sorted((Path(__file__).parents[2] / "examples/comparison/results").glob("*/comparison.json"))


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
    write_document(tmp_path / "evaluation.json", document)
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


# Comparisons ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", COMMITTED, ids=lambda file: file.parent.name)
def test_the_comparisons_that_are_kept_as_examples_are_read(file):
    """They are small, fit the schema, and are written again as they are."""
    document = json.loads(file.read_text())
    jsonschema.validate(document, result_schema(ComparisonResult))
    assert file.stat().st_size < 300_000
    again = json.loads(json.dumps(to_document(read_comparison(file))))
    assert again == {key: value for key, value in document.items() if key != "digest"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document["rows"][0]["summary"]["mean"].pop(),
        lambda document: document["rows"][0]["summary"]["mean"].append(1.0),
        lambda document: document["methods"][0]["summary"]["values"].pop(),
        lambda document: document["methods"][0]["summary"]["values"][0].pop(),
        lambda document: document["rows"][0]["summary"]["notes"][2].append(-1),
        lambda document: document["rows"][0]["summary"]["notes"][2].append(99),
        lambda document: document["readings"].pop(),
        lambda document: document["rows"][0]["summary"].pop("low"),
    ],
)
def test_columns_that_do_not_fit_together_are_refused_in_one_line(compared, tmp_path, spoil):
    """Of another length than the readings, or with notes that are not there, though the digest is right."""
    document = json.loads(json.dumps(to_document(compared[1])))
    spoil(document)
    write_document(tmp_path / "comparison.json", document)
    with pytest.raises(InputError, match=r"comparison.json: damaged \(.*\); run 'gankit compare' again") as caught:
        read_comparison(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["found", "compared"])
def test_a_headline_of_no_reading_is_refused(kind, request, tmp_path):
    """Its table would have a column of nothing, though the digest is right."""
    document = json.loads(json.dumps(to_document(request.getfixturevalue(kind)[1])))
    document["headline"] = [*document["headline"], "brightness.none"]
    name, read = {"found": ("evaluation", read_evaluation), "compared": ("comparison", read_comparison)}[kind]
    write_document(tmp_path / f"{name}.json", document)
    with pytest.raises(
        InputError, match=r"json: damaged \(.*headline names 'brightness.none', which no row has.*\); run"
    ):
        read(tmp_path)


@pytest.mark.parametrize("rows", [[], ["none"]])
def test_a_method_without_rows_is_refused(compared, tmp_path, rows):
    """The report shows what its first training makes."""
    document = json.loads(json.dumps(to_document(compared[1])))
    document["methods"][0]["rows"] = rows
    write_document(tmp_path / "comparison.json", document)
    with pytest.raises(InputError, match=r"damaged \(.*must name rows that are there.*\); run 'gankit compare' again"):
        read_comparison(tmp_path)


def written_out(result):
    """A comparison in the format of earlier versions: every summary with all that it says, sets in its rows, and tests
    of the means alone."""
    sets = (JudgedSet(set=0, readings=(Reading(metric="m", name="r", value=1, better="real"),)),)
    test = Difference(id=result.headline[0], a="one", b="two", n=(2, 2), p=0.001, p_holm=0.001, better="a")
    rows = tuple(attrs.evolve(row, sets=sets) for row in result.rows)
    before = attrs.evolve(result, rows=rows, tests=(test,), note="Welch's t-test.")
    return {"format": "gankit-comparison-1", **converter().unstructure(before)}


def test_a_comparison_of_before_columns_is_read_and_its_tests_are_made_anew(compared, tmp_path):
    """Its figures are as they were; means are no longer tested where distances to real slices count."""
    _, result = compared
    write_document(tmp_path / "comparison.json", written_out(result))
    assert read_comparison(tmp_path) == result
    assert {test.of for test in result.tests} == {"distances to real"}


def test_a_comparison_of_before_still_has_a_report(compared, plugins, tmp_path):
    """Its tables; its runs are gone."""
    write_document(tmp_path / "comparison.json", written_out(compared[1]))
    page = write_report(tmp_path, plugins=plugins).read_text()
    assert "along the axis" in page
    assert "p (Holm)" in page


def test_a_comparison_of_warm_ups_says_so_in_tables_and_report(compared):
    """Once for each method, as training says it."""
    folder, result = compared
    said = "phases.unsupervised starts at step 3, but training ends at step 2"
    assert [warning.partition(": ")[0] for warning in result.warnings] == ["short batch=2", "short batch=4"]
    assert all(said in warning for warning in result.warnings)
    for file in ("comparison.md", "report.html"):
        assert f"Warning: short batch=4: {said}" in (folder / file).read_text()


def test_a_damaged_result_is_named_whichever_byte_it_is(found, tmp_path):
    """With the command that makes it again."""
    content = (found[0] / "evaluation.json").read_bytes()
    for damaged in (*flipped(content, 100), *spoilt(content).values()):
        (tmp_path / "evaluation.json").write_bytes(damaged)
        with pytest.raises(InputError, match=r"evaluation.json: (damaged|format).*; run 'gankit evaluate' again"):
            read_evaluation(tmp_path)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_json_number_is_refused(constant, tmp_path):
    """Python's own reader would take it."""
    (tmp_path / "evaluation.json").write_text(f'{{"format": "gankit-evaluation-1", "value": {constant}}}')
    with pytest.raises(InputError, match=f"damaged .*{constant} is no number of JSON.*; run 'gankit evaluate' again"):
        read_evaluation(tmp_path)
