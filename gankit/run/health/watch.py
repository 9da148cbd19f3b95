"""The watch over a training: it sees every row, and says which alarms begin and which are over."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

import attrs

from gankit.recipe.recipe import Recipe
from gankit.run.health.alarm import Alarm, Finder
from gankit.run.health.losses import flat_critic, loss_that_jumped, negative_distance, slope_of_a_critic
from gankit.run.health.networks import latent_off_the_prior, runaway_network, still_network
from gankit.run.health.samples import copied_samples, repeated_samples
from gankit.run.health.thresholds import FEWEST, JUMPED, LAST

FINDERS: tuple[Finder, ...] = (
    negative_distance,
    slope_of_a_critic,
    flat_critic,
    loss_that_jumped,
    still_network,
    runaway_network,
    latent_off_the_prior,
    repeated_samples,
    copied_samples,
)
"""The function of each alarm. Its name is that of the alarm."""


@attrs.define
class Heard:
    """An alarm that a watch has heard."""

    alarm: Alarm
    """As it was when it was last heard, but for ``step``, which is that of the first time."""
    last: int
    """The step of the row at which it was last heard."""
    silent: int = 0
    """Rows since then."""


class Watch:
    """Sees the rows of a run, in order."""

    def __init__(self, recipe: Recipe, rows: Iterable[Mapping[str, Any]] = ()):
        """``rows`` are those that the run has already."""
        self._recipe = recipe
        self._curves: dict[str, list[tuple[int, float]]] = {}
        self._held: dict[tuple[str, str], Heard] = {}
        self.past: list[Heard] = []
        """Alarms that are over."""
        for row in rows:
            self.see(row)

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """The alarms that hold."""
        return tuple(heard.alarm for heard in self._held.values())

    def see(self, row: Mapping[str, Any]) -> list[str]:
        """Take a row, which must have a step. Returns: a line for each alarm that begins or is over with it."""
        if not isinstance(step := row.get("step"), int):
            return []
        for key, value in row.items():
            if isinstance(value, int | float) and math.isfinite(value):
                points = self._curves.setdefault(key, [])
                points.append((step, value))
                del points[LAST : -LAST - JUMPED]  # a finder looks at the first and the last ones alone
        found = {(alarm.name, alarm.where): alarm for find in FINDERS for alarm in find(self._recipe, self._curves)}
        return [*self._begun(found, step), *self._over(found)]

    def _begun(self, found: Mapping[tuple[str, str], Alarm], step: int) -> Iterator[str]:
        for key, alarm in found.items():
            if key not in self._held:
                yield f"alarm: {alarm}"
            first = self._held[key].alarm.step if key in self._held else alarm.step
            self._held[key] = Heard(attrs.evolve(alarm, step=first), step)

    def _over(self, found: Container[tuple[str, str]]) -> Iterator[str]:
        """An alarm is over when it was not heard for some rows, so that one that comes and goes is said once."""
        for key in [key for key in self._held if key not in found]:
            heard = self._held[key]
            heard.silent += 1
            if heard.silent >= FEWEST:
                self.past.append(self._held.pop(key))
                yield f"alarm is over: {heard.alarm.name}: {heard.alarm.where}: last seen at step {heard.last}"
