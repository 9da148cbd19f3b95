"""A run can end at any moment, and goes on from where it was as if it had not."""

import functools
import json
import random
import re
import signal
import time

import attrs
import numpy as np
import pytest
import torch

from gankit import FileWarning, InputError, RunError, load_recipe, train
from gankit._errors import CheckpointError
from gankit.files.tensor_file import read_tensors, write_tensors
from gankit.run.critics import CHECKPOINT
from gankit.run.directory import RunDirectory
from gankit.run.health.measures import HEALTH
from gankit.training.state import TrainingState
from gankit.training.train import Trainer
from tests.commands import Command, written
from tests.faults.faults import LargestFile


@pytest.fixture(autouse=True)
def _plain_sheets(monkeypatch):
    """A sheet takes longer to draw than these runs to train; ``test_model`` looks at real ones."""
    monkeypatch.setattr("gankit.cohort.sheet.sheet_png", lambda *_, **__: b"a picture")


@pytest.fixture
def run(tiny_recipe, tmp_path, plugins):
    """``run(steps, **overrides)``: train the tiny recipe in ``tmp_path / "run"``, or in ``where``."""

    def go(steps, where="run", cohort=None, **overrides):
        recipe = tiny_recipe(**{"training.steps": steps, **overrides})
        return train(recipe, tmp_path / where, device="cpu", cohort=cohort, plugins=plugins)

    return go


@pytest.fixture(scope="module")
def whole(tiny_recipe, plugins, tmp_path_factory):
    """``whole(steps)``: where the tiny recipe was trained without an interruption, once for each number of steps."""

    @functools.cache
    def path(steps):
        recipe = tiny_recipe(**{"training.steps": steps})
        return train(recipe, tmp_path_factory.mktemp("whole") / "run", device="cpu", plugins=plugins).path

    return path


def bytes_of(path, step):
    """What a run leaves that must not depend on its interruptions: the model and the whole state."""
    directory = RunDirectory(path)
    return directory.model.read_bytes(), directory.checkpoint(step).read_bytes()


def logged_steps(path):
    metrics = path / "metrics.jsonl"
    lines = metrics.read_text().splitlines(keepends=True) if metrics.exists() else []
    return [json.loads(line)["step"] for line in lines if line.endswith("\n")]


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# Going on -------------------------------------------------------------------------------------------------


def test_interrupted_equals_uninterrupted(run, whole, tmp_path):
    """Stopped after 3 of 6 steps and gone on: the same bytes of model, weights, averages and moments."""
    run(3)
    run(6)
    assert bytes_of(tmp_path / "run", 6) == bytes_of(whole(6), 6)
    assert logged_steps(tmp_path / "run") == logged_steps(whole(6)) == [1, 2, 3, 4, 5, 6]


def test_killed_at_random_moments_equals_uninterrupted(run, tiny_recipe, plugins, tmp_path):
    """SIGKILL takes a run away whatever it does; started again, it ends with the same bytes and loses no metrics."""
    recipe = written(tiny_recipe(), plugins, tmp_path / "recipe.toml", steps=40, checkpoint_every=4, sample_every=20)
    arguments = ["train", recipe, "-o", tmp_path / "run", "--device", "cpu"]
    directory, moments = RunDirectory(tmp_path / "run"), random.Random(0)
    for _ in range(3):
        before = directory.checkpoints()
        command = Command(arguments, tmp_path / "log")
        command.wait_until(lambda before=before: directory.checkpoints() != before)
        time.sleep(moments.uniform(0, 0.3))
        command.send(signal.SIGKILL)
        assert command.wait() == -signal.SIGKILL
    last = Command(arguments, tmp_path / "log")
    assert last.wait() == 0, last.text()
    assert last.text().count("resuming at step") == 3
    run(40, "whole", **{"training.checkpoint_every": 4, "training.sample_every": 20})
    assert bytes_of(tmp_path / "run", 40) == bytes_of(tmp_path / "whole", 40)
    assert logged_steps(tmp_path / "run") == list(range(1, 41))
    assert not list((tmp_path / "run").rglob(".*.part"))


def test_a_run_that_ended_is_left_as_it_is(run, tmp_path):
    """The same command once more trains nothing and changes nothing."""
    run(2)
    before = bytes_of(tmp_path / "run", 2)
    result = run(2)
    assert (result.step, result.interrupted_by) == (2, None)
    assert bytes_of(tmp_path / "run", 2) == before
    assert logged_steps(tmp_path / "run") == [1, 2]


def test_a_run_killed_before_its_model_was_written_writes_it(run, tmp_path):
    """The last checkpoint is enough: the model and the sheet follow from it."""
    run(2)
    before = bytes_of(tmp_path / "run", 2)
    directory = RunDirectory(tmp_path / "run")
    directory.model.unlink()
    directory.sample(2).unlink()
    run(2)
    assert bytes_of(tmp_path / "run", 2) == before
    assert directory.sample(2).exists()


def test_a_sheet_that_was_due_when_a_run_was_killed_is_made(run, tmp_path):
    """Its step is done, so that no later step would make it."""
    every = {"training.sample_every": 2}
    run(4, **every)
    directory = RunDirectory(tmp_path / "run")
    directory.checkpoint(4).unlink()
    directory.model.unlink()
    directory.sample(2).unlink()
    directory.sample(4).unlink()
    run(4, **every)
    assert directory.sample(2).exists()
    assert directory.sample(4).exists()


def test_a_directory_that_is_removed_ends_the_run(run, tiny_recipe, plugins, tmp_path):
    """On one line, and nothing is written into another directory in its place; here by the next row, long before the
    next checkpoint."""
    rare = tiny_recipe(**{"training.checkpoint_every": 10_000})
    recipe = written(rare, plugins, tmp_path / "recipe.toml", steps=10_000)
    command = Command(["train", recipe, "-o", tmp_path / "run", "--device", "cpu"], tmp_path / "log")
    command.wait_until(lambda: len(logged_steps(tmp_path / "run")) >= 2)
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    assert command.wait() == 1
    assert "run: was removed or moved away while it was written; restore it" in command.text()
    assert "Traceback" not in command.text()
    assert not (tmp_path / "run").exists()


def test_without_a_checkpoint_training_starts_anew(run, tmp_path):
    """A run that was stopped before its first checkpoint begins again, metrics and all."""
    run(2)
    before = bytes_of(tmp_path / "run", 2)
    directory = RunDirectory(tmp_path / "run")
    directory.checkpoint(2).unlink()
    directory.model.unlink()
    run(2)
    assert bytes_of(tmp_path / "run", 2) == before
    assert logged_steps(tmp_path / "run") == [1, 2]


def test_a_model_whose_checkpoints_are_gone_is_not_trained_over(run, tmp_path):
    """Someone may have removed them to save room: the model and the metrics stay."""
    run(2)
    directory = RunDirectory(tmp_path / "run")
    model = directory.model.read_bytes()
    directory.checkpoint(2).unlink()
    with pytest.raises(
        CheckpointError, match=r"has a model but no checkpoint, so it cannot go on; restore .*checkpoints"
    ):
        run(4)
    assert directory.model.read_bytes() == model
    assert logged_steps(tmp_path / "run") == [1, 2]


def test_metrics_after_the_checkpoint_are_made_again(run, tmp_path):
    """Rows of steps that no checkpoint holds, and a row cut short, are dropped before the run goes on."""
    run(2)
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3}\n{"step": 4, "warm-up')
    run(5)
    assert logged_steps(tmp_path / "run") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("other", [{"training.seed": 5}, {"training.batch": 2}])
def test_metrics_of_another_run_are_named_and_kept_aside(run, tmp_path, capsys, other):
    """They would be drawn as this run's curves."""
    run(2)
    run(2, "other", **other)
    content = (tmp_path / "other/metrics.jsonl").read_bytes()
    (tmp_path / "run/metrics.jsonl").write_bytes(content)
    with pytest.warns(FileWarning, match="lines 1 and 2 are damaged, cut short, repeated or of another run"):
        run(2)
    assert RunDirectory(tmp_path / "run").read_metrics() == []
    assert (tmp_path / "run/metrics.damaged.jsonl").read_bytes() == content


def test_unfinished_files_of_a_killed_run_are_removed(run, tmp_path):
    """What a kill left half written does not pile up."""
    run(1)
    left = tmp_path / "run" / "checkpoints" / ".step-000009.safetensors.abc.part"
    left.write_bytes(b"half")
    run(2)
    assert not left.exists()


# Damage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", ["cut", "altered", "empty"])
def test_a_damaged_checkpoint_is_skipped_for_the_one_before(run, whole, tmp_path, capsys, harm):
    """The run says which file it skips, goes on from the one before, and ends with the same bytes."""
    run(4)
    newest = RunDirectory(tmp_path / "run").checkpoint(4)
    if harm == "altered":
        damage(newest)
    else:
        newest.write_bytes(newest.read_bytes()[: 0 if harm == "empty" else -100])
    run(6)
    said = capsys.readouterr().err
    assert f"warning: {newest}: " in said
    assert "resuming at step 2 from" in said
    assert bytes_of(tmp_path / "run", 6) == bytes_of(whole(6), 6)


@pytest.mark.parametrize("step", [None, -1, 2.0, "2", True], ids=str)
def test_a_checkpoint_whose_step_is_no_step_is_refused(run, tiny_recipe, tmp_path, step):
    """Though its digest is right."""
    run(2)
    file = RunDirectory(tmp_path / "run").checkpoint(2)
    tensors, header = read_tensors(file, CHECKPOINT)
    write_tensors(file, tensors, {**header, "step": step})
    with pytest.raises(CheckpointError, match="its step must be a whole number of at least 0, got "):
        TrainingState(tiny_recipe(), torch.device("cpu")).load(file)


def test_a_checkpoint_with_values_that_are_not_finite_is_refused_and_changes_nothing(run, tiny_recipe, tmp_path):
    """Whether of a network or of an optimizer; the tensor is named."""
    run(2)
    file = RunDirectory(tmp_path / "run").checkpoint(2)
    tensors, header = read_tensors(file, CHECKPOINT)
    state = TrainingState(tiny_recipe(), torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    first, *_, last = (name for name, tensor in tensors.items() if tensor.is_floating_point())
    for name in (first, last):
        bad = tensors[name].clone()
        bad.view(-1)[-1:].fill_(torch.nan)
        write_tensors(file, {**tensors, name: bad}, header)
        with pytest.raises(CheckpointError, match=f"'{re.escape(name)}' has NaN or infinite values"):
            state.load(file)
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())


def test_a_damaged_checkpoint_crowds_out_no_good_one(run, tmp_path):
    """With one checkpoint kept, the newest good one stays, not a later one that does not verify."""
    keep_one = {"training.keep_checkpoints": 1}
    run(3, **keep_one)
    directory = RunDirectory(tmp_path / "run")
    later = directory.checkpoint(9)
    later.write_bytes(directory.checkpoint(3).read_bytes()[:-100])
    run(4, **keep_one)
    assert directory.checkpoints() == [directory.checkpoint(4)]


def test_a_checkpoint_of_other_networks_is_refused(tiny_recipe, tmp_path):
    """A checkpoint whose tensors are not the recipe's is refused and changes nothing."""
    state, wider = (TrainingState(tiny_recipe(**{"networks.encoder.width": w}), torch.device("cpu")) for w in (4, 5))
    wider.save(tmp_path / "wider")
    before = {name: tensor.clone() for name, tensor in state.tensors().items()}
    with pytest.raises(RunError, match="holds other networks than the recipe builds with the installed plugins"):
        state.load(tmp_path / "wider")
    assert all(torch.equal(tensor, before[name]) for name, tensor in state.tensors().items())


def test_a_report_of_someone_else_stays(run, tmp_path):
    """Before anything is trained; the run's own report is replaced."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/report.html").write_text("mine")
    with pytest.raises(InputError, match=r"report.html: is there already and was not made by gankit"):
        run(2)
    assert (tmp_path / "run/report.html").read_text() == "mine"


@pytest.mark.parametrize("kind", [torch.float8_e4m3fn, torch.float8_e8m0fnu, torch.complex64, torch.uint16, torch.bool])
def test_a_checkpoint_of_another_type_is_refused(tiny_recipe, tmp_path, kind):
    """Also of a type with which torch cannot compute."""
    state = TrainingState(tiny_recipe(), torch.device("cpu"))
    tensors = {name: tensor.to(kind) for name, tensor in state.tensors().items()}
    write_tensors(tmp_path / "other", tensors, {"format": CHECKPOINT, "step": 1})
    with pytest.raises(RunError, match="holds other networks than the recipe builds with the installed plugins"):
        state.load(tmp_path / "other")


# Whose directory ------------------------------------------------------------------------------------------


def test_a_run_of_another_recipe_is_refused_naming_the_keys(run, tmp_path):
    """Every key that differs is listed with both values, and the run stays as it was."""
    run(1)
    before = bytes_of(tmp_path / "run", 1)
    with pytest.raises(InputError) as refused:
        run(1, **{"training.batch": 5, "networks.encoder.width": 5})
    assert "training.batch: 4 there, 5 here" in str(refused.value)
    assert "networks.encoder.width: 4 there, 5 here" in str(refused.value)
    assert "adc_decoder" not in str(refused.value)
    assert refused.value.exit_code == 2
    assert bytes_of(tmp_path / "run", 1) == before


def test_what_is_kept_may_change_when_a_run_goes_on(run, whole, tmp_path):
    """Steps may be raised, and how often is logged and saved may change, for they change no number."""
    run(2)
    run(4, **{"training.log_every": 2, "training.checkpoint_every": 3, "training.keep_checkpoints": 5})
    assert logged_steps(tmp_path / "run") == [1, 2, 4]
    kept = [read_tensors(RunDirectory(path).checkpoint(4), CHECKPOINT) for path in (tmp_path / "run", whole(4))]
    assert all(torch.equal(tensor, kept[1][0][name]) for name, tensor in kept[0][0].items())


def test_one_process_at_a_time(run, tiny_recipe, plugins, tmp_path):
    """While a process trains, another is refused; the lock goes with the process, even one that is killed."""
    recipe = written(tiny_recipe(), plugins, tmp_path / "recipe.toml", steps=10_000)
    command = Command(["train", recipe, "-o", tmp_path / "run", "--device", "cpu"], tmp_path / "log")
    command.wait_until(lambda: len(logged_steps(tmp_path / "run")) >= 2)
    with pytest.raises(RunError, match="another process is writing this run"):
        run(10_000)
    command.send(signal.SIGKILL)
    assert command.wait() == -signal.SIGKILL
    with RunDirectory(tmp_path / "run").locked():
        pass


# Stopping -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sent", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_step_and_saves(tiny_recipe, plugins, tmp_path, sent, exit_code):
    """Ctrl-C and SIGTERM end the run after the step, saved, with the way to resume and the customary exit code."""
    recipe = written(tiny_recipe(), plugins, tmp_path / "recipe.toml", steps=10_000, checkpoint_every=10_000)
    command = Command(["train", recipe, "-o", tmp_path / "run", "--device", "cpu"], tmp_path / "log")
    command.wait_until(lambda: len(logged_steps(tmp_path / "run")) >= 2)
    command.send(sent)
    assert command.wait() == exit_code, command.text()
    step = logged_steps(tmp_path / "run")[-1]
    assert f"{sent.name}: stopped after step {step} and saved; to resume, run the same command again" in command.text()
    model, checkpoint = bytes_of(tmp_path / "run", step)
    assert model
    assert checkpoint
    assert "Traceback" not in command.text()


def test_a_signal_while_a_step_is_being_logged_saves_too(run, tmp_path, monkeypatch):
    """Whenever the signal comes, the step that the run names as its last is the one in its checkpoint."""
    append = RunDirectory.append_metrics

    def append_and_signal(self, row):
        append(self, row)
        if row["step"] == 3:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(RunDirectory, "append_metrics", append_and_signal)
    result = run(100, **{"training.checkpoint_every": 100})
    assert result.interrupted_by == signal.SIGTERM
    assert RunDirectory(tmp_path / "run").checkpoint(result.step).exists()
    assert logged_steps(tmp_path / "run")[-1] == result.step


# Failing --------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_the_run(run, tiny_recipe, tmp_path):
    """The line names phase, term and step; the last good checkpoint is named and can be loaded."""
    wild = {"phases.supervised.learning_rate": 1e30, "phases.unsupervised.start": 9, "training.checkpoint_every": 100}
    run(1, **wild)
    with pytest.raises(RunError, match=r"phase 'supervised', term '\S+': the loss is (nan|inf) at step 3") as failed:
        run(4, **wild)
    good = RunDirectory(tmp_path / "run").checkpoint(1)
    assert f"the last good checkpoint is {good}" in str(failed.value)
    assert failed.value.exit_code == 1
    TrainingState(tiny_recipe(**wild), torch.device("cpu")).load(good)


def test_statistics_that_are_not_finite_are_never_saved(run, tmp_path):
    """Where loss and weights are finite, but no image goes through the averaged weights."""
    wild = {"phases.supervised.learning_rate": 1e30, "phases.unsupervised.start": 9, "training.checkpoint_every": 1}
    with pytest.raises(RunError, match=r"average\.encoder\.norm\.\S+ is not finite after step 2; the last good"):
        run(4, **wild)
    assert RunDirectory(tmp_path / "run").checkpoints() == [RunDirectory(tmp_path / "run").checkpoint(1)]


def test_huge_values_of_a_cohort_stop_the_run(run, tiny_cohort, tmp_path):
    """Before there is a checkpoint the message says so, and no model is left that nobody should use."""
    adc = tiny_cohort.modalities["adc"]
    some = np.where(np.arange(len(adc.values)) % 5 < 2, 1e37, 0)  # more, and the range is refused before training
    huge = attrs.evolve(adc, values=(adc.values + some[:, None, None, None]).astype(np.float32))
    cohort = attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "adc": huge})
    with pytest.raises(RunError, match=r"term 'l2-adc': the loss is inf at step 1; there is no checkpoint yet"):
        run(2, cohort=cohort)
    assert not RunDirectory(tmp_path / "run").model.exists()


def test_weights_that_are_not_finite_are_never_saved(run, tmp_path, monkeypatch):
    """Where the loss was finite but the update was not, the last checkpoint stays the last good one."""
    step = Trainer.step

    def step_to_infinity(self):
        scalars = step(self)
        if self.state.step == 4:
            next(self.state.networks["adc_critic"].parameters()).data[0] = np.inf
        return scalars

    monkeypatch.setattr(Trainer, "step", step_to_infinity)
    with pytest.raises(RunError, match=r"network\.adc_critic\.\S+ is not finite after step 4; the last good"):
        run(4)
    assert RunDirectory(tmp_path / "run").checkpoints() == [RunDirectory(tmp_path / "run").checkpoint(2)]


def test_a_full_disk_ends_the_run_and_loses_nothing(run, whole, tiny_recipe, plugins, tmp_path):
    """One line and exit code 1; the checkpoint before is intact, and with room the run goes on to the same bytes."""
    run(2)
    before = RunDirectory(tmp_path / "run").checkpoint(2).read_bytes()
    recipe = written(tiny_recipe(), plugins, tmp_path / "recipe.toml", steps=4)
    arguments = ["train", recipe, "-o", tmp_path / "run", "--device", "cpu"]
    command = Command(arguments, tmp_path / "log", first=LargestFile(len(before) // 2))
    assert command.wait() == 1
    assert "step-000004.safetensors: cannot be written: File too large" in command.text()
    assert "Traceback" not in command.text()
    assert RunDirectory(tmp_path / "run").checkpoint(2).read_bytes() == before
    run(4)
    assert bytes_of(tmp_path / "run", 4) == bytes_of(whole(4), 4)


def test_an_unwritable_place_is_refused_before_training(run, tmp_path):
    """A run directory below a file cannot be; the line says where and what to do."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RunError, match=r"file/run: cannot be written: .*give another place with `out`"):
        run(1, "file/run")


def test_a_locked_recipe_is_a_recipe(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """``recipe.lock.toml`` trains the same run again, without its provenance."""
    recipe = tiny_recipe(**{"training.steps": 1})
    run = train(recipe, tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)
    assert load_recipe(run.path / "recipe.lock.toml", plugins=plugins) == recipe


def test_a_locked_recipe_that_was_edited_is_read_with_a_warning(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """As where a copy of it is the beginning of another recipe, or a disk has turned a digit."""
    run = train(tiny_recipe(), tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)
    copy = tmp_path / "copy.toml"
    text = (run.path / "recipe.lock.toml").read_text()
    copy.write_text(re.sub("^batch = [0-9]+$", "batch = 3", text, flags=re.MULTILINE))
    with pytest.warns(FileWarning, match="copy.toml: was edited or damaged since a training wrote it; it is read as"):
        assert load_recipe(copy, plugins=plugins).training.batch == 3


def test_every_phase_is_logged_though_it_rests_on_the_steps_that_are(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """A row holds the newest numbers of each phase that ran since the row before."""
    schedule = {"training.steps": 8, "training.log_every": 4, "phases.warm-up.stop": 1}
    schedule |= {"phases.supervised.start": 1, "phases.supervised.every": 4, "phases.unsupervised.start": 1}
    run = train(tiny_recipe(**schedule), tmp_path / "run", cohort=tiny_cohort, plugins=plugins, quiet=True)
    rows = RunDirectory(run.path).read_metrics()
    first, second = ({name.split(".")[0] for name in row if not name.startswith(HEALTH)} for row in rows)
    always = {"step", "steps_per_s", "wall_s", "supervised", "unsupervised"}
    assert first == {*always, "warm-up"}
    assert second == always


def test_a_modality_that_no_slice_of_a_pool_has_is_found_before_training(tiny_recipe, tiny_cohort, plugins, tmp_path):
    """Not when the phase that draws it starts."""
    t2w = attrs.evolve(tiny_cohort.modalities["t2w"], present=np.zeros(len(tiny_cohort), dtype=bool))
    lacking = attrs.evolve(tiny_cohort, modalities={**tiny_cohort.modalities, "t2w": t2w})
    recipe = tiny_recipe(**{"phases.unsupervised.start": 1000})
    with pytest.raises(InputError, match="no slice of the pool has adc and t2w"):
        train(recipe, tmp_path / "run", cohort=lacking, plugins=plugins, quiet=True)


# What cannot go on ----------------------------------------------------------------------------------------


def test_a_run_does_not_go_on_with_another_cohort(run, tiny_cohort, tmp_path):
    """What it would become is not what it began with; it stays as it was."""
    run(1)
    before, lock = bytes_of(tmp_path / "run", 1), RunDirectory(tmp_path / "run").recipe.read_bytes()
    with pytest.raises(InputError, match=r"began with a cohort of other content.*another place \(`out`\)"):
        run(2, cohort=tiny_cohort.select(np.arange(len(tiny_cohort)) > 0))
    assert bytes_of(tmp_path / "run", 1) == before
    assert RunDirectory(tmp_path / "run").recipe.read_bytes() == lock


def test_a_run_whose_checkpoints_are_all_damaged_is_not_trained_anew(run, tmp_path):
    """The files are named and the model stays."""
    run(4)
    directory = RunDirectory(tmp_path / "run")
    model = directory.model.read_bytes()
    for path in directory.checkpoints():
        damage(path)
    with pytest.raises(
        CheckpointError, match=r"none .* verifies \(step-000004.*, step-000002.*or remove .* to train anew"
    ):
        run(6)
    assert directory.model.read_bytes() == model


def test_fewer_steps_than_are_done_are_refused(run, tmp_path):
    """The locked recipe tells the truth about the model beside it."""
    run(3)
    lock = RunDirectory(tmp_path / "run").recipe.read_bytes()
    with pytest.raises(InputError, match=r"3 steps are done, more than training.steps = 2"):
        run(2)
    assert RunDirectory(tmp_path / "run").recipe.read_bytes() == lock


def test_a_run_that_fails_before_anything_is_kept_leaves_nothing(run, tmp_path):
    """Neither a folder nor a lock; a folder that was there stays."""
    missing = {"cohort.path": str(tmp_path / "none.safetensors")}
    (tmp_path / "mine").mkdir()
    for where in ("run", "mine"):
        with pytest.raises(InputError, match="no such cohort file"):
            run(1, where, **missing)
    assert not (tmp_path / "run").exists()
    assert (tmp_path / "mine").exists()
