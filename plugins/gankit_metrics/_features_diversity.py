"""Readings of ``diversity``.

Letters: N slices, C channels, S space.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gankit import Candidate, Cohort, Evaluation, Reading, percentiles
from gankit_metrics._frechet import mean_of_pairs
from gankit_metrics._resampling import drawn
from gankit_metrics._similarity import similarities

if TYPE_CHECKING:
    from gankit_metrics.features import Diversity

_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the published scales."""


def measure(spec: Diversity, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
    """See ``Diversity``."""
    real = evaluation.pool("train")
    chosen = _of_different_patients(candidate.cohort, spec.slices, evaluation)
    weights_RN = drawn(chosen, evaluation, "diversity")
    for name, modality in evaluation.modalities.items():
        if note := _impossible(chosen, real, modality.shape[1:]):
            yield Reading(name=f"{name}.ms-ssim", value=None, better="real", note=note)
            continue
        similarity_NN = _similarities(np.asarray(evaluation.rows(chosen, name)))
        of_real = _of_real(spec, real, name, evaluation)
        taps, scales = window(min(modality.shape[1:]))
        yield Reading(
            name=f"{name}.ms-ssim",
            value=float(mean_of_pairs(similarity_NN, np.ones((1, len(chosen))))[0]),
            interval=percentiles(mean_of_pairs(similarity_NN, weights_RN)),
            better="real",
            note=f"all pairs of {len(chosen)} slices of different patients; {scales} scales, window of {taps} pixels;"
            f" real training slices: {of_real:.3f}",
        )


def _impossible(chosen: Cohort, real: Cohort, sides: tuple[int, ...]) -> str | None:
    if min(len(chosen), len(np.unique(real.patient))) < 3:
        return "needs slices of at least 3 patients on each side"
    if len(sides) not in (2, 3) or min(sides) < 8:
        return "needs slices of 2 or 3 axes and at least 8 pixels along each"
    return None


def _of_different_patients(cohort: Cohort, count: int, evaluation: Evaluation) -> Cohort:
    """Up to ``count`` slices, each of another patient."""
    order_N = evaluation.draws("diversity").permutation(len(cohort))
    _, first = np.unique(cohort.patient[order_N], return_index=True)
    return cohort.select(order_N[np.sort(first)[:count]])


def _of_real(spec: Diversity, real: Cohort, name: str, evaluation: Evaluation) -> float:
    """The real training slices' own value."""

    def make() -> dict[str, np.ndarray]:
        chosen = _of_different_patients(real, spec.slices, evaluation)
        similarity_NN = _similarities(np.asarray(evaluation.rows(chosen, name)))
        return {"value": mean_of_pairs(similarity_NN, np.ones((1, len(chosen))))}

    return float(evaluation.kept("ms-ssim", {"modality": name, "slices": spec.slices}, make)["value"][0])


def window(side: int) -> tuple[int, int]:
    """Taps of the window and number of scales for a slice whose shorter side has so many pixels. From 176 pixels on
    they are the published ones, 11 taps and 5 scales; smaller slices get fewer."""
    taps = 11 if side >= 176 else 7
    fitting = [scales for scales in range(1, 6) if side // max(1, scales - 1) ** 2 >= taps and 2**scales <= side]
    return taps, fitting[-1]


def _similarities(x_NCS: np.ndarray) -> np.ndarray:
    """MS-SSIM of every pair, (N, N) symmetric; its diagonal is 1."""
    taps, scales = window(min(x_NCS.shape[2:]))
    exponents = np.array(_EXPONENTS[:scales]) / sum(_EXPONENTS[:scales])
    return similarities(x_NCS, exponents.tolist(), taps, sigma=1.5 if taps == 11 else 0.8)
