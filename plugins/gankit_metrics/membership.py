"""``critic-membership``: whether the critics of a run betray who was trained on.

Letters: M training slices, H slices of patients that no training saw, R replicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Cohort, Evaluation, GankitError, InputError, Reading, percentiles

if TYPE_CHECKING:
    from gankit import Critics, CriticUse

HIGHEST = "highest"
"""The reading over all critics."""
LEAST = 10
"""Slices that a side needs at least."""


@attrs.frozen(kw_only=True)
class CriticMembership(AbstractMetric):
    """Whether the critics of a run know its training slices from slices of other patients: the area under the ROC curve
    of an attacker who has a critic, and takes slices that it scores higher for training slices (the white-box attack of
    Hayes et al. 2019, arXiv:1705.07663). It tells whether checkpoints, which hold the critics, may leave the house; a
    model file holds none.

    Readings: ``{critic}`` for each critic of the recipe, at the step of the model, over slices of the pools that it was
    shown. 1/2 betrays nothing. The other patients are those of the fresh cohort, of both splits, or without a fresh
    cohort the test split. A critic of latents judges encodings. Where the other patients are of another scanner or
    clinic, a critic may tell that instead.

    ``highest``: the largest of these areas. Its interval is for the largest of the true areas: from the highest lower
    to the highest upper end of the critics' intervals, at a level that holds for all of them at once (Bonferroni). So
    its lower end is above 1/2 where some critic betrays patients, and not where there are merely many critics.

    The readings are of a run, and the same for each set of its slices.
    """

    audits: ClassVar[bool] = True
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*": (0.0, 1.0)}

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
        if candidate.model is None:
            yield _unmeasured(HIGHEST, "needs the run of a model, not slices alone")
            return
        try:
            critics = candidate.model.critics()
        except InputError as error:
            yield _unmeasured(HIGHEST, str(error))
            return
        found = list(_areas(critics, evaluation))
        yield _highest([area for area in found if isinstance(area, _Area)])
        yield from (area if isinstance(area, Reading) else area.reading() for area in found)


@attrs.frozen(eq=False)
class _Area:
    """The area under the curve of one critic."""

    name: str
    value: float
    replicates_R: np.ndarray
    note: str

    def interval(self, critics: int = 1) -> tuple[float, float]:
        """The 95% interval, for so many critics at once."""
        found = percentiles(self.replicates_R, 1 - 0.05 / critics)
        assert found is not None  # no draw is without slices of a side
        return min(found[0], self.value), max(found[1], self.value)

    def reading(self) -> Reading:
        return Reading(
            name=self.name,
            value=self.value,
            interval=self.interval(),
            better="lower",
            note=f"{self.note}; interval: patients drawn again",
        )


def _areas(critics: Critics, evaluation: Evaluation) -> Iterator[_Area | Reading]:
    """The area of each critic, or a reading without value that says why there is none."""
    uses = critics.uses()
    for use in uses:
        alone = sum(other.critic == use.critic for other in uses) == 1
        name = use.critic if alone else f"{use.critic}.{'+'.join(use.on)}"
        try:
            yield _area(name, use, critics, evaluation)
        except GankitError as error:  # the cohort does not fit the critic
            yield _unmeasured(name, str(error))


def _area(name: str, use: CriticUse, critics: Critics, evaluation: Evaluation) -> _Area | Reading:
    from gankit_metrics._resampling import area_under_curve, drawn

    seen, other, whose = _sides(use, critics, evaluation)
    if min(len(seen), len(other)) < LEAST:
        return _unmeasured(
            name,
            f"needs at least {LEAST} slices on each side; there are {len(seen)} training slices and {len(other)} of"
            f" {whose}",
        )
    weights = (drawn(side, evaluation, f"critic-membership/{i}") for i, side in enumerate((seen, other)))
    value, replicates_R = area_under_curve(critics.scores(use, seen), critics.scores(use, other), *weights)
    note = (
        f"1/2 betrays nothing; on {' and '.join(use.on)}, {len(seen)} training slices of {_patients(seen)} patients"
        f" against {len(other)} slices of {_patients(other)} patients ({whose}); step {critics.step}"
    )
    return _Area(name, value, replicates_R, note)


def _sides(use: CriticUse, critics: Critics, evaluation: Evaluation) -> tuple[Cohort, Cohort, str]:
    """Slices that a critic was shown, slices of other patients with the same labels, and whose the latter are.

    Raises:
        InputError: there are none on a side.
        CohortError: a cohort lacks a label.
    """
    seen = critics.pool(use, evaluation.real)
    if evaluation.fresh is not None:
        other, whose = critics.pool(use, evaluation.fresh, "all"), "fresh patients"
    else:
        other, whose = critics.pool(use, evaluation.real, "test"), "the test split"
    if seen is None or other is None:
        raise InputError(f"no {'training slice' if seen is None else f'slice of {whose}'} has the labels of its pools")
    if shared := set(seen.patient) & set(other.patient):
        raise InputError(f"it was trained on {len(shared)} patients of {whose}; judge with other patients (`fresh`)")
    return seen, other, whose


def _patients(cohort: Cohort) -> int:
    return len(set(cohort.patient))


def _highest(areas: list[_Area]) -> Reading:
    if not areas:
        return _unmeasured(HIGHEST, "no critic could be measured")
    worst = max(areas, key=lambda area: area.value)
    low, high = (max(ends) for ends in zip(*[area.interval(len(areas)) for area in areas], strict=True))
    return Reading(
        name=HIGHEST,
        value=worst.value,
        interval=(low, high),
        better="lower",
        note=f"of {len(areas)} critics: {worst.name}; 1/2 betrays nothing; interval: for all critics at once, patients"
        " drawn again",
    )


def _unmeasured(name: str, why: str) -> Reading:
    return Reading(name=name, value=None, better="lower", note=why)
