"""The training loop, and what surrounds it: resume, interrupt, checkpoints, metrics, sample sheets, report."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import torch

from gankit._draws import Draws
from gankit._errors import CheckpointError, InputError, RunError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import pixel_sizes, range_warnings
from gankit.cohort.sheet import real_pairs, write_sheet
from gankit.cohort.source import cohort_of
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.device import choose_device
from gankit.processes.interrupt import stopping
from gankit.processes.progress import Progress
from gankit.processes.ranks import ALONE, Ranks, joined_ranks
from gankit.recipe.check import recipe_warnings
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import to_document
from gankit.report.report import report_if_possible
from gankit.run.directory import RunDirectory
from gankit.run.model import Model, save_model
from gankit.training.batch import Batch
from gankit.training.engine import CudaCapture, EagerEngine, Engine, GraphEngine, proven, wants_graph
from gankit.training.memory import within_memory
from gankit.training.observers import Observers, Run, require_trackers
from gankit.training.phases import PhaseStep, Scalars
from gankit.training.resident import ResidentCohort, resident_cohort
from gankit.training.scalars import Readings, after_divergence
from gankit.training.state import TrainingState
from gankit.training.trial import try_phases

SHEET_PAIRS = 16
"""Synthetic slices on a sample sheet; as many real ones stand beside them."""

READ_EVERY = 100
"""Steps after which a GPU's scalars are read at the latest."""


@attrs.frozen
class RunResult:
    """How a run ended."""

    path: Path
    step: int
    """Training steps done in all."""
    interrupted_by: signal.Signals | None = None
    """The signal that ended it early, after the step was finished and saved."""
    failure: str | None = None
    """What ended it where it failed; ``train`` raises it, so that observers alone see such a result."""


def train(
    recipe: Recipe,
    out: str | Path | None = None,
    *,
    device: str = "auto",
    cohort: Cohort | None = None,
    plugins: Plugins | None = None,
    quiet: bool = False,
) -> RunResult:
    """Train a recipe in a run directory, from where it stands there.

    Args:
        recipe: from ``load_recipe``.
        out: the run directory; default: ``runs/<recipe name>``.
        device: "auto", "cpu", "cuda" or "cuda:N".
        cohort: used instead of loading the recipe's, where it is at hand already.
        plugins: what is installed; default: load it.
        quiet: print nothing.

    Raises:
        InputError: the directory holds a run of another recipe, or the device, engine or cohort does not fit, or a
            tracker cannot work here.
        PluginError: a component returns what its contract forbids, or fails on the first batch.
        RunError: a loss is not finite, or the directory cannot be written.
    """
    if not isinstance(recipe, Recipe):
        raise TypeError(f"train needs a Recipe, got {recipe!r}; load it first: train(load_recipe({str(recipe)!r}))")
    plugins = plugins or load_plugins()
    run = RunDirectory(Path(out) if out is not None else Path("runs") / recipe.name)
    chosen = choose_device(device)
    require_trackers(recipe, plugins)
    document = to_document(recipe, plugins.registry)
    run.refuse_other(document)
    with within_memory(recipe, chosen), joined_ranks(chosen, recipe.training.batch) as ranks, ExitStack() as held:
        graph = wants_graph(recipe.training.engine, chosen, ranks)
        progress = held.enter_context(Progress(recipe.training.steps, quiet or not ranks.first))
        if ranks.first:
            held.enter_context(run.locked())
        for warning in recipe_warnings(recipe):
            progress.say(f"warning: {warning}")
        progress.say(f"loading the cohort: {document['cohort']['use']}")
        cohort = cohort if cohort is not None else cohort_of(recipe.cohort)
        provenance = _provenance(plugins, chosen, cohort)
        run.refuse_other_cohort(provenance["cohort"])
        trainer = Trainer(recipe, resident_cohort(recipe, cohort, chosen), chosen, ranks=ranks)
        for warning in range_warnings(recipe, cohort):
            progress.say(f"warning: {warning}")
        resume(run, trainer.state, progress)
        if not ranks.same(trainer.state.step, chosen):
            raise InputError(
                f"{run.path}: here it is at step {trainer.state.step}, in another process at another; the run directory"
                " must be on a disk that all processes see"
            )
        try_phases(trainer.phases, trainer.state, trainer.cohort, Draws(recipe.training.seed))
        if graph:
            trainer.replay_steps(progress.say)
        if ranks.first:
            run.lock_recipe(document, provenance)
            run.rewind_metrics(trainer.state.step)
        seen = Run(path=run.path, recipe=recipe, document=document, step=trainer.state.step, provenance=provenance)
        observers = Observers(plugins, seen, progress.say, ranks.first)
        with _told_of_failure(observers, run, trainer.state):
            observers.tell("run_started")
            result = _run(run, trainer, cohort, document, progress, observers)
            if ranks.first:
                report_if_possible(run.path, progress.say, cohort=cohort, plugins=plugins)
        observers.tell("run_ended", result=result)
        return result


@contextmanager
def _told_of_failure(observers: Observers, run: RunDirectory, state: TrainingState) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        observers.tell("run_ended", result=RunResult(run.path, state.step, failure=failure))
        raise


class Trainer:
    """The state of a run and what one training step does to it."""

    def __init__(
        self,
        recipe: Recipe,
        cohort: ResidentCohort,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        ranks: Ranks = ALONE,
    ):
        self.recipe = recipe
        self.cohort = cohort
        self.ranks = ranks
        self.phases = [PhaseStep(spec, recipe, ranks) for spec in recipe.phases]
        self.state = TrainingState(recipe, device, dtype, ranks)
        self.engine: Engine = EagerEngine(self.state)
        self._device = device

    def replay_steps(self, say: Callable[[str], None]) -> None:
        """From here on replay the recorded steps of the phases still to come, if that is proven to be the same."""
        ahead = range(self.state.step, self.recipe.training.steps)
        if due := [phase for phase in self.phases if any(map(phase.spec.due, ahead))]:
            engine = GraphEngine(self.state, CudaCapture(self._device))
            self.engine = proven(engine, due, lambda phase, number: self._draw(phase, self.state.step + number), say)

    def step(self) -> dict[str, Scalars]:
        """Run every phase that is due, once; returns its scalars by phase, means over the global batch."""
        state = self.state
        scalars = {}
        for phase in self.phases:
            if phase.spec.due(state.step):
                scalars[phase.spec.name] = self.engine(phase, partial(self._draw, phase, state.step))
        self.ranks.average([value for terms in scalars.values() for value in terms.values()])
        state.average()
        state.step += 1
        return scalars

    def _draw(self, phase: PhaseStep, step: int) -> Batch:
        return phase.batch(self.cohort, Draws(self.recipe.training.seed, step))


def _run(
    run: RunDirectory,
    trainer: Trainer,
    cohort: Cohort,
    document: dict[str, Any],
    progress: Progress,
    observers: Observers,
) -> RunResult:
    recipe, state, ranks = trainer.recipe, trainer.state, trainer.ranks
    settings = recipe.training
    device = next(state.networks.parameters()).device
    spacing_mm = pixel_sizes(cohort, recipe)

    def save() -> None:
        if (name := state.not_finite()) is not None:
            raise RunError(f"{name} is not finite after step {state.step}; {after_divergence(run)}")
        state.save(run.checkpoint(state.step))
        run.prune(state.step, settings.keep_checkpoints)
        save_model(run.model, state.averages, document, state.step, spacing_mm)

    def sheet() -> None:
        model = Model(recipe, state.averages, state.step)
        real = real_pairs(cohort, recipe, SHEET_PAIRS)
        write_sheet(run.sample(state.step), recipe, real, model.sample(SHEET_PAIRS, settings.seed))
        observers.tell("sheet_written", path=run.sample(state.step))

    began, first, before_s = time.monotonic(), state.step, run.wall_s() or 0.0
    readings = Readings(run, READ_EVERY if device.type == "cuda" else 1)
    with stopping() as stop:
        ended = state.step >= settings.steps
        while not ended:
            scalars = trainer.step()
            ended = ranks.any(stop() is not None, device) or state.step >= settings.steps
            every = (settings.log_every, settings.checkpoint_every, settings.sample_every)
            log, checkpoint, sample = (ended or state.step % steps == 0 for steps in every)
            numbers = readings.add(state.step, scalars, needed=log or checkpoint or sample)
            if not ranks.first:
                continue
            progress.advance(state.step, numbers)
            if log:
                wall_s = time.monotonic() - began
                pace = {"steps_per_s": round((state.step - first) / wall_s, 3), "wall_s": round(before_s + wall_s, 2)}
                row = {"step": state.step, **pace, **numbers}
                run.append_metrics(row)
                observers.tell("row_logged", row=row)
                readings.begin_row()
            if checkpoint:
                save()
            if sample:
                sheet()
        received = stop()
    if state.step < settings.steps and received is None:
        received = signal.SIGTERM  # it came to another process
    unwritten = not run.model.exists() or not run.sample(state.step).exists()
    if ranks.first and (unwritten or first == state.step):  # it had ended before, perhaps without writing them whole
        save()
        sheet()
    return RunResult(run.path, state.step, received if state.step < settings.steps else None)


def resume(run: RunDirectory, state: TrainingState, progress: Progress) -> None:
    """Take over the newest checkpoint that verifies, if there is one.

    Raises:
        CheckpointError: no checkpoint verifies, but there are some, or a model: training anew would replace it.
        InputError: more steps are done than the recipe has.
    """
    checkpoints = run.checkpoints()
    if (path := state.load_newest(checkpoints, progress.say)) is not None:
        progress.say(f"resuming at step {state.step} from {path}")
    elif checkpoints:
        listed = ", ".join(path.name for path in checkpoints)
        raise CheckpointError(
            f"{run.path}: none of its checkpoints verifies ({listed}); restore one from a copy, train in another place"
            f" (`out`), or remove {run.path} to train anew"
        )
    elif run.model.exists():
        raise CheckpointError(
            f"{run.path}: has a model but no checkpoint, so it cannot go on; restore {run.path / 'checkpoints'}, train"
            f" in another place (`out`), or remove {run.path} to train anew"
        )
    if state.step > state.recipe.training.steps:
        raise InputError(
            f"{run.path}: {state.step} steps are done, more than training.steps = {state.recipe.training.steps};"
            " ask for more, or train in another place (`out`)"
        )
    progress.begin(state.step)


def _provenance(plugins: Plugins, device: torch.device, cohort: Cohort) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "gankit": version("gankit"),
        "torch": torch.__version__,
        "device": name,
        "cohort": cohort.digest(),
        "plugins": plugins.distributions,
    }
