"""Figures of a score, with their intervals.

A figure of one reader is a proportion with an exact interval, or has an interval over cases. A figure of all readers
has one over readers and cases: a draw takes readers, real patients and synthetic patients, each with replacement
(Beiden, Wagner and Campbell 2000, Acad. Radiol. 7, 341), so that it speaks for other readers and cases too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import numpy as np

from gankit._draws import Draws
from gankit.evaluation.intervals import percentiles, resampled
from gankit.reader.design import FEWEST
from gankit.reader.exact import chance_p, exact_interval
from gankit.reader.readings import Readings
from gankit.reader.results import Figure

REPLICATES = 1000
EXACT, OVER_CASES, OVER_BOTH = "exact", "bootstrap over cases", "bootstrap over readers and cases"
TOO_FEW = f"fewer than {FEWEST} cases, too few for an interval"
ALL_ALIKE = "every answer is the same, so it is not defined"


Statistic = Callable[[np.ndarray, np.ndarray], float]
"""A number from indices of readers and of cases; NaN where it is not defined."""


@attrs.frozen(eq=False)
class Figures:
    """Makes figures from the readings of a study."""

    readings: Readings
    _drawn: dict[bytes, list[tuple[np.ndarray, np.ndarray]]] = attrs.field(factory=dict, init=False)

    def reader(self, row: int) -> str:
        """The reader of a row, in words."""
        return f"reader {self.readings.readers[row]}"

    # Shares -----------------------------------------------------------------------------------------------

    def shares(
        self, part: str, measure: str, right_RN: np.ndarray, chosen_N: np.ndarray, among: str, *, chance: bool = False
    ) -> Iterator[Figure]:
        """The share of answers that are right: the mean over readers, and that of each reader.

        Args:
            part, measure, among: fields of the figures.
            right_RN: (R, N) whether an answer counts.
            chosen_N: (N,) the cases, or (R, N) the answers, that are asked about; where there are none, no figure.
            chance: test against one half.
        """
        chosen_RN = np.broadcast_to(chosen_N, right_RN.shape)
        if not chosen_RN.any():
            return
        if len(chosen_RN) > 1:
            yield self._mean_share(part, measure, right_RN, chosen_RN, among)
        for row, (right_N, chosen) in enumerate(zip(right_RN, chosen_RN, strict=True)):
            yield self.share(part, measure, self.reader(row), right_N[chosen], among, chance=chance)

    def share(
        self, part: str, measure: str, who: str, right_M: np.ndarray, among: str = "all cases", *, chance: bool = False
    ) -> Figure:
        """The share of M answers that are right, with its exact interval."""
        right, count = int(right_M.sum()), len(right_M)
        figure = Figure(part=part, measure=measure, who=who, among=among, value=None, n=count)
        if not count:
            return attrs.evolve(figure, note="no such answer")
        return attrs.evolve(
            figure,
            value=right / count,
            interval=exact_interval(right, count),
            interval_of=EXACT,
            p=chance_p(right, count) if chance else None,
        )

    def _mean_share(self, part: str, measure: str, right_RN: np.ndarray, chosen_RN: np.ndarray, among: str) -> Figure:
        counted_RN = (right_RN & chosen_RN).astype(float)

        def mean(readers: np.ndarray, cases: np.ndarray) -> float:
            asked = chosen_RN[np.ix_(readers, cases)].sum(axis=1)
            right = counted_RN[np.ix_(readers, cases)].sum(axis=1)
            return float((right[asked > 0] / asked[asked > 0]).mean()) if asked.any() else np.nan

        count = round(float(chosen_RN.sum(axis=1).mean()))
        figure = self.statistic(part, measure, mean, count, among)
        if figure.interval is not None and figure.interval[0] == figure.interval[1] and figure.value is not None:
            # All answers are alike, and so are all draws of them.
            as_one = exact_interval(round(figure.value * count), count)
            return attrs.evolve(figure, interval=as_one, interval_of="exact, as of one reader")
        return figure

    # Statistics -------------------------------------------------------------------------------------------

    def statistic(
        self,
        part: str,
        measure: str,
        statistic: Statistic,
        count: int,
        among: str = "all cases",
        cases_M: np.ndarray | None = None,
    ) -> Figure:
        """A statistic of all readers, with an interval over readers and cases; of a single reader, over cases.

        Args:
            part, measure, among: fields of the figure.
            statistic: what is measured.
            count: number of cases that it is about.
            cases_M: the cases to draw from; default: all.
        """
        figure = Figure(part=part, measure=measure, who="all readers", among=among, value=None, n=count)
        readers = np.arange(len(self.readings.readers))
        if len(readers) == 1:
            return self._with_interval(attrs.evolve(figure, who=self.reader(0)), statistic, cases_M, readers)
        return self._with_interval(figure, statistic, cases_M, None)

    def for_readers(
        self,
        part: str,
        measure: str,
        who: str,
        statistic: Callable[[np.ndarray], float],
        count: int,
        among: str = "all cases",
        cases_M: np.ndarray | None = None,
    ) -> Figure:
        """A statistic of cases, for readers as they are, with an interval over cases; arguments as of ``statistic``."""
        figure = Figure(part=part, measure=measure, who=who, among=among, value=None, n=count)
        return self._with_interval(figure, lambda _, cases: statistic(cases), cases_M, np.arange(1))

    def _with_interval(
        self, figure: Figure, statistic: Statistic, cases_M: np.ndarray | None, fixed: np.ndarray | None
    ) -> Figure:
        """The figure with its value and interval; ``fixed`` are the readers, or None to draw them too."""
        every = np.arange(len(self.readings.readers)) if fixed is None else fixed
        among_M = np.arange(len(self.readings.synthetic_N)) if cases_M is None else cases_M
        value = statistic(every, among_M)
        if np.isnan(value):
            return attrs.evolve(figure, note=ALL_ALIKE)
        if figure.n < FEWEST:
            return attrs.evolve(figure, value=value, note=TOO_FEW)

        draws = self._draws(among_M)
        values = [statistic(readers if fixed is None else every, cases) for readers, cases in draws]
        how = OVER_BOTH if fixed is None else OVER_CASES
        return attrs.evolve(figure, value=value, interval=percentiles(np.array(values)), interval_of=how)

    def _draws(self, among_M: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Indices of readers and of cases of each draw, made once for each group of cases.

        Patients are drawn from real and from synthetic ones apart, so that each draw has both.
        """
        if (name := among_M.tobytes()) not in self._drawn:
            readings = self.readings
            sides = [among_M[readings.synthetic_N[among_M] == side] for side in (False, True)]
            sides = [side for side in sides if len(side)]
            samples = [np.arange(len(readings.readers)), *(readings.patient_N[side] for side in sides)]
            generator = Draws(readings.key.seed).generator("reader/bootstrap")
            self._drawn[name] = [
                (readers, np.concatenate([side[indices] for side, indices in zip(sides, drawn, strict=True)]))
                for readers, *drawn in resampled(*samples, replicates=REPLICATES, generator=generator)
            ]
        return self._drawn[name]
