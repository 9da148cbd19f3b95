"""What is searched: keys of a recipe, each with a range or with choices, as a person writes them.

======================  =====================================================================
``KEY=LOW..HIGH``       a number between two, ends included
``KEY=LOW..HIGH:STEP``  LOW, LOW + STEP, ... up to HIGH
``KEY=log:LOW..HIGH``   a number between two, as likely in each decade
``KEY=A|B|C``           one of these; each is TOML, and what is not TOML is text
======================  =====================================================================

Where the recipe's key is a whole number, so are the numbers of a range.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from gankit._errors import InputError, shown
from gankit.files.documents import parse_value

FORMS = "LOW..HIGH, LOW..HIGH:STEP, log:LOW..HIGH or A|B|C"
EXAMPLE = "phases.unsupervised.learning_rate=log:1e-5..1e-3"
_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"(log:)?\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?::\s*({_NUMBER}))?", re.ASCII)
_LARGEST = 2**53
"""Up to here every whole number is a float."""


@attrs.frozen(kw_only=True)
class Range:
    """A key and the numbers that it may have."""

    key: str
    spec: str
    """As the user wrote it."""
    low: float
    high: float
    step: float | None = None
    """Distance of two numbers that are tried; None: any number between the ends, or any whole number."""
    log: bool = False
    """Whether each decade is as likely as the next."""
    whole: bool = False
    """Whether the numbers are whole."""

    def ends(self) -> tuple[Any, ...]:
        """The values that must fit the recipe, so that all between them do."""
        return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)


@attrs.frozen(kw_only=True)
class Choice:
    """A key and the values that it may have."""

    key: str
    spec: str
    values: Mapping[str, Any]
    """As the user wrote each value, to the value."""

    def ends(self) -> tuple[Any, ...]:
        """The values that must fit the recipe."""
        return tuple(self.values.values())


Axis = Range | Choice
Space = tuple[Axis, ...]


def parse_space(over: Mapping[str, str] | str | Iterable[str]) -> Space:
    """The axes of a search.

    Args:
        over: key path to range or choices, or texts ``KEY=SPEC``.

    Raises:
        InputError: there is none, a key is given twice or lies within another, or a text is none of the forms.
    """
    space = tuple(_axis(key, spec) for key, spec in _pairs(over))
    keys = [axis.key for axis in space]
    for key in keys:
        if keys.count(key) > 1:
            raise InputError(f"`over` {key}: is given twice; give it one range")
        if inner := [other for other in keys if other.startswith(f"{key}.")]:
            raise InputError(f"`over` {key}: {inner[0]} lies within it; search one of the two")
    return space


def _pairs(over: Any) -> list[tuple[str, str]]:
    """Key and spec of each axis. Raises InputError: ``over`` has another type, or there is no axis."""
    given = [over] if isinstance(over, str) else over
    texts = [*given, *given.values()] if isinstance(given, Mapping) else given
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise InputError(f"`over` must be one or more texts KEY=SPEC, or KEY to SPEC, as in {EXAMPLE}; got {over!r}")
    return list(given.items()) if isinstance(given, Mapping) else [_parted(text) for text in texts]


def _parted(text: str) -> tuple[str, str]:
    key, equals, spec = text.partition("=")
    if not equals:
        raise InputError(f"`over` {shown(text)}: must be KEY=SPEC with {FORMS}, as in {EXAMPLE}")
    return key, spec


def _axis(key: str, spec: str) -> Axis:
    """One axis. Raises InputError: the key has an empty part, or the spec has none of the forms."""
    key, spec = key.strip(), spec.strip()
    where = f"`over` {key}={spec}" if (key + spec).isprintable() else f"`over` {f'{key}={spec}'!a}"
    if not all(part.strip() == part != "" for part in key.split(".")) or not spec or not key.isprintable():
        raise InputError(f"{where}: must be KEY=SPEC with {FORMS}, as in {EXAMPLE}")
    if "|" in spec:
        return Choice(key=key, spec=spec, values=_choices(spec, where))
    if (found := _RANGE.fullmatch(spec)) is None:
        what = "its ends must be numbers" if ".." in spec else "is one value; to set it, give it in `overrides`"
        raise InputError(f"{where}: {what}; accepted: {FORMS}")
    log, low, high, step = found.groups()
    axis = Range(
        key=key,
        spec=spec,
        low=float(low),
        high=float(high),
        step=None if step is None else float(step),
        log=log is not None,
    )
    if problem := _problem(axis):
        raise InputError(f"{where}: {problem}")
    return axis


def _problem(axis: Range) -> str | None:
    """What is wrong with the numbers of a range, if anything is."""
    if not all(map(math.isfinite, (axis.low, axis.high, axis.step or 0.0))):
        return "its numbers must be finite"
    if not axis.low < axis.high:
        return f"the low end must be below the high end, got {axis.low:g} and {axis.high:g}"
    if axis.log and axis.low <= 0:
        return f"a range by decades must begin above 0, got {axis.low:g}"
    if axis.step is None:
        return None
    if axis.log:
        return "a range by decades has no step; leave out 'log:' or the step"
    if axis.step <= 0:
        return f"the step must be above 0, got {axis.step:g}"
    steps = (axis.high - axis.low) / axis.step
    if round(steps) < 1 or not math.isclose(steps, round(steps), rel_tol=1e-9):
        return f"steps of {axis.step:g} from {axis.low:g} do not end at {axis.high:g}"
    return None


def _choices(spec: str, where: str) -> dict[str, Any]:
    """Text to value. Raises InputError: one is empty, given twice or cannot be read."""
    values: dict[str, Any] = {}
    for text in (part.strip() for part in spec.split("|")):
        if not text:
            raise InputError(f"{where}: a choice is empty; write values between the bars, as in A|B")
        try:
            value = parse_value(text)
        except ValueError as error:
            raise InputError(f"{where}: {text!r} {error}") from error
        if any((type(value), value) == (type(other), other) for other in values.values()):
            raise InputError(f"{where}: {text} is given twice")
        values[text] = value
    return values


def as_whole(axis: Range) -> Range:
    """The range of a key that is a whole number. Raises InputError: an end or the step is not."""
    for what, value in (("ends", axis.low), ("ends", axis.high), ("step", axis.step)):
        if value is not None and (not value.is_integer() or abs(value) > _LARGEST):
            raise InputError(
                f"`over` {axis.key}={axis.spec}: the recipe's key is a whole number, so its {what} must be, got"
                f" {value:g}"
            )
    return attrs.evolve(axis, whole=True)
