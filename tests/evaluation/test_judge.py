"""What is measured is kept, and measured anew where anything that it follows from is another."""

import json
import shutil

import pytest

from gankit import FileWarning, InputError, Judging, PluginError, Plugins, Reading, evaluate, train
from tests.damage import flipped, spoilt
from tests.evaluation.small import entry
from tests.toy import MEASURED


def test_what_is_measured_is_not_measured_again(judge, trained):
    """Only what is new: another metric, more sets, another option; the figures stay the same."""
    first = judge(trained)
    assert len(MEASURED) == 7
    assert judge(trained) == first
    assert len(MEASURED) == 7
    more = judge(trained, sets=4)
    assert MEASURED[7:] == [("run", 12), ("augmented real", 12)]
    assert more.row("run").sets[:3] == first.row("run").sets
    judge(trained, metrics=("brightness", "strange"), sets=4)
    assert len(MEASURED) == 9
    doubled = judge(trained, options=("brightness.scale=2",))
    assert len(MEASURED) == 16
    assert entry(doubled.row("run"), "brightness.mean").mean == pytest.approx(
        2 * entry(first.row("run"), "brightness.mean").mean
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
    assert entry(done.row("run"), "brightness.mean").n == 3


def test_a_damaged_file_is_named_and_measured_again(judge, trained, tmp_path):
    """A reading of which one bit is another, or that was cut short, costs its own set alone."""
    first = judge(trained)
    file = tmp_path / "out/readings/run-set1.json"
    content = file.read_bytes()
    for count, damaged in enumerate((*flipped(content, 4), *spoilt(content).values()), start=8):
        file.write_bytes(damaged)
        with pytest.warns(FileWarning, match=r"run-set1\.json: damaged .*; it is measured again") as warned:
            assert judge(trained) == first
        assert len(warned) == 1
        assert len(MEASURED) == count
        assert file.read_bytes() == content


def test_readings_of_before_digests_are_read_with_a_warning(judge, trained, tmp_path):
    """Nothing is measured again."""
    first = judge(trained)
    file = tmp_path / "out/readings/run-set1.json"
    file.write_text(json.dumps({"metrics": json.loads(file.read_text())["metrics"]}))
    with pytest.warns(FileWarning, match=r"run-set1\.json: has no digest, as files of earlier versions") as warned:
        assert judge(trained) == first
    assert (len(warned), len(MEASURED)) == (1, 7)


def test_a_model_trained_on_is_judged_anew(judge, trained, tmp_path):
    """Readings belong to the weights, not to the name of the run."""
    run = shutil.copytree(trained, tmp_path / "run")
    judge(run)
    from gankit.recipe.file import load_recipe

    train(load_recipe(run / "recipe.lock.toml", {"training.steps": 3}), run, quiet=True)
    assert judge(run).row("run").steps == 3
    assert [name for name, _ in MEASURED[7:]] == ["run"] * 3


def test_a_file_that_the_environment_names_is_read_when_it_comes(judge, trained, monkeypatch, tmp_path):
    """What could not be measured without it is measured then; one that is absent is refused before any work."""
    monkeypatch.delenv("TOY_FILE", raising=False)
    lacking = entry(judge(trained, metrics=("filed",)).row("run"), "filed.number")
    assert (lacking.mean, lacking.notes) == (None, ("set TOY_FILE",))
    file = tmp_path / "number.txt"
    monkeypatch.setenv("TOY_FILE", str(file))
    with pytest.raises(InputError, match=r"metric 'filed' reads .*number.txt: no such file"):
        judge(trained, metrics=("filed",))
    file.write_text("4")
    assert entry(judge(trained, metrics=("filed",)).row("run"), "filed.number").mean == 4


def test_a_target_named_as_a_reference_row_keeps_its_own_row(judge, trained, tmp_path):
    """Rows have names of their own, or they would overwrite each other's readings."""
    shutil.copytree(trained, tmp_path / "real")
    first = judge(tmp_path / "real")
    assert [row.name for row in first.rows] == ["real (judged)", "real", "augmented real"]
    count = len(MEASURED)
    assert judge(tmp_path / "real") == first
    assert len(MEASURED) == count


def test_a_metric_that_names_two_readings_alike_is_blamed(judge, trained):
    """By its name."""
    with pytest.raises(PluginError, match="metric 'strange' of plugin 'toy' returned reading 'strange.nan' twice"):
        judge(trained, metrics=("strange",), options=("strange.twice=true",))


def test_fewer_patients_than_show_a_spread_have_no_interval(judge, trained):
    """Each synthetic slice is a patient: the mean of four is measured, no interval is made up, the note says why."""
    run = judge(trained, per_set=4).row("run")
    means = [reading for judged in run.sets for reading in judged.readings if reading.name == "mean"]
    assert all(reading.value is not None and reading.interval is None for reading in means)
    assert {reading.note for reading in means} == {"no interval from fewer than 5 patients"}


def test_a_value_outside_of_the_range_that_the_metric_declares_is_blamed(judge, trained, monkeypatch):
    """Either the range or the value is wrong; both are said."""
    monkeypatch.setattr("tests.toy.Brightness.ranges", {"*": (5.0, 6.0)})
    with pytest.raises(PluginError, match=r"gives 'mean' the value .*, but its `ranges` say \(5\.0, 6\.0\)"):
        judge(trained)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"ranges": {"*": (1.0, 0.0)}}, r"must have `ranges` from patterns to \(lowest, highest\), got dict"),
        ({"ranges": (0.0, 1.0)}, r"must have `ranges` from patterns"),
        ({"aims": {"*": "1"}}, r"must have `aims` from patterns to numbers, got dict"),
    ],
)
def test_what_a_metric_declares_of_its_readings_is_checked_before_any_work(
    judge, trained, monkeypatch, declared, message
):
    """One line that names the metric."""
    for name, value in declared.items():
        monkeypatch.setattr(f"tests.toy.Brightness.{name}", value)
    with pytest.raises(PluginError, match=f"`metrics` brightness: metric 'brightness' of plugin 'toy' {message}"):
        judge(trained)
    assert not MEASURED


def test_intervals_that_were_kept_before_a_range_was_declared_stay_within_it_now(judge, trained, monkeypatch):
    """Files of earlier versions are read, not measured again."""
    first = judge(trained).row("run").sets[0].readings[0]
    low, high = first.interval
    bounds = (low + 0.25 * (first.value - low), high - 0.25 * (high - first.value))
    monkeypatch.setattr("tests.toy.Brightness.ranges", {"mean": bounds})
    MEASURED.clear()
    assert judge(trained).row("run").sets[0].readings[0].interval == bounds
    assert not MEASURED


# What a metric returns ------------------------------------------------------------------------------------


EXPECTED = "must return an iterable of gankit.Reading from measure"

RETURNED = {
    "nothing": (lambda: None, f"{EXPECTED}, got NoneType None"),
    "a reading alone": (lambda: Reading(name="mean", value=1, better="higher"), f"{EXPECTED}, got Reading "),
    "numbers": (lambda: [1.0], f"{EXPECTED}, got float 1.0 among them"),
    "a dict": (lambda: {"mean": 1.0}, f"{EXPECTED}, got dict {{'mean': 1.0}}"),
    "nonsense": (
        lambda: (Reading(name="mean", value=value, better="higher") for value in "7"),
        "makes a wrong reading: reading 'mean': `value` must be a number or None, got '7'",
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
    assert str(caught.value).startswith(f"`metrics` strange: metric 'strange' of plugin 'toy' {message}")
    assert "\n" not in str(caught.value)
