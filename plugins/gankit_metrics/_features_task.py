"""Readings of ``frechet``: in the features of the task extractor.

Letters: N slices, D features, K kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gankit import Candidate, Evaluation, InputError, Reading
from gankit_metrics._extra import extra
from gankit_metrics._extractor import task_extractor
from gankit_metrics._frechet import inception_score
from gankit_metrics._manifold import distances
from gankit_metrics._resampling import centred
from gankit_metrics._sides import (
    LEAST,
    NEIGHBOUR_FIGURES,
    Better,
    Sides,
    frechet_reading,
    kernel_reading,
    neighbour_readings,
    too_few,
    without_value,
)

if TYPE_CHECKING:
    from gankit_metrics.features import TaskFrechet

SPACE = "task features"

_BETTER: dict[str, Better] = {
    "fd": "lower",
    "kid": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "real",
    "coverage": "higher",
    "kinds": "real",
}


def measure(spec: TaskFrechet, candidate: Candidate, evaluation: Evaluation) -> list[Reading]:
    """See ``TaskFrechet``."""
    real = evaluation.pool("train")
    least = max(LEAST, spec.neighbours + 1, spec.density_neighbours + 1, spec.kinds)
    if note := too_few(candidate.cohort, real, least) or no_extractor(evaluation):
        return without_value(note, _BETTER)
    extractor = task_extractor(evaluation)
    x_ND, y_MD = extractor(candidate.cohort, evaluation), extractor(real, evaluation)
    sides = Sides.of(x_ND, y_MD, candidate.cohort, real, evaluation)
    neighbours = spec.neighbours, spec.density_neighbours
    return [
        frechet_reading(sides, "fd", SPACE),
        kernel_reading(sides, "kid", SPACE),
        *neighbour_readings(sides, NEIGHBOUR_FIGURES, "", SPACE, *neighbours),
        _kinds_reading(sides, spec.kinds, evaluation),
    ]


def no_extractor(evaluation: Evaluation) -> str | None:
    """Why there are no task features, or None."""
    try:
        others = evaluation.pool("train", wanted=False)
    except InputError as error:
        return f"task features cannot be learned: {error}"
    if len(others) < LEAST:
        return f"task features need at least {LEAST} real training slices of each label value; there are {len(others)}"
    return None


def _kinds_reading(sides: Sides, kinds: int, evaluation: Evaluation) -> Reading:
    kind_KD, variance = _kinds(sides.y_MD, kinds, evaluation)
    probability_NK = _posterior(sides.x_ND, kind_KD, variance)
    parts = sides.dealt.parts
    replicates = [inception_score(probability_NK[part], sides.x_weight_RN[:, part]) for part in parts]
    real = inception_score(_posterior(sides.y_MD[sides.dealt.real], kind_KD, variance))[0]
    value = float(np.mean([inception_score(probability_NK[part])[0] for part in parts]))
    return Reading(
        name="kinds",
        value=value,
        interval=centred(np.mean(replicates, axis=0), value),
        better="real",
        note=f"of {kinds} clusters of {SPACE}; real training slices: {real:.2f}; {sides.dealt.said()}; interval"
        " moved by its bootstrap bias",
    )


def _kinds(y_MD: np.ndarray, kinds: int, evaluation: Evaluation) -> tuple[np.ndarray, float]:
    """Centres (K, D), and the variance of a feature around them."""
    state = int(evaluation.draws("kinds").integers(2**31))
    found = extra("sklearn.cluster").KMeans(kinds, n_init=4, random_state=state).fit(y_MD)
    return found.cluster_centers_, max(float(found.inertia_) / y_MD.size, 1e-12)


def _posterior(x_ND: np.ndarray, kind_KD: np.ndarray, variance: float) -> np.ndarray:
    """Probability of each kind, (N, K): normal distributions of one variance, equally frequent."""
    logit_NK = -(distances(x_ND, kind_KD) ** 2) / (2 * variance)
    probability_NK = np.exp(logit_NK - logit_NK.max(axis=1, keepdims=True))
    return probability_NK / probability_NK.sum(axis=1, keepdims=True)
