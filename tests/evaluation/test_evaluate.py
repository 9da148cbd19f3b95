"""``gankit evaluate``: rows, figures, what is kept, and what is refused before any work."""

import json
import shutil

import attrs
import numpy as np
import pytest
import tomli_w
from click.testing import CliRunner

from gankit import (
    CohortError,
    InputError,
    Judging,
    Modality,
    PluginError,
    Plugins,
    evaluate,
    load_model,
    read_evaluation,
    train,
    write_cohort,
)
from gankit.cli import main
from gankit.recipe.structure import to_document
from tests.toy import MEASURED

SMALL = {"metrics": ("brightness",), "sets": 3, "per_set": 12, "replicates": 20}


@pytest.fixture
def judge(measuring, tmp_path):
    """``judge(target, recipe=None, **judging)``: the result of a small evaluation."""

    def run(target, recipe=None, **judging):
        asked = Judging(**{**SMALL, **judging})
        return evaluate(target, tmp_path / "out", judging=asked, recipe=recipe, plugins=measuring, quiet=True)

    return run


def row(result, name):
    return result.row(name)


def entry(row, name):
    return next(summary for summary in row.summary if summary.id == name)


def written(cohort, path, **changes):
    write_cohort(attrs.evolve(cohort, **changes), path)
    return path


def test_a_run_is_judged_beside_real_slices(judge, trained, tmp_path):
    """Rows of the run, of real slices and of augmented ones, with what was trained; the file holds what is returned."""
    document = judge(trained)
    assert [row.name for row in document.rows] == ["run", "real", "augmented real"]
    assert read_evaluation(tmp_path / "out") == document
    run = row(document, "run")
    assert {key: getattr(run, key) for key in ("kind", "recipe", "seed", "steps", "device", "slices")} == {
        "kind": "model", "recipe": "mpmri", "seed": 0, "steps": 2, "device": "cpu", "slices": 12,
    }  # fmt: skip
    assert run.wall_s > 0
    assert [len(row.sets) for row in document.rows] == [3, 1, 3]


def test_mean_and_sd_are_over_sets_and_intervals_over_patients_or_sets(judge, trained):
    """The figures are those of the sets, recomputed here."""
    run = row(judge(trained), "run")
    readings = [judged.readings[0] for judged in run.sets]
    values = [reading.value for reading in readings]
    assert len(set(values)) == 3
    mean = entry(run, "brightness.mean")
    assert (mean.n, mean.mean, mean.sd) == (
        3,
        pytest.approx(np.mean(values)),
        pytest.approx(np.std(values, ddof=1)),
    )
    assert mean.interval == pytest.approx(np.mean([reading.interval for reading in readings], axis=0))
    assert (mean.interval_of, entry(run, "brightness.error").interval_of) == ("patients", "sets")
    absent = entry(run, "brightness.absent")
    assert (absent.mean, absent.interval, absent.n, absent.notes) == (None, None, 0, ("never measured",))


def test_fewer_patients_than_show_a_spread_have_no_interval(judge, trained):
    """Each synthetic slice is a patient: the mean of four is measured, no interval is made up, the note says why."""
    run = row(judge(trained, per_set=4), "run")
    means = [reading for judged in run.sets for reading in judged.readings if reading.name == "mean"]
    assert all(reading.value is not None and reading.interval is None for reading in means)
    assert {reading.note for reading in means} == {"no interval from fewer than 5 patients"}


def test_the_slices_are_those_that_sampling_gives(judge, trained, measuring):
    """A set is what ``Model.cohort`` gives for the set's seed."""
    from gankit.evaluation.judging import Sets
    from gankit.evaluation.subjects import latents_seed

    run = row(judge(trained), "run")
    model = load_model(trained, plugins=measuring)
    cohort = model.cohort(12, latents_seed(Sets(size=12), 1))
    images = [spec.to_network(cohort.modalities[name].values) for name, spec in model.recipe.modalities.items()]
    assert run.sets[1].readings[0].value == pytest.approx(np.mean(images), abs=1e-5)


def test_without_fresh_patients_the_floor_is_the_test_and_says_so(judge, trained):
    """3 test slices with cancer, compared with themselves."""
    real = row(judge(trained), "real")
    assert real.slices == 3
    assert real.note == "no fresh patients: the real test slices, compared with themselves; only 3 slices"
    assert entry(real, "brightness.error").mean == pytest.approx(0, abs=1e-6)


def test_fresh_patients_are_the_floor(judge, trained, tiny_cohort, tmp_path):
    """Their train slices with the label, in disjoint sets."""
    fresh = written(tiny_cohort, tmp_path / "fresh.safetensors", patient=np.char.add("f", tiny_cohort.patient))
    real = row(judge(trained, fresh=fresh, per_set=4), "real")
    assert (real.slices, len(real.sets), real.note) == (4, 2, "")


def test_what_is_measured_is_not_measured_again(judge, trained):
    """Only what is new: another metric, more sets, another option; the figures stay the same."""
    first = judge(trained)
    assert len(MEASURED) == 7
    assert judge(trained) == first
    assert len(MEASURED) == 7
    more = judge(trained, sets=4)
    assert MEASURED[7:] == [("run", 12), ("augmented real", 12)]
    assert row(more, "run").sets[:3] == row(first, "run").sets
    judge(trained, metrics=("brightness", "strange"), sets=4)
    assert len(MEASURED) == 9
    doubled = judge(trained, options=("brightness.scale=2",))
    assert len(MEASURED) == 16
    assert entry(row(doubled, "run"), "brightness.mean").mean == pytest.approx(
        2 * entry(row(first, "run"), "brightness.mean").mean
    )


def test_what_a_plugin_of_another_version_measures_is_measured_anew(trained, measuring, monkeypatch, tmp_path):
    """Its code may be another; readings of other plugins stay."""
    judging = Judging(metrics=["brightness", "high-frequency"], sets=1, per_set=12, replicates=20)

    def evaluated():
        evaluate(trained, tmp_path, judging=judging, plugins=measuring, quiet=True)
        return len(MEASURED)

    count = evaluated()
    assert evaluated() == count
    kept = (tmp_path / "readings/run-set0.json").read_text()
    upgraded = {**measuring.distributions, "toy": "toy 2.0"}
    monkeypatch.setattr(Plugins, "distributions", property(lambda self: upgraded))
    assert evaluated() == 2 * count
    texts = kept, (tmp_path / "readings/run-set0.json").read_text()
    before, after = (json.loads(text)["metrics"] for text in texts)
    assert before["brightness"]["key"] != after["brightness"]["key"]
    assert before["high-frequency"] == after["high-frequency"]


def test_an_interrupted_evaluation_keeps_what_is_finished(judge, trained, monkeypatch):
    """Ctrl-C within the fourth set: three are kept, and the figures are those of an evaluation that was not stopped."""
    from gankit import Evaluation

    stacked, calls = Evaluation.stacked, []

    def interrupting(self, cohort, *modalities):
        calls.append(len(cohort))
        if len(calls) == 7:  # each measurement stacks the candidate and the test
            raise KeyboardInterrupt
        return stacked(self, cohort, *modalities)

    monkeypatch.setattr(Evaluation, "stacked", interrupting)
    with pytest.raises(KeyboardInterrupt):
        judge(trained)
    done = judge(trained)
    assert [name for name, _ in MEASURED] == ["run"] * 3 + ["real"] * 2 + ["augmented real"] * 3
    monkeypatch.setattr(Evaluation, "stacked", stacked)
    assert entry(row(done, "run"), "brightness.mean").n == 3


def test_a_damaged_file_is_measured_again(judge, trained, tmp_path):
    """A reading that was cut short costs its own set alone."""
    first = judge(trained)
    (tmp_path / "out/readings/run-set1.json").write_text('{"metrics": {"brig')
    assert judge(trained) == first
    assert len(MEASURED) == 8


def test_a_model_trained_on_is_judged_anew(judge, trained, tmp_path):
    """Readings belong to the weights, not to the name of the run."""
    run = shutil.copytree(trained, tmp_path / "run")
    judge(run)
    from gankit import train
    from gankit.recipe.file import load_recipe

    train(load_recipe(run / "recipe.lock.toml", {"training.steps": 3}), run, quiet=True)
    assert row(judge(run), "run").steps == 3
    assert [name for name, _ in MEASURED[7:]] == ["run"] * 3


def test_a_cohort_is_one_set_of_all_its_slices(judge, trained, measuring, tiny_cohort_file, tmp_path):
    """Unless sets are asked for; a real one gives its train slices with the label."""
    synthetic = tmp_path / "synthetic.safetensors"
    write_cohort(load_model(trained, plugins=measuring).cohort(10, 0), synthetic)
    whole = judge(synthetic, cohort=tiny_cohort_file, sets=None, per_set=None)
    assert [(each.name, each.kind, each.slices, len(each.sets)) for each in whole.rows] == [
        ("synthetic", "cohort", 10, 1), ("real", "real", 3, 1), ("augmented real", "augmented real", 10, 1),
    ]  # fmt: skip
    halves = judge(synthetic, cohort=tiny_cohort_file, sets=2, per_set=5)
    assert [each.slices for each in halves.rows] == [5, 3, 5]
    assert row(judge(tiny_cohort_file, cohort=tiny_cohort_file, sets=None, per_set=None), "tiny").slices == 9


def test_a_recipe_gives_a_cohort_the_range_of_its_model(judge, trained, measuring, tmp_path):
    """Slices judged as a file read as those of the model do."""
    model = load_model(trained, plugins=measuring)
    write_cohort(model.cohort(10, 0), tmp_path / "synthetic.safetensors")
    lock = str(trained / "recipe.lock.toml")
    document = judge(tmp_path / "synthetic.safetensors", recipe=lock, sets=None, per_set=None)
    assert document.settings.modalities["adc"].range == model.recipe.modalities["adc"].range


def test_json_is_strict(judge, trained, tmp_path):
    """NaN becomes null with a note."""
    nan = entry(row(judge(trained, metrics=("strange",)), "run"), "strange.nan")
    assert (nan.mean, nan.interval, nan.notes) == (None, None, ("not finite",))
    assert "NaN" not in (tmp_path / "out/evaluation.json").read_text()


def test_a_metric_that_names_two_readings_alike_is_blamed(judge, trained):
    """By its name."""
    with pytest.raises(PluginError, match="metric 'strange' of plugin 'toy' returned reading 'strange.nan' twice"):
        judge(trained, metrics=("strange",), options=("strange.twice=true",))


# Refused --------------------------------------------------------------------------------------------------


def renamed(cohort, **names):
    return {names.get(name, name): modality for name, modality in cohort.modalities.items()}


REFUSED = {
    "a candidate without a modality": (
        lambda c: {"modalities": {"adc": c.modalities["adc"], "dwi": c.modalities["t2w"]}, "synthetic": True},
        "has modality 'dwi', the real cohort has adc, t2w",
    ),
    "a candidate in another unit": (
        lambda c: {"modalities": c.modalities | {"adc": Modality.of(c.modalities["adc"].values, "mm2/s")}},
        "adc is in 'mm2/s', wanted '1e-6 mm2/s'",
    ),
    "a candidate that is larger": (
        lambda c: {
            "modalities": {name: Modality.of(np.zeros((24, 32, 32)), m.unit) for name, m in c.modalities.items()},
            "synthetic": True,
        },
        "the real cohort: modalities.adc.shape: the cohort's slices are 1 x 16 x 16, wanted are 1 x 32 x 32",
    ),
    "a candidate whose modalities differ in size": (
        lambda c: {
            "modalities": c.modalities | {"adc": Modality.of(np.zeros((24, 8, 8)), "1e-6 mm2/s")},
            "synthetic": True,
        },
        "judged together at one size, found adc 1 x 8 x 8, t2w 1 x 16 x 16; choose those of one size with `modalities`",
    ),
    "a real candidate without the label": (lambda c: {"labels": {}}, "no label 'cs'; it has none"),
    "a real candidate without slices of the label": (
        lambda c: {"labels": {"cs": 0 * c.labels["cs"]}},
        "none of its 18 complete slices is with label 'cs' = 1",
    ),
    "a real candidate with test patients in training": (
        lambda c: {"split": np.full(24, "train")},
        "1 of its train patients are in the test split of the real or the fresh cohort, the first is 'p6'",
    ),
    "a candidate of too few slices": (lambda c: {"synthetic": True}, "12 slices can be judged, 3 disjoint sets of 12"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_candidate_that_does_not_fit_is_refused_before_work(what, judge, tiny_cohort, tiny_cohort_file, tmp_path):
    """One line that says what was found."""
    changes, message = REFUSED[what]
    candidate = written(tiny_cohort, tmp_path / "candidate.safetensors", **changes(tiny_cohort))
    with pytest.raises(InputError, match=message) as caught:
        judge(candidate, cohort=tiny_cohort_file)
    assert "\n" not in str(caught.value)
    assert MEASURED == []
    assert not (tmp_path / "out").exists()


REFUSED_REAL = {
    "synthetic": (lambda c: {"synthetic": True}, "the real cohort is marked synthetic"),
    "no train": (lambda c: {"split": np.full(24, "test")}, "no complete train slice with label 'cs' = 1"),
    "no label": (lambda c: {"labels": {"cancer": c.labels["cs"]}}, "the real cohort: no label 'cs'; it has cancer"),
    "no modality": (lambda c: {"modalities": renamed(c, t2w="t1w")}, "no modality 't2w'; did you mean 't1w'"),
}


@pytest.mark.parametrize("what", REFUSED_REAL)
def test_a_real_cohort_that_does_not_fit_is_refused_before_work(what, judge, trained, tiny_cohort, tmp_path):
    """One line that says what was found."""
    changes, message = REFUSED_REAL[what]
    real = written(tiny_cohort, tmp_path / "real.safetensors", **changes(tiny_cohort))
    with pytest.raises(InputError, match=message):
        judge(trained, cohort=real)
    assert MEASURED == []


def test_a_real_cohort_without_test_slices_is_judged_by_the_metrics_that_need_none(
    judge, trained, tiny_cohort, tmp_path
):
    """The others say what they lack, and the table why there is no row of real slices."""
    metrics = ("high-frequency", "memorisation", "pair-consistency", "sca")
    real = written(tiny_cohort, tmp_path / "real.safetensors", split=np.full(24, "train"))
    document = judge(trained, cohort=real, metrics=metrics)
    assert [row.name for row in document.rows] == ["run", "augmented real"]
    measured = {entry.metric for entry in row(document, "run").summary if entry.mean is not None}
    assert measured == {"high-frequency"}
    page = (tmp_path / "out/evaluation.md").read_text()
    assert "No row of real slices: none with cs = 1 is in the test split or of fresh patients." in page
    assert "memorisation: not measured: the real cohort has no complete test slice with label 'cs' = 1" in page


def test_fresh_patients_must_be_others(judge, trained, tiny_cohort_file):
    """The cohort itself is not fresh."""
    with pytest.raises(InputError, match="the fresh cohort shares 8 patients with the real one, the first is 'p0'"):
        judge(trained, fresh=tiny_cohort_file)


def test_a_real_cohort_whose_test_slices_a_model_was_trained_on_is_refused(judge, trained, tiny_cohort, tmp_path):
    """Its train and test exchanged; names of patients are no help where another import gave others."""
    swapped = np.where(tiny_cohort.split == "train", "test", "train")
    renamed = np.char.add("other-", tiny_cohort.patient)
    real = written(tiny_cohort, tmp_path / "swapped.safetensors", split=swapped, patient=renamed)
    with pytest.raises(InputError, match="was trained on 18 test slices of the real cohort, the first of patient"):
        judge(trained, cohort=real)
    assert MEASURED == []


def test_where_the_training_cohort_is_gone_the_row_says_what_was_not_looked_at(
    judge, plugins, tiny_recipe, tiny_cohort, tiny_cohort_file, tmp_path
):
    """A model that somebody else trained can be judged on one's own patients."""
    recipe = tiny_recipe(**{"training.steps": 2, "cohort.path": "gone.safetensors"})
    run = train(recipe, tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)
    note = row(judge(run.path, cohort=tiny_cohort_file), "run").note
    assert note == "its training cohort is not at hand: whether test slices are in it is unknown"


def test_a_recipes_cohort_is_looked_through_as_a_file_is(judge, trained, plugins, tiny_recipe, tiny_cohort, tmp_path):
    """``--recipe`` names another real side as well as ``--cohort`` does."""
    swapped = np.where(tiny_cohort.split == "train", "test", "train")
    file = written(tiny_cohort, tmp_path / "swapped.safetensors", split=swapped)
    other = tmp_path / "other.toml"
    other.write_text(tomli_w.dumps(to_document(tiny_recipe(**{"cohort.path": str(file)}), plugins.registry)))
    with pytest.raises(InputError, match="was trained on 18 test slices of the real cohort"):
        judge(trained, recipe=str(other))


def test_a_model_whose_pools_hold_test_slices_is_refused(judge, plugins, tiny_recipe, tiny_cohort, tmp_path):
    """A recipe may train on everything, but is not judged on it then."""
    recipe = tiny_recipe(**{"training.steps": 2, "pools.cs.split": "all"})
    run = train(recipe, tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)
    with pytest.raises(InputError, match="was trained on 3 test slices of the real cohort"):
        judge(run.path)


def test_a_cohort_that_has_changed_since_training_is_said_in_the_row(
    judge, plugins, tiny_recipe, tiny_cohort, tmp_path
):
    """Imported anew, its test slices may be what the run was trained on."""
    file = written(tiny_cohort, tmp_path / "cohort.safetensors")
    recipe = tiny_recipe(**{"training.steps": 2, "cohort.path": str(file)})
    run = train(recipe, tmp_path / "run", plugins=plugins, quiet=True)
    assert row(judge(run.path), "run").note == ""
    written(tiny_cohort, file, split=np.where(tiny_cohort.split == "train", "test", "train"))
    assert row(judge(run.path), "run").note.startswith("its cohort has changed since it was trained")


def test_real_candidates_of_fresh_test_patients_are_refused(judge, tiny_cohort, tiny_cohort_file, tmp_path):
    """They would be judged on themselves."""
    others = np.char.add("f", tiny_cohort.patient)
    fresh = written(tiny_cohort, tmp_path / "fresh.safetensors", patient=others)
    tested = others[tiny_cohort.split == "test"]
    split = np.where(np.isin(others, tested), "train", "test")
    candidates = written(tiny_cohort, tmp_path / "candidates.safetensors", patient=others, split=split)
    with pytest.raises(InputError, match="train patients are in the test split of the real or the fresh cohort"):
        judge(candidates, cohort=tiny_cohort_file, fresh=fresh, sets=None, per_set=None)


def test_a_target_named_as_a_reference_row_keeps_its_own_row(judge, trained, tmp_path):
    """Rows have names of their own, or they would overwrite each other's readings."""
    shutil.copytree(trained, tmp_path / "real")
    first = judge(tmp_path / "real")
    assert [row.name for row in first.rows] == ["real (judged)", "real", "augmented real"]
    count = len(MEASURED)
    assert judge(tmp_path / "real") == first
    assert len(MEASURED) == count


def test_settings_say_the_sets_that_were_judged(judge, tiny_cohort, tiny_cohort_file, tmp_path):
    """Of a cohort, one of all its slices."""
    candidates = written(tiny_cohort, tmp_path / "made.safetensors", synthetic=True)
    settings = judge(candidates, cohort=tiny_cohort_file, sets=None, per_set=None).settings
    chosen = (tiny_cohort.labels["cs"] == 1).sum()
    assert (settings.sets, settings.per_set) == (1, chosen)


def test_a_file_that_the_environment_names_is_read_when_it_comes(judge, trained, monkeypatch, tmp_path):
    """What could not be measured without it is measured then; one that is absent is refused before any work."""
    monkeypatch.delenv("TOY_FILE", raising=False)
    lacking = entry(row(judge(trained, metrics=("filed",)), "run"), "filed.number")
    assert (lacking.mean, lacking.notes) == (None, ("set TOY_FILE",))
    file = tmp_path / "number.txt"
    monkeypatch.setenv("TOY_FILE", str(file))
    with pytest.raises(InputError, match=r"metric 'filed' reads .*number.txt: no such file"):
        judge(trained, metrics=("filed",))
    file.write_text("4")
    assert entry(row(judge(trained, metrics=("filed",)), "run"), "filed.number").mean == 4


def test_a_model_of_another_label_is_refused(judge, trained):
    """It makes slices with cancer."""
    with pytest.raises(InputError, match="its recipe makes slices with 'cs' = 1, asked for are slices with 'cs' = 0"):
        judge(trained, label="cs=0")


def test_modalities_that_are_not_judged_may_be_others(judge, tiny_cohort, tmp_path):
    """A candidate may have one that the real cohort lacks, or has on no slice."""
    adc, t2w = (tiny_cohort.modalities[name] for name in ("adc", "t2w"))
    absent = attrs.evolve(adc, present=np.zeros(len(tiny_cohort), dtype=bool))
    write_cohort(
        attrs.evolve(tiny_cohort, modalities={"adc": adc, "t2w": t2w, "dce": t2w}), tmp_path / "own.safetensors"
    )
    write_cohort(attrs.evolve(tiny_cohort, modalities={"adc": absent, "t2w": t2w}), tmp_path / "real.safetensors")
    asked = {"cohort": tmp_path / "real.safetensors"}
    with pytest.raises(CohortError, match="has modality 'adc', which no slice of the real cohort has; choose those to"):
        judge(tmp_path / "own.safetensors", **asked)
    with pytest.raises(CohortError, match="has modality 'dce', the real cohort has adc, t2w"):
        judge(tmp_path / "own.safetensors", modalities=("t2w", "dce"), **asked)
    document = judge(tmp_path / "own.safetensors", modalities=("t2w",), sets=None, per_set=None, **asked)
    assert list(document.settings.modalities) == ["t2w"]


def test_nan_images_are_refused(judge, tiny_cohort, tiny_cohort_file, tmp_path):
    """A cohort that a later program has spoilt is named with its slice."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(tiny_cohort_file, framework="numpy") as file:
        arrays, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    arrays["modality.adc"][3] = np.nan
    save_file(arrays, tmp_path / "nan.safetensors", metadata=metadata)
    with pytest.raises(
        InputError, match=r"nan\.safetensors: .*'adc' has NaN or infinite values in 1 slices, the first is slice 3"
    ):
        judge(tmp_path / "nan.safetensors", cohort=tiny_cohort_file)


WRONG = {
    "none -o out": "Error: none: no such run or file",
    "RUN -o out --metrics brightnes": "Error: no metric named 'brightnes'; did you mean 'brightness'?",
    "RUN -o out --metrics brightness --option brightness.scal=2": "brightness.scal: unknown key; did you mean 'scale'?",
    "RUN -o out --metrics brightness --option brightness.scale=-1": "brightness.scale: must be > 0, got -1",
    "RUN -o out --metrics brightness --option bright.scale=2": "--option bright.scale: must be METRIC.OPTION;",
    "RUN -o out --metrics brightness --headline fidd.x": "Error: --headline fidd.x: no such metric; the metrics are",
    "RUN -o out --metrics brightness --headline brightnes": "no such metric; did you mean 'brightness'?",
    "RUN -o out --metrics brightness --modalities acd": "--modalities acd: no such modality; did you mean 'adc'?",
    "RUN -o out --metrics brightness --label cs=2": "Error: --label cs=2: must be NAME, NAME=1 or NAME=0",
    "RUN -o out --metrics brightness --cohort none": "Error: none: no such cohort file",
    "COHORT -o out --metrics brightness": "give their cohort file as --cohort, or a recipe as --recipe",
    "RUN/metrics.jsonl -o out": "metrics.jsonl: not a readable cohort file",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_one_message(line, measuring, trained, tiny_cohort_file, monkeypatch, tmp_path):
    """Exit code 2 and nothing written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gankit.cli.evaluate.plugins", lambda: measuring)
    words = line.replace("RUN", str(trained)).replace("COHORT", str(tiny_cohort_file)).split()
    result = CliRunner().invoke(main, ["evaluate", *words])
    assert result.exit_code == 2
    assert WRONG[line] in result.output.replace(f"{trained}/", "")
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_the_headline_and_writes_a_table(measuring, trained, monkeypatch, tmp_path):
    """One line a row; the table says what is better, how many sets there are and who the patients were."""
    monkeypatch.setattr("gankit.cli.evaluate.plugins", lambda: measuring)
    options = [
        "--metrics",
        "brightness",
        "--headline",
        "*.error",
        "--sets",
        "2",
        "--per-set",
        "8",
        "--replicates",
        "20",
    ]
    result = CliRunner().invoke(main, ["evaluate", str(trained), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    assert "run: brightness.error 0." in result.output
    text = (tmp_path / "out/evaluation.md").read_text()
    assert "| brightness.error ↓ | seeds | steps | training | device |" in text
    assert "adc, t2w judged against 24 real slices of 8 patients (a disc with a spot) and no fresh patients" in text
    assert "real: no fresh patients" in text


def test_a_metrics_name_is_all_of_its_readings_and_what_is_none_is_said(measuring, trained, monkeypatch, tmp_path):
    """In the short table; a misspelt reading costs no measurement."""
    monkeypatch.setattr("gankit.cli.evaluate.plugins", lambda: measuring)
    options = ["--metrics", "brightness", "--headline", "brightness,brightness.eror", "--sets", "1", "--per-set", "8"]
    result = CliRunner().invoke(main, ["evaluate", str(trained), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("run: "))
    assert "brightness.error 0." in line
    assert "brightness.mean" in line
    assert "warning: --headline brightness.eror: no such reading; did you mean 'brightness.error'?" in result.output


def test_the_command_says_why_a_metric_has_no_figure(measuring, trained, monkeypatch, tmp_path):
    """One line, after those of the rows and under the table; a metric with one figure has none."""
    monkeypatch.setattr("gankit.cli.evaluate.plugins", lambda: measuring)
    options = ["--metrics", "brightness,filed,lesion-contrast", "--sets", "1", "--per-set", "8"]
    result = CliRunner().invoke(main, ["evaluate", str(trained), "-o", str(tmp_path / "out"), *options])
    assert result.exit_code == 0, result.output
    assert "filed: not measured: set TOY_FILE\n" in result.output
    assert "brightness: not measured" not in result.output
    assert "\nfiled: not measured: set TOY_FILE.\n" in (tmp_path / "out/evaluation.md").read_text()


@pytest.mark.parametrize("given", [["a,b, c"], ["a", "b,c"], ["a", "b", "c"]])
def test_names_are_separated_by_commas_or_given_many_times(monkeypatch, tmp_path, given):
    """None of them is lost."""
    asked = []

    def evaluate(target, out, *, judging, **_):
        asked.append(judging)
        raise InputError("enough")

    monkeypatch.setattr("gankit.evaluation.evaluate.evaluate", evaluate)
    options = [word for names in given for word in ("--metrics", names)]
    CliRunner().invoke(main, ["evaluate", "run", "-o", str(tmp_path / "out"), *options])
    assert asked[0].metrics == ("a", "b", "c")
