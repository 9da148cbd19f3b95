"""``tune``: what trials are made of, what decides, what stays out, going on, and what is written."""

import csv
import json

import attrs
import numpy as np
import pytest

from gankit import (
    CohortError,
    InputError,
    Judging,
    RunError,
    load_recipe,
    read_cohort,
    write_cohort,
)
from gankit.recipe.structure import to_document
from gankit.run.model import read_model
from tests.toy import MEASURED
from tests.tuning.conftest import RATE

pytest.importorskip("optuna")


def outcome(result):
    """What a search depends on alone: number, values and readings of each trial."""
    return [(trial.number, trial.values, trial.readings) for trial in result.trials]


# What decides ---------------------------------------------------------------------------------------------


def test_the_best_trial_has_the_least_of_what_is_better_low(search):
    """The reading is that of its training, and the values lie in the range."""
    result = search()
    readings = [trial.reading for trial in result.trials]
    assert readings == sorted(readings)
    assert result.best.reading == readings[0]
    assert len({trial.values[RATE] for trial in result.trials}) == 4
    assert all(1e-4 <= trial.values[RATE] <= 1e-2 for trial in result.trials)


def test_a_trial_is_a_training_with_its_values(search, trainings):
    """The recipe of each run has the value of its trial, and the study's steps."""
    result = search(trials=3, steps=1)
    tried = {trial.number: trial.values[RATE] for trial in result.trials}
    for run in trainings:
        assert run.document["phases"]["unsupervised"]["learning_rate"] == tried[int(run.method[-4:])]
        assert run.recipe.training.steps == 1


def test_what_should_be_as_real_slices_is_measured_by_its_distance(search):
    """The value of the validation slices is the aim."""
    result = search(by="brightness.mean")
    assert result.aim.better == "real"
    assert result.aim.said.startswith("nearer to -0.")
    distances = [abs(trial.reading - result.aim.real) for trial in result.trials]
    assert distances == sorted(distances)


def test_what_is_better_high_is_searched_high(search, monkeypatch, tmp_path):
    """The first trial has the largest reading."""
    numbers = iter((1.0, 3.0, 2.0, 0.5, 0.0))
    (tmp_path / "number").write_text("0")
    monkeypatch.setenv("TOY_FILE", str(tmp_path / "number"))
    monkeypatch.setattr("gankit.tuning.trial._value", lambda *_: next(numbers))
    result = search(by="filed", trials=4)
    assert (result.aim.id, result.aim.better) == ("filed.number", "higher")
    assert [trial.reading for trial in result.trials] == [3.0, 2.0, 1.0, 0.5]


def test_a_declared_aim_counts_before_what_slices_have(search):
    """Kept contrast should be 1, and slices alone have no value of it."""
    with pytest.raises(RunError, match="no trial could be measured; trial 0: .*has no value"):
        search(by="lesion-contrast.adc.test", trials=1)


def test_seeds_are_averaged(search, trainings):
    """Each trial is trained with every seed, and the mean counts."""
    result = search(trials=2, seeds=2, first_seed=5)
    assert [run.seed for run in trainings] == [5, 6, 5, 6]
    for trial in result.trials:
        assert len(trial.readings) == 2
        assert trial.reading == pytest.approx(np.mean(trial.readings))
        assert trial.loss == pytest.approx(trial.reading)


def test_values_that_were_tried_are_not_trained_again(search, trainings):
    """A search of two choices has two trainings; the others say which trial they repeat."""
    result = search(over=["training.batch=4|8"], trials=5)
    assert len(trainings) == 2
    repeated = [trial for trial in result.trials if trial.same_as is not None]
    assert len(repeated) == 3
    by_number = {trial.number: trial for trial in result.trials}
    for trial in repeated:
        assert trial.readings == by_number[trial.same_as].readings
        assert trial.values == by_number[trial.same_as].values


def test_whole_numbers_steps_and_choices_are_what_they_say(search, trainings):
    """A range of a whole number has whole numbers; a choice has its own type."""
    over = {"training.batch": "4..8:2", "augmentation.mirror": "true|false", "latent.dim": "log:2..8"}
    for trial in search(over=over, trials=6).trials:
        assert trial.values["training.batch"] in (4, 6, 8)
        assert type(trial.values["latent.dim"]) is int
        assert isinstance(trial.values["augmentation.mirror"], bool)


# What stays out -------------------------------------------------------------------------------------------


@pytest.fixture
def garbled(tiny_cohort, tmp_path):
    """A file of ``tiny_cohort`` whose test slices are of other people and show something else."""
    test_N = tiny_cohort.split == "test"
    turned = {
        name: attrs.evolve(
            modality,
            values=np.where(test_N[:, None, None, None], modality.values[:, :, ::-1] + 77, modality.values),
        )
        for name, modality in tiny_cohort.modalities.items()
    }
    cohort = attrs.evolve(
        tiny_cohort,
        modalities=turned,
        labels={"cs": np.where(test_N, 1 - tiny_cohort.labels["cs"], tiny_cohort.labels["cs"])},
        patient=np.where(test_N, np.char.add("other-", tiny_cohort.patient), tiny_cohort.patient),
    )
    write_cohort(cohort, tmp_path / "garbled.safetensors")
    return tmp_path / "garbled.safetensors"


def weights(folder):
    """The bytes of every network of every trial."""
    models = sorted(folder.glob("runs/*/model.safetensors"))
    return [{name: values.numpy().tobytes() for name, values in read_model(model)[0].items()} for model in models]


def test_no_trial_depends_on_a_test_slice(search, garbled, tmp_path):
    """With test slices of other people that show something else, digest, weights, readings and best are the same."""
    one = search(out=tmp_path / "one", trials=3)
    other = search(out=tmp_path / "other", trials=3, overrides={"cohort.path": str(garbled)})
    assert one.digest == other.digest
    assert outcome(one) == outcome(other)
    assert len(weights(tmp_path / "one")) == 3
    assert weights(tmp_path / "one") == weights(tmp_path / "other")


def test_a_train_slice_does_matter(search, tiny_cohort, tmp_path):
    """So the test above would see a slice that is read."""
    adc = tiny_cohort.modalities["adc"]
    values = np.where((tiny_cohort.split == "train")[:, None, None, None], adc.values * 0.9, adc.values)
    changed = attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "adc": attrs.evolve(adc, values=values)})
    write_cohort(changed, tmp_path / "changed.safetensors")
    one = search(out=tmp_path / "one", trials=1)
    other = search(out=tmp_path / "two", trials=1, overrides={"cohort.path": str(tmp_path / "changed.safetensors")})
    assert one.digest != other.digest
    assert outcome(one) != outcome(other)


def test_the_cohort_of_trials_has_no_test_patient(search, tiny_cohort, trainings, tmp_path):
    """Trainings read this file, and its test split is validation patients who trained before."""
    search(trials=1)
    cohort = read_cohort(tmp_path / "out/cohort.safetensors")
    assert set(cohort.patient).isdisjoint(tiny_cohort.patient[tiny_cohort.split == "test"])
    assert set(cohort.split) == {"train", "test"}
    (run,) = trainings
    assert str(run.recipe.cohort.path) == str((tmp_path / "out/cohort.safetensors").resolve())


def test_a_validation_split_judges(search, tiny_cohort, tmp_path):
    """Nobody is held out of train, and the result says so."""
    split = np.where(np.isin(tiny_cohort.patient, ["p4", "p5"]), "validation", tiny_cohort.split)
    write_cohort(attrs.evolve(tiny_cohort, split=split), tmp_path / "three.safetensors")
    result = search(trials=1, overrides=[f"cohort.path={tmp_path / 'three.safetensors'}"])
    cohort = read_cohort(tmp_path / "out/cohort.safetensors")
    assert set(cohort.patient[cohort.split == "test"]) == {"p4", "p5"}
    assert result.slices == "validation: the cohort's own split, 6 slices of 2 patients"


@pytest.mark.parametrize("parted", [True, False])
def test_the_cohort_may_be_set_for_all_trials(search, measuring, parted):
    """With keys that a cohort file does not have; the best recipe has that cohort, and trials have theirs."""
    small = {"use": "phantom", "patients_cs": 12, "patients_noncs": 12, "train_cs": 24, "train_noncs": 24}
    small |= {"test_cs": 2, "test_noncs": 2}
    overrides = {f"cohort.{key}": value for key, value in small.items()} if parted else {"cohort": small}
    result = search(recipe="adc-only", trials=1, steps=1, overrides=overrides | {"training.batch": 4})
    assert result.best is not None
    best = load_recipe(result.folder / "best.toml", (), measuring)
    assert to_document(best, measuring.registry)["cohort"]["train_cs"] == 24


def test_validation_slices_judge(search):
    """The real row has as many slices as are held out with the label: one patient of three slices."""
    search(trials=1)
    assert MEASURED[0] == ("real", 3)


@pytest.mark.parametrize("split", ["test", "all", "validation"])
def test_a_recipe_that_trains_on_other_slices_is_refused(recipe, search, split):
    """Those that judge could be among them."""
    with pytest.raises(InputError, match=rf"pools.cs.split: '{split}' in .*tiny.toml; settings are chosen with pools"):
        search(recipe=recipe(**{"pools.cs.split": split}))


@pytest.mark.parametrize(
    "judging",
    [
        {"cohort": "c"},
        {"fresh": "c"},
        {"external": "c"},
        {"metrics": "brightness"},
        {"headline": "brightness"},
        {"seed": 3},
    ],
    ids=str,
)
def test_what_a_study_has_of_its_own_cannot_be_given(search, judging):
    """It would not be used."""
    with pytest.raises(InputError, match=f"`judging`: {next(iter(judging))} cannot be given to a study"):
        search(judging=Judging(**judging))


# Going on -------------------------------------------------------------------------------------------------


def test_a_search_that_goes_on_tries_what_one_at_once_would(search, tmp_path):
    """Two trials, then four, are four."""
    search(out=tmp_path / "parts", trials=2)
    assert outcome(search(out=tmp_path / "parts", trials=4)) == outcome(search(out=tmp_path / "whole", trials=4))


def test_a_search_that_is_done_trains_nothing(search, trainings):
    """And returns the same."""
    once = search(trials=2)
    del trainings[:]
    assert outcome(search(trials=2)) == outcome(once)
    assert trainings == []


def test_a_trial_that_was_left_is_gone_on_with(search, trainings, tmp_path):
    """It keeps its values, and the study is what it would have been."""

    def stop(run):
        if run.method == "trial-0001":
            raise KeyboardInterrupt

    trainings.before = stop
    with pytest.raises(KeyboardInterrupt):
        search(out=tmp_path / "left", trials=3)
    trainings.before = lambda run: None
    assert outcome(search(out=tmp_path / "left", trials=3)) == outcome(search(out=tmp_path / "whole", trials=3))


def test_a_line_that_a_power_cut_left_is_cut_off(search, tmp_path):
    """What it says never happened; the study goes on."""
    search(trials=2)
    journal = tmp_path / "out/journal.log"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"worker_id":"x","st')
    assert outcome(search(trials=3))[-1][2]
    assert journal.read_bytes().startswith(whole)


@pytest.mark.parametrize("damage", [b"not JSON\n", b"{}\n", b"[1]\n", b'{"op_code":99}\n'])
def test_a_damaged_journal_is_refused(search, tmp_path, damage):
    """On one line that names it."""
    search(trials=1)
    journal = tmp_path / "out/journal.log"
    journal.write_bytes(damage + journal.read_bytes())
    with pytest.raises(InputError, match=r"journal.log: damaged, or the journal of another search .*restore it, or"):
        search(trials=2)


def test_a_lost_cohort_is_made_again(search, trainings, tmp_path):
    """From the recipe's, as its digest was."""
    search(trials=1)
    (tmp_path / "out/cohort.safetensors").unlink()
    search(trials=2)
    assert len(trainings) == 2


OTHER = {
    "steps": ({"steps": 1}, "training.steps: 2 there, 1 here"),
    "a key": ({"over": [f"{RATE}=log:1e-4..1e-2", "training.batch=4|8"]}, "training.batch: not searched there, 4|8"),
    "another key": ({"over": ["training.batch=4|8"]}, "log:1e-4..1e-2 there, not searched here"),
    "a range": ({"over": [f"{RATE}=log:1e-4..1e-3"]}, "log:1e-4..1e-2 there, log:1e-4..1e-3 here"),
    "a reading": ({"by": "brightness.mean"}, "by: 'brightness.error' there, 'brightness.mean' here"),
    "seeds": ({"seeds": 2}, "seeds: 1 there, 2 here"),
    "first seed": ({"first_seed": 2}, "first_seed: 0 there, 2 here"),
    "seed": ({"seed": 2}, "seed: 0 there, 2 here"),
    "share": ({"validation": 0.5}, "validation: None there, 0.5 here"),
    "a value": ({"overrides": {"latent.dim": 3}}, "latent.dim: 8 there, 3 here"),
    "slices": ({"judging": Judging(per_set=9)}, "judging.per_set: 8 there, 9 here"),
    "an option": ({"judging": Judging(per_set=8, options={"brightness.scale": 2.0})}, "scale: 1.0 there, 2.0 here"),
}


@pytest.mark.parametrize("what", OTHER)
def test_another_study_in_the_folder_is_refused(search, trainings, what):
    """One line says what differs, before anything is trained."""
    search(trials=1)
    changed, message = OTHER[what]
    with pytest.raises(InputError, match="out: holds another study") as refused:
        search(**changed)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(trainings) == 1


def test_a_cohort_that_changed_is_refused(search, recipe, tiny_cohort, tmp_path):
    """The same file with other train slices."""
    file = tmp_path / "mine.safetensors"
    write_cohort(tiny_cohort, file)
    search(recipe=recipe(**{"cohort.path": str(file)}), trials=1)
    write_cohort(attrs.evolve(tiny_cohort, labels={"cs": 1 - tiny_cohort.labels["cs"]}), file)
    with pytest.raises(InputError, match="holds another study .its cohort has another content: "):
        search(recipe=recipe(**{"cohort.path": str(file)}), trials=2)


@pytest.mark.parametrize("name", ["best.toml", "trials.md", "trials.csv", "journal.log", "cohort.safetensors"])
def test_files_of_someone_else_are_not_written_over(search, trainings, tmp_path, name):
    """A folder with such a file and no study is not the place for one."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(InputError, match=f"`out` .*out: has a {name} but no study, and nothing is written over it"):
        search()
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_a_damaged_study_is_refused(search, tmp_path):
    """On one line that says what to do."""
    search(trials=1)
    file = tmp_path / "out/study.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1', 1))
    with pytest.raises(InputError, match=r"study.json: damaged .*restore it, or tune in another place with `out`"):
        search(trials=2)


# Failures -------------------------------------------------------------------------------------------------


def test_a_trial_that_fails_is_recorded_and_others_go_on(search, trainings, tmp_path):
    """With the reason, after those that were measured."""

    def diverge(run):
        if run.method == "trial-0001":
            raise RunError("phase 'unsupervised': loss is nan at step 2")

    trainings.before = diverge
    result = search(trials=3)
    assert [trial.state for trial in result.trials] == ["measured", "measured", "failed"]
    assert result.trials[2].number == 1
    said = "training of trial-0001-seed0 failed: phase 'unsupervised': loss is nan at step 2"
    assert result.trials[2].reason == said
    assert f"| failed: {said} |" in (tmp_path / "out/trials.md").read_text()


def test_values_that_do_not_fit_together_fail_their_trial(search, trainings):
    """Each fits the recipe alone, so it is seen in the trial."""
    over = ["networks.adc_decoder.factor=2|4", "networks.adc_decoder.start=2|4"]
    result = search(over=over, trials=8)
    failed = [trial for trial in result.trials if trial.state == "failed"]
    assert failed
    assert all(trial.reason.startswith("the values do not fit together: networks.adc_decoder") for trial in failed)
    assert result.best is not None


def test_a_search_of_failures_is_an_error(search, trainings, tmp_path):
    """It names the first reason; the table is there."""

    def diverge(run):
        raise RunError("loss is nan")

    trainings.before = diverge
    with pytest.raises(RunError, match="no trial could be measured; trial 0: .*loss is nan; see trials.md"):
        search(trials=2)
    assert "failed: " in (tmp_path / "out/trials.md").read_text()
    assert not (tmp_path / "out/best.toml").exists()


# Files ----------------------------------------------------------------------------------------------------


def test_the_best_recipe_extends_the_one_that_was_tuned(search, recipe, measuring, tmp_path):
    """With the best values and what was set for all trials, and with the steps and the cohort of the recipe."""
    result = search(overrides=["latent.dim=4"], steps=1, trials=2)
    best = load_recipe(tmp_path / "out/best.toml", (), measuring)
    expected = load_recipe(recipe(), {"latent.dim": 4, **result.best.values}, measuring)
    documents = [to_document(each, measuring.registry) for each in (best, expected)]
    for document in documents:
        document.pop("name"), document.pop("summary", None)
    assert documents[0] == documents[1]
    assert best.name == "tiny-tuned"


def test_every_trial_is_in_both_tables_best_first(search, tmp_path):
    """In figures of all digits in trials.csv."""
    result = search(trials=3)
    with (tmp_path / "out/trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == [trial.number for trial in result.trials]
    assert [float(row["brightness.error"]) for row in rows] == [trial.reading for trial in result.trials]
    assert [float(row[RATE]) for row in rows] == [trial.values[RATE] for trial in result.trials]
    page = (tmp_path / "out/trials.md").read_text()
    assert page.index(f"\n| {result.trials[0].number} |") < page.index(f"\n| {result.trials[2].number} |")


def test_the_table_says_what_it_rests_on(search, tmp_path):
    """The rule, where the slices come from, and the digest of the split."""
    result = search(trials=1)
    page = (tmp_path / "out/trials.md").read_text()
    assert "no test slice was trained on, judged on or read by a trial" in page
    assert f"Digest of train and validation slices: `{result.digest}`" in page
    assert "6 slices of 2 patients are held out of train (share 0.2, seed 0)" in page
    study = json.loads((tmp_path / "out/study.json").read_text())
    assert study["cohort"]["digest"] == result.digest


# What cannot be searched ----------------------------------------------------------------------------------

READINGS = {
    "a metric that is not there": ("britness.error", "`by` britness.error: no metric 'britness'; did you mean 'brigh"),
    "a reading that is not there": ("brightness.eror", "no such reading; did you mean 'brightness.error'?; there are"),
    "several readings": ("brightness", "fits 3 readings, a search needs one: brightness.mean, brightness.error"),
    "a pattern of several": ("brightness.*", "fits 3 readings"),
    "no reading": ("", "`by` must name a reading, as in METRIC.READING, got ''"),
    "blanks": ("  ", "`by` must name a reading"),
    "a number": (3, "`by` must name a reading, as in METRIC.READING, got 3"),
    "an aim that nothing says": ("strange.nan2", "no such reading; did you mean 'strange.nan'?"),
}


@pytest.mark.parametrize("what", READINGS)
def test_a_reading_that_cannot_decide_is_refused(search, trainings, what, tmp_path):
    """Before anything is trained, on one line."""
    by, message = READINGS[what]
    with pytest.raises(InputError) as refused:
        search(by=by)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert trainings == []
    assert not (tmp_path / "out/study.json").exists()


def test_a_reading_without_an_aim_is_refused(search, monkeypatch, measuring):
    """It should be as on real slices, and they have no value of it."""
    toy = measuring.registry.find("brightness", "metric")
    original = toy.measure

    def absent(self, candidate, evaluation):
        for reading in original(self, candidate, evaluation):
            yield attrs.evolve(reading, better="real") if reading.name == "absent" else reading

    monkeypatch.setattr(toy, "measure", absent)
    with pytest.raises(InputError, match="`by` brightness.absent: should be as on real slices, and .*never measured"):
        search(by="brightness.absent")


NUMBERS = {
    "trials": (0, "`trials` must be a whole number of at least 1, got 0"),
    "seeds": (1.5, "`seeds` must be a whole number of at least 1, got 1.5"),
    "first_seed": (-1, "`first_seed` must be a whole number of at least 0, got -1"),
    "seed": (True, "`seed` must be a whole number of at least 0, got True"),
    "steps": ("2", "`steps` must be a whole number of at least 1, got '2'"),
    "jobs": (0, "`jobs` must be a whole number of at least 1, got 0"),
    "validation": (1, "`validation` must be a share above 0 and below 1, got 1"),
    "recipe": (3, "`recipe` must be a TOML file or the name of a shipped recipe, got 3"),
    "out": (3, "`out` must be a path, got 3"),
    "judging": ("brightness", "`judging` must be a gankit.Judging, got 'brightness'"),
    "overrides": ({"training.seed": 3}, "`overrides` training.seed: a study counts seeds up"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_wrong_argument_is_named(search, name):
    """With what is accepted."""
    value, message = NUMBERS[name]
    with pytest.raises(InputError) as refused:
        search(**{name: value})
    assert message in str(refused.value)


def test_steps_given_twice_are_refused(search):
    """One of the two would be unused."""
    with pytest.raises(InputError, match="`steps` and `overrides` training.steps are both given"):
        search(steps=1, overrides={"training.steps": 2})


def test_validation_slices_without_the_label_are_refused(search, tiny_cohort, tmp_path):
    """Nothing could be compared with what the recipe makes."""
    split = np.where(tiny_cohort.patient == "p5", "validation", tiny_cohort.split)
    write_cohort(attrs.evolve(tiny_cohort, split=split), tmp_path / "three.safetensors")
    with pytest.raises(CohortError, match="no complete validation slice has label 'cs' = 1; give a larger share"):
        search(overrides={"cohort.path": str(tmp_path / "three.safetensors")})


def test_without_optuna_one_line_says_how_to_get_it(search, monkeypatch, trainings):
    """Before anything is trained."""
    monkeypatch.setattr("gankit.tuning.journal.importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"^a search needs optuna; pip install 'gankit\[tune\]'$"):
        search()
    assert trainings == []
