"""Lesions on slices: their core, their surroundings, and the contrast between. N slices, C channels, S space."""

from __future__ import annotations

import attrs
import numpy as np

from gankit import Cohort, area_average, parts_of


@attrs.frozen(eq=False)
class Regions:
    """A region of each slice and the ring around it."""

    core: np.ndarray
    """(N, *S) bool."""
    ring: np.ndarray
    """(N, *S) bool."""

    def measurable(self) -> np.ndarray:
        """Slices (N,) whose core and ring have two pixels or more."""
        return np.minimum(_pixels(self.core), _pixels(self.ring)) >= 2

    def contrast(self, image: np.ndarray) -> np.ndarray:
        """Mean of the ring minus mean of the core, the mean over channels of (N, C, *S); NaN where one is empty."""
        plane = image.mean(axis=1, dtype=np.float64)
        with np.errstate(invalid="ignore"):
            return _mean(plane, self.ring) - _mean(plane, self.core)


def lesion_fraction(cohort: Cohort, sides: tuple[int, ...]) -> np.ndarray:
    """Share of each pixel that is lesion by the ground truth, averaged down by whole blocks, (N, *sides)."""
    mask = (cohort.truth["lesion"] > 0).astype(np.float32)[:, None]
    return area_average(mask, (1, *sides), "lesion")[:, 0]


def lesion_regions(fraction: np.ndarray) -> Regions:
    """Core: pixels of which three quarters or more are lesion. Ring: pixels without any, near one that has some."""
    touched = fraction > 0
    return Regions(fraction >= 0.75, surroundings(touched))


def tissues_around(cohort: Cohort) -> np.ndarray:
    """Values of the ground truth ``tissue`` that lesions grow in.

    A value's enrichment is its share of the rings around lesions, divided by its share of all pixels outside lesions. A
    value counts if its enrichment is at least half of the largest. A value with more pixels inside lesions than outside
    is a name of the lesion itself and never counts.
    """
    count = 1 + max(int(np.max(part.truth["tissue"])) for _, part in parts_of(cohort))
    counts = np.zeros((3, count), dtype=int)
    for _, part in parts_of(cohort):
        tissue, lesion = np.asarray(part.truth["tissue"]), part.truth["lesion"] > 0
        counts += [np.bincount(tissue[mask], minlength=count) for mask in (lesion, surroundings(lesion), ~lesion)]
    inside, ring, outside = counts
    enrichment = ring / np.maximum(outside, 1)
    enrichment[inside > outside] = 0
    return np.flatnonzero((enrichment >= enrichment.max() / 2) & (ring > 0))


def within(regions: Regions, cohort: Cohort, tissues: np.ndarray) -> Regions:
    """The same regions with rings restricted to pixels of which three quarters or more are of these tissues."""
    share = tissue_fraction(cohort, tissues, regions.ring.shape[1:])
    return Regions(regions.core, regions.ring & (share >= 0.75))


def tissue_fraction(cohort: Cohort, tissues: np.ndarray, sides: tuple[int, ...]) -> np.ndarray:
    """Share of each pixel that is of these tissues, averaged down by whole blocks, (N, *sides)."""
    held = np.isin(cohort.truth["tissue"], tissues).astype(np.float32)[:, None]
    return area_average(held, (1, *sides), "tissue")[:, 0]


def surroundings(mask: np.ndarray) -> np.ndarray:
    """Pixels (N, *S) outside a mask, within 3 of 64 pixels of it."""
    return dilated(mask, max(1, round(3 * max(mask.shape[1:]) / 64))) & ~mask


def dilated(mask: np.ndarray, times: int = 1) -> np.ndarray:
    """Grow a mask (N, *S) by its neighbours along each axis of S, several times."""
    for _ in range(times):
        grown = mask.copy()
        for axis in range(1, mask.ndim):
            one, other = _but_last(axis, mask.ndim), _but_first(axis, mask.ndim)
            grown[other] |= mask[one]
            grown[one] |= mask[other]
        mask = grown
    return mask


def _but_last(axis: int, rank: int) -> tuple[slice, ...]:
    return tuple(slice(None, -1) if each == axis else slice(None) for each in range(rank))


def _but_first(axis: int, rank: int) -> tuple[slice, ...]:
    return tuple(slice(1, None) if each == axis else slice(None) for each in range(rank))


def _pixels(mask: np.ndarray) -> np.ndarray:
    return mask.reshape(len(mask), -1).sum(axis=1)


def _mean(plane: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return (plane * mask).reshape(len(mask), -1).sum(axis=1) / _pixels(mask)
