"""Which values of a reading are better, as its metric says, and what a search makes small."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import attrs

from gankit._errors import InputError, nearest
from gankit.evaluation.ranges import aim_of
from gankit.evaluation.results import Better, Summary
from gankit.plugin.components import AbstractMetric


@attrs.frozen(kw_only=True)
class Aim:
    """A reading, and which of its values are better."""

    id: str
    """``"METRIC.READING"``."""
    unit: str
    better: Better
    real: float | None = None
    """The value to be near to, where ``better`` is "real"."""

    def loss(self, value: float) -> float:
        """What is made small: the value, its negative, or its distance to the real value."""
        if self.better == "real" and self.real is not None:
            return abs(value - self.real)
        return -value if self.better == "higher" else value

    @property
    def said(self) -> str:
        """Which values are better, in words."""
        return f"nearer to {self.real:.4g} is better" if self.better == "real" else f"{self.better} is better"


def reading_named(by: str, names: Iterable[str], metric: str) -> str:
    """The id of the reading that a user names as ``METRIC.READING``, or as a pattern that one reading fits.

    Raises:
        InputError: no reading has this name, or several fit.
    """
    known = list(names)
    pattern = f"{by}.*" if by == metric else by
    found = [name for name in known if fnmatchcase(name, pattern)]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"`by` {by}: fits {len(found)} readings, a search needs one: {_some(found)}")
    raise InputError(f"`by` {by}: no such reading{nearest(by, known)}; there are {_some(known) or 'none'}")


def aim_at(name: str, real: Sequence[Summary], metrics: Mapping[str, AbstractMetric]) -> Aim:
    """The aim of a reading.

    Args:
        name: its id.
        real: the readings of the validation slices, judged as if they were synthetic.
        metrics: metrics by name. What a metric declares in ``aims`` counts before what was measured.

    Raises:
        InputError: it should be as on real slices, and nothing says what that is.
    """
    summary = next(each for each in real if each.id == name)
    if summary.better != "real":
        return Aim(id=name, unit=summary.unit, better=summary.better)
    declared = aim_of(summary, metrics)
    if (wanted := summary.mean if declared is None else declared) is None:
        why = f" ({'; '.join(filter(None, summary.notes))})" if any(summary.notes) else ""
        raise InputError(
            f"`by` {name}: should be as on real slices, and the validation slices have no value of it{why}, so nothing"
            " says which trial is better; choose another reading"
        )
    return Aim(id=name, unit=summary.unit, better="real", real=wanted)


def _some(names: Sequence[str], most: int = 40) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
