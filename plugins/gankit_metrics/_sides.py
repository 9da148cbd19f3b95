"""Features of candidates and of real slices, dealt into equal counts, with the weights of their bootstrap.

Letters: R replicates, N candidates, M real slices, D features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import attrs
import numpy as np

from gankit import Cohort, Evaluation, Reading, percentiles
from gankit_metrics._frechet import Fitted, KernelDistance, frechet
from gankit_metrics._manifold import Neighbourhoods
from gankit_metrics._resampling import centred, drawn, weighted_mean

Better = Literal["higher", "lower", "real"]

LEAST = 10
"""Slices that a side needs at least."""


def too_few(candidates: Cohort, real: Cohort, least: int = LEAST, whose: str = "the real training pool") -> str | None:
    """Why the sides cannot be compared, or None."""
    for side, cohort in (("the candidate", candidates), (whose, real)):
        if len(cohort) < least:
            return f"needs at least {least} slices on each side; {side} has {len(cohort)}"
    return None


def without_value(note: str, better: Mapping[str, Better]) -> list[Reading]:
    """Readings by name that could not be made, and why."""
    return [Reading(name=name, value=None, better=way, note=note) for name, way in better.items()]


@attrs.frozen(eq=False)
class Dealt:
    """Both sides in equal counts, since a distance between samples depends on how many there are.

    The candidates are dealt into disjoint parts, each with as many candidates as there are real slices; what is left
    over makes no part. If there are fewer candidates than real slices, there is one part and some real slices are left
    out.
    """

    parts: tuple[np.ndarray, ...]
    """Indices of candidates, ``count`` each."""
    real: np.ndarray
    """Indices of real slices, (count,)."""

    @classmethod
    def of(cls, candidates: int, real: int, generator: np.random.Generator) -> Dealt:
        count = min(candidates, real)
        order_N, order_M = generator.permutation(candidates), generator.permutation(real)
        parts = tuple(order_N[part * count :][:count] for part in range(candidates // count))
        return cls(parts=parts, real=np.sort(order_M[:count]))

    def said(self) -> str:
        """How, for a note."""
        count = len(self.real)
        if len(self.parts) == 1:
            return f"{count} candidates against {count} real training slices"
        return f"mean over {len(self.parts)} disjoint parts of {count} candidates against {count} real training slices"


@attrs.frozen(eq=False)
class Sides:
    """What the readings of one feature space are computed from."""

    x_ND: np.ndarray
    y_MD: np.ndarray
    x_weight_RN: np.ndarray
    y_weight_RM: np.ndarray
    dealt: Dealt

    @classmethod
    def of(cls, x_ND: np.ndarray, y_MD: np.ndarray, candidates: Cohort, real: Cohort, evaluation: Evaluation) -> Sides:
        return cls(
            x_ND=x_ND,
            y_MD=y_MD,
            x_weight_RN=drawn(candidates, evaluation, "candidates"),
            y_weight_RM=drawn(real, evaluation, "real"),
            dealt=Dealt.of(len(x_ND), len(y_MD), evaluation.draws("parts")),
        )


def frechet_reading(sides: Sides, name: str, space: str) -> Reading:
    """The Frechet distance, with an interval from both sides' patients."""
    real_M = sides.dealt.real
    value = _frechet_over_parts(sides, np.ones(len(sides.x_ND)), np.ones(len(sides.y_MD)))
    values_R = np.array([
        _frechet_over_parts(sides, *weights) for weights in zip(sides.x_weight_RN, sides.y_weight_RM, strict=True)
    ])  # fmt: skip
    below = "" if len(real_M) > sides.x_ND.shape[1] else f"; fewer than the {sides.x_ND.shape[1]} features: biased up"
    return Reading(
        name=name,
        value=value,
        interval=_at_least(0.0, centred(values_R, value)),
        better="lower",
        note=f"in {space}; {sides.dealt.said()}{below}; interval moved by its bootstrap bias",
    )


def _frechet_over_parts(sides: Sides, x_weight_N: np.ndarray, y_weight_M: np.ndarray) -> float:
    real = sides.dealt.real
    if min(y_weight_M[real].sum(), *(x_weight_N[part].sum() for part in sides.dealt.parts)) < 2:
        return float("nan")
    y = Fitted.of(sides.y_MD[real], y_weight_M[real])
    return float(np.mean([frechet(Fitted.of(sides.x_ND[part], x_weight_N[part]), y) for part in sides.dealt.parts]))


def _at_least(low: float, interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return interval and (max(low, interval[0]), max(low, interval[1]))


def kernel_reading(sides: Sides, name: str, space: str) -> Reading:
    """The kernel distance of all slices of both sides."""
    distance = KernelDistance.of(sides.x_ND, sides.y_MD)
    value = distance.value()
    return Reading(
        name=name,
        value=value,
        interval=centred(distance.replicates(sides.x_weight_RN, sides.y_weight_RM), value),
        better="lower",
        note=f"in {space}; all {len(sides.x_ND)} candidates and {len(sides.y_MD)} real training slices, unbiased;"
        " interval moved by its bootstrap bias",
    )


NEIGHBOUR_FIGURES = ("precision", "recall", "density", "coverage")


def neighbour_readings(
    sides: Sides, names: Iterable[str], prefix: str, space: str, neighbours: int, density_neighbours: int
) -> list[Reading]:
    """Readings of the figures that ``names`` asks for, of precision, recall, density and coverage."""
    y_MD = sides.y_MD[sides.dealt.real]
    found = [Neighbourhoods.of(sides.x_ND[part], y_MD, neighbours, density_neighbours) for part in sides.dealt.parts]
    sizes = {"precision": neighbours, "recall": neighbours}
    readings = []
    for name in names:
        means = [_neighbour_means(sides, name, *each) for each in zip(found, sides.dealt.parts, strict=True)]
        said = f"{sizes.get(name, density_neighbours)} neighbours; {sides.dealt.said()}"
        readings.append(
            Reading(
                name=f"{prefix}{name}",
                value=float(np.mean([value for value, _ in means])),
                interval=percentiles(np.mean([values_R for _, values_R in means], axis=0)),
                better="real" if name == "density" else "higher",
                note=f"in {space}, {said}; interval: neighbourhoods held fixed",
            )
        )
    return readings


def _neighbour_means(sides: Sides, name: str, found: Neighbourhoods, part: np.ndarray) -> tuple[float, np.ndarray]:
    """A figure of one part, and of its replicates, (R,): precision and density are means over candidates, recall and
    coverage over real slices."""
    if name in ("precision", "density"):
        values, weights = getattr(found, f"{name}_N"), sides.x_weight_RN[:, part]
    else:
        values, weights = getattr(found, f"{name}_M"), sides.y_weight_RM[:, sides.dealt.real]
    return float(values.mean()), weighted_mean(values, weights)
