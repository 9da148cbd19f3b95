"""An alarm, and what the functions that find alarms have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from gankit.plugin.components import AbstractAdversarialLoss, AbstractLoss, AbstractPhase
from gankit.recipe.recipe import Recipe
from gankit.run.health.thresholds import SETTLING

Points = Sequence[tuple[int, float]]
"""Training steps and numbers, in order."""
Curves = Mapping[str, Points]
"""Key of rows of ``metrics.jsonl`` to its finite numbers."""


@attrs.frozen(kw_only=True)
class Alarm:
    """Something that goes wrong in a training."""

    name: str
    """What it is; the page "Following a training" explains each."""
    where: str
    """The term, network or modality, as a key path of the recipe."""
    step: int
    """The training step of the row that first showed it."""
    seen: str
    """What was seen, with figures."""
    remedy: str
    """What to do."""

    def __str__(self) -> str:
        return f"{self.name}: {self.where}: since step {self.step} {self.seen}; {self.remedy}"


Finder = Callable[[Recipe, Curves], Iterator[Alarm]]
"""A function of a recipe and the curves of a run so far. It gets the first ``LAST`` and the last ``LAST + JUMPED``
points of a curve alone, so that it costs little however long the run is."""


def adversarial_terms(recipe: Recipe) -> Iterator[tuple[AbstractPhase, AbstractAdversarialLoss]]:
    """Every adversarial term, with its phase."""
    for phase in recipe.phases:
        for term in phase.terms:
            if isinstance(term, AbstractAdversarialLoss):
                yield phase, term


def term_path(phase: AbstractPhase, term: AbstractLoss) -> str:
    """The key path of a term."""
    return f"phases.{phase.name}.terms.{term.name}"


def settled(points: Points, phases: Iterable[AbstractPhase], after: int = SETTLING) -> Points:
    """The points at which one of these phases had run ``after`` times, so that what it trains can be judged."""
    begin = min((phase.start + after * phase.every for phase in phases), default=0)
    return [point for point in points if point[0] >= begin]


def measured(curves: Curves, begin: str, wrong: Callable[[int, float], bool]) -> Iterator[tuple[str, Points]]:
    """What the keys of a measure end with, and its newest point, where step and number are ``wrong``."""
    for key, points in curves.items():
        if key.startswith(begin) and wrong(*points[-1]):
            yield key.removeprefix(begin), points[-1:]
