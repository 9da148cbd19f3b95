"""``plane-consistency``: whether neighbouring planes of a volume belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Evaluation, Reading

NO_VOLUMES = "is of volumes; slices have no neighbouring planes"


@attrs.frozen(kw_only=True)
class PlaneConsistency(AbstractMetric):
    """How alike neighbouring planes of volumes are, to be compared with real volumes: slice-to-slice consistency.

    Readings, for each modality: ``{modality}.difference``, the mean absolute difference of neighbouring planes over
    voxels and volumes, in the modality's unit, and ``{modality}.correlation``, Pearson's correlation of neighbouring
    planes over pixels, the mean over pairs and volumes. The aim is the value of real volumes: slices that are made one
    by one and stacked differ more from plane to plane, and a volume that is too smooth along the body differs less. A
    plane of one value has no correlation and is left out.

    The notes give the same of the candidate's planes in random order within each volume, which is the value of planes
    that do not belong together. Intervals resample patients.
    """

    by_default: ClassVar[bool] = False
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*.difference": (0.0, math.inf), "*": (-1.0, 1.0)}

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
        for name, spec in evaluation.modalities.items():
            if len(spec.shape) != 4 or spec.shape[1] < 2:
                yield Reading(name=f"{name}.difference", value=None, better="real", note=NO_VOLUMES)
                yield Reading(name=f"{name}.correlation", value=None, better="real", note=NO_VOLUMES)
                continue
            values = candidate.cohort.modalities[name].values
            order = evaluation.draws("plane-consistency").permuted(
                np.tile(np.arange(spec.shape[1]), (len(values), 1)), axis=1
            )
            shuffled = np.take_along_axis(values, order[:, None, :, None, None], axis=2)
            for what, of in (("difference", differences), ("correlation", correlations)):
                yield self._reading(f"{name}.{what}", of(values), of(shuffled), candidate, evaluation)

    def _reading(
        self, name: str, found_N: np.ndarray, shuffled_N: np.ndarray, candidate: Candidate, evaluation: Evaluation
    ) -> Reading:
        kept_N = np.isfinite(found_N)
        if not kept_N.any():
            return Reading(name=name, value=None, better="real", note="each volume has one value in every plane")
        found_K, cohort = found_N[kept_N], candidate.cohort.select(kept_N)
        return Reading(
            name=name,
            value=float(found_K.mean()),
            interval=evaluation.interval(lambda chosen: float(found_K[chosen].mean()), cohort),
            better="real",
            note=f"planes in random order: {np.nanmean(shuffled_N):.3g}",
        )


def differences(values_NCDHW: np.ndarray) -> np.ndarray:
    """(N,) mean absolute difference of neighbouring planes."""
    steps = np.abs(np.diff(values_NCDHW.astype(np.float64), axis=2))
    return steps.reshape(len(steps), -1).mean(axis=1)


def correlations(values_NCDHW: np.ndarray) -> np.ndarray:
    """(N,) mean correlation of neighbouring planes, over their pixels; NaN where no pair has one."""
    planes_NCDP = values_NCDHW.reshape(*values_NCDHW.shape[:3], -1).astype(np.float64)
    planes_NCDP -= planes_NCDP.mean(axis=3, keepdims=True)
    lengths_NCD = np.sqrt((planes_NCDP**2).sum(axis=3))
    products = (planes_NCDP[:, :, 1:] * planes_NCDP[:, :, :-1]).sum(axis=3)
    lengths = lengths_NCD[:, :, 1:] * lengths_NCD[:, :, :-1]
    pairs = np.where(lengths > 0, products / np.where(lengths > 0, lengths, 1), 0).clip(-1, 1)
    counted = (lengths > 0).reshape(len(pairs), -1).sum(axis=1)
    summed = pairs.reshape(len(pairs), -1).sum(axis=1)
    return np.where(counted > 0, summed / np.maximum(counted, 1), np.nan)
