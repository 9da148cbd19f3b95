"""Do readers agree with each other, and each with their own first answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import attrs
import numpy as np

from gankit.reader.agreement import cohen_kappa, fleiss_kappa
from gankit.reader.answers import Answer
from gankit.reader.figures import Figures
from gankit.reader.questions import Questions
from gankit.reader.results import Figure

REPEATED = "repeated cases"


@attrs.frozen
class Choice:
    """A question whose answers are categories."""

    part: str
    get: Callable[[Answer], int]
    """Category of an answer, from 0."""
    categories: int
    scale: bool
    """Whether the categories are levels, so that disagreements weigh by their square."""

    @property
    def kappa(self) -> str:
        return "Cohen's kappa, quadratic" if self.scale else "Cohen's kappa"


def choices(questions: Questions) -> Iterator[Choice]:
    """The questions whose answers are categories."""
    if questions.origin is not None:
        yield Choice("origin", lambda answer: int(answer.origin == "synthetic"), 2, False)
    if questions.lesion is not None:
        yield Choice("lesion", lambda answer: int(bool(answer.lesion)), 2, False)
    for rating in questions.ratings:
        yield Choice(rating.name, _level(rating.name), len(rating.levels), True)


def _level(name: str) -> Callable[[Answer], int]:
    return lambda answer: answer.ratings[name] - 1


def between_readers(figures: Figures) -> Iterator[Figure]:
    """Fleiss' kappa of all readers, of questions without levels, and Cohen's kappa of each two.

    Intervals are over cases, for these readers: a draw with a reader twice would agree with itself.
    """
    numbers, count = figures.readings.readers, len(figures.readings.key.cases)
    for choice in choices(figures.readings.key.questions):
        answers_RN = figures.readings.array(choice.get)
        if len(answers_RN) > 2 and not choice.scale:
            kappa = _fleiss(answers_RN, choice.categories)
            yield figures.for_readers(choice.part, "Fleiss' kappa", "all readers", kappa, count)
        for one, other in combinations(range(len(answers_RN)), 2):
            who = f"readers {numbers[one]} and {numbers[other]}"
            kappa = _cohen(answers_RN[one], answers_RN[other], choice)
            yield figures.for_readers(choice.part, choice.kappa, who, kappa, count)


def within_readers(figures: Figures) -> Iterator[Figure]:
    """Share of equal answers, and Cohen's kappa, between the two showings of repeated cases."""
    readings, again = figures.readings, figures.readings.again_A
    for choice in choices(readings.key.questions) if len(again) else ():
        first_RN, again_RA = readings.array(choice.get), readings.array(choice.get, again=True)
        second_RN = first_RN.copy()  # a row has a place for each case; only those of repeated ones are used
        second_RN[:, again] = again_RA
        for row, (first_N, second_N) in enumerate(zip(first_RN, second_RN, strict=True)):
            who, same = figures.reader(row), (first_N == second_N)[again]
            yield figures.share(choice.part, "same answer again", who, same, REPEATED)
            kappa = _cohen(first_N, second_N, choice)
            yield figures.for_readers(choice.part, choice.kappa, who, kappa, len(again), REPEATED, again)


def _fleiss(answers_RN: np.ndarray, categories: int) -> Callable[[np.ndarray], float]:
    return lambda cases: fleiss_kappa(answers_RN[:, cases], categories)


def _cohen(one_N: np.ndarray, other_N: np.ndarray, choice: Choice) -> Callable[[np.ndarray], float]:
    return lambda cases: cohen_kappa(one_N[cases], other_N[cases], choice.categories, weighted=choice.scale)
