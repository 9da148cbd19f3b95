"""``gankit compare``: train recipes, judge every run, test the differences. It can be stopped and goes on.

The folder of a comparison::

    plan.json                     what is compared and how; seeds, sets and metrics may differ next time, the rest not
    recipes/NAME.toml             the completed recipe of each run
    runs/NAME/                    run directories; NAME is METHOD-seedK. Finished ones may be copied here
    readings/NAME-setK.json       what is measured, written after every metric
    cache/                        what metrics make once
    logs/NAME.log                 what training printed
    comparison.json, .md, .tex
    report.html                   the tables with pictures of every method

``comparison.json`` has ``settings``, ``headline`` and ``rows`` as in ``evaluation.json`` (see ``_evaluate``), a row a
run and the real rows; its ``format`` is ``"gankit-comparison-1"``. Besides it has::

     "unit": "training seed" | "sample set",               what a test's samples are
     "methods": [
       {"name": "mpmri", "rows": ["mpmri-seed0", ...],     names of its rows
        "seeds": [0, 1], "steps": 40000, "wall_s": mean a run | null, "device": "cpu" | null,
        "summary": [                                       one entry a reading, over the means of its rows
            {"id": "METRIC.READING", "metric": ..., "name": ..., "unit": ..., "better": ..., "notes": [...],
             "values": [0.92, 0.94], "n": 2, "mean": 0.93, "sd": 0.014, "interval": [...] | null,
             "interval_of": "seeds" | "patients" | "sets" | null}]}],
     "tests": [                                            every pair of methods, every headline reading
       {"id": "METRIC.READING", "a": "mpmri", "b": "supervised", "difference": mean of a less mean of b,
        "t": ..., "df": ..., "p": ..., "p_holm": ... (null where it cannot be tested), "n": [2, 2],
        "better": "a" | "b" | null, "note": ""}],
     "note": "what the tests' samples are, in words",
     "failed": [{"name": "mpmri-seed3", "reason": "last line of its log"}]     runs that could not be trained

With one training seed, ``values``, ``mean`` and ``sd`` of a method are over sample sets, ``unit`` says so, and tests
show sampling noise alone: they do not show that another training would give the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from signal import Signals
from typing import Any

import attrs
import filelock

from gankit._errors import RunError
from gankit.comparison.axes import methods_of, slug
from gankit.comparison.comparison import Comparison, compared
from gankit.comparison.plan import Plan, PlannedRun, planned_run
from gankit.evaluation.evaluate import (
    Settings,
    described,
    judge_in,
    judged_rows,
    lacking,
    say_without_reading,
    write_json,
)
from gankit.evaluation.metrics import checked_headline, chosen_metrics
from gankit.evaluation.subjects import Sets
from gankit.evaluation.tables import comparison_tables
from gankit.files.atomic import write_text
from gankit.files.tables import latex, markdown
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.jobs import Job, run_jobs, threads
from gankit.processes.progress import say
from gankit.report.report import report_if_possible

FORMAT = "gankit-comparison-1"


@attrs.frozen
class Stopped(Exception):
    """The user stopped a comparison; what is finished is kept."""

    signal: Signals


def plan_comparison(
    recipes: Sequence[str],
    out: str | Path,
    *,
    overrides: Iterable[str] = (),
    axes: Iterable[str] = (),
    steps: int | None = None,
    seeds: int = 1,
    first_seed: int = 0,
    sets: int = 5,
    per_set: int = 1942,
    metrics: Iterable[str] = (),
    options: Iterable[str] = (),
    headline: Iterable[str] = (),
    cohort: str | Path | None = None,
    fresh: str | Path | None = None,
    modalities: Iterable[str] = (),
    label: str | None = None,
    seed: int = 0,
    replicates: int = 200,
    device: str = "auto",
    plugins: Plugins | None = None,
) -> Plan:
    """What a comparison will do; nothing is computed or written.

    Args:
        recipes: TOML files or names of shipped recipes.
        out: folder of the comparison.
        overrides: ``KEY=VALUE`` for every recipe.
        axes: ``KEY=VALUE,VALUE,...``: a method for each value; a key may begin with the name of a network.
        steps: training steps of every recipe.
        seeds: trainings of each method, ``training.seed`` first_seed, first_seed + 1, ...
        first_seed: keep the seeds that recipes were tuned on out of a comparison.
        sets, per_set: sets of slices sampled from each run, and slices in each.
        options: ``METRIC.OPTION=VALUE``.
        label: NAME or NAME=VALUE; default: what the recipes say.
        seed: of sampling and of the metrics; that of training is counted up.
        (the rest as in ``evaluate``)

    Raises:
        InputError: recipes or settings do not fit, or the folder holds another comparison.
    """
    plugins = plugins or load_plugins()
    chosen = chosen_metrics(metrics, options, plugins)
    plan = Plan(
        folder=Path(out),
        runs=tuple(
            planned_run(method.name, slug(method.name), number, method.recipe(number, plugins), plugins)
            for method in methods_of(recipes, overrides, axes, steps, plugins)
            for number in range(first_seed, first_seed + seeds)
        ),
        settings=Settings(
            metrics=chosen,
            sets=Sets(count=sets, size=per_set, seed=seed),
            replicates=replicates,
            headline=checked_headline(headline, chosen),
        ),
        cohort=None if cohort is None else str(cohort),
        fresh=None if fresh is None else str(fresh),
        modalities=tuple(modalities),
        label=label,
        device=device,
    )
    plan.refuse_other(plugins)
    for run in plan.runs:
        plan.standing(run)
    return plan


def compare(plan: Plan, *, jobs: int = 1, plugins: Plugins | None = None, quiet: bool = False) -> dict[str, Any]:
    """Train what is not trained, measure what is not measured, and write the tables.

    Args:
        plan: from ``plan_comparison``.
        jobs: processes at a time.

    Returns: the content of comparison.json.

    Raises:
        InputError: cohorts and recipes do not fit; nothing has been trained then.
        Stopped: the user stopped it.
        RunError: another process is at this comparison, or no run could be trained.
    """
    plugins = plugins or load_plugins()
    with _held(plan.folder):
        say("loading the real cohort", quiet)
        comparison = Comparison.of(plan, plugins)
        plan.write(plugins)  # from here on it may not change
        failed = _train(plan, jobs, quiet)
        if len(failed) == len(plan.runs):
            raise RunError(_failures(failed))
        judge = judge_in(plan.folder, comparison.evaluation, plan.settings.metrics, plugins)
        subjects = comparison.subjects(plugins)
        if (workers := min(jobs, sum(lacking(subject, judge) for subject in subjects))) > 1:
            _measure(plan, workers, quiet)
        rows = judged_rows(subjects, judge, quiet)
    say_without_reading(rows, plan.settings.headline, quiet)
    document = {
        "format": FORMAT,
        **described(comparison.evaluation, plan.settings, rows, plugins),
        **compared(plan, rows),
        "failed": [{"name": name, "reason": reason} for name, reason in failed.items()],
    }
    _write(plan.folder, document)
    report_if_possible(plan.folder, partial(say, quiet=quiet), plugins=plugins)
    return document


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder; the lock goes with the process, however it ends."""
    lock = filelock.FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise RunError(f"{folder}: another process is at this comparison; wait for it") from error
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror or error}; give another -o") from error
    try:
        yield
    finally:
        lock.release()


# Processes ------------------------------------------------------------------------------------------------


def _train(plan: Plan, jobs: int, quiet: bool) -> dict[str, str]:
    """Train the runs that are not trained. Returns those that failed, with the reason."""
    waiting = [run for run in by_round(plan.runs) if not plan.standing(run).trained]
    at_once = max(1, min(jobs, len(waiting)))
    ended, stopped = run_jobs([_training(plan, run) for run in waiting], at_once, threads(at_once), quiet)
    if stopped is not None:
        raise Stopped(stopped)
    return {job.name: job.last for job in ended if job.code != 0}


def by_round(runs: Iterable[PlannedRun]) -> list[PlannedRun]:
    """Every method's first seed, then every method's second: stopped early, methods have equally many."""
    return sorted(runs, key=lambda run: run.seed)


def _training(plan: Plan, run: PlannedRun) -> Job:
    directory = plan.run_directory(run)
    words = ("train", str(plan.recipe_file(run)), "-o", str(directory.path), "--device", plan.device)
    log = plan.folder / "logs" / f"{run.name}.log"
    return Job(
        name=run.name, module=("gankit", *words), log=log, total=run.recipe.training.steps, done=directory.logged_step
    )


def _measure(plan: Plan, jobs: int, quiet: bool) -> None:
    """Measure what is missing in several processes; what one of them cannot, the caller meets again."""
    _, stopped = run_jobs([_measuring(plan, number, jobs) for number in range(jobs)], jobs, threads(jobs), quiet)
    if stopped is not None:
        raise Stopped(stopped)


def _measuring(plan: Plan, number: int, jobs: int) -> Job:
    log = plan.folder / "logs" / f"measuring-{number}.log"
    before = _lines(log)
    return Job(
        name=f"measuring {number + 1}/{jobs}",
        module=("gankit.comparison.worker", str(plan.folder)),
        log=log,
        done=lambda: _lines(log) - before,
    )


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n") if log.exists() else 0


# Results --------------------------------------------------------------------------------------------------


def _failures(failed: Mapping[str, str]) -> str:
    name, reason = next(iter(failed.items()))
    others = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"training of {name}{others} failed: {reason}; see logs/{name}.log in the folder of the comparison"


def failures(document: Mapping[str, Any]) -> str | None:
    """One line on the runs that could not be trained; None where all were."""
    failed = {entry["name"]: entry["reason"] for entry in document["failed"]}
    return _failures(failed) if failed else None


def _write(folder: Path, document: Mapping[str, Any]) -> None:
    write_json(folder / "comparison.json", document)
    short, full = comparison_tables(document)
    write_text(folder / "comparison.md", markdown([*short, full]))
    write_text(folder / "comparison.tex", latex(short))
