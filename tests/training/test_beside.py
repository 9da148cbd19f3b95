"""Checkpoints and the model are written while training goes on."""

import shutil
import signal
from threading import Event

import pytest

from gankit import RunError, train
from gankit.files.tensor_file import write_tensors
from gankit.run.directory import RunDirectory
from gankit.training.beside import writing_beside
from gankit.training.train import Trainer


@pytest.fixture
def run(tiny_recipe, tmp_path, plugins, monkeypatch):
    """``run(name)``: train four steps with a checkpoint after each second one."""
    monkeypatch.setattr("gankit.cohort.sheet.sheet_png", lambda *_, **__: b"a picture")

    def go(name):
        recipe = tiny_recipe(**{"training.steps": 4, "training.checkpoint_every": 2})
        return RunDirectory(train(recipe, tmp_path / name, device="cpu", plugins=plugins).path)

    return go


def test_a_checkpoint_holds_the_state_of_its_step_however_late_it_is_written(run, monkeypatch):
    """Here a further step ends before the file is begun."""
    plain, stepped, step = run("plain"), Event(), Trainer.step

    def late(*given):
        assert stepped.wait(60)
        write_tensors(*given)

    def step_and_say(trainer):
        made = step(trainer)
        if trainer.state.step == 3:
            stepped.set()
        return made

    monkeypatch.setattr("gankit.training.state.write_tensors", late)
    monkeypatch.setattr(Trainer, "step", step_and_say)
    beside = run("beside")
    for number in (2, 4):
        assert beside.checkpoint(number).read_bytes() == plain.checkpoint(number).read_bytes()
    assert beside.model.read_bytes() == plain.model.read_bytes()


def test_what_writing_raises_ends_the_training(run, monkeypatch):
    """The checkpoint before stays."""

    def full(path, *given):
        if path.stem == "step-000004":
            raise RunError(f"{path}: no space left")
        write_tensors(path, *given)

    monkeypatch.setattr("gankit.training.state.write_tensors", full)
    with pytest.raises(RunError, match=r"step-000004.safetensors: no space left"):
        run("full")


def test_a_directory_that_is_removed_meanwhile_gets_no_checkpoint(run, tmp_path, monkeypatch):
    """So what the message says, to train anew there, begins at step 0."""

    def removed(path, *given):
        shutil.rmtree(tmp_path / "gone")
        write_tensors(path, *given)

    monkeypatch.setattr("gankit.training.state.write_tensors", removed)
    with pytest.raises(RunError, match="was removed or moved away"):
        run("gone")
    assert RunDirectory(tmp_path / "gone").checkpoints() == []


def test_an_error_of_training_is_raised_before_one_of_writing():
    """And what is being written is written first."""
    told = Event()

    def fail():
        assert told.wait(60)
        raise RunError("of writing")

    def train_on():
        with writing_beside() as beside:
            beside.write(fail)
            told.set()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train_on()


def test_a_signal_while_it_waits_leaves_nothing_half_written():
    """A second Ctrl-C comes while the last files are written: the context ends when they are."""
    told, written = Event(), []

    def write():
        assert told.wait(60)
        written.append("whole")

    def interrupt(*_):
        told.set()
        raise KeyboardInterrupt

    def train_on():
        with writing_beside() as beside:
            beside.write(write)
            signal.setitimer(signal.ITIMER_REAL, 0.05)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            train_on()
        assert written == ["whole"]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_what_is_written_is_written_in_the_order_of_asking():
    """One at a time; the end of the context waits for the last."""
    written = []
    with writing_beside() as beside:
        for number in range(5):
            beside.write(lambda number=number: written.append(number))
    assert written == [0, 1, 2, 3, 4]
