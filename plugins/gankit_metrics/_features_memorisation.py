"""Readings of ``memorisation``.

Letters: N candidates, M training slices, H held-out slices, D features, R replicates.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from gankit import Candidate, Cohort, Evaluation, InputError, Reading, percentiles, rows_of
from gankit_metrics._exact import exact_reading
from gankit_metrics._extractor import task_extractor
from gankit_metrics._features_images import reduced
from gankit_metrics._features_task import no_extractor
from gankit_metrics._manifold import distances
from gankit_metrics._moved import moved_readings, unmeasured
from gankit_metrics._resampling import area_under_curve, drawn, weighted_mean
from gankit_metrics._sides import too_few, without_value

SPACES = ("features", "pixels")
_QUANTILE = 0.01
_ROUNDING = 1e-3
"""Share of the distance between real slices below which two slices are one, but for rounding in float32."""
_PIXELS = 8


@attrs.frozen(eq=False)
class _Nearest:
    """Distances between candidates, training slices and held-out slices in one space."""

    candidate_train_NM: np.ndarray
    candidate_held_NH: np.ndarray
    held_train_HM: np.ndarray

    @classmethod
    def of(cls, x_ND: np.ndarray, train_MD: np.ndarray, held_HD: np.ndarray) -> _Nearest:
        return cls(distances(x_ND, train_MD), distances(x_ND, held_HD), distances(held_HD, train_MD))


@attrs.frozen(eq=False)
class _Weights:
    candidate_RN: np.ndarray
    train_RM: np.ndarray
    held_RH: np.ndarray


def measure(candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
    """See ``Memorisation``."""
    yield exact_reading(candidate, evaluation)
    try:
        train, (held, whose) = evaluation.pool("train"), _held_out(evaluation)
    except InputError as error:
        yield from unmeasured(str(error))
        yield from (reading for space in SPACES for reading in _without_value(space, str(error)))
        return
    note = too_few(candidate.cohort, train) or too_few(candidate.cohort, held, whose="the held-out pool")
    yield from unmeasured(note) if note else moved_readings(candidate, train, held, whose, evaluation)
    cohorts = candidate.cohort, train, held
    weights = _Weights(*[drawn(cohort, evaluation, f"memorisation/{i}") for i, cohort in enumerate(cohorts)])
    said = f"{len(train)} training and {len(held)} held-out slices ({whose})"
    for space in SPACES:
        if why := note or (no_extractor(evaluation) if space == "features" else None):
            yield from _without_value(space, why)
            continue
        embed = task_extractor(evaluation) if space == "features" else _coarse
        nearest = _Nearest.of(*[embed(cohort, evaluation) for cohort in cohorts])
        yield _ratio(nearest, weights, space, said, evaluation)
        yield _copies(nearest, weights, space, said)
        yield _membership(nearest, weights, space, said)


def _without_value(space: str, note: str) -> list[Reading]:
    return without_value(note, {f"{space}.ratio": "real", f"{space}.copies": "lower", f"{space}.membership": "real"})


def _held_out(evaluation: Evaluation) -> tuple[Cohort, str]:
    fresh = evaluation.fresh_pool("test")
    return (evaluation.pool("test"), "the test split") if fresh is None else (fresh, "fresh patients")


def _coarse(cohort: Cohort, evaluation: Evaluation) -> np.ndarray:
    """Pixels averaged down, (N, D) float64."""
    return np.asarray(rows_of(cohort, lambda part: reduced(evaluation.stacked(part), _PIXELS))).astype(np.float64)


def _ratio(nearest: _Nearest, weights: _Weights, space: str, said: str, evaluation: Evaluation) -> Reading:
    count = min(nearest.candidate_train_NM.shape[1], nearest.candidate_held_NH.shape[1])
    generator = evaluation.draws("memorisation/parts")
    train_N = _nearest_of(nearest.candidate_train_NM, count, generator)
    held_N = _nearest_of(nearest.candidate_held_NH, count, generator)
    if (held_N <= _ROUNDING * np.median(nearest.held_train_HM)).all():
        why = "every candidate is a held-out slice itself"
        return Reading(name=f"{space}.ratio", value=None, better="real", note=why)
    train_R, held_R = (weighted_mean(each_N, weights.candidate_RN) for each_N in (train_N, held_N))
    return Reading(
        name=f"{space}.ratio",
        value=float(train_N.mean() / held_N.mean()),
        interval=percentiles(train_R / held_R) if held_R.all() else None,
        better="real",
        note=f"nearest of {count} each, parts of {said}; interval: candidates drawn again",
    )


def _nearest_of(distance_NM: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Distance to the nearest of ``count``, mean over disjoint parts of so many, (N,)."""
    order_M = generator.permutation(distance_NM.shape[1])
    parts = [order_M[start : start + count] for start in range(0, len(order_M) - count + 1, count)]
    return np.mean([distance_NM[:, part].min(axis=1) for part in parts], axis=0)


def _copies(nearest: _Nearest, weights: _Weights, space: str, said: str) -> Reading:
    threshold = np.quantile(nearest.held_train_HM.min(axis=1), _QUANTILE)
    copied_N = (nearest.candidate_train_NM.min(axis=1) <= threshold).astype(np.float64)
    return Reading(
        name=f"{space}.copies",
        value=float(copied_N.mean()),
        interval=percentiles(weighted_mean(copied_N, weights.candidate_RN)),
        better="lower",
        note=f"closer than {_QUANTILE:.0%} of held-out slices are; {said}; interval: candidates drawn again",
    )


def _membership(nearest: _Nearest, weights: _Weights, space: str, said: str) -> Reading:
    near_M = -nearest.candidate_train_NM.min(axis=0)
    near_H = -nearest.candidate_held_NH.min(axis=0)
    value, replicates_R = area_under_curve(near_M, near_H, weights.train_RM, weights.held_RH)
    return Reading(
        name=f"{space}.membership",
        value=value,
        interval=percentiles(replicates_R),
        better="real",
        note=f"1/2 betrays nothing; {said}; interval: patients of real slices drawn again",
    )
