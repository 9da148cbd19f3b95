"""Can readers tell real from synthetic: accuracy against chance, and the ROC curve's area by confidence."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from gankit.reader.figures import Figures
from gankit.reader.readings import Readings
from gankit.reader.results import Figure

PART = "origin"


def origin_figures(figures: Figures) -> Iterator[Figure]:
    """Figures of the question whether a case is real or synthetic.

    Accuracy is the share of right answers; half of the cases are synthetic, so chance gives 0.5. Sensitivity is the
    share of synthetic cases that are called synthetic, specificity that of real cases called real. The area under the
    ROC curve is the chance that a synthetic case gets a higher score than a real one, where ties count one half (Hanley
    and McNeil 1982, Radiology 143, 29). The score is the confidence, with a minus for answers ``real``.
    """
    readings = figures.readings
    said_RN = readings.array(lambda answer: answer.origin == "synthetic")
    synthetic_N, every_N = readings.synthetic_N, np.ones(len(readings.synthetic_N), dtype=bool)
    right_RN = said_RN == synthetic_N
    yield from figures.shares(PART, "accuracy", right_RN, every_N, "all cases", chance=True)
    yield from figures.shares(PART, "sensitivity", said_RN, synthetic_N, "all cases")
    yield from figures.shares(PART, "specificity", ~said_RN, ~synthetic_N, "all cases")
    yield from _areas(figures, "all cases", synthetic_N)

    # Each source of synthetic slices, where there are several
    sources = [source.name for source in readings.key.sources if source.origin == "synthetic"]
    for name in sources if len(sources) > 1 else ():
        own_N = readings.source_N == name
        yield from figures.shares(PART, "sensitivity", said_RN, own_N, name)
        yield from _areas(figures, name, own_N)


def scores(readings: Readings) -> np.ndarray:
    """(R, N): how sure a reader is that a case is synthetic, below 0 where real was answered."""
    return readings.array(lambda answer: (answer.confidence or 1) * (1 if answer.origin == "synthetic" else -1))


def _areas(figures: Figures, among: str, own_N: np.ndarray) -> Iterator[Figure]:
    """The area under the ROC curve of the synthetic cases ``own_N`` beside all real ones: of all readers, of each."""
    score_RN, synthetic_N = scores(figures.readings), figures.readings.synthetic_N
    win_RNN = (score_RN[:, :, None] > score_RN[:, None, :]) + 0.5 * (score_RN[:, :, None] == score_RN[:, None, :])
    cases = np.flatnonzero(own_N | ~synthetic_N)

    def area(readers: np.ndarray, drawn: np.ndarray) -> float:
        made, real = drawn[own_N[drawn]], drawn[~synthetic_N[drawn]]
        return float(win_RNN[np.ix_(readers, made, real)].mean())

    count = len(cases)
    if len(score_RN) > 1:
        yield figures.statistic(PART, "AUC", area, count, among, cases)
    for row in range(len(score_RN)):
        own = partial(area, np.array([row]))
        yield figures.for_readers(PART, "AUC", figures.reader(row), own, count, among, cases)
