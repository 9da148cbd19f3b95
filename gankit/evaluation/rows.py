"""From subjects to the rows of a result. Sets that are not measured yet are measured, the others read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path

import attrs

from gankit._errors import nearest
from gankit.cohort.cohort import Cohort
from gankit.evaluation.evaluation import Evaluation
from gankit.evaluation.judge import Judge
from gankit.evaluation.judging import Sets
from gankit.evaluation.metrics import metric_versions
from gankit.evaluation.results import JudgedModality, JudgedSet, Reading, RealSlices, Row, Settings
from gankit.evaluation.subjects import Subject
from gankit.evaluation.summary import by_id, over_sets
from gankit.plugin.components import AbstractMetric
from gankit.plugin.plugins import Plugins
from gankit.processes.progress import Progress, say
from gankit.recipe.structure import plain


def judge_in(folder: Path, evaluation: Evaluation, metrics: Mapping[str, AbstractMetric], plugins: Plugins) -> Judge:
    """A judge that keeps its readings in ``folder / "readings"``."""
    return Judge(
        evaluation=evaluation,
        metrics=metrics,
        versions=metric_versions(metrics, plugins),
        folder=folder / "readings",
    )


def judged_rows(subjects: Sequence[Subject], judge: Judge, quiet: bool) -> tuple[Row, ...]:
    """The row of each subject; shows progress, counted in sets."""
    with Progress(sum(subject.sets for subject in subjects), quiet, "sets") as progress:
        judge = attrs.evolve(judge, say=progress.say)
        rows: list[Row] = []
        for subject in subjects:
            rows.append(_judged(subject, judge, progress, sum(len(row.sets) for row in rows)))
        return tuple(rows)


def _judged(subject: Subject, judge: Judge, progress: Progress, before: int) -> Row:
    """The row of a subject. ``before`` is the number of sets of other subjects that are done."""
    sets = []
    for number in range(subject.sets):
        readings = measured(subject, number, judge)
        assert readings is not None  # None comes only with wait=False
        sets.append(JudgedSet(set=number, readings=readings))
        progress.advance(before + len(sets))
    return Row(
        name=subject.name,
        kind=subject.kind,
        **attrs.asdict(subject.origin),
        slices=subject.slices,
        sets=tuple(sets),
        summary=over_sets((each.readings for each in sets), judge.metrics),
    )


def measured(subject: Subject, number: int, judge: Judge, wait: bool = True) -> tuple[Reading, ...] | None:
    """The readings of a set; None where another process measures it and ``wait`` is False."""
    identity = [subject.identity, number]
    return judge.measure(_set_name(subject, number), identity, lambda: subject.make(number), wait)


def lacking(subject: Subject, judge: Judge) -> int:
    """Number of a subject's sets that are not measured yet."""
    return sum(judge.lacks(_set_name(subject, number), [subject.identity, number]) for number in range(subject.sets))


def _set_name(subject: Subject, number: int) -> str:
    return f"{subject.name.replace(' ', '-')}-set{number}"


def say_times(judge: Judge, quiet: bool) -> None:
    """Print how long metrics took, the dearest first; nothing where every reading was read from files."""
    dearest = sorted(judge.cpu_s.items(), key=lambda item: -item[1])
    if dearest:
        spent = ", ".join(f"{metric} {seconds:.1f}" for metric, seconds in dearest)
        say(f"processor seconds, networks that were trained included: {spent}", quiet)


def say_without_reading(rows: Sequence[Row], patterns: Iterable[str], quiet: bool) -> None:
    """Print a warning for each pattern of the short table that fits no reading."""
    known = list(by_id(row.summary for row in rows))
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            metric = pattern.partition(".")[0]
            own = [name for name in known if fnmatchcase(name.partition(".")[0], metric)]
            near = nearest(pattern, own)
            say(f"warning: `headline` {pattern}: no such reading{near}; there are {', '.join(own)}", quiet)


def settings_of(
    evaluation: Evaluation, sets: Sets, metrics: Mapping[str, AbstractMetric], plugins: Plugins
) -> Settings:
    """How the slices of an evaluation were judged."""
    return Settings(
        label=evaluation.label,
        value=evaluation.value,
        sets=sets.count,
        per_set=sets.size,
        seed=sets.seed,
        replicates=evaluation.replicates,
        modalities={
            name: JudgedModality(shape=spec.shape, unit=spec.unit, range=spec.range)
            for name, spec in evaluation.modalities.items()
        },
        metrics={name: plain(metric.options(), plugins.registry) for name, metric in metrics.items()},
        real=_real_slices(evaluation.real),
        fresh=None if evaluation.fresh is None else _real_slices(evaluation.fresh),
        external=None if evaluation.external is None else _real_slices(evaluation.external),
        versions={name: version(name) for name in ("gankit", "torch")} | plugins.distributions,
    )


def _real_slices(cohort: Cohort) -> RealSlices:
    patients = len(set(cohort.patient))
    return RealSlices(source=cohort.source, digest=cohort.digest(), slices=len(cohort), patients=patients)
