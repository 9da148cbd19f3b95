"""Questions: the methods by which components describe themselves while a recipe is checked, with what they return."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gankit._errors import GankitError, Problem
from gankit.plugin.components import RESERVED_DRAWS, Component, Draw, NetworkUse
from gankit.plugin.contract import blaming, broken, in_short, require_call
from gankit.plugin.options import given_beside


def ask(
    where: str,
    spec: Component,
    question: str,
    arguments: Mapping[str, object] = {},
    passing: type[Exception] = GankitError,
) -> Any:
    """Call a method, or read a property, by which a component describes itself, and check what it returns.

    Args:
        where: path of the component in the recipe.
        spec: the component.
        question: name of the method or property, a key of ``_ANSWERS``.
        arguments: the arguments of the method, by name and in its order.
        passing: type of an exception that the method may raise.

    Raises:
        PluginError: the method takes other arguments, fails, or returns something else than it promises.
    """
    # A property that fails raises here already.
    expected, fits = _ANSWERS[question]
    with blaming(where, spec, passing):
        answer = getattr(spec, question)
    if fits not in _PROPERTIES:
        require_call(where, spec, question, answer, *arguments)
        with blaming(where, spec, passing):
            answer = answer(*arguments.values())
    if not fits(answer):
        raise broken(where, spec, f"must return {expected} from {question}, got {in_short(answer)}")
    return answer


def problems_of(where: str, spec: Component, arguments: Mapping[str, object]) -> list[Problem]:
    """The problems that a component's ``check`` yields, and options that are given beside what takes their place.

    The component's path stands before their places.

    Raises PluginError, as ``ask`` does.
    """
    answer = ask(where, spec, "check", arguments)
    with blaming(where, spec):
        problems = list(answer)
    problems += [
        Problem(
            key,
            f"is not used beside {other} = {getattr(spec, other)!r}, which takes its place; remove one of the two, in a"
            f" variant by remove = ['{where}.{key}']",
        )
        for key, other in given_beside(spec)
    ]
    for problem in problems:
        if not isinstance(problem, Problem):
            raise broken(where, spec, f"must give each problem as a gankit.Problem from check, got {in_short(problem)}")
    return [problem.under(where) for problem in problems]


# Answers --------------------------------------------------------------------------------------------------


def _is_truth(answer: Any) -> bool:
    return isinstance(answer, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_names(answer: Any) -> bool:
    return isinstance(answer, tuple) and all(map(_is_text, answer))


def _name_names(answer: Any) -> bool:
    return isinstance(answer, Mapping) and all(map(_is_text, (*answer.keys(), *answer.values())))


def _are_shapes(answer: Any) -> bool:
    return isinstance(answer, Mapping) and all(_is_text(place) and _is_shape(shape) for place, shape in answer.items())


def _is_shape(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(size, int) and size > 0 for size in value)


def _are_uses(answer: Any) -> bool:
    return isinstance(answer, Mapping) and all(
        _is_text(key) and isinstance(uses, tuple) and all(map(_is_use, uses)) for key, uses in answer.items()
    )


def _is_use(value: Any) -> bool:
    ends = isinstance(value, NetworkUse) and all(_are_names(end) and end for end in (value.from_, value.to))
    return ends and _is_text(value.network)


def is_factor(answer: Any) -> bool:
    """Whether a schedule may return this: a finite number of at least 0."""
    number = isinstance(answer, int | float) and not isinstance(answer, bool)
    return number and math.isfinite(answer) and answer >= 0


def _are_draws(answer: Any) -> bool:
    return isinstance(answer, Mapping) and all(
        _is_text(name) and name.isidentifier() and name not in RESERVED_DRAWS and isinstance(draw, Draw)
        for name, draw in answer.items()
    )


_PROPERTIES = (_is_truth, _are_draws)
"""Tests of the answers to questions that are properties; the others are methods."""

_ANSWERS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "players": ("a tuple of names of networks", _are_names),
    "places": ("a mapping of place to shape, a tuple of whole numbers above 0,", _are_shapes),
    "counterparts": ("a mapping of place to modality or 'latent'", _name_names),
    "references": ("a tuple of places", _are_names),
    "uses": ("a mapping of option key to a tuple of gankit.NetworkUse, with places in tuples,", _are_uses),
    "pools": ("a mapping of option key to name of a pool", _name_names),
    "check": ("an iterable of gankit.Problem", lambda answer: isinstance(answer, Iterable)),
    "mixes_samples": ("True or False", _is_truth),
    "couples_places": ("True or False", _is_truth),
    "reads_apart": ("True or False", _is_truth),
    "gives_features": ("True or False", _is_truth),
    "gives_velocity": ("True or False", _is_truth),
    "penalises_gradient": ("True or False", _is_truth),
    "factor": ("a finite number of at least 0", is_factor),
    "draws": (f"a mapping of name, none of {', '.join(RESERVED_DRAWS)}, to gankit.Draw", _are_draws),
}
"""Question to what its answer must be, in words and as a test."""
