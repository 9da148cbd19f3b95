"""When an image was acquired: times of day, which midnight interrupts, and seconds after a first image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pydicom import Dataset

DAY_S = 86400.0
CLOCKS = ("AcquisitionTime", "AcquisitionDateTime", "ContentTime")
"""Elements with a time of day; the first that has one is taken."""


def acquired_s(dataset: Dataset) -> float | None:
    """The time of day of the acquisition in s after midnight; None where no element says it.

    Dates are not looked at: ``unwrapped`` finds midnight without them, whatever was done to them.
    """
    clocks = (clock_s(str(dataset.get(name) or "")) for name in CLOCKS)
    return next((clock for clock in clocks if clock is not None), None)


def clock_s(text: str) -> float | None:
    """A time in s after midnight, from the standard's TM (HHMMSS.FFFFFF, cut anywhere after the hours), from its DT
    (a date before, a zone after) or from ACR-NEMA's HH:MM:SS; None where it is none of them."""
    text = re.sub(r"[+-]\d{4}$", "", text.strip(" \0"))
    text = re.sub(r"^\d{8}(?=\d{2})", "", text)
    found = re.fullmatch(r"(\d\d)(?::?(\d\d)(?::?(\d\d)([.,:]\d*)?)?)?", text)
    if not found:
        return None
    hours, minutes, seconds = (int(digits or 0) for digits in found.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return hours * 3600.0 + minutes * 60.0 + seconds + float(f"0.{(found[4] or '')[1:] or 0}")


def unwrapped(clocks_s: Sequence[float]) -> np.ndarray:
    """Times of day in s, of a time shorter than a day, as times that rise past midnight.

    The day is a circle; what was acquired starts after the longest part of it in which nothing was.
    """
    clock_N = np.asarray(clocks_s, dtype=np.float64) % DAY_S
    if not clock_N.size:
        return clock_N
    ordered = np.unique(clock_N)
    gaps = np.diff(ordered, append=ordered[0] + DAY_S)
    start = ordered[(int(np.argmax(gaps)) + 1) % ordered.size]
    return start + (clock_N - start) % DAY_S
