"""Do readers find lesions: sensitivity, specificity, and the place of their marks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from gankit.reader.answers import Mark
from gankit.reader.figures import Figures
from gankit.reader.readings import Readings
from gankit.reader.results import Figure

PART, PLACE = "lesion", "place"


def lesion_figures(figures: Figures) -> Iterator[Figure]:
    """Figures of the question whether a lesion is present, among real and among synthetic cases.

    The truth of a real case is its label; that of a synthetic one is the label that its source was to make.
    """
    readings = figures.readings
    yes_RN = readings.array(lambda answer: bool(answer.lesion))
    for among, own_N in _groups(readings):
        yield from figures.shares(PART, "sensitivity", yes_RN, own_N & readings.lesion_N, among)
        yield from figures.shares(PART, "specificity", ~yes_RN, own_N & ~readings.lesion_N, among)


def place_figures(figures: Figures) -> Iterator[Figure]:
    """Figures of marks: how often they are at the true lesion, where it is known, and how often two readers agree."""
    readings = figures.readings
    lesion = readings.key.questions.lesion
    if lesion is None or not lesion.mark:
        return
    marks = [[answer.mark for answer in row] for row in readings.first]
    marked_RN = np.array([[mark is not None for mark in row] for row in marks])

    # At the true lesion
    known_N, hit_RN = _hits(readings, marks, lesion.radius)
    for among, own_N in _groups(readings):
        yield from figures.shares(PLACE, "marks at the lesion", hit_RN, marked_RN & (own_N & known_N), among)
        yield from figures.shares(PLACE, "lesions found and marked", hit_RN, own_N & known_N, among)

    # At the same place
    for one, other in combinations(range(len(marks)), 2):
        who = f"readers {readings.readers[one]} and {readings.readers[other]}"
        both = np.flatnonzero(marked_RN[one] & marked_RN[other])
        apart = np.array([_apart(marks[one][case], marks[other][case], readings) for case in both])
        yield figures.share(PLACE, "marks agree", who, apart <= lesion.radius, "cases that both marked")


def _groups(readings: Readings) -> Iterator[tuple[str, np.ndarray]]:
    """Real cases, synthetic cases and, where there are several, those of each source of synthetic slices."""
    yield "real cases", ~readings.synthetic_N
    yield "synthetic cases", readings.synthetic_N
    sources = [source.name for source in readings.key.sources if source.origin == "synthetic"]
    for name in sources if len(sources) > 1 else ():
        yield name, readings.source_N == name


def _hits(readings: Readings, marks: list[list[Mark | None]], radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether the lesion of a case is known, (N,) bool, and whether a mark is in it or at most ``radius`` away,
    (R, N)."""
    size = next(iter(readings.key.modalities.values())).size
    masks = [case.lesion_mask(size) for case in readings.key.cases]
    hit_RN = np.array(
        [
            [
                mark is not None and mask is not None and _distance(mark, mask) <= radius
                for mark, mask in zip(row, masks, strict=True)
            ]
            for row in marks
        ]
    )
    return np.array([mask is not None for mask in masks]), hit_RN


def _distance(mark: Mark, mask_HW: np.ndarray) -> float:
    """From a mark to the nearest pixel of a mask, in widths of the image; 0 within the pixel."""
    rows, columns = mask_HW.shape
    row_M, column_M = np.nonzero(mask_HW)
    down_M = np.maximum(0, np.abs(mark.y * rows - row_M - 0.5) - 0.5)
    across_M = np.maximum(0, np.abs(mark.x * columns - column_M - 0.5) - 0.5)
    return float(np.hypot(down_M, across_M).min()) / columns


def _apart(one: Mark | None, other: Mark | None, readings: Readings) -> float:
    """Between two marks, in widths of the image."""
    assert one is not None
    assert other is not None
    rows, columns = next(iter(readings.key.modalities.values())).size
    return float(np.hypot(one.x - other.x, (one.y - other.y) * rows / columns))
