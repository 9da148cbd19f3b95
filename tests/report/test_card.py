"""Cards of models: what is in them, and where they are kept."""

import json
import shutil

import attrs
import numpy as np
import pytest
from click.testing import CliRunner

from gankit import About, FileWarning, InputError, RecipeError, RunError, evaluate, load_model, model_card
from gankit.cli import main
from gankit.evaluation.judging import Judging
from gankit.files.attached import attach, attached
from gankit.files.header import header
from gankit.run.card import kept_card


@pytest.fixture(scope="module")
def judged(trained, plugins, tmp_path_factory):
    """A run, with its evaluation by one metric that audits and one that does not."""
    run = shutil.copytree(trained, tmp_path_factory.mktemp("judged") / "tiny")
    judging = Judging(metrics=["high-frequency", "critic-membership"], sets=1, per_set=12, replicates=20)
    evaluate(run, run / "evaluation", judging=judging, plugins=plugins, quiet=True)
    return run


@pytest.fixture
def run(judged, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(judged, tmp_path / "tiny")


@pytest.fixture(scope="module")
def card(judged, plugins):
    return model_card(judged, keep=False, plugins=plugins)


# What is in it --------------------------------------------------------------------------------------------


def test_the_model_is_described(card, trained):
    """By its digest, its steps and what it makes."""
    model = load_model(trained)
    described = card.document["model"]
    assert described["digest"] == model.digest
    assert (described["steps"], described["seed"], described["recipe"]) == (2, 0, "mpmri-paper")
    assert described["parameters"] == sum(parameter.numel() for parameter in model.networks.parameters())
    assert [each["name"] for each in described["modalities"]] == ["adc", "t2w"]


def test_the_data_are_counted(card):
    """Slices and patients of the cohort and of each pool, with the digest of what was trained on."""
    data = card.document["data"]
    assert (data["slices"], data["patients"], data["source"]) == (24, 8, "a disc with a spot")
    assert data["labels"] == {"cs": {"0": 12, "1": 12}}
    assert [(pool["name"], pool["slices"], pool["patients"]) for pool in data["pools"]] == [
        ("cs", 9, 3),
        ("noncs", 9, 3),
    ]
    assert data["note"] == ""


def test_readings_have_intervals_and_real_slices_beside_them(card):
    """Those of the evaluation, each with that of the row of real slices."""
    reading = next(each for each in card.document["metrics"] if each["id"] == "high-frequency.adc.energy")
    low, high = reading["interval"]
    assert low <= reading["mean"] <= high
    assert reading["real"]["mean"] is not None
    assert f"{reading['mean']:.3g} [{low:.3g}, {high:.3g}]" in card.markdown()


def test_the_audit_stands_apart(card):
    """Readings of metrics that audit are no other metrics; what could not be measured says why."""
    assert {reading["metric"] for reading in card.document["audit"]} == {"critic-membership"}
    assert {reading["metric"] for reading in card.document["metrics"]} == {"high-frequency"}
    text = card.markdown()
    assert text.index("## Audit for copies") < text.index("## Metrics")
    assert "`critic-membership.highest`: not measured:" in text


def test_a_model_that_was_not_audited_is_not_for_release(card, judged, plugins):
    """Until it is known whether it copies."""
    assert any("Release, before" in sentence for sentence in card.document["not_for"])
    audited = attrs.evolve(
        card,
        document={
            **card.document,
            "audit": [{**each, "mean": 0.5, "interval": None} for each in card.document["audit"]],
        },
    )
    assert "Not audited" not in audited.markdown()


def test_a_person_adds_what_only_people_know(judged, plugins):
    """Intended use in the place of gankit's sentence; what it is not for, beside gankit's."""
    about = About(intended_use=("Teaching.",), not_for=("Exams.",), data=("Discs of nobody.",), license="CC0")
    document = model_card(judged, about=about, keep=False, plugins=plugins).document
    assert document["intended_use"] == ["Teaching."]
    assert "Exams." in document["not_for"]
    assert "Diagnosis, or any other decision about a patient." in document["not_for"]
    text = model_card(judged, about=about, keep=False, plugins=plugins).markdown()
    assert "Discs of nobody." in text
    assert "| license | CC0 |" in text


def test_a_cohort_that_has_changed_is_not_counted(run, plugins, tiny_cohort, monkeypatch):
    """The digest stays that of the training."""
    before = model_card(run, keep=False, plugins=plugins).document["data"]["digest"]
    other = tiny_cohort.select(np.arange(18))
    monkeypatch.setattr("gankit.report.card.cohort_of", lambda source: other)
    data = model_card(run, keep=False, plugins=plugins).document["data"]
    assert (data["digest"], data["slices"]) == (before, None)
    assert "now has another content" in data["note"]


def test_without_an_evaluation_the_card_says_so(trained, plugins):
    """It is still a card of the model and its data."""
    text = model_card(trained, plugins=plugins).markdown()
    assert "Not judged." in text
    assert "Not audited" in text


# Where it is kept -----------------------------------------------------------------------------------------


def test_a_card_with_readings_is_kept_in_the_model(run, plugins):
    """The model is the same: its digest, its weights, and its evaluation stays its own."""
    file = run / "model.safetensors"
    assert kept_card(file) is None
    digest = header(file)["digest"]
    made = model_card(run, plugins=plugins)
    assert kept_card(file) == made.document
    assert load_model(run, plugins=plugins).digest == digest == header(file)["digest"]


def test_keeping_a_card_moves_no_weight(run):
    """The bytes of the tensors are the same, aligned for mapping into memory, and a second card replaces the first."""
    from safetensors.torch import load_file

    file = run / "model.safetensors"
    before = load_file(file)
    for text in ("ein Text", "a longer text, with ü and \n"):
        attach(file, "card", text)
        assert attached(file, "card") == text
    after = load_file(file)
    assert before.keys() == after.keys()
    assert all((before[name] == after[name]).all() for name in before)
    assert int.from_bytes(file.read_bytes()[:8], "little") % 8 == 0


def test_a_kept_card_measures_nothing_anew(run, plugins, monkeypatch):
    """The evaluation beside it is still of this model."""
    model_card(run, plugins=plugins)
    judging = Judging(metrics=["high-frequency", "critic-membership"], sets=1, per_set=12, replicates=20)
    monkeypatch.setattr("gankit.evaluation.judge._measured", lambda *arguments: pytest.fail("measured anew"))
    evaluate(run, run / "evaluation", judging=judging, plugins=plugins, quiet=True)


def test_the_kept_card_is_shown_where_nothing_new_is_asked_for(run, plugins, tmp_path):
    """Of a file that left its run, too."""
    made = model_card(run, about=About(contact="someone"), plugins=plugins)
    moved = shutil.copy(run / "model.safetensors", tmp_path / "moved.safetensors")
    assert model_card(moved, plugins=plugins).document == made.document


def test_an_altered_card_is_left_out(run, plugins):
    """With a warning; the model is read all the same."""
    file = run / "model.safetensors"
    model_card(run, plugins=plugins)
    attach(file, "card", attached(file, "card").replace("Diagnosis", "Diagnoses"))
    with pytest.warns(FileWarning, match="card in it is damaged"):
        assert kept_card(file) is None
    load_model(file, plugins=plugins)


def test_a_card_of_another_model_is_left_out(run, plugins):
    """It speaks of that one."""
    file = run / "model.safetensors"
    document = model_card(run, plugins=plugins).document
    other = {**document, "model": {**document["model"], "digest": "0" * 32}}
    from gankit.run.card import keep_card

    keep_card(file, other)
    with pytest.warns(FileWarning, match="of another model"):
        assert kept_card(file) is None


def test_an_evaluation_of_another_model_is_refused(judged, tiny_recipe, tiny_cohort, plugins, tmp_path):
    """Nothing is written into the model."""
    from gankit import train

    recipe = tiny_recipe(**{"training.steps": 2, "training.seed": 3})
    other = train(recipe, tmp_path / "other", cohort=tiny_cohort, plugins=plugins, quiet=True).path
    before = (other / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="is not of this model"):
        model_card(other, evaluation=judged / "evaluation", plugins=plugins)
    assert (other / "model.safetensors").read_bytes() == before


def test_a_file_that_cannot_be_written_keeps_what_it_had(run, plugins, monkeypatch):
    """Whole or not at all."""
    before = (run / "model.safetensors").read_bytes()

    def full(*arguments, **options):
        raise RunError("no space left")

    monkeypatch.setattr("gankit.files.attached.write_bytes", full)
    with pytest.raises(RunError, match="no space"):
        model_card(run, plugins=plugins)
    assert (run / "model.safetensors").read_bytes() == before


# The command ----------------------------------------------------------------------------------------------


def gankit(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_card_is_written_as_markdown_or_json(run, tmp_path):
    """And never over a file that is there."""
    assert gankit("card", run, "-o", tmp_path / "card.md").exit_code == 0
    assert (tmp_path / "card.md").read_text().startswith("# tiny\n")
    assert gankit("card", run, "-o", tmp_path / "card.json").exit_code == 0
    assert json.loads((tmp_path / "card.json").read_text())["format"] == "gankit-card-1"
    refused = gankit("card", run, "-o", tmp_path / "card.md")
    assert refused.exit_code == 2
    assert "is there already" in refused.output
    assert "must end in .md or .json" in gankit("card", run, "-o", tmp_path / "card.txt").output


def test_wrong_keys_of_about_are_all_named(run, tmp_path):
    """With the nearest key."""
    about = tmp_path / "about.toml"
    about.write_text('licence = "x"\nlimits = "y"\n')
    with pytest.raises(RecipeError, match=r"(?s)limits: must be a list.*did you mean 'license'"):
        model_card(run, about=about)
    assert gankit("card", run, "--about", tmp_path / "nowhere.toml").exit_code == 2


def test_a_cohort_has_no_card(tiny_cohort_file):
    """Only models have."""
    assert "not a model" in gankit("card", tiny_cohort_file).output
