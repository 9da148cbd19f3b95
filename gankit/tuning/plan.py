"""The plan of a study: what the user asks for, checked before a cohort is loaded or anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError, nearest
from gankit.comparison.compare import require_whole
from gankit.evaluation.judging import Judging
from gankit.evaluation.metrics import chosen_metrics
from gankit.files.paths import given_path
from gankit.plugin.components import AbstractMetric
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import load_recipe, parse_override
from gankit.recipe.structure import to_document
from gankit.tuning.journal import require_optuna
from gankit.tuning.keys import fitting
from gankit.tuning.space import parse_space
from gankit.tuning.study import Study

JUDGING = Judging(sets=1)
"""One set of slices for each training, and the default of everything else."""
FEWEST_REPLICATES = 20
"""No interval is looked at, so the bootstraps of metrics are as short as they may be."""
OWN = {
    "cohort": "the slices that judge are validation slices",
    "fresh": "fresh patients judge what was chosen, not what is to be chosen",
    "external": "patients from elsewhere judge what was chosen, not what is to be chosen",
    "metrics": "`by` names the reading",
    "headline": "`by` names the reading",
    "seed": "give `seed`",
}
"""Fields of ``Judging`` that a study has of its own, and why."""


def plan_study(
    recipe: str | Path,
    over: Mapping[str, str] | str | Iterable[str],
    by: str,
    out: str | Path,
    *,
    overrides: Mapping[str, Any] | Iterable[str] = (),
    steps: int | None = None,
    seeds: int = 1,
    first_seed: int = 0,
    seed: int = 0,
    validation: float | None = None,
    judging: Judging = JUDGING,
    plugins: Plugins,
) -> Study:
    """The plan of a study. No cohort is loaded and nothing is written. For the arguments and errors see ``tune``."""
    # What is asked for
    require_optuna()
    if not isinstance(recipe, str | Path):
        raise InputError(f"`recipe` must be a TOML file or the name of a shipped recipe, got {recipe!r}")
    for name, number, least in (("seeds", seeds, 1), ("first_seed", first_seed, 0), ("seed", seed, 0)):
        require_whole(name, number, least)
    if steps is not None:
        require_whole("steps", steps, 1)
    share = isinstance(validation, float | int) and not isinstance(validation, bool) and 0 < validation < 1
    if validation is not None and not share:
        raise InputError(f"`validation` must be a share above 0 and below 1, got {validation!r}")
    space = parse_space(over)
    judged, metrics = _judged(by, judging, seed, plugins)

    # The recipe, and what of it can be searched
    common = _common(overrides)
    if steps is not None and "training.steps" in common:
        raise InputError("`steps` and `overrides` training.steps are both given; give one of the two")
    fixed = {**common, **({} if steps is None else {"training.steps": steps})}
    loaded = load_recipe(recipe, fixed, plugins)
    for name, pool in loaded.pools.items():
        if pool.split != "train":
            raise InputError(
                f"pools.{name}.split: {pool.split!r} in {recipe}; settings are chosen with pools of the train split,"
                " so that the slices that judge are not trained on"
            )
    document = to_document(loaded, plugins.registry)
    study = Study(
        folder=given_path("out", out),
        source=str(recipe),
        common=common,
        steps=steps,
        space=fitting(space, str(recipe), fixed, document, plugins),
        by=by,
        judging=judged,
        metrics=metrics,
        seeds=seeds,
        first_seed=first_seed,
        seed=seed,
        validation=validation,
        recipe=loaded,
        document=document,
    )
    study.refuse_other(plugins)
    return study


def _common(overrides: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    """Key path to value. Raises InputError: a text is no ``KEY=VALUE``, or the seed of a training is among them."""
    texts = [overrides] if isinstance(overrides, str) else overrides
    common = dict(texts) if isinstance(texts, Mapping) else dict(parse_override(text) for text in texts)
    if "training.seed" in common:
        raise InputError(
            "`overrides` training.seed: a study counts seeds up; give `seeds`, their number, and `first_seed`"
        )
    return common


def _judged(by: str, judging: Judging, seed: int, plugins: Plugins) -> tuple[Judging, Mapping[str, Any]]:
    """How trials are judged, and the metric of the reading.

    Raises:
        InputError: ``by`` names no metric, or ``judging`` has what a study has of its own.
    """
    if not isinstance(by, str) or not by.strip():
        raise InputError(f"`by` must name a reading, as in METRIC.READING, got {by!r}")
    if not isinstance(judging, Judging):
        raise InputError(f"`judging` must be a gankit.Judging, got {judging!r}")
    for name, why in OWN.items():
        if getattr(judging, name) != getattr(JUDGING, name):
            raise InputError(f"`judging`: {name} cannot be given to a study: {why}")
    metric = by.partition(".")[0]
    asked = attrs.evolve(
        judging,
        metrics=(metric,),
        headline=(by,),
        sets=judging.sets or JUDGING.sets,
        seed=seed,
        replicates=FEWEST_REPLICATES if judging.replicates == JUDGING.replicates else judging.replicates,
    )
    known = [entry.name for entry in plugins.registry.entries(AbstractMetric.kind)]
    if metric not in known:
        raise InputError(f"`by` {by}: no metric {metric!r}{nearest(metric, known)}; the metrics are {', '.join(known)}")
    return asked, chosen_metrics(asked, plugins)
