"""The metrics of an evaluation: chosen by name, with their options, and the plugin that each is from."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gankit._errors import InputError, PluginError, PluginWarning, Problem, RecipeError, nearest
from gankit.evaluation.evaluation import Evaluation
from gankit.evaluation.judging import Judging
from gankit.evaluation.ranges import is_range
from gankit.plugin.components import AbstractMetric
from gankit.plugin.contract import blaming, broken, in_short, require_call
from gankit.plugin.curves import ReadingCurve
from gankit.plugin.plugins import Plugins
from gankit.recipe.structure import structure_named

KIND = AbstractMetric.kind


def chosen_metrics(judging: Judging, plugins: Plugins) -> dict[str, AbstractMetric]:
    """Metrics by name, every one that is installed and ``by_default`` unless some are named. Without names, those that
    cannot be imported are left out with a warning.

    Raises:
        InputError: ``judging`` is none, no metric has a name, an option or a headline is of none of the chosen, or a
            file that one reads is absent.
        RecipeError: options do not fit; all problems are listed.
    """
    if not isinstance(judging, Judging):
        raise InputError(f"`judging` must be a gankit.Judging, as in Judging(metrics='diversity'), got {judging!r}")
    for name in judging.metrics:
        plugins.registry.find(name, KIND)
    chosen = tuple(dict.fromkeys(judging.metrics))
    chosen = chosen or tuple(name for name, metric in _importable(plugins) if metric.by_default)
    if not chosen:
        raise InputError("no plugin that is installed registers a metric; install one")
    tables: dict[str, dict[str, Any]] = {name: {"use": name} for name in chosen}
    for key, value in judging.options.items():
        metric, _, option = key.partition(".")
        if metric not in tables or not option:
            near = nearest(metric, chosen)
            raise InputError(f"`options` {key}: must be METRIC.OPTION{near}; the metrics are {', '.join(chosen)}")
        tables[metric][option] = value
    metrics, problems = structure_named(tables, AbstractMetric, plugins.registry)
    if metrics is None:
        raise RecipeError("`options`", problems)

    # Their files, and the readings in the short table
    for name, metric in metrics.items():
        if missing := [path for path in _files(name, metric) if not path.is_file()]:
            raise InputError(f"metric {name!r} reads {missing[0]}: no such file; correct its option or the environment")
    for name, metric in metrics.items():
        _require_declared(name, metric)
    headline_patterns(judging, metrics)
    if judging.external is not None and not any(metric.tests_elsewhere for metric in metrics.values()):
        able = [name for name, metric in _importable(plugins) if metric.tests_elsewhere]
        raise InputError(
            f"`external` {judging.external}: no metric that is measured tests on another cohort; leave it out, or name"
            f" one that does with `metrics`: {', '.join(able) or 'none is installed'}"
        )
    return metrics


def _require_declared(name: str, metric: AbstractMetric) -> None:
    """Raises PluginError: what a metric declares of its readings is of another type."""
    where = f"`metrics` {name}"
    if not (isinstance(metric.ranges, Mapping) and all(map(is_range, metric.ranges.values()))):
        said = f"must have `ranges` from patterns to (lowest, highest), got {in_short(metric.ranges)}"
        raise broken(where, metric, said)
    if not all(isinstance(curve, ReadingCurve) for curve in metric.curves):
        raise broken(where, metric, f"must have gankit.ReadingCurve in `curves`, got {in_short(metric.curves)}")
    if not (isinstance(metric.aims, Mapping) and all(isinstance(aim, float | int) for aim in metric.aims.values())):
        raise broken(where, metric, f"must have `aims` from patterns to numbers, got {in_short(metric.aims)}")


def _files(name: str, metric: AbstractMetric) -> tuple[Path, ...]:
    """The files of a metric. Raises PluginError: it fails, or names something else."""
    where = f"`metrics` {name}"
    with blaming(where, metric):
        files = metric.files()
    if not (isinstance(files, tuple) and all(isinstance(path, Path) for path in files)):
        raise broken(where, metric, f"must return a tuple of paths from files, got {in_short(files)}")
    return files


def _importable(plugins: Plugins) -> Iterator[tuple[str, type[AbstractMetric]]]:
    """The metrics that are installed and can be imported, by name."""
    for entry in plugins.registry.entries(KIND):
        try:
            metric = plugins.registry.find(entry.name, KIND)
        except PluginError as error:
            warnings.warn(f"{error}; the metric is left out", PluginWarning, stacklevel=2)
        else:
            assert issubclass(metric, AbstractMetric)
            yield entry.name, metric


def refuse_unfit(metrics: Mapping[str, AbstractMetric], evaluation: Evaluation) -> None:
    """Make sure that the options of metrics fit the real side.

    Raises:
        RecipeError: some do not; all problems are listed.
        PluginError: a metric fails, or yields something else than problems.
    """
    found = [problem.under(name) for name, metric in metrics.items() for problem in _unfit(name, metric, evaluation)]
    if found:
        raise RecipeError("`metrics`", found)


def _unfit(name: str, metric: AbstractMetric, evaluation: Evaluation) -> list[Problem]:
    """The problems of a metric with the real side."""
    where = f"`metrics` {name}"
    require_call(where, metric, "check", metric.check, "evaluation")
    with blaming(where, metric):
        problems = list(metric.check(evaluation))
    for problem in problems:
        if not isinstance(problem, Problem):
            raise broken(where, metric, f"must yield gankit.Problem from check, got {in_short(problem)}")
    return problems


def headline_patterns(judging: Judging, metrics: Iterable[str]) -> tuple[str, ...]:
    """Patterns ``METRIC.READING`` of the readings in the short table. The name of a metric means all of its readings.

    Raises:
        InputError: a pattern fits no metric that is measured.
    """
    known = tuple(metrics)
    patterns = tuple(f"{given}.*" if given in known else given for given in judging.headline)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern.partition(".")[0]) for name in known):
            near = nearest(pattern.partition(".")[0], known)
            raise InputError(f"`headline` {pattern}: no such metric{near}; the metrics are {', '.join(known)}")
    return patterns


def metric_versions(metrics: Iterable[str], plugins: Plugins) -> dict[str, str]:
    """Metric to the distribution that it is from, as in ``"gankit 0.1.0"``."""
    owners = {entry.name: entry.plugin for entry in plugins.registry.entries(KIND)}
    return {name: plugins.distributions.get(owners[name], owners[name]) for name in metrics}
