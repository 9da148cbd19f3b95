"""Metrics of an evaluation: chosen by name, options given as ``METRIC.OPTION=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from gankit._errors import InputError, RecipeError, nearest
from gankit.plugin.components import AbstractMetric
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import parse_override
from gankit.recipe.structure import structure_named

KIND = AbstractMetric.kind
OPTION = "--option"


def chosen_metrics(names: Iterable[str], options: Iterable[str], plugins: Plugins) -> dict[str, AbstractMetric]:
    """Metrics by name, every one that is installed unless some are named.

    Raises:
        InputError: no metric has a name, an option belongs to none of the chosen, or a file that one reads is absent.
        RecipeError: options do not fit; all problems are listed.
    """
    chosen = tuple(dict.fromkeys(names)) or tuple(entry.name for entry in plugins.registry.entries(KIND))
    if not chosen:
        raise InputError("no plugin that is installed registers a metric; install one")
    for name in chosen:
        plugins.registry.find(name, KIND)
    tables: dict[str, dict[str, Any]] = {name: {"use": name} for name in chosen}
    for text in options:
        metric, _, option = text.partition("=")[0].strip().partition(".")
        if metric not in tables or not option or "=" not in text:
            near = nearest(metric, chosen)
            raise InputError(f"{OPTION} {text}: must be METRIC.OPTION=VALUE{near}; the metrics are {', '.join(chosen)}")
        tables[metric][option] = parse_override(text)[1]
    metrics, problems = structure_named(tables, AbstractMetric, plugins.registry)
    if metrics is None:
        raise RecipeError(OPTION, problems)
    for name, metric in metrics.items():
        if missing := [path for path in metric.files() if not path.is_file()]:
            raise InputError(f"metric {name!r} reads {missing[0]}: no such file; correct its option or the environment")
    return metrics


def checked_headline(patterns: Iterable[str], metrics: Iterable[str]) -> tuple[str, ...]:
    """Patterns of readings, ``METRIC.READING``; a metric's name alone means all of its readings.

    Raises:
        InputError: one is of no metric that is measured.
    """
    known = tuple(metrics)
    for pattern in (checked := tuple(f"{given}.*" if given in known else given for given in patterns)):
        if not any(fnmatchcase(name, pattern.partition(".")[0]) for name in known):
            near = nearest(pattern.partition(".")[0], known)
            raise InputError(f"--headline {pattern}: no such metric{near}; the metrics are {', '.join(known)}")
    return checked


def metric_versions(metrics: Iterable[str], plugins: Plugins) -> dict[str, str]:
    """What ships each metric, as in ``"gankit 0.1.0"``."""
    shipped = {entry.name: entry.plugin for entry in plugins.registry.entries(KIND)}
    return {name: plugins.distributions.get(shipped[name], shipped[name]) for name in metrics}
