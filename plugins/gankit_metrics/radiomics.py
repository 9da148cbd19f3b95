"""``radiomics-frechet``: how far the textures of the gland are from real ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import ClassVar

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Cohort, Evaluation, InputError, Reading, option
from gankit_metrics._radiomics import radiomics
from gankit_metrics._sides import LEAST, Sides, frechet_reading, without_value
from gankit_metrics.anatomy import Anatomy

FARTHEST = 10.0
"""Standard deviations of real slices within which a feature counts."""
SMALLEST = 9
"""Pixels that a gland has at least."""


@attrs.frozen(kw_only=True)
class RadiomicsFrechet(AbstractMetric):
    """Frechet distance (Heusel et al. 2017, arXiv:1706.08500, Eq. 6) between candidates and real training slices in
    radiomic features of the gland, for each modality: 92 first-order statistics and textures by the definitions of the
    IBSI (Zwanenburg et al. 2020, Radiology 295:328) and PyRadiomics, none of shape. After the distances of Konz et al.
    2024 (arXiv:2412.01496), with the gland alone and without filters.

    The gland is found in candidates and in real slices alike, by the two networks of ``anatomy``, which learn it from
    the ground truth ``tissue`` of the training slices. Levels have a fixed width, a share of the modality's range.
    Each feature is scaled to mean 0 and variance 1 over the real slices and cut off at 10 standard deviations, so that
    a single blank slice does not decide. Features say how intensities are distributed and what the texture is; they
    see blur, noise, another scale of intensities and a lack of lesions, and not whether the gland has its form.

    Readings: ``{modality}.fd``. A perfect synthesizer has what the row of real slices has, which is above 0, since a
    distance of finite samples is. Slices in which the networks find no gland are left out, and the note says how many.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*.fd": (0.0, math.inf)}

    levels: int = option(32, ge=2, le=256, help="grey levels over a modality's range")
    steps: int = option(Anatomy().steps, ge=1, help="training steps of the networks, as of ``anatomy``")
    gland: tuple[str, ...] = option(Anatomy().gland, help="tissues of the ground truth, as of ``anatomy``")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        pool, anatomy = evaluation.pool("train"), Anatomy(steps=self.steps, gland=self.gland)
        try:
            found = _Glands.of(candidate.cohort, "the candidate", anatomy.seen(candidate, evaluation).gland)
            real = _Glands.of(pool, "the real training pool", _of_pool(anatomy, pool, evaluation))
        except InputError as error:
            return without_value(str(error), {f"{name}.fd": "lower" for name in evaluation.modalities})
        without = (
            f"; {lacking} candidates without a gland" if (lacking := len(candidate.cohort) - len(found.cohort)) else ""
        )
        return [
            frechet_reading(self._sides(found, real, name, evaluation), f"{name}.fd", f"radiomic features{without}")
            for name in evaluation.modalities
        ]

    def _sides(self, found: _Glands, real: _Glands, modality: str, evaluation: Evaluation) -> Sides:
        x_ND = self._features(found, modality, evaluation)
        depends = attrs.asdict(self) | {"modality": modality}
        kept = evaluation.kept("radiomics", depends, lambda: {"real": self._features(real, modality, evaluation)})
        y_MD = kept["real"]
        mean_D, scale_D = y_MD.mean(axis=0), y_MD.std(axis=0)
        varied_D = scale_D > 1e-9 * np.abs(mean_D).clip(1)
        x_ND, y_MD = (
            ((side - mean_D)[:, varied_D] / scale_D[varied_D]).clip(-FARTHEST, FARTHEST) for side in (x_ND, y_MD)
        )
        return Sides.of(x_ND, y_MD, found.cohort, real.cohort, evaluation)

    def _features(self, side: _Glands, modality: str, evaluation: Evaluation) -> np.ndarray:
        """Features of every channel of a modality, (N, D); [-1, 1] is its range."""
        x_NCS = np.asarray(evaluation.rows(side.cohort, modality))
        channels = [radiomics(x_NS, side.gland, 2 / self.levels) for x_NS in np.moveaxis(x_NCS, 1, 0)]
        return np.stack([values for features in channels for values in features.values()], axis=1)


@attrs.frozen(eq=False)
class _Glands:
    """Slices in which a gland is found."""

    cohort: Cohort
    gland: np.ndarray
    """(N, *S) bool."""

    @classmethod
    def of(cls, cohort: Cohort, whose: str, gland: np.ndarray) -> _Glands:
        """Raises InputError: there are too few."""
        large_N = gland.reshape(len(gland), -1).sum(axis=1) >= SMALLEST
        if (count := int(large_N.sum())) < LEAST:
            raise InputError(f"needs at least {LEAST} slices with a gland on each side; {whose} has {count}")
        return cls(cohort.select(large_N), gland[large_N])


def _of_pool(anatomy: Anatomy, pool: Cohort, evaluation: Evaluation) -> np.ndarray:
    """The gland in the real training slices, (M, *S). Raises InputError: anatomy cannot be judged."""

    def make() -> dict[str, np.ndarray]:
        return {"gland": anatomy.segmenter(evaluation).seen(evaluation.rows(pool)).gland}

    return evaluation.kept("glands", attrs.asdict(anatomy), make)["gland"]
