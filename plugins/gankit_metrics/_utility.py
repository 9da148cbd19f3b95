"""Readings of ``utility``.

Letters: P repeats, N test slices with the label, M without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from gankit import Candidate, Cohort, Evaluation, Reading, rows_of
from gankit_metrics._sizes import unfit
from gankit_metrics._utility_figures import FEWEST, Figure, RealCurve, Replicates
from gankit_metrics._utility_patients import Patients, Subset, too_few
from gankit_metrics._utility_training import Slices, averaged, scores
from gankit_metrics.classification import FEWEST as FEWEST_ADDED
from gankit_metrics.classification import NO_TEST, largest_test

if TYPE_CHECKING:
    from gankit_metrics.utility import Utility

FIGURES: Mapping[str, tuple[str, ...]] = {
    "added": ("gain", "patients", "auc", "sensitivity"),
    "augmented": ("gain", "patients", "auc", "sensitivity"),
    "alone": ("auc", "sensitivity"),
}
"""Arm to its figures, in the order of the readings."""


@attrs.frozen(eq=False)
class _Test:
    """Slices that classifiers are tested on."""

    name: str
    wanted: Cohort
    other: Cohort

    def counts(self) -> str:
        return f"{len(self.wanted)} + {len(self.other)} test slices"

    @property
    def few(self) -> bool:
        """Whether there are too few patients for intervals."""
        return min(len(set(side.patient)) for side in (self.wanted, self.other)) < FEWEST


Scores = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Test to the scores of its slices with the label and without, (P, N) and (P, M)."""


def measure(metric: Utility, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
    """See ``Utility``."""
    tests = _tests(evaluation)
    if (why := unfit(evaluation, least=8)) or not tests:
        for name in [test.name for test in tests] or ["test"]:
            yield from _without_value(name, metric.shares, why or NO_TEST["test"])
        return
    patients = Patients.of(evaluation)
    subsets = {share: _subsets(share, patients, metric, evaluation) for share in metric.shares}
    learned = {share: found for share, found in subsets.items() if found}
    trainer = _Trainer(metric, evaluation, tests)
    added = _added(candidate, evaluation, trainer)
    arms = {
        "alone": {share: trainer.kept("alone", share, found) for share, found in learned.items()},
        "augmented": {share: trainer.kept("augmented", share, found) for share, found in learned.items()},
        "added": {share: trainer.with_slices(share, found, *added) for share, found in learned.items()}
        if added
        else {},
    }
    for test in tests:
        yield from _Curves(test, arms, learned, metric, evaluation).readings()
        for share in metric.shares:
            if share not in learned:
                yield from _without_value(test.name, [share], too_few(share, patients, evaluation))
            elif not added:
                why = f"needs {FEWEST_ADDED} slices to add, there are {len(candidate.cohort)}"
                yield from _without_value(test.name, [share], why, ("added",))


def _tests(evaluation: Evaluation) -> list[_Test]:
    found = [] if (largest := largest_test(evaluation)) is None else [_Test(*largest)]
    wanted, other = evaluation.external_pool(), evaluation.external_pool(wanted=False)
    return found if wanted is None or other is None else [*found, _Test("external", wanted, other)]


def _subsets(share: int, patients: Patients, metric: Utility, evaluation: Evaluation) -> list[Subset]:
    """The subset of each repeat; none where one of them lacks a class."""
    found = [patients.subset(share, repeat, evaluation) for repeat in range(metric.repeats)]
    return [subset for subset in found if subset is not None] if None not in found else []


def _without_value(
    test: str, shares: Sequence[int], why: str, arms: Sequence[str] = tuple(FIGURES)
) -> Iterator[Reading]:
    for share in shares:
        for arm in arms:
            for figure in FIGURES[arm]:
                yield Reading(
                    name=f"{test}.{arm}.{share}.{figure}", value=None, unit=_unit(figure), better="higher", note=why
                )


def _unit(figure: str) -> str:
    return "patients" if figure == "patients" else "1"


# Training -------------------------------------------------------------------------------------------------


def _added(
    candidate: Candidate, evaluation: Evaluation, trainer: _Trainer
) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Images to add to the slices with the label, and to those without where the model makes such; None where there are
    too few."""
    if len(candidate.cohort) < FEWEST_ADDED:
        return None
    others = None
    if candidate.of_value is not None:
        label_N = evaluation.pool("train", wanted=False).labels[evaluation.label]
        values, counts = np.unique(label_N, return_counts=True)
        others = trainer.images(candidate.of_value(int(values[counts.argmax()])))
    return trainer.images(candidate.cohort), others


@attrs.frozen(eq=False)
class _Trainer:
    """Trains the classifiers of an arm and a share, one for each repeat, and scores the tests by them."""

    metric: Utility
    evaluation: Evaluation
    tests: Sequence[_Test]

    def images(self, cohort: Cohort) -> np.ndarray:
        """Slices as classifiers see them."""
        stacked, size = self.evaluation.stacked, self.metric.size
        return np.asarray(rows_of(cohort, lambda part: averaged(stacked(part), size)))

    def kept(self, arm: str, share: int, subsets: Sequence[Subset]) -> Scores:
        """The scores of an arm without candidates, which are kept in the cache."""
        depends = {
            "version": 1,
            "arm": arm,
            "share": share,
            "tests": [[test.name, test.wanted.digest(), test.other.digest()] for test in self.tests],
            "training": [self.metric.repeats, self.metric.width, self.metric.steps, self.metric.size],
        }

        def make() -> dict[str, np.ndarray]:
            found = self._scores(share, subsets, lambda real: real, augmented=arm == "augmented")
            return {
                f"{name}/{side}": pair[number]
                for name, pair in found.items()
                for number, side in enumerate(("wanted", "other"))
            }

        arrays = self.evaluation.kept("utility", depends, make)
        return {test.name: (arrays[f"{test.name}/wanted"], arrays[f"{test.name}/other"]) for test in self.tests}

    def with_slices(
        self, share: int, subsets: Sequence[Subset], wanted: np.ndarray, other: np.ndarray | None
    ) -> Scores:
        """The scores where slices are added."""
        return self._scores(share, subsets, lambda real: real.with_added(wanted, other), augmented=False)

    def _scores(
        self, share: int, subsets: Sequence[Subset], make: Callable[[Slices], Slices], *, augmented: bool
    ) -> Scores:
        """The stream of the draws is that of share and repeat, so that all arms have the same first weights."""
        seen = {test.name: (self.images(test.wanted), self.images(test.other)) for test in self.tests}
        found = [
            scores(
                make(Slices(self.images(subset.wanted), self.images(subset.other))),
                seen,
                self.metric,
                self.evaluation.draws(f"utility/{share}/{repeat}"),
                augmented=augmented,
            )
            for repeat, subset in enumerate(subsets)
        ]
        return {
            name: (np.stack([each[name][0] for each in found]), np.stack([each[name][1] for each in found]))
            for name in seen
        }


# Readings -------------------------------------------------------------------------------------------------


class _Curves:
    """The figures of one test."""

    def __init__(
        self,
        test: _Test,
        arms: Mapping[str, Mapping[int, Scores]],
        subsets: Mapping[int, list[Subset]],
        metric: Utility,
        evaluation: Evaluation,
    ):
        self.test, self.repeats = test, metric.repeats
        sides = next(iter(evaluation.modalities.values())).shape[1:]
        self.shape = " x ".join(map(str, averaged(np.zeros((1, 1, *sides), np.float32), metric.size).shape[2:]))
        replicates = Replicates.of(test.name, test.wanted, test.other, metric.repeats, evaluation)
        self.areas, self.sensitivities = (
            {arm: {share: make(*found[test.name]) for share, found in points.items()} for arm, points in arms.items()}
            for make in (replicates.area, replicates.sensitivity)
        )
        self.patients = {share: found[0].patients for share, found in subsets.items()}
        alone = self.areas["alone"]
        self.real = RealCurve.of([self.patients[share] for share in alone], list(alone.values())) if alone else None

    def readings(self) -> Iterator[Reading]:
        """Those of every share, the largest first, since it is what decides."""
        for arm in FIGURES:
            for share in reversed(self.areas[arm]):
                for figure in FIGURES[arm]:
                    yield self._reading(arm, share, figure)

    def _reading(self, arm: str, share: int, figure: str) -> Reading:
        area, name = self.areas[arm][share], f"{self.test.name}.{arm}.{share}.{figure}"
        if figure == "patients":
            return self._more(name, area, share)
        values = {
            "gain": lambda: area.less(self.areas["alone"][share]),
            "auc": lambda: area,
            "sensitivity": lambda: self.sensitivities[arm][share],
        }
        found: Figure = values[figure]()
        return Reading(
            name=name,
            value=found.value,
            interval=None if self.test.few else found.interval(),
            better="higher",
            note=self._note(share, figure),
        )

    def _note(self, share: int, figure: str) -> str:
        said = {
            "gain": "AUC less that of the same patients alone",
            "auc": f"{self.patients[share]} patients, {self.repeats} repeats, at {self.shape}; {self.test.counts()}",
            "sensitivity": "at 90% specificity",
        }[figure]
        return said + (self._few() if self.test.few else "")

    def _few(self) -> str:
        return f"; no interval from fewer than {FEWEST} test patients of a class"

    def _more(self, name: str, area: Figure, share: int) -> Reading:
        """How many more patients an area stands for."""
        assert self.real is not None
        here = self.patients[share]
        more = self.real.more(area, here)
        least, most = (end - here for end in (self.real.patients_K[0], self.real.patients_K[-1]))
        low, high = np.quantile(more.replicates_R, (0.025, 0.975), method="inverted_cdf")
        low, high = min(low, more.value), max(high, more.value)
        beyond = not np.isfinite([low, high]).all()
        said = f"besides the {here} that there are"
        if not np.isfinite(more.value):
            said = f"{_limit(more.value, least, most)}; beyond the curve of {self._ends()} patients alone"
        elif beyond and not self.test.few:
            said += f"; interval: {_limit(low, least, most)} to {_limit(high, least, most)}"
        return Reading(
            name=name,
            value=more.value if np.isfinite(more.value) else None,
            interval=None if beyond or self.test.few else (low, high),
            unit="patients",
            better="higher",
            note=said + (self._few() if self.test.few else ""),
        )

    def _ends(self) -> str:
        assert self.real is not None
        return f"{self.real.patients_K[0]:.0f} to {self.real.patients_K[-1]:.0f}"


def _limit(more: float, least: float, most: float) -> str:
    """A number of patients in words, which may be beyond an end of the curve."""
    if np.isfinite(more):
        return f"{more:.0f}"
    return f"less than {least:.0f}" if more < 0 else f"more than {most:.0f}"
