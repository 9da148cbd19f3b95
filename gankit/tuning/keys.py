"""Which keys of a recipe can be searched, and whether their values fit the recipe. Asked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gankit._errors import InputError, RecipeError, shown
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import load_recipe
from gankit.recipe.structure import Document
from gankit.run.directory import MAY_CHANGE
from gankit.tuning.space import Axis, Range, Space, as_whole

REFUSED = {
    "cohort": "all trials must have the same slices",
    "pools": "all trials must have the same slices",
    "modalities": "all trials must be judged at one size, unit and range",
    "training.seed": "seeds are counted up; give `seeds` and `first_seed`",
    "name": "it changes nothing that is computed",
    "extends": "it names another recipe; tune that one",
    "remove": "a list of keys is not a setting",
} | dict.fromkeys(MAY_CHANGE - {"training.steps"}, "it changes nothing that is computed")
"""Key, or the table that it lies in, to why it cannot be searched."""


def fitting(space: Space, source: str, common: Mapping[str, Any], document: Document, plugins: Plugins) -> Space:
    """The axes, with whole numbers where the recipe's key is one.

    Each end and each choice is tried in the recipe alone. Values that fit alone may not fit together; a trial with such
    values fails.

    Args:
        space: what the user asks for.
        source: the recipe, as the user named it.
        common: key path to value, for all trials.
        document: the completed recipe.
        plugins: what is installed.

    Raises:
        InputError: a key cannot be searched, is unknown, is set for all trials, or a value does not fit.
    """
    return tuple(_fitting(axis, source, common, document, plugins) for axis in space)


def _fitting(axis: Axis, source: str, common: Mapping[str, Any], document: Document, plugins: Plugins) -> Axis:
    for refused, why in REFUSED.items():
        if f"{axis.key}.".startswith(f"{refused}."):
            raise InputError(f"`over` {axis.key}: cannot be searched: {why}")
    for key in common:
        if f"{axis.key}.".startswith(f"{key}.") or f"{key}.".startswith(f"{axis.key}."):
            parameter = "steps" if key == "training.steps" else "overrides"
            raise InputError(
                f"`over` {axis.key}: {key} is set for all trials (`{parameter}`); leave one of the two out"
            )

    def refusal(value: Any) -> str | None:
        try:
            load_recipe(source, {**common, axis.key: value}, plugins)
        except RecipeError as error:
            return str(error.problems[0]).removesuffix(" (from an override)")
        return None

    if isinstance(axis, Range) and _is_whole(axis, document, refusal(_between(axis))):
        axis = as_whole(axis)
    for value in axis.ends():
        if problem := refusal(value):
            tried = f"{value:g}" if isinstance(value, float) else shown(value)
            raise InputError(f"`over` {axis.key}={axis.spec}: {tried} does not fit {source}: {problem}")
    return axis


def _between(axis: Range) -> float:
    """A number of the range that is not whole."""
    middle = (axis.low + axis.high) / 2
    return middle if not middle.is_integer() else middle + min(0.5, axis.high - axis.low) / 2


def _is_whole(axis: Range, document: Document, refused: str | None) -> bool:
    """Whether the recipe's key is a whole number. Where it has no value, it is if numbers between whole ones do not
    fit."""
    value: Any = document
    for part in axis.key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return isinstance(value, int)
    return bool(refused and "whole number" in refused)
