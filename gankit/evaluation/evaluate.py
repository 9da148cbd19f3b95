"""``gankit evaluate``: one target, and real slices beside it, judged by metrics.

``evaluation.json`` in the output folder, and the rows of ``comparison.json`` (see ``_compare``), look so::

    {"format": "gankit-evaluation-1",
     "settings": {"label": "cs", "value": 1, "sets": 5, "per_set": 1942, "seed": 0, "replicates": 200,
                  "modalities": {"adc": {"shape": [1, 64, 64], "unit": "1e-6 mm2/s", "range": [0, 3000]}, ...},
                  "metrics": {"NAME": {OPTION: VALUE}},
                  "real": {"source": "...", "digest": "...", "slices": 2525, "patients": 360},
                  "fresh": the same of the fresh cohort, or null,
                  "versions": {"gankit": "0.1.0", "torch": "2.13.0", "metrics": "gankit 0.1.0", ...}},
     "headline": ["METRIC.READING", ...],                  the columns of the short table
     "rows": [
       {"name": "mpmri-seed0",                            unique; also the stem of its files in readings/
        "kind": "model" | "cohort" | "real" | "augmented real",
        "source": "one sentence: what the slices are",
        "note": "a caution that belongs to the row, or empty",
        "path": "runs/mpmri", "recipe": "mpmri", "seed": 0, "steps": 40000, "wall_s": 5120.3, "device": "cpu",
                                                           null where unknown or not a model
        "sets": [{"set": 0, "readings": [
            {"id": "METRIC.READING", "metric": "METRIC", "name": "READING", "value": 0.93 | null,
             "interval": [0.90, 0.95] | null, "unit": "1", "better": "higher" | "lower" | "real", "note": ""}]}],
        "summary": [                                       one entry a reading, over the sets of the row
            {"id": "METRIC.READING", "metric": ..., "name": ..., "unit": ..., "better": ..., "notes": [...],
             "n": 5, "mean": 0.93 | null, "sd": 0.004 | null,
             "interval": [0.91, 0.95] | null, "interval_of": "patients" | "sets" | null}]}]}

``mean`` and ``sd`` (n - 1) are over sets. ``interval`` is a 95% interval: where the metric gives one for every set
(``interval_of`` "patients"), the mean of their lower and of their upper ends, since all sets share the real slices;
else (``"sets"``) Student's interval of the mean over sets. ``null`` stands for what could not be measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import CohortError, InputError, nearest
from gankit.cohort.cohort import Cohort, read_cohort
from gankit.evaluation.evaluation import Evaluation
from gankit.evaluation.judge import Judge, Measured
from gankit.evaluation.metrics import checked_headline, chosen_metrics, metric_versions
from gankit.evaluation.real_side import (
    Wanted,
    chosen_modalities,
    judged_slices,
    only_label,
    prepare,
    refuse_tested,
    shared_modalities,
    trains_on_tests,
)
from gankit.evaluation.subjects import REFERENCES, Sets, Subject, model_subject, references, slices_subject
from gankit.evaluation.summary import Entry, by_id, headline, over_sets
from gankit.evaluation.tables import evaluation_tables
from gankit.files.atomic import write_text
from gankit.files.tables import markdown
from gankit.plugin.components import AbstractMetric
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.progress import Progress, say
from gankit.recipe.file import load_recipe
from gankit.recipe.recipe import ModalitySpec, Recipe
from gankit.recipe.structure import plain
from gankit.run.targets import about_run, cohort_note, header, model_file, recipe_of

FORMAT = "gankit-evaluation-1"


@attrs.frozen(kw_only=True)
class Settings:
    """How slices are judged."""

    metrics: Mapping[str, AbstractMetric]
    sets: Sets = Sets()
    replicates: int = 200
    """Draws of each bootstrap interval."""
    headline: tuple[str, ...] = ()
    """Patterns of the readings of the short table; default: the first reading of each metric."""


def evaluate(
    target: str | Path,
    out: str | Path,
    *,
    cohort: str | Path | None = None,
    fresh: str | Path | None = None,
    recipe: str | None = None,
    metrics: Iterable[str] = (),
    options: Iterable[str] = (),
    headline: Iterable[str] = (),
    modalities: Iterable[str] = (),
    label: str | None = None,
    sets: int | None = None,
    per_set: int | None = None,
    seed: int = 0,
    replicates: int = 200,
    device: str = "auto",
    plugins: Plugins | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Judge a run, a model file or a cohort file, with real slices beside it.

    Args:
        target: a run directory, a model file or a cohort file.
        out: folder that gets evaluation.json, evaluation.md, readings/ and cache/.
        cohort: the real cohort, a file; default: that of the recipe.
        fresh: further real patients, a file; default: what the recipe's cohort offers.
        recipe: gives modalities, real cohort and label; default: the target's own, which a cohort has not.
        metrics: names; default: all that are installed.
        options: ``METRIC.OPTION=VALUE``.
        headline: patterns such as ``"frechet.*"``; see ``_summary.headline``.
        modalities: those to judge; default: all.
        label: NAME or NAME=VALUE that candidates are meant to have; default: what the recipe says.
        sets, per_set: default: 5 of 1,942; of a cohort one set of all its slices.

    Returns: the content of evaluation.json.

    Raises:
        InputError: something does not fit; the message says what. Nothing has been computed then.
    """
    plugins = plugins or load_plugins()
    chosen = chosen_metrics(metrics, options, plugins)
    settings = Settings(
        metrics=chosen,
        sets=_sets(sets, per_set, seed),
        replicates=replicates,
        headline=checked_headline(headline, chosen),
    )
    path, folder = Path(target), Path(out)
    file = model_file(path, plugins)
    candidate = None if file is not None else _read_candidate(path)
    known = _recipe(recipe, file, plugins)
    names = tuple(modalities)
    say("loading the real cohort", quiet)
    real, others = real_cohorts(known, cohort, fresh)
    specs = known.modalities if known else shared_modalities(candidate, real, str(path), names) if candidate else {}
    evaluation = prepare(
        real,
        others,
        chosen_modalities(specs, names),
        _wanted(label, known, real),
        seed=seed,
        replicates=replicates,
        cache=folder / "cache",
    )
    if file is not None:
        own = None if cohort is not None or recipe is not None else real
        subject = _model(path, file, evaluation, settings, device, plugins, own)
    else:
        assert candidate is not None
        subject = _slices(path, candidate, evaluation, settings, chosen=bool(sets or per_set))
    beside = Sets(count=subject.sets, size=subject.slices, seed=seed)
    judge = judge_in(folder, evaluation, settings.metrics, plugins)
    rows = judged_rows([subject, *references(evaluation, beside)], judge, quiet)
    say_without_reading(rows, settings.headline, quiet)
    document = {"format": FORMAT, **described(evaluation, attrs.evolve(settings, sets=beside), rows, plugins)}
    write_json(folder / "evaluation.json", document)
    write_text(folder / "evaluation.md", markdown(evaluation_tables(document)))
    return document


def _sets(count: int | None, size: int | None, seed: int) -> Sets:
    default = Sets()
    return Sets(count=count or default.count, size=size or default.size, seed=seed)


# Targets --------------------------------------------------------------------------------------------------


def _model(
    path: Path,
    file: Path,
    evaluation: Evaluation,
    settings: Settings,
    device: str,
    plugins: Plugins,
    own: Cohort | None,
) -> Subject:
    """A model as what is judged; ``own``: the cohort of its recipe where that is the real one."""
    from gankit.processes.device import choose_device
    from gankit.run.model import load_model

    chosen = choose_device(device)
    recipe = recipe_of(file, plugins)
    made = recipe.approached_label()
    if made and made != {evaluation.label: evaluation.value}:
        ((label, value),) = made.items()
        raise InputError(
            f"{path}: its recipe makes slices with {label!r} = {value}, asked for are slices with"
            f" {evaluation.label!r} = {evaluation.value}; choose with --label"
        )
    name = path.resolve().name if path.is_dir() else path.stem
    about = about_run(path, file)
    about["note"] = cohort_note(path, own.digest()) if own is not None else ""
    if own is None or trains_on_tests(recipe):
        about["note"] = refuse_tested(recipe, evaluation, str(path))
    return model_subject(
        _row_name(name), path, file, lambda: load_model(file, chosen, plugins), evaluation, settings.sets, **about
    )


def _slices(path: Path, cohort: Cohort, evaluation: Evaluation, settings: Settings, chosen: bool) -> Subject:
    slices = judged_slices(cohort, evaluation, str(path))
    sets = settings.sets if chosen else attrs.evolve(settings.sets, count=1, size=len(slices))
    return slices_subject(_row_name(path.stem), "cohort", slices, sets, path=str(path))


def _row_name(name: str) -> str:
    """The name of a target's row, which the rows of real slices must not share."""
    return f"{name} (judged)" if name in REFERENCES else name


def _read_candidate(path: Path) -> Cohort:
    try:
        return read_cohort(path)
    except CohortError as error:
        if header(path):  # a cohort, whose content is at fault
            raise
        raise CohortError(f"{error}; a target is a run directory, a model file or a cohort file") from error


def _recipe(recipe: str | None, file: Path | None, plugins: Plugins) -> Recipe | None:
    """The recipe that the user names, else that of the model."""
    if recipe is not None:
        return load_recipe(recipe, plugins=plugins)
    return None if file is None else recipe_of(file, plugins)


# The real side --------------------------------------------------------------------------------------------


def real_cohorts(
    recipe: Recipe | None, cohort: str | Path | None, fresh: str | Path | None
) -> tuple[Cohort, Cohort | None]:
    """The real cohort and the fresh one: files that are named, else those of the recipe.

    Raises:
        InputError: neither a file nor a recipe says what is real.
        CohortError: a cohort cannot be read.
    """
    if cohort is None and recipe is None:
        raise InputError("which slices are real? give their cohort file with --cohort, or a recipe with --recipe")
    real = read_cohort(Path(cohort)) if cohort is not None else None
    if real is None:
        assert recipe is not None
        real = recipe.cohort.load()
    if fresh is not None:
        return real, read_cohort(Path(fresh))
    return real, recipe.cohort.fresh() if recipe is not None and cohort is None else None


def _wanted(label: str | None, recipe: Recipe | None, real: Cohort) -> Wanted:
    if label is not None:
        return Wanted.parse(label)
    return (wanted_of(recipe) if recipe else None) or only_label(real)


def wanted_of(recipe: Recipe) -> Wanted | None:
    """The label that a recipe's samples are meant to have; None where it does not say."""

    made = recipe.approached_label()
    return next((Wanted(label=label, value=value) for label, value in made.items()), None)


# Results --------------------------------------------------------------------------------------------------


def judge_in(folder: Path, evaluation: Evaluation, metrics: Mapping[str, AbstractMetric], plugins: Plugins) -> Judge:
    """A judge that keeps its readings in ``folder / "readings"``."""
    versions = metric_versions(metrics, plugins)
    return Judge(evaluation=evaluation, metrics=metrics, versions=versions, folder=folder / "readings")


def judged_rows(subjects: Sequence[Subject], judge: Judge, quiet: bool) -> list[Entry]:
    """A row for each subject: what is missing is measured, the rest read."""
    with Progress(sum(subject.sets for subject in subjects), quiet, "sets") as progress:
        judge = attrs.evolve(judge, say=progress.say)
        rows = []
        for subject in subjects:
            rows.append(_judged(subject, judge))
            progress.advance(sum(len(row["sets"]) for row in rows))
        return rows


def measured(subject: Subject, number: int, judge: Judge, wait: bool = True) -> Measured | None:
    """The readings of a set; None where another process is at it and ``wait`` is False."""
    identity = [subject.identity, number]
    return judge.measure(_set_name(subject, number), identity, lambda: subject.make(number), wait)


def lacking(subject: Subject, judge: Judge) -> int:
    """Sets of a subject that are not measured yet."""
    return sum(judge.lacks(_set_name(subject, number), [subject.identity, number]) for number in range(subject.sets))


def _set_name(subject: Subject, number: int) -> str:
    return f"{subject.name.replace(' ', '-')}-set{number}"


def _judged(subject: Subject, judge: Judge) -> Entry:
    """A row: what is missing is measured, the rest read."""
    sets: list[Entry] = [
        {"set": number, "readings": measured(subject, number, judge)} for number in range(subject.sets)
    ]
    about = {**subject.about, "slices": subject.slices}
    summary = over_sets(each["readings"] for each in sets)
    return {"name": subject.name, "kind": subject.kind, **about, "sets": sets, "summary": summary}


def say_without_reading(rows: Sequence[Entry], patterns: Iterable[str], quiet: bool) -> None:
    """Warn of patterns of the short table that fit no reading."""
    known = list(by_id(row["summary"] for row in rows))
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            metric = pattern.partition(".")[0]
            own = [name for name in known if fnmatchcase(name.partition(".")[0], metric)]
            say(
                f"warning: --headline {pattern}: no such reading{nearest(pattern, own)}; there are {', '.join(own)}",
                quiet,
            )


def described(evaluation: Evaluation, settings: Settings, rows: Sequence[Entry], plugins: Plugins) -> dict[str, Any]:
    """``settings``, ``headline`` and ``rows`` of the JSON."""
    return {
        "settings": {
            "label": evaluation.label,
            "value": evaluation.value,
            "sets": settings.sets.count,
            "per_set": settings.sets.size,
            "seed": settings.sets.seed,
            "replicates": settings.replicates,
            "modalities": {name: _described_modality(spec) for name, spec in evaluation.modalities.items()},
            "metrics": {name: plain(metric.options(), plugins.registry) for name, metric in settings.metrics.items()},
            "real": _described_cohort(evaluation.real),
            "fresh": None if evaluation.fresh is None else _described_cohort(evaluation.fresh),
            "versions": {name: version(name) for name in ("gankit", "torch")} | plugins.distributions,
        },
        "headline": headline(rows, settings.headline),
        "rows": list(rows),
    }


def _described_modality(spec: ModalitySpec) -> dict[str, Any]:
    return {"shape": list(spec.shape), "unit": spec.unit, "range": list(spec.range)}


def _described_cohort(cohort: Cohort) -> dict[str, Any]:
    patients = len(set(cohort.patient))
    return {"source": cohort.source, "digest": cohort.digest(), "slices": len(cohort), "patients": patients}


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write strict JSON: no NaN."""
    write_text(path, json.dumps(document, indent=1, allow_nan=False, default=str) + "\n")
