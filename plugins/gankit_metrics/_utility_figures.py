"""Figures of a curve: areas, sensitivities, and the number of patients that an area stands for.

Letters: P repeats, R replicates, N test slices with the label, M without, K points of a curve.
"""

from __future__ import annotations

import attrs
import numpy as np

from gankit import Cohort, Evaluation, percentiles
from gankit_metrics._resampling import area_under_curve, drawn

SPECIFICITY = 0.9
FEWEST = 5
"""Fewest test patients of a class for which there is an interval."""


@attrs.frozen(eq=False)
class Figure:
    """A mean over repeats, and what it is on each replicate."""

    value: float
    replicates_R: np.ndarray

    def interval(self) -> tuple[float, float] | None:
        """The 95% interval, with the value inside."""
        found = percentiles(self.replicates_R)
        return None if found is None else (min(found[0], self.value), max(found[1], self.value))

    def less(self, other: Figure) -> Figure:
        """The difference of two figures of the same replicates."""
        return Figure(self.value - other.value, self.replicates_R - other.replicates_R)


@attrs.frozen(eq=False)
class Replicates:
    """How often each test slice and each repeat is in each replicate. Patients are drawn, and repeats."""

    wanted_RN: np.ndarray
    other_RM: np.ndarray
    repeat_RP: np.ndarray

    @classmethod
    def of(cls, test: str, wanted: Cohort, other: Cohort, repeats: int, evaluation: Evaluation) -> Replicates:
        generator = evaluation.draws("bootstrap/utility/repeats")
        return cls(
            wanted_RN=drawn(wanted, evaluation, f"utility/{test}/wanted"),
            other_RM=drawn(other, evaluation, f"utility/{test}/other"),
            repeat_RP=generator.multinomial(repeats, [1 / repeats] * repeats, size=evaluation.replicates) / repeats,
        )

    def area(self, wanted_PN: np.ndarray, other_PM: np.ndarray) -> Figure:
        """The area under the ROC curve."""
        found = [
            area_under_curve(*each, self.wanted_RN, self.other_RM) for each in zip(wanted_PN, other_PM, strict=True)
        ]
        return self._over_repeats([value for value, _ in found], np.stack([values_R for _, values_R in found], axis=1))

    def sensitivity(self, wanted_PN: np.ndarray, other_PM: np.ndarray) -> Figure:
        """The share of slices with the label above the least score at which the specificity is ``SPECIFICITY``."""
        once = np.ones((1, wanted_PN.shape[1])), np.ones((1, other_PM.shape[1]))
        pairs = list(zip(wanted_PN, other_PM, strict=True))
        values = [float(sensitivities(*pair, *once)[0]) for pair in pairs]
        return self._over_repeats(
            values, np.stack([sensitivities(*pair, self.wanted_RN, self.other_RM) for pair in pairs], axis=1)
        )

    def _over_repeats(self, values: list[float], values_RP: np.ndarray) -> Figure:
        return Figure(float(np.mean(values)), (self.repeat_RP * values_RP).sum(axis=1))


def sensitivities(wanted_N: np.ndarray, other_M: np.ndarray, wanted_RN: np.ndarray, other_RM: np.ndarray) -> np.ndarray:
    """The sensitivity of each replicate at a specificity of at least ``SPECIFICITY``, (R,).

    The threshold is the least score of a slice without the label at or below which so many of them are. Slices with
    the label are found where they score above it.

    Args:
        wanted_N, other_M: scores of slices with the label and without.
        wanted_RN, other_RM: how often each slice is in each replicate.
    """
    order_M = np.argsort(other_M)
    below_RM = np.cumsum(other_RM[:, order_M], axis=1)
    first_R = (below_RM >= SPECIFICITY * below_RM[:, -1:] - 1e-9).argmax(axis=1)
    threshold_R = other_M[order_M][first_R]
    order_N = np.argsort(wanted_N)
    within_RN = np.cumsum(wanted_RN[:, order_N], axis=1)
    missed_R = np.searchsorted(wanted_N[order_N], threshold_R, side="right")
    lost_R = np.where(missed_R > 0, within_RN[np.arange(len(within_RN)), np.maximum(missed_R - 1, 0)], 0)
    return 1 - lost_R / within_RN[:, -1]


# Patients -------------------------------------------------------------------------------------------------


def increasing(value_RK: np.ndarray) -> np.ndarray:
    """The nearest curve that does not fall, by least squares, of each replicate, (R, K): isotonic regression by the
    min-max formula (Barlow et al. 1972, "Statistical inference under order restrictions", Ch. 1)."""
    points = value_RK.shape[1]
    sums_RK = np.cumsum(np.pad(value_RK, ((0, 0), (1, 0))), axis=1)

    def mean(first: int, last: int) -> np.ndarray:
        mean_R: np.ndarray = (sums_RK[:, last + 1] - sums_RK[:, first]) / (last + 1 - first)
        return mean_R

    return np.stack(
        [
            np.max([np.min([mean(i, j) for j in range(k, points)], axis=0) for i in range(k + 1)], axis=0)
            for k in range(points)
        ],
        axis=1,
    )


def patients_for(area: float, area_K: np.ndarray, patients_K: np.ndarray) -> float:
    """The fewest patients that give an area by a curve that does not fall, between its points linearly in the logarithm
    of their number. Minus and plus infinity where the area is below and above the curve."""
    if area < area_K[0]:
        return -np.inf
    if area > area_K[-1]:
        return np.inf
    after = int(np.searchsorted(area_K, area))
    if area_K[after] == area:
        return float(patients_K[after])
    part = (area - area_K[after - 1]) / (area_K[after] - area_K[after - 1])
    low, high = np.log(patients_K[after - 1 : after + 1])
    return float(np.exp(low + part * (high - low)))


@attrs.frozen(eq=False)
class RealCurve:
    """The areas of real slices alone over the number of patients."""

    patients_K: np.ndarray
    area_K: np.ndarray
    area_RK: np.ndarray

    @classmethod
    def of(cls, patients: list[int], areas: list[Figure]) -> RealCurve:
        return cls(
            patients_K=np.array(patients, dtype=float),
            area_K=increasing(np.array([[area.value for area in areas]]))[0],
            area_RK=increasing(np.stack([area.replicates_R for area in areas], axis=1)),
        )

    def more(self, area: Figure, patients: int) -> Figure:
        """How many more patients than so many an area stands for; infinite beyond the ends of the curve."""
        of_R = [
            patients_for(value, area_K, self.patients_K)
            for value, area_K in zip(area.replicates_R, self.area_RK, strict=True)
        ]
        return Figure(patients_for(area.value, self.area_K, self.patients_K) - patients, np.array(of_R) - patients)
