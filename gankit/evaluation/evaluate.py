"""``evaluate``: judge one target, and real slices beside it, by metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gankit._errors import InputError
from gankit.cohort.cohort import Cohort
from gankit.evaluation.judging import EVERYTHING, Judging, Sets
from gankit.evaluation.metrics import chosen_metrics, headline_patterns, refuse_unfit
from gankit.evaluation.real_side import (
    Wanted,
    chosen_modalities,
    only_label,
    prepare,
    real_cohorts,
    wanted_of,
)
from gankit.evaluation.result_files import EVALUATION, read_evaluation, write_result
from gankit.evaluation.results import EvaluationResult
from gankit.evaluation.rows import judge_in, judged_rows, say_times, say_without_reading, settings_of
from gankit.evaluation.statistics import require_scipy
from gankit.evaluation.subjects import references
from gankit.evaluation.summary import headline
from gankit.evaluation.tables import evaluation_tables
from gankit.evaluation.target import Target, find_target
from gankit.files.atomic import write_text
from gankit.files.made import refuse_to_replace
from gankit.files.paths import given_path
from gankit.files.tables import markdown
from gankit.files.user_cache import writable_cache
from gankit.plugin.components import AbstractMetric
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.progress import say, watched
from gankit.recipe.file import load_recipe
from gankit.recipe.recipe import Recipe

TABLES = "evaluation.md"
"""Name of the file of tables."""


def evaluate(
    target: str | Path,
    out: str | Path | None = None,
    *,
    judging: Judging = EVERYTHING,
    recipe: str | Path | None = None,
    plugins: Plugins | None = None,
    quiet: bool = False,
) -> EvaluationResult:
    """Judge a run, a model file or a cohort file, with real slices beside it.

    Args:
        target: a run directory, a model file, the name of a shipped model or a cohort file.
        out: folder that gets evaluation.json, evaluation.md and readings/. What is measured there already is read.
            What metrics make once is in the user's cache, or in cache/ where there is none. Default: nothing is kept
            but what is returned.
        judging: what is measured and how; default: every metric that is installed, but those that
            take long.
        recipe: a recipe that gives modalities, real cohort and label; default: that of the model. A cohort file has
            none, so the real cohort must then be named in ``judging``.
        plugins: what is installed; default: load it.
        quiet: print nothing.

    Returns: readings of every set, and their summaries, as in evaluation.json.

    Raises:
        InputError: something does not fit; the message says what. Nothing has been measured then.
        PluginError: a metric returns something else than readings.
        RunError: the folder cannot be written.
    """
    # What is asked for, before any work
    plugins = plugins or load_plugins()
    metrics = chosen_metrics(judging, plugins)
    found = find_target(given_path("target", target), plugins)
    followed = None if recipe is None else load_recipe(given_path("recipe", recipe), plugins=plugins)

    if out is not None:
        _refuse_other(given_path("out", out), found)

    with _folder(out) as folder, watched(not quiet):
        result = _evaluated(found, followed, judging, metrics, folder, plugins, quiet)
        write_result(folder / EVALUATION, result)
        write_text(folder / TABLES, markdown(evaluation_tables(result)))
    return result


def _refuse_other(folder: Path, target: Target) -> None:
    """Make sure that a folder has no evaluation, or one of this target, and no files of anyone else in their places. A
    folder within a run is the run's, though it was copied with it.

    Raises:
        InputError: it has another's.
    """
    refuse_to_replace(folder / EVALUATION, folder / TABLES)
    try:
        rows = read_evaluation(folder).rows if (folder / EVALUATION).exists() else ()
    except InputError:  # damaged, and made anew
        return
    judged = rows[0].path if rows else None
    if judged is None or folder.resolve().is_relative_to(target.path.resolve()):
        return
    if Path(judged).exists() and Path(judged).resolve() != target.path.resolve():
        raise InputError(f"`out` {folder}: holds the evaluation of {judged}; name another folder")


@contextmanager
def _folder(out: str | Path | None) -> Iterator[Path]:
    """The folder that is written: the one that is given, or one that ends with the context."""
    if out is not None:
        yield given_path("out", out)
        return
    with TemporaryDirectory(prefix="gankit-") as folder:
        yield Path(folder)


def _evaluated(
    found: Target,
    followed: Recipe | None,
    judging: Judging,
    metrics: Mapping[str, AbstractMetric],
    folder: Path,
    plugins: Plugins,
    quiet: bool,
) -> EvaluationResult:
    """``evaluate``, once it is known what is asked for; ``followed`` is the recipe that the user names."""
    # The real side
    say("loading the real cohort", quiet)
    recipe = followed or found.recipe
    cohorts = real_cohorts(recipe, judging)
    real = cohorts.real
    evaluation = prepare(
        cohorts,
        chosen_modalities(found.modalities(recipe, real, judging.modalities), judging.modalities),
        _wanted(judging, recipe, real),
        seed=judging.seed,
        replicates=judging.replicates,
        cache=writable_cache() or folder / "cache",
    )
    refuse_unfit(metrics, evaluation)

    # The rows
    own = real if judging.cohort is None and followed is None else None
    subject = found.subject(evaluation, judging, own, plugins)
    sets = Sets(count=subject.sets, size=subject.slices, seed=judging.seed)
    if sets.count > 1:
        require_scipy()
    judge = judge_in(folder, evaluation, metrics, plugins)
    rows = judged_rows([subject, *references(evaluation, sets)], judge, quiet)
    say_times(judge, quiet)

    # The result
    patterns = headline_patterns(judging, metrics)
    say_without_reading(rows, patterns, quiet)
    settings = settings_of(evaluation, sets, metrics, plugins)
    return EvaluationResult(settings=settings, headline=headline(rows, patterns, metrics), rows=rows)


def _wanted(judging: Judging, recipe: Recipe | None, real: Cohort) -> Wanted:
    """The label that candidates should have: what is asked for, else that of the recipe, else the cohort's only one."""
    if judging.label is not None:
        return Wanted.parse(judging.label)
    return (wanted_of(recipe) if recipe else None) or only_label(real)
