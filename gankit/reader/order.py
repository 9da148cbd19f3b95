"""The order in which a reader sees the cases, and which of them twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gankit.reader.key import Case


def repeated(cases: Sequence[Case], count: int, generator: np.random.Generator) -> list[int]:
    """Indices of the cases that are shown twice: as many of each origin and label as can be, drawn at random.

    Cases are taken from the groups of origin and label in turn.
    """
    groups: dict[tuple[str, int | None], list[int]] = {}
    for index in generator.permutation(len(cases)):
        groups.setdefault((cases[index].origin, cases[index].label), []).append(int(index))
    ordered = [groups[name] for name in sorted(groups, key=str)]
    rounds = (group[turn : turn + 1] for turn in range(len(cases)) for group in ordered)
    return [index for taken in rounds for index in taken][:count]


def reading_order(count: int, again: Sequence[int], generator: np.random.Generator) -> tuple[int, ...]:
    """A random order of the cases in which those of ``again`` come a second time.

    The repeated cases are shown first at random places of the first half, and again at random places of the second
    half, so that many other cases lie between.

    Args:
        count: number of cases.
        again: indices of the cases that are shown twice, at most half of them.
        generator: draws the order.

    Returns: an index for each position, ``count + len(again)`` in all.
    """
    early = generator.permutation(np.asarray(again, dtype=int))
    others = generator.permutation(np.setdiff1d(np.arange(count), early))
    half = (count + len(again)) // 2
    once, rest = others[: half - len(early)], others[half - len(early) :]
    first = generator.permutation(np.concatenate([early, once]))
    second = generator.permutation(np.concatenate([early, rest]))
    return tuple(int(index) for index in (*first, *second))
