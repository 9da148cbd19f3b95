"""``ReaderDesign``: how many cases and readers a study has, and how its cases are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from gankit._errors import InputError, shown
from gankit.cohort.cohort import SPLITS

FEWEST = 10
"""Least number of cases, and of draws in any interval of a score: fewer tell nothing."""
MOST = 2000
"""Largest number of cases."""


def _whole(least: int, most: int) -> Callable[[Any, Any, Any], None]:
    """An attrs validator of whole numbers."""

    def check(_: Any, field: Any, value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InputError(f"`{field.name}` must be a whole number from {least} to {most}, got {shown(value)}")

    return check


def _even_enough(_: Any, field: Any, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value % 2 or not FEWEST <= value <= MOST:
        few = "too few cases for an interval; " if isinstance(value, int) and value < FEWEST else ""
        raise InputError(
            f"`{field.name}` {shown(value)}: {few}must be an even number from {FEWEST} to {MOST}, half of them real"
        )


def _text_or_none(_: Any, field: Any, value: Any) -> None:
    if not (value is None or isinstance(value, str)):
        raise InputError(f"`{field.name}` must be a text or None, got {shown(value)}")


def _split(_: Any, field: Any, value: Any) -> None:
    if value not in (*SPLITS, "all"):
        raise InputError(f"`{field.name}` {shown(value)}: must be {', '.join(SPLITS)} or all")


def _names(given: Any) -> Any:
    return (given,) if isinstance(given, str) else tuple(given)


@attrs.frozen(kw_only=True)
class ReaderDesign:
    """How many cases and readers a study has, and how its cases are drawn.

    Raises:
        InputError: a field is of another type or out of its range.
    """

    count: int = attrs.field(default=60, validator=_even_enough)
    """Cases, half of them real; every reader sees all of them."""
    readers: int = attrs.field(default=3, validator=_whole(1, 100))
    """Readers; each has a page with an order of its own."""
    repeats: int = attrs.field(validator=_whole(0, MOST // 2))
    """Cases that are shown twice; default: a sixth of ``count``, and at least 6."""
    label: str | None = attrs.field(default=None, validator=_text_or_none)
    """Label by which real and synthetic cases are balanced, or ``"none"``; default: the first that every source has."""
    modalities: tuple[str, ...] = attrs.field(default=(), converter=_names)
    """Modalities to show; default: all that every source has."""
    split: str = attrs.field(default="test", validator=_split)
    """Split of the real cohort from which real cases are drawn: ``"test"``, ``"validation"``, ``"train"`` or
    ``"all"``."""
    seed: int = attrs.field(default=0, validator=_whole(0, 2**63 - 1))
    """Every draw of the study follows from it."""
    device: str = "auto"
    """Where models compute."""

    @repeats.default
    def _repeats(self) -> int:
        whole = isinstance(self.count, int)
        return min(max(6, self.count // 6), self.count // 2) if whole else 0

    def __attrs_post_init__(self) -> None:
        if self.repeats > self.count // 2:
            raise InputError(f"`repeats` {self.repeats}: at most half of the {self.count} cases can be shown twice")
