"""The methods of a comparison: one for each recipe, or one for each recipe and each value along the axes."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from gankit._errors import InputError, shown
from gankit.files.documents import parse_value
from gankit.files.toml_types import key_of
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import load_recipe, parse_override, read_layers
from gankit.recipe.recipe import Recipe

MOST = 1000
"""Trainings of a comparison, and so methods, at most. It is one table."""


@attrs.frozen(kw_only=True)
class Method:
    """One of the methods that are compared. Its runs differ in their training seed alone."""

    name: str
    source: str
    """The recipe that the user named."""
    overrides: Mapping[str, Any]
    """Key path to value."""

    def recipe(self, seed: int, plugins: Plugins) -> Recipe:
        """The recipe of the run with this training seed. Raises RecipeError: it has problems."""
        return load_recipe(self.source, {**self.overrides, "training.seed": seed}, plugins)


def methods_of(
    recipes: Sequence[str],
    overrides: Mapping[str, Any] | Iterable[str],
    axes: Mapping[str, Sequence[Any]] | Iterable[str],
    steps: int | None,
    plugins: Plugins,
) -> list[Method]:
    """Every recipe with every combination of values along the axes.

    Args:
        recipes: TOML files or names of shipped recipes.
        overrides: key path to value, or texts ``KEY=VALUE``, for every recipe.
        axes: key path to values, or texts ``KEY=VALUE,VALUE,...``.
        steps: training steps of every recipe; default: the recipe's.
        plugins: what is installed.

    Raises:
        InputError: an axis cannot be read, there are more methods than a comparison has, two of them have the same
            name, or a recipe has problems.
    """
    _require_texts("overrides", overrides, "KEY to value, or texts KEY=VALUE")
    _require_texts("axes", axes, "KEY to values, or texts KEY=VALUE,VALUE,...")
    given = overrides if isinstance(overrides, Mapping) else dict(parse_override(text) for text in _texts(overrides))
    common = {**given, **({} if steps is None else {"training.steps": steps})}
    parsed = list(axes.items() if isinstance(axes, Mapping) else map(_axis, _texts(axes)))
    for key, values in parsed:
        if not isinstance(values, list | tuple) or not values:
            raise InputError(f"`axes` {key}: must be one or more values in a list, got {values!r}")
    for parameter, keys in (("overrides", common), ("axes", dict(parsed))):
        if "training.seed" in keys:
            raise InputError(
                f"`{parameter}` training.seed: a comparison counts seeds up; give `seeds`, their number, and"
                " `first_seed`"
            )

    if (count := math.prod(len(values) for _, values in parsed) * len(recipes)) > MOST:
        raise InputError(f"`axes`: they make {count} methods, and a comparison has at most {MOST}")

    # A method for each recipe and each point along the axes
    methods = []
    for source in recipes:
        networks = read_layers(source, common, plugins).document.get("networks", {})
        values_of = [[(_full(key, networks), value) for value in values] for key, values in parsed]
        for point in itertools.product(*values_of):
            overridden = {**common, **dict(point)}
            name = load_recipe(source, overridden, plugins).name
            methods.append(Method(name=" ".join([name, *_labels(point)]), source=source, overrides=overridden))
    _refuse_twins(methods)
    return methods


def _require_texts(parameter: str, given: object, expected: str) -> None:
    """Raises InputError: neither a text, nor texts, nor a mapping from texts."""
    if not isinstance(given, Iterable) or not all(isinstance(each, str) for each in given):
        raise InputError(f"`{parameter}` must be {expected}, got {given!r}")


def _texts(given: str | Iterable[str]) -> list[str]:
    """Texts, or a single one."""
    return [given] if isinstance(given, str) else list(given)


def _refuse_twins(methods: Sequence[Method]) -> None:
    """Raises InputError: two methods have names that are the same in file names."""
    seen: dict[str, Method] = {}
    for method in methods:
        twin = seen.setdefault(slug(method.name), method)
        if twin is not method:
            raise InputError(
                f"{twin.source} and {method.source} are both named {method.name!r} here; give one recipe another name"
            )


def slug(name: str) -> str:
    """A name as it can be part of a file name."""
    return re.sub(r"[^\w.=+-]+", "-", name).strip("-.")


def _axis(text: str) -> tuple[str, list[Any]]:
    """``"KEY=V1,V2"`` as a key path and values. If the values together are not TOML, each is taken as text."""
    key, equals, values = text.partition("=")
    if not equals or not all(key.strip().split(".")) or not values.strip():
        raise InputError(f"`axes` {text}: must be KEY=VALUE,VALUE,..., as in training.batch=8,16")
    try:
        found = parse_value(f"[{values}]")
    except ValueError as error:
        raise InputError(f"`axes` {shown(text)} {error}") from error
    return key.strip(), found if isinstance(found, list) else [value.strip() for value in values.split(",")]


def _full(key: str, networks: Any) -> str:
    """The full path of a key that may begin with the name of a network, as in ``adc_decoder.factor``."""
    first = key.partition(".")[0]
    sections = {key_of(field) for field in attrs.fields(Recipe)}
    return f"networks.{key}" if first not in sections and first in networks else key


def _labels(point: Iterable[tuple[str, Any]]) -> list[str]:
    """``KEY=VALUE`` for each axis of a point. A key is its last part, unless two axes have the same last part."""
    given = dict(point)
    short = [key.rpartition(".")[2] for key in given]
    names = [last if short.count(last) == 1 else key for key, last in zip(given, short, strict=True)]
    return [f"{name}={_text(value)}" for name, value in zip(names, given.values(), strict=True)]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
