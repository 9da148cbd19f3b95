"""``tune``: search settings of a recipe by a reading on validation slices. It can be stopped and continued.

The folder of a study::

    study.json              what is searched and how; the number of trials alone may differ the next time
    journal.log             the trials, as optuna keeps them
    cohort.safetensors      the cohort of the trials: train slices, and validation slices in the place of test slices
    recipes/, runs/         the recipe and the run directory of each training, trial-NNNN-seedK
    readings/               what was measured
    cache/                  what the metric makes once, where the user has no cache
    logs/                   what trainings printed
    trials.md, trials.csv   every trial, best first
    best.toml               the recipe with the values of the best trial
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gankit._errors import RunError
from gankit.comparison.compare import Stopped, require_whole
from gankit.evaluation.judging import Judging
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.jobs import Job, run_jobs, sharing_cores
from gankit.processes.progress import say, watched
from gankit.tuning.begun import Begun, begin
from gankit.tuning.journal import Trial
from gankit.tuning.plan import JUDGING, plan_study
from gankit.tuning.result import Tried, TuningResult, shown_value
from gankit.tuning.study import Study
from gankit.tuning.trial import Failed

DONE = "finished "
"""How the line about a trial that is done begins."""


def tune(
    recipe: str | Path,
    over: Mapping[str, str] | str | Iterable[str],
    by: str,
    out: str | Path = "tuning",
    *,
    trials: int = 20,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    steps: int | None = None,
    seeds: int = 1,
    first_seed: int = 0,
    seed: int = 0,
    validation: float | None = None,
    judging: Judging = JUDGING,
    jobs: int = 1,
    plugins: Plugins | None = None,
    quiet: bool = False,
) -> TuningResult:
    """Search settings of a recipe on validation slices. Called again, it goes on until there are so many trials.

    The cohort of the trials is made without the test slices of the recipe's: its validation slices, or where there is
    no validation split a share of the train patients, stand in their place. So every metric works as in an evaluation.

    Args:
        recipe: a TOML file or the name of a shipped recipe, whose pools are of the train split.
        over: key path to what is searched, or texts ``KEY=SPEC``: ``LOW..HIGH``, ``LOW..HIGH:STEP``, ``log:LOW..HIGH``
            or ``A|B|C``; see ``gankit.tuning.space``.
        by: the reading that decides, ``"METRIC.READING"``. The metric says which values are better: high, low, or near
            to what real slices have.
        out: folder of the study.
        trials: number of trials of the study, >= 1, those that failed and those of earlier calls included.
        overrides: key path to value for every trial, or texts ``KEY=VALUE``.
        steps: training steps of every trial; default: the recipe's.
        seeds: trainings of each trial, whose mean reading counts.
        first_seed: ``training.seed`` of the first of them; the others count up. Report other seeds than these.
        seed: seed of the values that are tried, of the patients that are held out, and of the evaluation.
        validation: share of the train patients to hold out, above 0 and below 1, where the cohort has no validation
            split; default: 0.2.
        judging: sets, slices in a set, options of the metric, label, modalities and device; a study has a cohort, a
            metric and a seed of its own.
        jobs: number of processes that work on trials at a time, >= 1.
        plugins: what is installed; default: load it.
        quiet: print nothing.

    Returns: every trial, best first, as in trials.csv.

    Raises:
        InputError: recipe, keys, values, reading or cohort do not fit, or the folder has another study. Nothing has
            been trained then. Or optuna is not installed.
        Stopped: the user stopped it; what is finished is kept.
        RunError: no trial could be measured, or the folder cannot be written.
    """
    plugins = plugins or load_plugins()
    require_whole("trials", trials, 1)
    require_whole("jobs", jobs, 1)
    study = plan_study(
        recipe,
        over,
        by,
        out,
        overrides=overrides,
        steps=steps,
        seeds=seeds,
        first_seed=first_seed,
        seed=seed,
        validation=validation,
        judging=judging,
        plugins=plugins,
    )
    return carry_out_study(study, trials, jobs=jobs, plugins=plugins, quiet=quiet)


def carry_out_study(study: Study, trials: int, *, jobs: int = 1, plugins: Plugins, quiet: bool = False) -> TuningResult:
    """Make the trials that are lacking. For errors see ``tune``."""
    with watched(not quiet):
        begun = begin(study, plugins, quiet)
        lacking = trials - sum(trial.state != "begun" for trial in begun.result().trials)
        if (workers := min(jobs, lacking)) > 1:
            _share(study, trials, workers, lacking, quiet)
        work(begun, trials, quiet)
        result = begun.publish()
    if result.best is None and (failed := [trial for trial in result.trials if trial.state == "failed"]):
        raise RunError(
            f"{study.folder}: no trial could be measured; trial {failed[0].number}: {failed[0].reason}; see trials.md"
        )
    return result


def work(begun: Begun, trials: int, quiet: bool) -> None:
    """Make trials until the study has so many. Several processes may be at it."""
    while True:
        with begun.journal.taken(trials) as trial:
            if trial is None:
                return
            say(f"trial {trial.number}: {_settings(trial.values)}", quiet)
            _carry_out(begun, trial, quiet)
        result = begun.publish()
        (tried,) = (each for each in result.trials if each.number == trial.number)
        say(f"{DONE}trial {trial.number}: {_outcome(tried, result)}", quiet)


def _carry_out(begun: Begun, trial: Trial, quiet: bool) -> None:
    """Train and measure a trial, unless an earlier one had its values, and write what came out to the journal."""
    if (twin := _twin(begun.journal.trials(), trial)) is not None:
        noted = {**twin.noted, "same_as": twin.noted.get("same_as", twin.number), "wall_s": 0.0}
        if twin.loss is None:
            begun.journal.failed(trial.number, noted)
        else:
            begun.journal.measured(trial.number, twin.loss, noted)
        return
    started = time.monotonic()
    try:
        readings = begun.bench.readings(trial.number, trial.values, begun.aim.id, quiet)
    except Failed as error:
        begun.journal.failed(trial.number, {"reason": str(error), "wall_s": time.monotonic() - started})
        return
    loss = begun.aim.loss(sum(readings) / len(readings))
    begun.journal.measured(trial.number, loss, {"readings": readings, "wall_s": time.monotonic() - started})


def _twin(trials: Sequence[Trial], trial: Trial) -> Trial | None:
    """A trial that is done and had the same values."""
    done = (each for each in trials if each.state != "begun" and each.number != trial.number)
    return next((each for each in done if each.values == trial.values), None)


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {shown_value(value)}" for key, value in values.items())


def _outcome(tried: Tried, result: TuningResult) -> str:
    if tried.reading is None or result.best is None:
        return f"failed: {tried.reason}"
    same = "" if tried.same_as is None else f", as trial {tried.same_as} with the same values"
    best = f"best: {result.best.reading:.4g}, trial {result.best.number}"
    return f"{result.aim.id} {tried.reading:.4g}{same} ({best})"


# Processes ------------------------------------------------------------------------------------------------


def _share(study: Study, trials: int, workers: int, lacking: int, quiet: bool) -> None:
    """Let several processes work on trials. What one of them leaves, the caller goes on with.

    Raises:
        Stopped: the user stopped them.
        RunError: one of them failed otherwise than in a trial.
    """
    shares = [lacking // workers + (number < lacking % workers) for number in range(workers)]
    jobs = [_worker(study.folder, trials, number, share) for number, share in enumerate(shares)]
    ended, stopped = run_jobs(jobs, workers, sharing_cores(workers), quiet, f"of {lacking} trials")
    if stopped is not None:
        raise Stopped(stopped)
    if failed := [job for job in ended if job.code != 0]:
        raise RunError(f"{failed[0].name} failed: {failed[0].last.removeprefix('Error: ')}; what is finished is kept")


def _worker(folder: Path, trials: int, number: int, share: int) -> Job:
    log = folder / "logs" / f"worker-{number}.log"
    before = _done(log)
    return Job(
        name=f"worker {number + 1}",
        module=("gankit.tuning.worker", str(folder), str(trials)),
        log=log,
        total=share,
        done=lambda: _done(log) - before,
    )


def _done(log: Path) -> int:
    """Trials that the workers of a log have finished."""
    return log.read_bytes().count(f"\n{DONE}".encode()) if log.exists() else 0
