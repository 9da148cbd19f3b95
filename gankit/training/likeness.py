"""How alike slices are: synthetic ones to each other and to the training set, by the measure of real ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

SIDE = 16
"""Pixels along each axis, to which slices are averaged down before they are compared, so that noise counts little."""

REAL = 64
"""Real slices whose distances are the measure, at most."""

AT_ONCE = 64
"""Slices of the training set that are averaged down at a time."""


class Likeness:
    """Distances between slices of one modality. A distance is the root mean square of the difference of two slices
    after they were averaged down to at most 16 pixels along each axis."""

    def __init__(
        self, rows: Callable[[np.ndarray], Tensor], chosen_N: np.ndarray, patient: np.ndarray, mirrored: bool = False
    ):
        """
        Args:
            rows: gives the slices of a cohort with some indices, (B, C, *S) in [-1, 1].
            chosen_N: indices of those of the training set.
            patient: whose slices they are, (M,).
            mirrored: whether training sees them mirrored along the last axis too.
        """
        parts = np.split(chosen_N, range(AT_ONCE, len(chosen_N), AT_ONCE))
        small = torch.cat([_small(rows(part)) for part in parts])
        self._real = small.flatten(1)
        self._seen = torch.cat([self._real, small.flip(-1).flatten(1)]) if mirrored else self._real
        patient_N = patient[chosen_N]
        seen_M = np.tile(patient_N, 2 if mirrored else 1)
        few = spread(len(chosen_N), REAL)
        apart = _distances(self._real[few], self._seen)
        apart[torch.from_numpy(patient_N[few][:, None] == seen_M)] = torch.inf
        self._usual = _median_of_nearest(apart)

    def varied(self, samples: Tensor, given: Iterable[Tensor] = ()) -> float | None:
        """Median distance of samples (N, C, *S) to the nearest other one, divided by that of as many real slices.

        Samples that were made of the same ``given`` slices, each (N, C, *S), are not compared. None: nothing can be.
        """
        usual = _median_of_nearest(_others(self._real[spread(len(self._real), len(samples))]))
        apart_NN = _others(self._like_real(samples))
        for images in given:
            alike_NN = _distances(images.flatten(1), images.flatten(1)) == 0
            apart_NN[alike_NN.to(apart_NN.device)] = torch.inf
        found = _median_of_nearest(apart_NN)
        return found / usual if found is not None and usual else None

    def new(self, samples: Tensor) -> float | None:
        """Median distance of samples (N, C, *S) to the nearest real slice, divided by that of real slices to the
        nearest one of another patient. None: there is no other patient."""
        found = _median_of_nearest(_distances(self._like_real(samples), self._seen))
        return found / self._usual if found is not None and self._usual else None

    def _like_real(self, samples: Tensor) -> Tensor:
        return _small(samples.to(self._real)).flatten(1)


def spread(total: int, count: int) -> np.ndarray:
    """At most ``count`` indices below ``total``, spread evenly."""
    return np.linspace(0, total - 1, min(count, total)).astype(int)


def _small(images: Tensor) -> Tensor:
    """Images (N, C, *S) averaged down, and scaled so that distances of vectors are root mean squares."""
    pool: Any = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[images.ndim - 3]
    sides = [min(side, SIDE) for side in images.shape[2:]]
    return pool(images.float(), sides) / (images.shape[1] * math.prod(sides)) ** 0.5


def _distances(ones_NK: Tensor, others_MK: Tensor) -> Tensor:
    """Distances (N, M), exactly 0 for what is the same."""
    return torch.cdist(ones_NK, others_MK, compute_mode="donot_use_mm_for_euclid_dist")


def _others(slices_NK: Tensor) -> Tensor:
    """Distances (N, N) of slices to each other, infinite of each to itself."""
    return _distances(slices_NK, slices_NK).fill_diagonal_(torch.inf)


def _median_of_nearest(apart: Tensor) -> float | None:
    """The median over rows of the least finite number; None where there is none."""
    nearest = apart.min(dim=1).values
    finite = nearest[nearest.isfinite()]
    return float(finite.median()) if len(finite) else None
