"""The values that a reading can have, as its metric declares them, and intervals that stay among them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from gankit.evaluation.results import Interval, Reading, Summary
from gankit.plugin.components import AbstractMetric

ANY: Interval = (-math.inf, math.inf)
"""The range of a reading of which nothing is declared."""

SLACK = 1e-6
"""How far rounding may bring a value outside of its range, relative to the end of the range or to 1."""

V = TypeVar("V")


def range_of(reading: Reading | Summary, metrics: Mapping[str, AbstractMetric]) -> Interval:
    """The lowest and the highest value that a reading can have, as its metric's ``ranges`` declare it.

    Args:
        reading: one reading, or a summary of it.
        metrics: metrics by name. Of a metric that is not among them nothing is known, so any value is possible.
    """
    metric = metrics.get(reading.metric)
    return ANY if metric is None else declared(reading.name, metric.ranges) or ANY


def aim_of(reading: Reading | Summary, metrics: Mapping[str, AbstractMetric]) -> float | None:
    """The value that real slices have by definition, as the metric's ``aims`` declare it; None where they do not."""
    metric = metrics.get(reading.metric)
    return None if metric is None else declared(reading.name, metric.aims)


def declared(name: str, by_pattern: Mapping[str, V]) -> V | None:
    """What is declared of a reading by the first pattern that its name matches; None where none does."""
    return next((value for pattern, value in by_pattern.items() if fnmatchcase(name, pattern)), None)


def is_range(value: object) -> bool:
    """Whether a value is a lowest and a highest number."""
    if not (isinstance(value, tuple) and len(value) == 2 and all(isinstance(end, int | float) for end in value)):
        return False
    return bool(value[0] < value[1])


def outside(value: float, bounds: Interval) -> bool:
    """Whether a value is outside of a range by more than rounding."""
    low, high = bounds
    return value < low - SLACK * max(1.0, abs(low)) or value > high + SLACK * max(1.0, abs(high))


def within(interval: Interval, bounds: Interval) -> Interval:
    """The part of a confidence interval that is within the range of its reading.

    The true value is in the range, so it is in this part exactly as often as in the whole interval: the confidence
    level stays (Mandelkern 2002, "Setting confidence intervals for bounded parameters", Statistical Science 17, 149).
    What truncated intervals are warned of there, that they become empty or short, cannot happen here, since the
    estimate, a mean of values in the range, is in the range itself.
    """
    low, high = (min(max(end, bounds[0]), bounds[1]) for end in interval)
    return low, high
