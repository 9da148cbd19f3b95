"""How readers rate real and synthetic cases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gankit.reader.figures import Figures
from gankit.reader.questions import Rating
from gankit.reader.results import Figure


def level_figures(figures: Figures) -> Iterator[Figure]:
    """For each rating the mean level, from 1, of real and of synthetic cases, and the difference of the two means."""
    for rating in figures.readings.key.questions.ratings:
        yield from _figures(figures, rating)


def _figures(figures: Figures, rating: Rating) -> Iterator[Figure]:
    readings = figures.readings
    level_RN = readings.array(lambda answer: answer.ratings[rating.name]).astype(float)
    synthetic_N = readings.synthetic_N

    def mean(synthetic: bool, readers: np.ndarray, cases: np.ndarray) -> float:
        return float(level_RN[np.ix_(readers, cases[synthetic_N[cases] == synthetic])].mean())

    def difference(readers: np.ndarray, cases: np.ndarray) -> float:
        return mean(True, readers, cases) - mean(False, readers, cases)

    sides = {False: "real cases", True: "synthetic cases"}
    for side, among in sides.items():
        yield figures.statistic(
            rating.name,
            "mean level",
            lambda readers, cases, side=side: mean(side, readers, cases),  # type: ignore[misc]
            int((synthetic_N == side).sum()),
            among,
        )
    yield figures.statistic(
        rating.name, "difference of levels", difference, len(synthetic_N), "synthetic less real cases"
    )
