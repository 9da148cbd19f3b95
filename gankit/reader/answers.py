"""The answers of readers, from the files that their pages save."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError
from gankit.files.json_file import read_document
from gankit.files.toml_types import structure_table
from gankit.reader.key import Key, OriginName
from gankit.reader.page import ANSWERS
from gankit.reader.questions import Questions

AGAIN = "ask the reader to open the page again, which keeps the answers, and to save once more"


@attrs.frozen(kw_only=True)
class Mark:
    """A place in an image: shares of its width, from the left, and of its height, from the top."""

    x: float
    y: float


@attrs.frozen(kw_only=True)
class Answer:
    """The answers to one showing of a case; None for what is open or not asked."""

    origin: OriginName | None = None
    confidence: int | None = None
    """Level from 1, the lowest."""
    lesion: bool | None = None
    mark: Mark | None = None
    ratings: Mapping[str, int] = attrs.field(factory=dict)
    """Name of a rating to its level from 1."""
    comment: str = ""
    seconds: float = 0.0
    """How long the case was on the screen."""


@attrs.frozen(kw_only=True)
class Answers:
    """All answers of one reader, in the order of the page."""

    study: str
    reader: int
    answers: tuple[Answer, ...]


def read_answers(files: Sequence[Path], key: Key) -> dict[int, Answers]:
    """Number of a reader to the answers, in order of the numbers.

    Raises:
        InputError: a file is damaged or edited, of another study, incomplete, or of a reader who has another file. All
            problems are named, a line each.
    """
    by_reader: dict[int, tuple[Path, Answers]] = {}
    problems = []
    for file in files:
        try:
            answers = _checked(file, key)
            if answers.reader in by_reader:
                other, _ = by_reader[answers.reader]
                raise InputError(f"{file}: reader {answers.reader} has answered in {other} too; give one of the two")
        except InputError as error:
            problems.append(str(error))
        else:
            by_reader[answers.reader] = file, answers
    if problems:
        raise InputError("\n".join(problems))
    if not by_reader:
        raise InputError("`answers`: name at least one file that a page has saved")
    return {number: by_reader[number][1] for number in sorted(by_reader)}


def _checked(file: Path, key: Key) -> Answers:
    """The answers in a file. Raises InputError: they cannot be scored."""
    document = read_document(file, ANSWERS, AGAIN, ())
    answers, problems = structure_table({name: each for name, each in document.items() if name != "format"}, Answers)
    if answers is None:
        raise InputError(f"{file}: damaged ({problems[0]}); {AGAIN}")
    if answers.study != key.study:
        raise InputError(
            f"{file}: has answers of study {answers.study[:40]!r}, the key is of {key.study!r}; give the answers of one"
            " study, or its key with `key`"
        )
    reader = next((reader for reader in key.readers if reader.number == answers.reader), None)
    if reader is None or len(answers.answers) != len(reader.order):
        raise InputError(f"{file}: damaged (reader {answers.reader} has no page with so many cases); {AGAIN}")
    for position, answer in enumerate(answers.answers, start=1):
        if wrong := next(_wrong(answer, key.questions), None):
            raise InputError(f"{file}: damaged (case {position}: {wrong}); {AGAIN}")
    if open_ := [number for number, each in enumerate(answers.answers, start=1) if _is_open(each, key.questions)]:
        raise InputError(
            f"{file}: {len(open_)} of {len(reader.order)} cases are not answered, the first is case {open_[0]}; {AGAIN}"
        )
    return answers


def _is_open(answer: Answer, questions: Questions) -> bool:
    """Whether something is asked that is not answered."""
    origin, lesion = questions.origin, questions.lesion
    asked: list[Any] = [answer.ratings.get(rating.name) for rating in questions.ratings]
    if origin is not None:
        asked.append(answer.origin)
        if len(origin.confidence) > 1:
            asked.append(answer.confidence)
    if lesion is not None:
        asked.append(answer.lesion)
        if lesion.mark and answer.lesion:
            asked.append(answer.mark)
    return None in asked


def _wrong(answer: Answer, questions: Questions) -> Iterator[str]:
    """A sentence for each answer that the page cannot give."""
    sure = () if questions.origin is None else questions.origin.confidence
    levels = {rating.name: len(rating.levels) for rating in questions.ratings}
    if answer.confidence is not None and not 1 <= answer.confidence <= len(sure):
        yield f"confidence {answer.confidence} is no level"
    for name, level in answer.ratings.items():
        if not 1 <= level <= levels.get(name, 0):
            yield f"{name[:40]} {level} is no level"
    if answer.mark is not None and not (0 <= answer.mark.x <= 1 and 0 <= answer.mark.y <= 1):
        yield "the mark is outside of the image"
