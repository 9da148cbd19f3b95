"""``evaluate``: rows and their figures."""

import re
import shutil

import numpy as np
import pytest

from gankit import InputError, Judging, evaluate, load_model, read_evaluation, write_cohort
from tests.evaluation.small import entry, written


def test_a_run_is_judged_beside_real_slices(judge, trained, tmp_path):
    """Rows of the run, of real slices and of augmented ones, with what was trained; the file holds what is returned."""
    document = judge(trained)
    assert [row.name for row in document.rows] == ["run", "real", "augmented real"]
    assert read_evaluation(tmp_path / "out") == document
    run = document.row("run")
    assert {key: getattr(run, key) for key in ("kind", "recipe", "seed", "steps", "device", "slices")} == {
        "kind": "model", "recipe": "mpmri-paper", "seed": 0, "steps": 2, "device": "cpu", "slices": 12,
    }  # fmt: skip
    assert run.wall_s > 0
    assert [len(row.sets) for row in document.rows] == [3, 1, 3]


def test_mean_and_sd_are_over_sets_and_intervals_over_patients_or_sets(judge, trained):
    """The figures are those of the sets, recomputed here."""
    run = judge(trained).row("run")
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


def test_the_slices_are_those_that_sampling_gives(judge, trained, measuring):
    """A set is what ``Model.cohort`` gives for the set's seed."""
    from gankit.evaluation.judging import Sets
    from gankit.evaluation.subjects import latents_seed

    run = judge(trained).row("run")
    model = load_model(trained, plugins=measuring)
    cohort = model.cohort(12, latents_seed(Sets(size=12), 1))
    images = [spec.to_network(cohort.modalities[name].values) for name, spec in model.recipe.modalities.items()]
    assert run.sets[1].readings[0].value == pytest.approx(np.mean(images), abs=1e-5)


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
    synthetic.unlink()
    assert judge(tiny_cohort_file, cohort=tiny_cohort_file, sets=None, per_set=None).row("tiny").slices == 9


def test_a_folder_keeps_the_evaluation_of_another_target(judge, trained, measuring, tmp_path):
    """The same target is judged again, and so is one whose file is gone; a folder within a run is the run's."""
    other = shutil.copytree(trained, tmp_path / "other")
    judge(trained, sets=1)
    judge(trained, sets=2)
    before = (tmp_path / "out/evaluation.json").read_bytes()
    with pytest.raises(InputError, match="holds the evaluation of .*; name another folder"):
        judge(other, sets=1)
    assert (tmp_path / "out/evaluation.json").read_bytes() == before
    shutil.copytree(tmp_path / "out", other / "evaluation")
    judging = Judging(metrics=("brightness",), sets=1, per_set=12, replicates=20)
    evaluate(other, other / "evaluation", judging=judging, plugins=measuring, quiet=True)


@pytest.mark.parametrize("name", ["evaluation.json", "evaluation.md"])
def test_files_of_someone_else_are_not_replaced(judge, trained, tmp_path, name):
    """Before anything is measured."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(InputError, match=f"{name}: is there already and was not made by gankit"):
        judge(trained)
    assert (tmp_path / "out" / name).read_text() == "mine"


def test_a_recipe_gives_a_cohort_the_range_of_its_model(judge, trained, measuring, tmp_path):
    """Slices judged as a file read as those of the model do."""
    model = load_model(trained, plugins=measuring)
    write_cohort(model.cohort(10, 0), tmp_path / "synthetic.safetensors")
    lock = str(trained / "recipe.lock.toml")
    document = judge(tmp_path / "synthetic.safetensors", recipe=lock, sets=None, per_set=None)
    assert document.settings.modalities["adc"].range == model.recipe.modalities["adc"].range


def test_json_is_strict(judge, trained, tmp_path):
    """NaN becomes null with a note."""
    nan = entry(judge(trained, metrics=("strange",)).row("run"), "strange.nan")
    assert (nan.mean, nan.interval, nan.notes) == (None, None, ("not finite",))
    assert "NaN" not in (tmp_path / "out/evaluation.json").read_text()


def test_settings_say_the_sets_that_were_judged(judge, tiny_cohort, tiny_cohort_file, tmp_path):
    """Of a cohort, one of all its slices."""
    candidates = written(tiny_cohort, tmp_path / "made.safetensors", synthetic=True)
    settings = judge(candidates, cohort=tiny_cohort_file, sets=None, per_set=None).settings
    chosen = (tiny_cohort.labels["cs"] == 1).sum()
    assert (settings.sets, settings.per_set) == (1, chosen)


def test_a_function_that_is_quiet_prints_nothing(trained, measuring, capfd, tmp_path):
    """Nor does any metric."""
    judging = Judging(metrics="brightness", sets=1, per_set=8)
    evaluate(trained, tmp_path, judging=judging, plugins=measuring, quiet=True)
    assert capfd.readouterr() == ("", "")


def test_an_evaluation_says_what_each_metric_took(trained, measuring, capfd, tmp_path):
    """In processor seconds, over all sets; nothing where all readings are there already."""
    judging = Judging(metrics=["brightness", "high-frequency"], sets=1, per_set=12, replicates=20)
    for said in (1, 0):
        evaluate(trained, tmp_path, judging=judging, plugins=measuring)
        lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("processor seconds")]
        assert len(lines) == said
        assert all(
            re.search(r": (brightness|high-frequency) \d+\.\d, (brightness|high-frequency) \d+\.\d$", line)
            for line in lines
        )
