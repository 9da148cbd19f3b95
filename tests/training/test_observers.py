"""Plugins watch a training through four hooks, and cannot change it."""

import os
import random
import signal
import sys
import types
from importlib.metadata import EntryPoint, entry_points

import attrs
import numpy as np
import pytest
import torch

from gankit import InputError, RecipeError, RunError, hookimpl, load_plugins, train
from gankit.recipe.structure import to_document
from gankit.run.directory import RunDirectory
from gankit.training.observers import HOOKS, Observers


@pytest.fixture(autouse=True)
def _plain_sheets(monkeypatch):
    """A sheet takes longer to draw than these runs to train."""
    monkeypatch.setattr("gankit.cohort.sheet.sheet_png", lambda *_, **__: b"a picture")


@pytest.fixture
def watched(monkeypatch):
    """``watched(name={hook: function, ...})``: everything installed, and a plugin for each name with these hooks."""

    def install(**made):
        for name, functions in made.items():
            module = types.ModuleType(f"watching_{name}")
            for hook, function in functions.items():
                setattr(module, hook, hookimpl(function))
            monkeypatch.setitem(sys.modules, module.__name__, module)
        entries = [EntryPoint(name=name, value=f"watching_{name}", group="gankit") for name in made]
        return load_plugins([*entry_points(group="gankit"), *entries])

    return install


@pytest.fixture
def run(tiny_recipe, tmp_path):
    """``run(plugins, **overrides)``: train the tiny recipe for 2 steps in ``tmp_path / "run"``, or in ``where``."""

    def go(plugins, where="run", quiet=True, track=None, **overrides):
        recipe = tiny_recipe(**{"training.steps": 2, **overrides})
        recipe = attrs.evolve(recipe, training=attrs.evolve(recipe.training, track=track))
        return train(recipe, tmp_path / where, device="cpu", plugins=plugins, quiet=quiet)

    return go


def noting(news):
    """The four hooks of a plugin that appends (hook, run, what came with it) to ``news``."""
    return {
        "run_started": lambda run: news.append(("run_started", run, None)),
        "row_logged": lambda run, row: news.append(("row_logged", run, row)),
        "sheet_written": lambda run, path: news.append(("sheet_written", run, path)),
        "run_ended": lambda run, result: news.append(("run_ended", run, result)),
    }


def bytes_of(result):
    """What a run leaves that must not depend on who watches: the model and the whole state."""
    directory = RunDirectory(result.path)
    return directory.model.read_bytes(), directory.checkpoint(result.step).read_bytes()


# What observers are told ----------------------------------------------------------------------------------


def test_an_observer_is_told_of_start_rows_sheets_and_end(run, watched):
    """In this order; rows are those of metrics.jsonl, the sheet is there, and the result is the one train returns."""
    news = []
    result = run(watched(watcher=noting(news)))
    assert [hook for hook, *_ in news] == ["run_started", "row_logged", "row_logged", "sheet_written", "run_ended"]
    assert [what for hook, _, what in news if hook == "row_logged"] == RunDirectory(result.path).read_metrics()
    assert news[3][2] == result.path / "samples" / "step-000002.png"
    assert news[3][2].exists()
    assert news[-1][2] == result


def test_an_observer_knows_the_run(run, watched):
    """Where it is, its recipe, its seed and where it came from, as the locked recipe has them."""
    news = []
    result = run(watched(watcher=noting(news)), **{"training.seed": 7})
    seen, directory = news[0][1], RunDirectory(result.path)
    assert (seen.path, seen.step, seen.seed, seen.recipe.name) == (result.path, 0, 7, "mpmri-paper")
    assert seen.document == directory.locked_recipe()
    assert seen.provenance == directory.provenance()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        seen.step = 1


def test_a_run_that_goes_on_says_from_where(run, watched):
    """Its rows begin after that step."""
    news = []
    plugins = watched(watcher=noting(news))
    run(plugins)
    news.clear()
    run(plugins, **{"training.steps": 3})
    assert news[0][1].step == 2
    assert [what["step"] for hook, _, what in news if hook == "row_logged"] == [3]


def test_the_report_is_there_when_a_run_has_ended(run, watched):
    """So that an observer can take it along."""
    found = []
    ended = {"run_ended": lambda run, result: found.append((run.path / "report.html").exists())}
    run(watched(watcher=ended))
    assert found == [True]


def test_an_interrupted_run_ends_with_its_signal(run, watched):
    """The step is finished and saved; the result names the signal."""
    news = []
    stopping = noting(news)
    stopping["row_logged"] = lambda run, row: os.kill(os.getpid(), signal.SIGTERM) if row["step"] == 1 else None
    run(watched(watcher=stopping), **{"training.steps": 4})
    hook, _, result = news[-1]
    assert (hook, result.step, result.interrupted_by) == ("run_ended", 2, signal.SIGTERM)


def test_a_run_that_fails_ends_with_its_failure(run, watched):
    """The result says what train raises."""
    news = []
    with pytest.raises(RunError) as raised:
        run(watched(watcher=noting(news)), **{"phases.warm-up.learning_rate": 1e30, "training.steps": 4})
    assert [hook for hook, *_ in news].count("run_ended") == 1
    assert news[-1][2].failure == f"RunError: {raised.value}"


def test_the_first_process_alone_is_watched(watched):
    """One tracker a run, whatever the number of processes."""
    news = []
    Observers(watched(watcher=noting(news)), "a run", print, first=False).tell("run_started")
    assert news == []


# What observers cannot do ---------------------------------------------------------------------------------


def meddle(run, row=None, path=None, result=None):
    """Change all that a hook can lay its hands on."""
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(torch.get_num_threads() + 1)
    os.chdir("/")
    run.document.clear()
    run.recipe.networks.clear()
    run.provenance.clear()
    if row is not None:
        row.clear()


def test_observers_cannot_change_what_is_trained(run, watched, plugins, tmp_path, monkeypatch):
    """Model and checkpoint are the same bytes with a plugin that meddles, and its lines of metrics are all there."""
    monkeypatch.chdir(tmp_path)
    hooks = {
        "run_started": lambda run: meddle(run),
        "row_logged": lambda run, row: meddle(run, row),
        "sheet_written": lambda run, path: meddle(run),
        "run_ended": lambda run, result: meddle(run),
    }
    news = []
    alone, with_it = run(plugins, "alone"), run(watched(meddler=hooks, other=noting(news)), "watched")
    assert bytes_of(with_it) == bytes_of(alone)
    assert [what["step"] for hook, _, what in news if hook == "row_logged"] == [1, 2]
    assert news[-1][1].recipe.networks, "each plugin has a run of its own"
    assert RunDirectory(with_it.path).locked_recipe() == RunDirectory(alone.path).locked_recipe()


# Observers that fail --------------------------------------------------------------------------------------


def fail(run):
    """Raise an error of two lines, of which the first is said."""
    raise OSError("no room\nleft")


@pytest.mark.parametrize("failing", HOOKS)
def test_a_hook_that_raises_is_named_and_switched_off(run, watched, plugins, capsys, failing):
    """One line names plugin, hook, place and error; the plugin is told nothing more, others are, training goes on."""
    told, news = [], []
    place = f"{__file__}:{fail.__code__.co_firstlineno + 2}"
    hooks = noting(told) | {failing: lambda run: fail(run)}
    result = run(watched(broken=hooks, other=noting(news)), quiet=False)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: plugin")]
    assert lines == [
        f"warning: plugin 'broken': hook {failing} failed: OSError: no room ({place}); its observers are off for"
        " the rest of this run, training goes on"
    ]
    assert [hook for hook, *_ in told] == [hook for hook, *_ in news][: [hook for hook, *_ in news].index(failing)]
    assert [hook for hook, *_ in news][-1] == "run_ended"
    assert bytes_of(result) == bytes_of(run(plugins, "alone"))


def test_a_keyboard_interrupt_in_a_hook_stops_the_run(run, watched):
    """Ctrl-C is the user's, whatever runs when it comes; the others learn how the run ended."""
    news = []

    def interrupt(run, row):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(watched(impatient={"row_logged": interrupt}, other=noting(news)))
    assert news[-1][2].failure == "KeyboardInterrupt"


# Trackers -------------------------------------------------------------------------------------------------


def test_a_recipe_without_trackers_says_nothing_of_them(tiny_recipe, plugins):
    """Its document, and so all that is written of it, is that of a gankit without trackers."""
    assert "track" not in to_document(tiny_recipe(), plugins.registry)["training"]


def test_an_unknown_tracker_is_a_problem_of_the_recipe(tiny_recipe):
    """With the nearest name."""
    with pytest.raises(RecipeError, match=r"training\.track: no tracker 'tensorbord'; did you mean 'tensorboard'"):
        tiny_recipe(**{"training.track": ["tensorbord"]})


def trackers_of(monkeypatch, **functions):
    """A plugin that offers these functions as trackers."""
    module = types.ModuleType("offering")
    for name, function in functions.items():
        setattr(module, name, function)
    monkeypatch.setitem(sys.modules, "offering", module)
    return {"trackers": lambda: {name: f"offering:{name}" for name in functions}}


def test_a_tracker_leaves_no_trace_in_the_model_and_may_change(run, watched, plugins, monkeypatch):
    """A run goes on with another one, and leaves the bytes of a run without."""
    offering = watched(offering=trackers_of(monkeypatch, paper=lambda: None, stone=lambda: None))
    run(offering, track=("paper",))
    gone_on = run(offering, track=("stone",), **{"training.steps": 3})
    assert RunDirectory(gone_on.path).locked_recipe()["training"]["track"] == ["stone"]
    assert bytes_of(gone_on) == bytes_of(run(plugins, "alone", **{"training.steps": 3}))


def test_a_tracker_that_cannot_work_here_is_told_before_any_work(run, watched, monkeypatch, tmp_path):
    """In the words of the tracker; nothing is written."""

    def paper():
        raise InputError("paper is not installed; pip install paper")

    with pytest.raises(InputError, match=r"training\.track: 'paper' cannot work here: paper is not installed"):
        run(watched(offering=trackers_of(monkeypatch, paper=paper)), track=("paper",))
    assert not (tmp_path / "run").exists()
