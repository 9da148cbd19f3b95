"""What a run keeps while it trains: rows of metrics, checkpoints, the model, sample sheets."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gankit._errors import RunError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import pixel_sizes, slice_sizes
from gankit.cohort.pictures import aspects
from gankit.cohort.sheet import real_pairs, write_sheet
from gankit.cohort.titles import real_title
from gankit.run.directory import RATE, RunDirectory
from gankit.run.given import labels_seen
from gankit.run.health.alarm import Alarm
from gankit.run.health.watch import Watch
from gankit.run.identity import Identity
from gankit.run.model import Model, save_model
from gankit.training.beside import Beside
from gankit.training.checkup import Checkup
from gankit.training.observers import Observers
from gankit.training.state import TrainingState

SHEET_PAIRS = 16
"""Synthetic slices on a sample sheet, and real ones beside them."""


class RunRecord:
    """Writes what a run keeps into its directory, and tells observers. The first process alone calls its methods."""

    def __init__(
        self,
        run: RunDirectory,
        identity: Identity,
        state: TrainingState,
        cohort: Cohort,
        document: dict[str, Any],
        observers: Observers,
        checkup: Checkup,
        beside: Beside,
        say: Callable[[str], None],
    ):
        """
        Args:
            run: the run directory.
            identity: what the checkpoints say of which run they are.
            state: the state of the training, whose step is the one at which the run starts or resumes.
            cohort: the cohort that it is trained on.
            document: the completed recipe as plain tables.
            observers: are told of rows and sheets.
            checkup: measures the training.
            beside: writes checkpoints and the model while steps run.
            say: prints a line.
        """
        self._run, self._identity, self._state, self._cohort = run, identity, state, cohort
        self._document, self._observers, self._checkup, self._beside = document, observers, checkup, beside
        self._measured: dict[str, float] = {}
        self._watch, self._say = Watch(state.recipe, run.read_metrics()), say
        self._spacing_mm, self._slice_spacing_mm = pixel_sizes(cohort, state.recipe), slice_sizes(cohort, state.recipe)
        self._began, self._first, self._before_s = time.monotonic(), state.step, run.wall_s() or 0.0

    def row(self, numbers: Mapping[str, float]) -> None:
        """Add a row of metrics: step, speed, time, the newest number of each ``phase.term``, and as
        ``learning_rate/NAME`` the rate of the last step of each optimizer that has a schedule."""
        self._run.require_held()
        step, wall_s = self._state.step, time.monotonic() - self._began
        pace = {"steps_per_s": round((step - self._first) / wall_s, 3), "wall_s": round(self._before_s + wall_s, 2)}
        rates = self._state.optimizers.rates(step - 1)
        row = {
            "step": step,
            **pace,
            **numbers,
            **{f"{RATE}{name}": rate for name, rate in rates.items()},
            **self._measured,
        }
        self._measured = {}
        self._run.append_metrics(row)
        self._observers.tell("row_logged", row=row)
        for line in self._watch.see(row):
            self._say(line)

    def check(self) -> None:
        """Measure the training, if that is possible. What is found stands in the next row."""
        recipe = self._state.recipe
        try:
            samples = self._model().sample(SHEET_PAIRS, recipe.training.seed)
            self._measured = self._checkup(
                {name: spec.to_network(samples[name]) for name, spec in recipe.modalities.items()}
            )
        except Exception as error:
            self._say(f"warning: no checkup at step {self._state.step}: {type(error).__name__}: {error}")

    def checkpoint(self) -> None:
        """Write a checkpoint and the model as they are now, while training goes on.

        Raises:
            RunError: a tensor of the state is not finite, the directory was removed, or the files before could not be
                written. What happens while these are written is raised by the next call, or by ``finish``.
        """
        state, run = self._state, self._run
        self._beside.finish()
        if (name := state.not_finite()) is not None:
            raise RunError(f"{name} is not finite after step {state.step}; {self.after_divergence()}")
        run.require_held()
        checkpoint = state.snapshot(self._identity)
        model = partial(
            save_model,
            run.model,
            copy.deepcopy(state.averages).cpu(),
            self._document,
            state.step,
            self._spacing_mm,
            labels_seen(state.recipe, self._cohort),
            cohort=self._identity.cohort,
            slice_spacing_mm=self._slice_spacing_mm,
        )

        def write(step: int = state.step) -> None:
            path = run.checkpoint(step)
            checkpoint(path)
            try:
                run.require_held()
            except RunError:  # what is trained there anew must not go on from it
                path.unlink(missing_ok=True)
                raise
            run.prune(step, state.recipe.training.keep_checkpoints)
            model()

        self._beside.write(write)

    def finish(self) -> None:
        """Wait for the files that are being written. Raises RunError: they could not be."""
        self._beside.finish()

    def after_divergence(self) -> str:
        """The end of a message about a loss or a weight that is not finite: what is left, and what the user can do."""
        self._beside.settle()
        good = next(iter(self._run.checkpoints()), None)
        kept = f"the last good checkpoint is {good}" if good else "there is no checkpoint yet"
        return (
            f"{kept}. Lower a learning rate or a weight, or look at the cohort's values, and train anew in another"
            " place (`out`)"
        )

    def sheet(self) -> None:
        """Write a sample sheet of the averaged networks."""
        self._run.require_held()
        state, path = self._state, self._run.sample(self._state.step)
        real = real_pairs(self._cohort, state.recipe, SHEET_PAIRS)
        synthetic = self._model().sample(SHEET_PAIRS, state.recipe.training.seed)
        stretched = aspects(self._spacing_mm, self._slice_spacing_mm)
        title = real_title(self._cohort.source)
        write_sheet(path, state.recipe, real, synthetic, of_real=title, aspects=stretched)
        self._observers.tell("sheet_written", path=path)

    def lacks_sheet(self) -> bool:
        """Whether a sheet was due after the last step, and there is none, because the run was cut off before it."""
        step = self._state.step
        due = step > 0 and step % self._state.recipe.training.sample_every == 0
        return due and not self._run.sample(step).exists()

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms that hold."""
        return self._watch.alarms

    def complete(self) -> bool:
        """Whether the directory has the model, and the sheet of this step."""
        return self._run.model.exists() and self._run.sample(self._state.step).exists()

    def _model(self) -> Model:
        return Model(self._state.recipe, self._state.averages, self._state.step, real=self._cohort)
