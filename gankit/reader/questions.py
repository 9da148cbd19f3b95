"""The questions of a reader study, and the TOML file that chooses them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError, Problem
from gankit.files.documents import given_toml
from gankit.files.toml_types import structure_table

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,29}")
MOST_LEVELS = 9
"""Levels of a scale: a key of the keyboard chooses each."""


def _text(longest: int) -> Callable[[Any, Any, str], None]:
    """An attrs validator of texts that the page shows."""

    def check(_: Any, field: Any, text: str) -> None:
        if not text.strip() or len(text) > longest:
            raise ValueError(f"must be a text of 1 to {longest} characters, got {len(text.strip())}")

    return check


def _levels(least: int) -> Callable[[Any, Any, tuple[str, ...]], None]:
    """An attrs validator of scales: a word for each level, from the lowest to the highest."""

    def check(_: Any, field: Any, levels: tuple[str, ...]) -> None:
        if not least <= len(levels) <= MOST_LEVELS or len(set(levels)) < len(levels) or not all(map(str.strip, levels)):
            raise ValueError(f"must be {least} to {MOST_LEVELS} different words, from the lowest to the highest level")

    return check


def _name(_: Any, field: Any, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"must be a small letter, then at most 29 of a-z, 0-9, _ and -, got {name[:40]!r}")


def _share(_: Any, field: Any, value: float) -> None:
    if not 0 < value <= 0.5:
        raise ValueError(f"must be > 0 and <= 0.5, got {value:g}")


@attrs.frozen(kw_only=True)
class Origin:
    """Whether a case is real or synthetic, and how sure the reader is."""

    ask: str = attrs.field(default="Is this case real or synthetic?", validator=_text(300))
    real: str = attrs.field(default="real", validator=_text(40))
    """The word on the page for real cases."""
    synthetic: str = attrs.field(default="synthetic", validator=_text(40))
    """The word on the page for synthetic cases."""
    confidence: tuple[str, ...] = attrs.field(default=("a guess", "likely", "certain"), validator=_levels(1))
    """Levels of confidence, from the lowest; with a single one, the page does not ask for it."""


@attrs.frozen(kw_only=True)
class Lesion:
    """Whether a lesion is present, and where: the reader clicks its place."""

    ask: str = attrs.field(default="Is a lesion present?", validator=_text(300))
    mark: bool = True
    """Whether the place is asked for."""
    truth: str = attrs.field(default="lesion", validator=_text(60))
    """Ground truth of the cohort, by which marks are judged where real slices have it."""
    radius: float = attrs.field(default=0.05, validator=_share)
    """Marks that are this near to each other, or to the true lesion, agree; a share of the image's width."""


@attrs.frozen(kw_only=True)
class Rating:
    """A level of a scale, as a Likert item."""

    name: str = attrs.field(validator=_name)
    """Key of the answers."""
    ask: str = attrs.field(validator=_text(300))
    levels: tuple[str, ...] = attrs.field(validator=_levels(2))
    """Words of the levels, from the lowest."""


@attrs.frozen(kw_only=True)
class Questions:
    """What readers are asked about every case, and what they read before they begin."""

    title: str = attrs.field(default="Reader study", validator=_text(100))
    instructions: str = attrs.field(
        default="Each case is one slice, seen in every modality. Judge each case by itself. Some cases may be shown"
        " twice.",
        validator=_text(3000),
    )
    """Paragraphs have an empty line between them."""
    origin: Origin | None = None
    lesion: Lesion | None = None
    ratings: tuple[Rating, ...] = ()
    comment: bool = False
    """Whether the page has a field for a comment, which may stay empty."""


QUALITY = Rating(
    name="quality",
    ask="How good is the image quality?",
    levels=("very poor", "poor", "fair", "good", "very good"),
)
"""The scale of the questions where no file chooses."""


def default_questions(lesion: bool) -> Questions:
    """The questions where no file chooses: origin with confidence, quality and, with ``lesion``, lesions."""
    return Questions(origin=Origin(), lesion=Lesion() if lesion else None, ratings=(QUALITY,))


def read_questions(file: Path) -> Questions:
    """The questions of a TOML file. A table ``[origin]`` or ``[lesion]``, even an empty one, asks that question; each
    ``[[ratings]]`` asks for a level.

    Raises:
        InputError: the file cannot be read, or has problems; each is a line with its place.
    """
    questions, problems = structure_table(given_toml("questions", file), Questions)
    if questions is not None:
        problems = list(_problems(questions))
    if problems or questions is None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InputError("\n".join([f"`questions` {file}: {count}", *(f"  {problem}" for problem in problems)]))
    return questions


def _problems(questions: Questions) -> Iterator[Problem]:
    """What is wrong with questions beyond a single key."""
    if not (questions.origin or questions.lesion or questions.ratings):
        yield Problem("", "nothing is asked; add [origin], [lesion] or [[ratings]]")
    names = [rating.name for rating in questions.ratings]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield Problem(f"ratings.{number}.name", f"{name!r} is there twice; names differ")
    if questions.origin is not None and questions.origin.real == questions.origin.synthetic:
        yield Problem("origin.synthetic", f"is the word for real cases too, {questions.origin.real!r}")
