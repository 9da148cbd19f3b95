"""``train``: resume a run, run its steps until the end or an interrupt, and write what is due; then its report."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import torch

from gankit._draws import Draws
from gankit._errors import CheckpointError, InputError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import cohort_digest, range_warnings
from gankit.cohort.source import cohort_of
from gankit.cohort.warnings import cohort_warnings
from gankit.files.made import refuse_to_replace
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.device import choose_device
from gankit.processes.interrupt import stopping
from gankit.processes.progress import Progress
from gankit.processes.ranks import ALONE, Ranks, joined_ranks
from gankit.recipe.check import recipe_warnings
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import to_document
from gankit.report.report import REPORT, report_if_possible
from gankit.run.directory import RunDirectory
from gankit.run.health.alarm import Alarm
from gankit.run.identity import Identity, refuse_other_model
from gankit.training.ahead import Ahead
from gankit.training.batch import Batch
from gankit.training.batch_statistics import gather_statistics
from gankit.training.beside import writing_beside
from gankit.training.checkup import Checkup
from gankit.training.cohort import TrainingCohort
from gankit.training.engine import CudaCapture, EagerEngine, Engine, GraphEngine, proven, wants_graph
from gankit.training.mapped import is_mapped, training_cohort
from gankit.training.memory import within_memory
from gankit.training.observers import Observers, Run, require_trackers
from gankit.training.optimizers import step_of_other_rate
from gankit.training.phases import PhaseStep, Scalars
from gankit.training.record import RunRecord
from gankit.training.scalars import ScalarReader
from gankit.training.state import TrainingState
from gankit.training.trial import try_phases

READ_EVERY = 100
"""Training steps after which a GPU's scalars are read at the latest."""


@attrs.frozen
class RunResult:
    """How a run ended."""

    path: Path
    step: int
    """Training steps done, those before a resume included."""
    interrupted_by: signal.Signals | None = None
    """The signal that ended the run early, after its step was finished and saved."""
    failure: str | None = None
    """The error that ended the run, on one line. ``train`` raises the error, so only observers see such a result."""
    alarms: tuple[Alarm, ...] = ()
    """What goes wrong in the training, as its last rows show it. Only the first process knows them."""


def train(
    recipe: Recipe,
    out: str | Path | None = None,
    *,
    device: str = "auto",
    cohort: Cohort | None = None,
    plugins: Plugins | None = None,
    quiet: bool = False,
) -> RunResult:
    """Train a recipe in a run directory. A run that has begun there is resumed.

    Args:
        recipe: from ``load_recipe``.
        out: the run directory; default: ``runs/<recipe name>``.
        device: "auto", "cpu", "cuda" or "cuda:N".
        cohort: the recipe's cohort, if it is loaded already; default: load it.
        plugins: what is installed; default: load it.
        quiet: print nothing.

    Returns: how the run ended.

    Raises:
        InputError: the directory has a run or a model of another recipe, or a run of another cohort, the device or
            engine cannot be used, a file of ``[weights]`` does not fit, a tracker cannot work here, or the place of the
            report has a file of someone else.
        CohortError: the cohort cannot be read, or does not fit the recipe.
        PluginError: a component breaks its contract, or fails on the first batch.
        CheckpointError: the directory has checkpoints or a model, but no checkpoint that verifies.
        RunError: a loss is not finite, memory runs out, or the directory cannot be written.
    """
    # What is asked for, before any work
    if not isinstance(recipe, Recipe):
        raise TypeError(f"train needs a Recipe, got {recipe!r}; load it first: train(load_recipe({str(recipe)!r}))")
    plugins = plugins or load_plugins()
    run = RunDirectory(Path(out) if out is not None else Path("runs") / recipe.name)
    chosen = choose_device(device)
    require_trackers(recipe, plugins)
    document = to_document(recipe, plugins.registry)
    run.refuse_other(document)
    refuse_other_model(run, document, resuming=True)
    refuse_to_replace(run.path / REPORT)
    with within_memory(recipe, chosen), joined_ranks(chosen, recipe.training.batch) as ranks, ExitStack() as held:
        graph = wants_graph(recipe.training.engine, chosen)
        progress = held.enter_context(Progress(recipe.training.steps, quiet or not ranks.first))
        if ranks.first:
            held.enter_context(run.locked())
        for warning in recipe_warnings(recipe):
            progress.say(f"warning: {warning}")

        # The cohort
        progress.say(f"loading the cohort: {document['cohort']['use']}")
        cohort = cohort if cohort is not None else cohort_of(recipe.cohort)
        provenance = _provenance(plugins, chosen, cohort_digest(recipe, cohort))
        run.refuse_other_cohort(provenance["cohort"])
        identity = Identity.of(document, provenance["cohort"])

        # The networks, from where the run stands
        trainer = _ready_trainer(run, identity, recipe, cohort, chosen, ranks, graph, progress)
        if ranks.first:
            if trainer.state.step == 0 and not quiet:  # a run that is resumed has said them
                for warning in cohort_warnings(cohort, recipe):
                    progress.say(f"warning: {warning}")
            run.lock_recipe(document, provenance)
            run.rewind_metrics(trainer.state.step)

        # The steps, which plugins observe
        seen = Run(path=run.path, recipe=recipe, document=document, step=trainer.state.step, provenance=provenance)
        observers = Observers(plugins, seen, progress.say, ranks.first)
        with _told_of_failure(observers, run, trainer.state):
            observers.tell("run_started")
            checkup = Checkup(trainer.state, trainer.phases, trainer.cohort, cohort)
            with writing_beside() as beside:
                record = RunRecord(
                    run, identity, trainer.state, cohort, document, observers, checkup, beside, progress.say
                )
                result = _train_steps(run, trainer, record, progress)
            if ranks.first:
                report_if_possible(run.path, progress.say, cohort=cohort, plugins=plugins)
                run.require_held()
        observers.tell("run_ended", result=result)
        return result


def _ready_trainer(
    run: RunDirectory,
    identity: Identity,
    recipe: Recipe,
    cohort: Cohort,
    device: torch.device,
    ranks: Ranks,
    graph: bool,
    progress: Progress,
) -> Trainer:
    """A trainer at the step where the run stands, whose phases have been tried. For errors see ``train``."""
    trainer = Trainer(recipe, training_cohort(recipe, cohort, device, progress.say), device, ranks=ranks)
    for warning in range_warnings(recipe, cohort):
        progress.say(f"warning: {warning}")
    resume(run, identity, trainer.state, progress, ranks.first)
    if trainer.state.step == 0:
        trainer.state.read_first_weights()
    if not ranks.same(trainer.state.step, device):
        raise InputError(
            f"{run.path}: here it is at step {trainer.state.step}, in another process at another; the run directory"
            " must be on a disk that all processes see"
        )
    try_phases(trainer.phases, trainer.state, trainer.cohort, Draws(recipe.training.seed))
    if graph:
        trainer.replay_steps(progress.say)
    return trainer


@contextmanager
def _told_of_failure(observers: Observers, run: RunDirectory, state: TrainingState) -> Iterator[None]:
    """A context that tells observers of whatever ends it, and raises it again."""
    try:
        yield
    except BaseException as error:
        failure = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        observers.tell("run_ended", result=RunResult(run.path, state.step, failure=failure))
        raise


class Trainer:
    """The state of a run, and the training step that changes it."""

    def __init__(
        self,
        recipe: Recipe,
        cohort: TrainingCohort,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        ranks: Ranks = ALONE,
    ):
        self.recipe = recipe
        self.cohort = cohort
        self.ranks = ranks
        self.phases = [PhaseStep(spec, recipe, ranks) for spec in recipe.phases]
        losses = {name: loss for phase in self.phases for name, loss in phase.losses.items()}
        self.state = TrainingState(recipe, device, dtype, ranks, losses)
        self.engine: Engine = EagerEngine(self.state)
        self._device = device
        self._take = self._draw

    def replay_steps(self, say: Callable[[str], None]) -> None:
        """Record the steps of the phases that are still to run, and replay them from now on, if ``proven`` allows."""
        ahead = range(self.state.step, self.recipe.training.steps)
        if due := [phase for phase in self.phases if any(map(phase.spec.due, ahead))]:
            self.state.optimizers.set_rates(self.state.step)
            engine = GraphEngine(self.state, CudaCapture(self._device, self.ranks), self.ranks)
            self.engine = proven(engine, due, lambda phase, number: self._draw(phase, self.state.step + number), say)

    def step(self) -> dict[str, Scalars]:
        """Run one training step: every phase that is due, in order. Then move the averages.

        Returns: phase to its scalars, which are means over the global batch.
        """
        state = self.state
        state.optimizers.set_rates(state.step)
        scalars = {}
        for phase in self.phases:
            if phase.spec.due(state.step):
                scalars[phase.spec.name] = self.engine(phase, partial(self._take, phase, state.step))
        self.ranks.average([value for terms in scalars.values() for value in terms.values()])
        state.average()
        state.step += 1
        return scalars

    def gather_statistics(self) -> None:
        """Give the averaged networks the statistics of all that was trained so far. Every process does so before the
        averages are used."""
        begun = [phase for phase in self.phases if phase.spec.start < self.state.step]
        gather_statistics(self.state.averages, self.state.networks, begun, self.cohort)

    @contextmanager
    def drawing_ahead(self) -> Iterator[None]:
        """A context in which batches that are read from files are drawn in a thread, before their step."""
        if not is_mapped(self.cohort):
            yield
            return
        settings, on_host = self.recipe.training, attrs.evolve(self.cohort, like=self.cohort.like.cpu())

        def drawn(phase: PhaseStep, step: int) -> Batch:
            return phase.batch(on_host, Draws(settings.seed, step))

        ahead = Ahead(self.phases, drawn, settings.steps, self._device)
        self._take = ahead.take
        try:
            yield
        finally:
            self._take = self._draw
            ahead.close()

    def _draw(self, phase: PhaseStep, step: int) -> Batch:
        return phase.batch(self.cohort, Draws(self.recipe.training.seed, step))


def _train_steps(run: RunDirectory, trainer: Trainer, record: RunRecord, progress: Progress) -> RunResult:
    """Run the steps that are left, until the recipe's last one or a signal. What a step leaves is written after it."""
    state, ranks, settings = trainer.state, trainer.ranks, trainer.recipe.training
    device = next(state.networks.parameters()).device
    scalars = ScalarReader(READ_EVERY if device.type == "cuda" else 1, record.after_divergence)
    first = state.step
    if ranks.first and record.lacks_sheet():
        record.sheet()
    with stopping() as stop, trainer.drawing_ahead():
        ended = state.step >= settings.steps
        while not ended:
            # One step, in every process
            made = trainer.step()
            ended = ranks.any(stop() is not None, device) or state.step >= settings.steps

            # What is due after it
            every = (settings.log_every, settings.checkpoint_every, settings.sample_every)
            log, checkpoint, sheet = (ended or state.step % steps == 0 for steps in every)
            numbers = scalars.add(state.step, made, needed=log or checkpoint or sheet)
            if checkpoint or sheet:
                trainer.gather_statistics()

            # The first process shows and writes it.
            if not ranks.first:
                continue
            progress.advance(state.step, numbers)
            if sheet:
                record.check()
            if log:
                record.row(numbers)
                scalars.begin_row()
            if checkpoint:
                record.checkpoint()
            if sheet:
                record.sheet()
        record.finish()
        received = stop()
    if state.step < settings.steps and received is None:
        received = signal.SIGTERM  # the signal came to another process

    # A run that had ended before may lack its last files.
    if ranks.any(ranks.first and (first == state.step or not record.complete()), device):
        trainer.gather_statistics()
        if ranks.first:
            record.checkpoint()
            record.finish()
            record.sheet()
    signalled = received if state.step < settings.steps else None
    return RunResult(run.path, state.step, signalled, alarms=record.alarms if ranks.first else ())


def resume(run: RunDirectory, identity: Identity, state: TrainingState, progress: Progress, first: bool = True) -> None:
    """Read the newest checkpoint of the run that verifies into the state, if there is one.

    Sound checkpoints of another run are set aside, by the ``first`` process.

    Raises:
        CheckpointError: no checkpoint of the run verifies although there are some, or there is a model without
            checkpoints. Training anew would replace them.
        InputError: more steps are done than the recipe has, or at other rates.
    """
    checkpoints = run.checkpoints()
    path, others = state.load_newest(checkpoints, identity, progress.say)
    if path is None and checkpoints:
        listed = ", ".join(path.name for path in checkpoints)
        raise CheckpointError(
            f"{run.path}: none of its own checkpoints verifies ({listed}); restore one from a copy, train in"
            f" another place (`out`), or remove {run.path} to train anew"
        )
    if path is None and run.model.exists():
        raise CheckpointError(
            f"{run.path}: has a model but no checkpoint, so it cannot go on; restore {run.path / 'checkpoints'}, train"
            f" in another place (`out`), or remove {run.path} to train anew"
        )
    if path is not None:
        progress.say(f"resuming at step {state.step} from {path}")
    for other in others if first else ():
        progress.say(f"warning: {other} is kept as {run.set_aside(other).name}")
    if state.step > state.recipe.training.steps:
        raise InputError(
            f"{run.path}: {state.step} steps are done, more than training.steps = {state.recipe.training.steps};"
            " ask for more, or train in another place (`out`)"
        )
    _refuse_other_rates(run, state)
    progress.begin(state.step)


def _refuse_other_rates(run: RunDirectory, state: TrainingState) -> None:
    """Make sure that every step done had the rates that it has in the recipe. Where a schedule follows
    ``training.steps``, a longer training is another one from its first step.

    Raises:
        InputError: a step had another rate.
    """
    if state.step == 0 or not run.recipe.exists():
        return
    recipe, before = state.recipe, run.locked_recipe()["training"]["steps"]
    if (other := step_of_other_rate(recipe, before, state.step)) is not None:
        name, step = other
        raise InputError(
            f"{run.path}: its steps so far followed a schedule for training.steps = {before}; with"
            f" {recipe.training.steps}, optimizers.{name} would have had another rate at step {step}. Keep {before}, or"
            " train in another place (`out`)"
        )


def _provenance(plugins: Plugins, device: torch.device, digest: str) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "gankit": version("gankit"),
        "torch": torch.__version__,
        "device": name,
        "cohort": digest,
        "plugins": plugins.distributions,
    }
