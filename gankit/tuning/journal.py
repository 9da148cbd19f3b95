"""The trials of a study, in a journal of optuna in the folder of the study. Several processes may share it.

A trial that a process works on is locked. The operating system gives the lock back when the process ends, however it
ends, so a trial that runs and is not locked was left, and whoever looks for work next goes on with it.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from gankit._draws import Draws
from gankit._errors import InputError, said
from gankit.files.lock import Held, locked
from gankit.files.obstacles import writing
from gankit.tuning.space import Axis, Range, Space

if TYPE_CHECKING:
    import optuna

JOURNAL = "journal.log"
LOCKS = ".trials"
"""Folder of the locks."""
NAME = "gankit"
"""Name of the study within the journal."""
SAMPLER = "tune/sampler"
"""Stream of the values that are tried; the number of the trial stands in place of a step."""

State = Literal["measured", "failed", "begun"]


@attrs.frozen(kw_only=True)
class Trial:
    """A trial as the journal has it."""

    number: int
    """From 0."""
    values: Mapping[str, Any]
    """Key path to the value that is tried."""
    state: State
    loss: float | None = None
    """What the search makes small; None unless it was measured."""
    noted: Mapping[str, Any]
    """What was written beside it, as JSON."""


def require_optuna() -> None:
    """Raises InputError: optuna is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise InputError("a search needs optuna; pip install 'gankit[tune]'")


@attrs.frozen
class Journal:
    """The journal of a study, which may be new."""

    folder: Path
    space: Space
    seed: int

    @property
    def file(self) -> Path:
        return self.folder / JOURNAL

    @contextmanager
    def taken(self, total: int) -> Iterator[Trial | None]:
        """A context with a trial to work on, which no other process has: one that was left, else a new one.

        Args:
            total: number of trials that the study is to have.

        Yields None where the study has so many, and all of them are done or worked on.

        Raises:
            InputError: the journal is damaged, or has another search.
            RunError: the folder cannot be written.
        """
        with ExitStack() as held:
            with self._alone() as study:
                trial = self._next(study, total, held)
            yield trial

    def trials(self) -> tuple[Trial, ...]:
        """Every trial, by number. Raises InputError: the journal is damaged."""
        with self._alone() as study:
            return tuple(self._read(trial) for trial in study.get_trials(deepcopy=False))

    def measured(self, number: int, loss: float, noted: Mapping[str, Any]) -> None:
        """Write that a trial was measured: ``loss`` is finite, and smaller is better."""
        self._tell(number, loss, noted)

    def failed(self, number: int, noted: Mapping[str, Any]) -> None:
        """Write that a trial failed."""
        self._tell(number, None, noted)

    def _tell(self, number: int, loss: float | None, noted: Mapping[str, Any]) -> None:
        import optuna

        with self._alone() as study:
            trial = optuna.trial.Trial(study, study.get_trials(deepcopy=False)[number]._trial_id)
            for name, value in noted.items():
                trial.set_user_attr(name, value)
            study.tell(trial, loss, state=optuna.trial.TrialState.FAIL if loss is None else None)

    # The next trial ---------------------------------------------------------------------------------------

    def _next(self, study: optuna.Study, total: int, held: ExitStack) -> Trial | None:
        import optuna

        trials = study.get_trials(deepcopy=False)
        for left in trials:
            if left.state == optuna.trial.TrialState.RUNNING and self._hold(left.number, held):
                return self._begun(study, left.number, left._trial_id)
        if len(trials) >= total:
            return None
        number = len(trials)
        self._hold(number, held)
        return self._begun(study, number, study.ask()._trial_id)

    def _hold(self, number: int, held: ExitStack) -> bool:
        """Whether no other process holds a trial; this one then holds it until the end of the context ``held``."""
        try:
            held.enter_context(locked(self.folder / LOCKS / f"{number}.lock", wait=False))
        except Held:
            return False
        return True

    def _begun(self, study: optuna.Study, number: int, trial_id: int) -> Trial:
        """The trial with its values. Those that a process wrote before it was stopped stay, others are drawn."""
        import optuna

        study.sampler = self._sampler(number)
        trial = optuna.trial.Trial(study, trial_id)
        values = {axis.key: _suggested(trial, axis) for axis in self.space}
        return Trial(number=number, values=values, state="begun", noted=trial.user_attrs)

    def _sampler(self, number: int) -> optuna.samplers.BaseSampler:
        """Tree-structured Parzen estimator (Bergstra et al. 2011, "Algorithms for hyper-parameter optimization",
        Sec. 4), with a seed for each trial: no state is kept, so a study that goes on tries what one that was not
        stopped would try."""
        import optuna

        seed = int(Draws(self.seed, number).generator(SAMPLER).integers(2**32))
        return optuna.samplers.TPESampler(seed=seed)

    # The file ---------------------------------------------------------------------------------------------

    @contextmanager
    def _alone(self) -> Iterator[optuna.Study]:
        """A context with the study as it is in the journal, which no other process reads or writes meanwhile."""
        with locked(self.folder / LOCKS / "journal.lock", wait=True, elsewhere="give another `out`"), self._readable():
            yield self._study()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """A context in which the journal is read; optuna says nothing of its own."""
        try:
            with writing(self.file, "give another `out`"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except (ValueError, LookupError, TypeError, AssertionError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{self.file}: damaged, or the journal of another search ({said(error)}); restore it, or tune in"
                " another place with `out`"
            ) from error

    def _study(self) -> optuna.Study:
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        _cut_torn_line(self.file)
        storage = JournalStorage(JournalFileBackend(str(self.file)))
        try:
            return optuna.load_study(study_name=NAME, storage=storage)
        except KeyError:
            return optuna.create_study(study_name=NAME, storage=storage, direction="minimize")

    def _read(self, trial: optuna.trial.FrozenTrial) -> Trial:
        states: dict[str, State] = {"COMPLETE": "measured", "FAIL": "failed"}
        return Trial(
            number=trial.number,
            values={axis.key: _value(axis, trial.params[axis.key]) for axis in self.space if axis.key in trial.params},
            state=states.get(trial.state.name, "begun"),
            loss=trial.value if trial.state.name == "COMPLETE" else None,
            noted=trial.user_attrs,
        )


def _suggested(trial: optuna.Trial, axis: Axis) -> Any:
    """The value of an axis in a trial; drawn where the trial has none yet."""
    if not isinstance(axis, Range):
        found: Any = trial.suggest_categorical(axis.key, tuple(axis.values))
    elif axis.whole:
        step = 1 if axis.step is None else int(axis.step)
        found = trial.suggest_int(axis.key, int(axis.low), int(axis.high), step=step, log=axis.log)
    else:
        found = trial.suggest_float(axis.key, axis.low, axis.high, step=axis.step, log=axis.log)
    return _value(axis, found)


def _value(axis: Axis, stored: Any) -> Any:
    """The value of what the journal stores: the number itself, or the value of a choice's text."""
    return stored if isinstance(axis, Range) else axis.values[stored]


def _cut_torn_line(file: Path) -> None:
    """Cut off a last line that a power cut left unfinished: what it says never happened. Raises OSError."""
    if not file.is_file() or not (size := file.stat().st_size):
        return
    with file.open("rb+") as journal:
        text = journal.read()
        if (whole := text.rfind(b"\n") + 1) < size:
            journal.truncate(whole)
            os.fsync(journal.fileno())
