"""``evaluate``: one target, and real slices beside it, judged by metrics."""

from __future__ import annotations

from pathlib import Path

from gankit.cohort.cohort import Cohort
from gankit.evaluation.judging import EVERYTHING, Judging, Sets
from gankit.evaluation.metrics import chosen_metrics, headline_patterns
from gankit.evaluation.real_side import Wanted, chosen_modalities, only_label, prepare, real_cohorts, wanted_of
from gankit.evaluation.result_files import EVALUATION, write_result
from gankit.evaluation.results import EvaluationResult
from gankit.evaluation.rows import judge_in, judged_rows, say_without_reading, settings_of
from gankit.evaluation.statistics import require_scipy
from gankit.evaluation.subjects import references
from gankit.evaluation.summary import headline
from gankit.evaluation.tables import evaluation_tables
from gankit.evaluation.target import find_target
from gankit.files.atomic import write_text
from gankit.files.tables import markdown
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.processes.progress import say
from gankit.recipe.file import load_recipe
from gankit.recipe.recipe import Recipe


def evaluate(
    target: str | Path,
    out: str | Path,
    *,
    judging: Judging = EVERYTHING,
    recipe: str | Path | None = None,
    plugins: Plugins | None = None,
    quiet: bool = False,
) -> EvaluationResult:
    """Judge a run, a model file or a cohort file, with real slices beside it.

    Args:
        target: a run directory, a model file, the name of a shipped model or a cohort file.
        out: folder that gets evaluation.json, evaluation.md, readings/ and cache/. What is measured there already is
            read.
        judging: what is measured and how; default: every metric that is installed.
        recipe: gives modalities, real cohort and label; default: the target's own, which a cohort has not.
        plugins: what is installed; default: load it.
        quiet: print nothing.

    Raises:
        InputError: something does not fit; the message says what. Nothing has been computed then.
        PluginError: a metric returns something else than readings.
        RunError: the folder cannot be written.
    """
    # What is asked for, before any work
    require_scipy()
    plugins = plugins or load_plugins()
    metrics = chosen_metrics(judging, plugins)
    found = find_target(Path(target), plugins)
    followed = found.recipe if recipe is None else load_recipe(recipe, plugins=plugins)

    # The real side
    say("loading the real cohort", quiet)
    real, fresh = real_cohorts(followed, judging)
    folder = Path(out)
    evaluation = prepare(
        real,
        fresh,
        chosen_modalities(found.modalities(followed, real, judging.modalities), judging.modalities),
        _wanted(judging, followed, real),
        seed=judging.seed,
        replicates=judging.replicates,
        cache=folder / "cache",
    )

    # The rows
    own = real if judging.cohort is None and recipe is None else None
    subject = found.subject(evaluation, judging, own, plugins)
    sets = Sets(count=subject.sets, size=subject.slices, seed=judging.seed)
    judge = judge_in(folder, evaluation, metrics, plugins)
    rows = judged_rows([subject, *references(evaluation, sets)], judge, quiet)

    # The result
    patterns = headline_patterns(judging, metrics)
    say_without_reading(rows, patterns, quiet)
    settings = settings_of(evaluation, sets, metrics, plugins)
    result = EvaluationResult(settings=settings, headline=headline(rows, patterns), rows=rows)
    write_result(folder / EVALUATION, result)
    write_text(folder / "evaluation.md", markdown(evaluation_tables(result)))
    return result


def _wanted(judging: Judging, recipe: Recipe | None, real: Cohort) -> Wanted:
    """The label that candidates are meant to have: what is asked for, else what the recipe says, else the only one."""
    if judging.label is not None:
        return Wanted.parse(judging.label)
    return (wanted_of(recipe) if recipe else None) or only_label(real)
