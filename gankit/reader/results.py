"""The results of a reader study: figures with their intervals."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Figure:
    """One figure."""

    part: str
    """What was asked: ``origin``, ``lesion``, ``place``, or the name of a rating."""
    measure: str
    """What is measured, as ``accuracy``."""
    who: str
    """``all readers``, ``reader 1``, ``readers 1 and 2``."""
    among: str = "all cases"
    """Of which cases."""
    value: float | None
    """None where it is not defined; the note says why."""
    interval: tuple[float, float] | None = None
    """95% interval."""
    interval_of: str | None = None
    n: int = 0
    """Number of cases, or of pairs of answers."""
    p: float | None = None
    """Of the exact test against chance, where there is one."""
    note: str = ""


@attrs.frozen(kw_only=True)
class ReaderScore:
    """The figures of a reader study."""

    study: str
    readers: tuple[int, ...]
    """Numbers of the readers who have answered."""
    seconds: tuple[float, ...]
    """Of each reader the median time for a case."""
    figures: tuple[Figure, ...]
    """Answers to all questions; see the parts."""
    between: tuple[Figure, ...]
    """Agreement between readers."""
    within: tuple[Figure, ...]
    """Agreement of each reader with the first answer to repeated cases."""
