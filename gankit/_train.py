"""The training loop, and what surrounds it: resume, interrupt, checkpoints, metrics, sample sheets."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import torch
from torch import Tensor

from gankit._cohort import Cohort
from gankit._draws import Draws
from gankit._engine import CudaCapture, EagerEngine, Engine, GraphEngine, proven, wants_graph
from gankit._errors import InputError, RunError
from gankit._model import Model, save_model
from gankit._phases import Batch, PhaseStep, Scalars
from gankit._plugins import Plugins, load_plugins
from gankit._progress import Progress
from gankit._ranks import ALONE, Ranks, joined_ranks
from gankit._recipe import Recipe
from gankit._resident import ResidentCohort, resident_cohort
from gankit._run_directory import RunDirectory
from gankit._sheet import real_pairs, write_sheet
from gankit._state import TrainingState
from gankit._structure import to_document

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
        InputError: the directory holds a run of another recipe, or the device, engine or cohort does not fit.
        RunError: a loss is not finite, or the directory cannot be written.
    """
    plugins = plugins or load_plugins()
    run = RunDirectory(Path(out) if out is not None else Path("runs") / recipe.name)
    chosen = choose_device(device)
    document = to_document(recipe, plugins.registry)
    run.refuse_other(document)
    with joined_ranks(chosen, recipe.training.batch) as ranks, ExitStack() as held:
        graph = wants_graph(recipe.training.engine, chosen, ranks)
        progress = held.enter_context(Progress(recipe.training.steps, quiet or not ranks.first))
        if ranks.first:
            held.enter_context(run.locked())
        progress.say(f"loading the cohort: {document['cohort']['use']}")
        cohort = cohort if cohort is not None else recipe.cohort.load()
        trainer = Trainer(recipe, resident_cohort(recipe, cohort, chosen), chosen, ranks=ranks)
        for phase in trainer.phases:
            phase.batch(trainer.cohort, Draws(recipe.training.seed))  # a pool that lacks a modality is found now
        resume(run, trainer.state, progress)
        if graph:
            trainer.replay_steps(progress.say)
        if ranks.first:
            lock(run, document, _provenance(plugins, chosen, cohort), progress)
            run.rewind_metrics(trainer.state.step)
        return _run(run, trainer, cohort, document, progress)


def lock(run: RunDirectory, document: dict[str, Any], provenance: dict[str, Any], progress: Progress) -> None:
    """Write the locked recipe; warn if the run began with a cohort of other content."""
    if run.provenance().get("cohort", provenance["cohort"]) != provenance["cohort"]:
        progress.say("warning: the cohort's content is not that with which the run began; it goes on with the new")
    run.lock_recipe(document, provenance)


def choose_device(device: str) -> torch.device:
    """``auto`` is CUDA where there is one. Raises InputError for a device that is not there."""
    if device == "auto":
        number = int(os.environ.get("LOCAL_RANK", "0"))  # torchrun gives each process of a machine its own
        return torch.device("cuda", number) if torch.cuda.is_available() else torch.device("cpu")
    unknown = InputError(f"--device {device}: unknown; accepted: auto, cpu, cuda, cuda:N")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise unknown from error
    if chosen.type not in ("cpu", "cuda"):
        raise unknown
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {device}: this torch sees no CUDA device; choose cpu or auto")
    return chosen


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
    run: RunDirectory, trainer: Trainer, cohort: Cohort, document: dict[str, Any], progress: Progress
) -> RunResult:
    recipe, state, ranks = trainer.recipe, trainer.state, trainer.ranks
    settings = recipe.training
    device = next(state.networks.parameters()).device

    def save() -> None:
        if (name := state.not_finite()) is not None:
            raise RunError(f"{name} is not finite after step {state.step}; {_after_divergence(run)}")
        state.save(run.checkpoint(state.step))
        run.prune(state.step, settings.keep_checkpoints)
        save_model(run.model, state.averages, document, state.step)

    def sheet() -> None:
        model = Model(recipe, state.averages, state.step)
        real = real_pairs(cohort, recipe, SHEET_PAIRS)
        write_sheet(run.sample(state.step), recipe, real, model.sample(SHEET_PAIRS, settings.seed))

    began, first = time.monotonic(), state.step
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
                rate = (state.step - first) / (time.monotonic() - began)
                run.append_metrics({"step": state.step, "steps_per_s": round(rate, 3), **numbers})
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


class Readings:
    """The scalars of a run as plain numbers. A GPU would wait while the host reads, so they are read many at once."""

    def __init__(self, run: RunDirectory, at_most: int):
        self._run = run
        self._at_most = at_most
        self._unread: list[tuple[int, dict[str, Tensor]]] = []
        self._newest: dict[str, float] = {}

    def add(self, step: int, scalars: dict[str, Scalars], needed: bool) -> dict[str, float]:
        """Take over the scalars of a step.

        Args:
            needed: the numbers of this very step must be returned, and all until now checked.

        Returns: the newest numbers read since the last row, by ``phase.term``: also of phases that rest on this step.

        Raises:
            RunError: one is not finite; names phase, term and step of the first.
        """
        named = {f"{phase}.{name}": value for phase, terms in scalars.items() for name, value in terms.items()}
        self._unread.append((step, named))
        if needed or len(self._unread) >= self._at_most:
            self._read()
        return dict(self._newest)

    def begin_row(self) -> None:
        """Forget what has been logged."""
        self._newest = {}

    def _read(self) -> None:
        values = [value for _, named in self._unread for value in named.values()]
        numbers = iter(torch.stack(values).tolist() if values else [])
        for step, named in self._unread:
            read = dict(zip(named, numbers, strict=False))  # as many as it has names
            self._newest |= read
            for name, number in read.items():
                if not math.isfinite(number):
                    phase, _, term = name.partition(".")
                    raise RunError(
                        f"phase {phase!r}, term {term!r}: the loss is {number} at step {step};"
                        f" {_after_divergence(self._run)}"
                    )
        self._unread.clear()


def _after_divergence(run: RunDirectory) -> str:
    good = next(iter(run.checkpoints()), None)
    kept = f"the last good checkpoint is {good}" if good else "there is no checkpoint yet"
    return (
        f"{kept}. Lower a learning rate or a weight, or look at the cohort's values, and train anew in another place"
        " (-o)"
    )


def resume(run: RunDirectory, state: TrainingState, progress: Progress) -> None:
    """Take over the newest checkpoint that verifies, if there is one."""
    if (path := state.load_newest(run.checkpoints(), progress.say)) is not None:
        progress.say(f"resuming at step {state.step} from {path}")
    progress.begin(state.step)


@contextmanager
def stopping() -> Iterator[Callable[[], signal.Signals | None]]:
    """Ctrl-C and SIGTERM ask the loop to stop after the step; a second one stops at once. Yields a function that
    tells which one came."""
    received: list[signal.Signals] = []

    def note(number: int, _: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(signal.Signals(number))

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            previous[number] = signal.signal(number, note)
        except ValueError:  # not the main thread, where Python delivers no signals
            break
    try:
        yield lambda: received[0] if received else None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _provenance(plugins: Plugins, device: torch.device, cohort: Cohort) -> dict[str, Any]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "gankit": version("gankit"),
        "torch": torch.__version__,
        "device": name,
        "cohort": cohort.digest(),
        "plugins": plugins.distributions,
    }
