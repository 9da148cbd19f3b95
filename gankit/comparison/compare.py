"""``compare``: train recipes, judge every run, test the differences. It can be stopped and continued.

The folder of a comparison::

    plan.json                     what is compared and how; only seeds, sets and metrics may differ the next time
    recipes/NAME.toml             the completed recipe of each run
    runs/NAME/                    run directories; NAME is METHOD-seedK. Finished ones may be copied to here
    readings/NAME-setK.json       readings of each set, written after every metric
    cache/                        what metrics make once, where the user has no cache
    logs/NAME.log                 what the training of each run printed
    comparison.json, .md, .tex    the result, and its tables
    report.html                   the tables, and pictures of every method
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from signal import Signals
from typing import Any

import attrs

from gankit._errors import InputError, RunError
from gankit.comparison.axes import MOST, methods_of, slug
from gankit.comparison.comparison import Comparison, compared
from gankit.comparison.earlier import read_earlier
from gankit.comparison.plan import Plan, PlannedRun, planned_run
from gankit.evaluation.judging import EVERYTHING, Judging
from gankit.evaluation.metrics import chosen_metrics
from gankit.evaluation.result_files import COMPARISON, write_result
from gankit.evaluation.results import ComparisonResult, FailedTraining
from gankit.evaluation.rows import judge_in, judged_rows, lacking, say_without_reading
from gankit.evaluation.statistics import require_scipy
from gankit.evaluation.summary import bounded
from gankit.evaluation.tables import comparison_tables
from gankit.files.atomic import write_text
from gankit.files.lock import Held, locked
from gankit.files.paths import given_path
from gankit.files.tables import latex, markdown
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.jobs import Ended, Job, run_jobs, sharing_cores
from gankit.processes.progress import say, watched
from gankit.report.report import report_if_possible
from gankit.run.health.watch import Watch

SEE_LOG = "see logs/{name}.log in the folder of the comparison"
"""Where it says why a training failed."""


@attrs.frozen
class Stopped(Exception):
    """The user stopped a comparison. What is finished is kept; the same call continues it."""

    signal: Signals
    """The signal that came."""


def compare(
    recipes: str | Path | Sequence[str | Path],
    out: str | Path = "comparison",
    *,
    judging: Judging = EVERYTHING,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    axes: Mapping[str, Sequence[Any]] | Iterable[str] = (),
    steps: int | None = None,
    seeds: int = 1,
    first_seed: int = 0,
    beside: str | Path | Sequence[str | Path] = (),
    jobs: int = 1,
    plugins: Plugins | None = None,
    quiet: bool = False,
) -> ComparisonResult:
    """Train recipes, judge every run and test the differences. Called again, it continues what is not finished.

    Args:
        recipes: TOML files or names of shipped recipes.
        out: folder of the comparison.
        judging: what is measured and how; default: every metric that is installed.
        overrides: key path to value for every recipe, or texts ``KEY=VALUE``.
        axes: key path to values, or texts ``KEY=VALUE,VALUE,...``: a method for each value. A key may begin with the
            name of a network.
        steps: training steps of every recipe; default: the recipe's.
        seeds: trainings of each method, with ``training.seed`` first_seed, first_seed + 1, ...
        first_seed: ``training.seed`` of each method's first training, >= 0. Choose it so that no seed is one that the
            recipes were tuned on.
        beside: comparisons that were made before, folders or files comparison.json. Their methods join tables and
            tests with the readings that they have; they must have been judged in the same way, against the same slices.
        jobs: number of processes at a time, >= 1.
        plugins: what is installed; default: load it.
        quiet: print nothing.

    Returns: readings, summaries and tests, as in comparison.json. Trainings that failed are in ``failed``.

    Raises:
        InputError: recipes, cohorts or settings do not fit, or the folder has another comparison. Nothing has been
            trained then. Or two trainings gave one model, or one that a comparison beside has.
        Stopped: the user stopped it; what is finished is kept.
        RunError: another process works on this comparison, every training failed, or the folder cannot be written.
    """
    plugins = plugins or load_plugins()
    require_whole("jobs", jobs, 1)
    plan = plan_comparison(
        recipes,
        out,
        judging=judging,
        overrides=overrides,
        axes=axes,
        steps=steps,
        seeds=seeds,
        first_seed=first_seed,
        beside=beside,
        plugins=plugins,
    )
    return carry_out(plan, jobs=jobs, plugins=plugins, quiet=quiet)


def plan_comparison(
    recipes: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    judging: Judging = EVERYTHING,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    axes: Mapping[str, Sequence[Any]] | Iterable[str] = (),
    steps: int | None = None,
    seeds: int = 1,
    first_seed: int = 0,
    beside: str | Path | Sequence[str | Path] = (),
    plugins: Plugins,
) -> Plan:
    """The plan of a comparison. Nothing is computed or written. For the arguments see ``compare``.

    Raises:
        InputError: recipes or settings do not fit, or the folder has another comparison.
    """
    recipes = _named_recipes(recipes)
    require_whole("seeds", seeds, 1)
    require_whole("first_seed", first_seed, 0)
    if steps is not None:
        require_whole("steps", steps, 1)
    metrics = chosen_metrics(judging, plugins)
    if seeds > 1 or judging.sample_sets.count > 1 or beside:
        require_scipy()
    methods = methods_of(list(map(str, recipes)), overrides, axes, steps, plugins)
    if (count := len(methods) * seeds) > MOST:
        raise InputError(f"`seeds` {seeds}: makes {count} trainings, and a comparison has at most {MOST}")
    runs = tuple(
        planned_run(method.name, slug(method.name), number, method.recipe(number, plugins), plugins)
        for method in methods
        for number in range(first_seed, first_seed + seeds)
    )
    earlier = read_earlier(beside, [method.name for method in methods])
    plan = Plan(folder=given_path("out", out), runs=runs, judging=judging, metrics=metrics, beside=earlier)
    plan.refuse_other(plugins)
    for run in plan.runs:
        plan.standing(run)  # raises where a run does not belong to this comparison
    plan.refuse_one_model_twice()
    return plan


def _named_recipes(recipes: str | Path | Sequence[str | Path]) -> Sequence[str | Path]:
    """At least one recipe. Raises InputError: there is none, or it is something else than names and paths."""
    named = [recipes] if isinstance(recipes, str | Path) else recipes
    if not isinstance(named, list | tuple) or not named or not all(isinstance(one, str | Path) for one in named):
        raise InputError(f"`recipes` must be one or more TOML files or names of shipped recipes, got {recipes!r}")
    return named


def require_whole(parameter: str, value: object, least: int) -> None:
    """Raises InputError: the value is no whole number of at least ``least``."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"`{parameter}` must be a whole number of at least {least}, got {value!r}")


def carry_out(plan: Plan, *, jobs: int = 1, plugins: Plugins, quiet: bool = False) -> ComparisonResult:
    """Train the runs that are not trained, measure the sets that are not measured, and write the tables.

    For errors see ``compare``.
    """
    with held(plan.folder), watched(not quiet):
        _refuse_beside_jobs(plan)
        comparison, warnings = begun(plan, plugins, quiet)

        # Training
        failed = train_runs(plan, jobs, quiet)
        require_trained(plan, failed)

        # Measuring, by several processes where they are asked for
        judge = judge_in(plan.folder, comparison.evaluation, plan.metrics, plugins)
        lacking_sets = sum(lacking(subject, judge) for subject in comparison.subjects(plugins))
        if (workers := min(jobs, lacking_sets)) > 1:
            _measure(plan, workers, lacking_sets * len(plan.metrics), quiet)
        return finished(comparison, failed, warnings, plugins, quiet)


def begun(plan: Plan, plugins: Plugins, quiet: bool) -> tuple[Comparison, list[str]]:
    """A plan with its real side, and its warnings, which are printed. Its folder is written: from here on what is
    compared may not change."""
    say("loading the real cohort", quiet)
    comparison = Comparison.of(plan, plugins)
    warnings = list(comparison.warnings())
    _warn(warnings, quiet)
    plan.write(plugins)
    return comparison, warnings


def require_trained(plan: Plan, failed: Mapping[str, str]) -> None:
    """Make sure that there is something to measure. Raises RunError: every training failed. InputError: two gave one
    model."""
    if len(failed) == len(plan.runs):
        raise RunError(_failures(failed))
    plan.refuse_one_model_twice()


def finished(
    comparison: Comparison, failed: Mapping[str, str], warnings: Sequence[str], plugins: Plugins, quiet: bool
) -> ComparisonResult:
    """Measure what is still missing, read all readings into rows, and write tables and report.

    Args:
        comparison: its runs are trained, but for those that ``failed``.
        failed: name of a run to the reason.
        warnings: those of the plan, for the result.
        plugins: what is installed.
        quiet: print nothing.

    Raises:
        RunError: the folder cannot be written.
    """
    plan = comparison.plan
    _warn(alarms := list(_alarms(plan)), quiet)
    judge = judge_in(plan.folder, comparison.evaluation, plan.metrics, plugins)
    judged = judged_rows(comparison.subjects(plugins), judge, quiet)

    # Tables and report, with the rows of earlier comparisons before those of real slices
    trained = [row for row in judged if row.kind == "model"]
    earlier = [bounded(row, plan.metrics) for each in plan.beside for row in each.rows]
    rows = (*trained, *earlier, *judged[len(trained) :])
    say_without_reading(rows, plan.headline, quiet)
    result = ComparisonResult(
        settings=comparison.settings,
        rows=tuple(attrs.evolve(row, sets=()) for row in rows),
        **compared(plan, rows),
        failed=tuple(FailedTraining(name=name, reason=reason) for name, reason in failed.items()),
        warnings=(*warnings, *alarms),
    )
    _write(plan.folder, result)
    report_if_possible(plan.folder, partial(say, quiet=quiet), plugins=plugins)
    return result


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A context that holds the folder, so that no other process works on it."""
    try:
        with locked(folder / ".lock", wait=False, elsewhere="give another `out`"):
            yield
    except Held as error:
        raise RunError(f"{folder}: another process is at this comparison; wait for it") from error


# Processes ------------------------------------------------------------------------------------------------


def train_runs(plan: Plan, processes: int, quiet: bool) -> dict[str, str]:
    """Train the runs of a plan that are not trained. Their recipes are in the folder.

    Returns: name to reason, for the trainings that failed. Raises Stopped.
    """
    waiting = [run for run in by_round(plan.runs) if not plan.standing(run).trained]
    at_once = max(1, min(processes, len(waiting)))
    jobs = [training_job(plan, run) for run in waiting]
    ended, stopped = run_jobs(jobs, at_once, sharing_cores(at_once), quiet, f"steps of {len(jobs)} trainings")
    if stopped is not None:
        raise Stopped(stopped)
    return {job.name: f"{_end(job)}; {SEE_LOG.format(name=job.name)}" for job in ended if job.code != 0}


def _end(job: Ended) -> str:
    """How a training ended that failed."""
    if job.code >= 0:
        return job.last
    return f"it was killed ({Signals(-job.code).name}), as where memory is short; it printed last: {job.last}"


def _refuse_beside_jobs(plan: Plan) -> None:
    """Make sure that no other process trains a run, as a job of a cluster does. Raises RunError."""
    if busy := [run.name for run in plan.runs if plan.run_directory(run).being_written()]:
        raise RunError(
            f"{plan.folder}: another process trains {busy[0]}, as jobs of a cluster do; wait until it has ended"
        )


def _warn(warnings: Iterable[str], quiet: bool) -> None:
    for warning in warnings:
        say(f"warning: {warning}", quiet)


def by_round(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """The runs in the order of training: the first seed of every method, then the second of every method, and so on.

    So methods have about equally many runs where a comparison is stopped early.
    """
    return sorted(runs, key=lambda run: run.seed)


def _alarms(plan: Plan) -> Iterator[str]:
    """A line for each training at whose end alarms held."""
    for run in plan.runs:
        directory = plan.run_directory(run)
        if alarms := Watch(run.recipe, directory.read_metrics()).alarms:
            some = ", ".join(f"{alarm.name} ({alarm.where})" for alarm in alarms)
            yield f"{run.name}: training ended with alarms: {some}; 'gankit report {directory.path}' says what to do"


def training_job(plan: Plan, run: PlannedRun) -> Job:
    """The process that trains a run, from where it stands."""
    directory = plan.run_directory(run)
    words = ("train", str(plan.recipe_file(run)), "-o", str(directory.path), "--device", plan.judging.device)
    log = plan.folder / "logs" / f"{run.name}.log"
    return Job(
        name=run.name, module=("gankit", *words), log=log, total=run.recipe.training.steps, done=directory.logged_step
    )


def _measure(plan: Plan, processes: int, total: int, quiet: bool) -> None:
    """Measure what is missing in several processes.

    An error in one of them is not raised here: the caller measures the set again, and then it is.

    Args:
        plan: the plan, which is in its folder.
        processes: how many, at least 2.
        total: number of sets that are missing times number of metrics.
        quiet: show nothing.
    """
    shares = [total // processes + (number < total % processes) for number in range(processes)]
    jobs = [_measuring(plan, number, shares) for number in range(processes)]
    _, stopped = run_jobs(jobs, processes, sharing_cores(processes), quiet, "sets by metrics")
    if stopped is not None:
        raise Stopped(stopped)


def _measuring(plan: Plan, number: int, shares: Sequence[int]) -> Job:
    """A process that measures what no other process measures, which is about its share.

    It prints a line for each set and metric, so the lines of its log tell how far it is.
    """
    log = plan.folder / "logs" / f"measuring-{number}.log"
    before = _lines(log)
    return Job(
        name=f"measuring {number + 1}/{len(shares)}",
        module=("gankit.comparison.worker", str(plan.folder)),
        log=log,
        total=shares[number],
        done=lambda: _lines(log) - before,
    )


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


# Results --------------------------------------------------------------------------------------------------


def _failures(failed: Mapping[str, str]) -> str:
    name, reason = next(iter(failed.items()))
    others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"training of {name}{others} failed: {reason}"


def failures(result: ComparisonResult) -> str | None:
    """One line about the trainings that failed; None where none did."""
    failed = {run.name: run.reason for run in result.failed}
    return _failures(failed) if failed else None


def _write(folder: Path, result: ComparisonResult) -> None:
    write_result(folder / COMPARISON, result)
    short, full = comparison_tables(result)
    write_text(folder / "comparison.md", markdown([*short, full]))
    write_text(folder / "comparison.tex", latex(short))
