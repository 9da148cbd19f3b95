"""The nearest slices, however they were moved or mirrored: a search that finds copies which were.

A search goes from coarse to fine, as in image registration by pyramids. Letters: N and M slices of the two sides,
C channels, S space, K nearest, P pairs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import attrs
import numpy as np

FINEST, COARSEST = 64, 16
"""Pixels along each axis, at most, to which slices are averaged down for the last and the first comparison."""
REACH = 8
"""A slice is moved along each of the last two axes by at most this fraction of its side: 1 / 8."""
KEPT = (6, 2)
"""How many of the nearest slices the first comparison keeps for the second, and each further one for the next."""
CHUNK = 512
"""Pairs that are compared at a time."""

Shift = Sequence[int] | np.ndarray
"""Pixels along each axis."""


@attrs.frozen(eq=False)
class Nearest:
    """For each slice of one side, the nearest of the other side, and how it is best laid over it."""

    index_N: np.ndarray
    """Its index."""
    distance_N: np.ndarray
    """Root mean square of the difference, over channels and over the pixels that every move leaves in the picture."""
    mirrored_N: np.ndarray
    """Whether it is mirrored along the last axis."""
    shift_NA: np.ndarray
    """By how many pixels it is then moved along each axis, in pixels of the slices that were given."""


def nearest_slices(x_NCS: np.ndarray, y_MCS: np.ndarray) -> Nearest:
    """Find for every slice the nearest of others, moved along the last two axes by up to an eighth of the side, and
    mirrored along the last axis or not. The distance is 0 to a mirror image and to a copy that was moved.

    Slices are averaged down to at most 64 pixels along each axis. The first comparison is of all slices at 16 pixels.
    The six nearest are compared at 32, and of these the two nearest at 64, where the shift is found to a pixel.

    Args:
        x_NCS, y_MCS: slices of one shape in [-1, 1], (N, C, *S) and (M, C, *S).
    """
    sides = x_NCS.shape[2:]
    first = [max(1, side // FINEST) for side in sides]
    x, y = (_averaged(each, first) for each in (x_NCS, y_MCS))
    moving = len(sides) - min(2, len(sides))
    reach = [side // REACH * (axis >= moving) for axis, side in enumerate(x.shape[2:])]

    # Which are the nearest at the coarsest size? Mirror images stand behind the slices that they are of.
    factor = 1
    while max(x.shape[2:]) // (2 * factor) >= COARSEST:
        factor *= 2
    reach = [most // factor * factor for most in reach]
    both = np.concatenate([y, y[..., ::-1]])
    pairs = _first_pairs(x, both, reach, factor)

    # How are they best laid over each other at finer sizes?
    while factor > 1:
        factor //= 2
        wide = 2 if len(pairs.x_P) > KEPT[1] * len(x) else 1  # a coarse shift may be wrong by more than its half
        pairs = _refined(pairs, x, both, reach, factor, wide).nearest(KEPT[1])
    pairs = pairs.nearest(1)
    return Nearest(
        index_N=pairs.y_P % len(y),
        distance_N=pairs.distance_P,
        mirrored_N=pairs.y_P >= len(y),
        shift_NA=pairs.shift_PA * np.array(first),
    )


# Pairs ----------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class _Pairs:
    """Pairs of a slice of each side, with the shift that lays the second over the first."""

    x_P: np.ndarray
    y_P: np.ndarray
    shift_PA: np.ndarray
    distance_P: np.ndarray

    def nearest(self, most: int) -> _Pairs:
        """The nearest pairs of each slice of the first side, at most so many."""
        order_P = np.lexsort((self.distance_P, self.x_P))
        x_P = self.x_P[order_P]
        rank_P = np.arange(len(x_P)) - np.searchsorted(x_P, x_P)
        kept = order_P[rank_P < most]
        return _Pairs(self.x_P[kept], self.y_P[kept], self.shift_PA[kept], self.distance_P[kept])


def _first_pairs(x: np.ndarray, y: np.ndarray, reach: Sequence[int], factor: int) -> _Pairs:
    """Every slice with the nearest ones at a coarse size."""
    x, y = (_averaged(each, [factor] * (each.ndim - 2)) for each in (x, y))
    if factor > 1:
        x, y = _blurred(x), _blurred(y)
    coarse = [most // factor for most in reach]
    x_ND = _window(x, coarse, [0] * len(coarse))
    least_NM, best_NM = np.full((len(x), len(y)), np.inf), np.zeros((len(x), len(y)), dtype=int)
    shifts = _shifts(coarse)
    for number, shift in enumerate(shifts):
        y_MD = _window(y, coarse, shift)
        squared_NM = (x_ND**2).sum(axis=1)[:, None] + (y_MD**2).sum(axis=1) - 2 * x_ND @ y_MD.T
        nearer_NM = squared_NM < least_NM
        least_NM[nearer_NM], best_NM[nearer_NM] = squared_NM[nearer_NM], number
    kept = min(KEPT[0], len(y))
    y_P = np.argpartition(least_NM, kept - 1, axis=1)[:, :kept].ravel()
    x_P = np.arange(len(x)).repeat(kept)
    return _Pairs(
        x_P=x_P,
        y_P=y_P,
        shift_PA=np.array(shifts)[best_NM[x_P, y_P]] * factor,
        distance_P=np.sqrt(least_NM[x_P, y_P].clip(0) / x_ND.shape[1]),
    )


def _refined(pairs: _Pairs, x: np.ndarray, y: np.ndarray, reach: Sequence[int], factor: int, farthest: int) -> _Pairs:
    """The same pairs at a finer size, each moved by so many more pixels of that size where this brings it nearer."""
    x, y = (_averaged(each, [factor] * (each.ndim - 2)).astype(np.float32) for each in (x, y))
    most = np.array(reach)
    distance_P, shift_PA = np.full(len(pairs.x_P), np.inf), pairs.shift_PA.copy()
    for step in _shifts([farthest if by else 0 for by in reach]):
        moved_PA = (pairs.shift_PA + factor * np.array(step)).clip(-most, most)
        found_P = _distances(pairs, x, y, moved_PA // factor, most // factor)
        nearer_P = found_P < distance_P
        distance_P[nearer_P], shift_PA[nearer_P] = found_P[nearer_P], moved_PA[nearer_P]
    return attrs.evolve(pairs, distance_P=distance_P, shift_PA=shift_PA)


def _distances(pairs: _Pairs, x: np.ndarray, y: np.ndarray, shift_PA: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Distances of pairs (P,), each with its shift, in pixels of ``x`` and ``y``."""
    distance_P = np.empty(len(pairs.x_P))
    for shift in np.unique(shift_PA, axis=0):
        chosen = np.flatnonzero((shift_PA == shift).all(axis=1))
        for some in np.array_split(chosen, -(-len(chosen) // CHUNK)):
            still, moved = _window(x[pairs.x_P[some]], reach, 0 * reach), _window(y[pairs.y_P[some]], reach, shift)
            distance_P[some] = np.sqrt(((still - moved) ** 2).mean(axis=1, dtype=np.float64))
    return distance_P


# Slices ---------------------------------------------------------------------------------------------------


def _averaged(x_NCS: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """Means over blocks, float64; what is left over at the end of an axis is left out."""
    averaged = x_NCS.astype(np.float64)
    for axis, factor in enumerate(factors, start=2):
        factor = min(factor, averaged.shape[axis])
        whole = averaged.shape[axis] // factor * factor
        parts = [averaged[(slice(None),) * axis + (slice(first, whole, factor),)] for first in range(factor)]
        averaged = sum(parts[1:], parts[0]) / factor if factor > 1 else averaged
    return averaged


def _blurred(x_NCS: np.ndarray) -> np.ndarray:
    """By (1, 2, 1) / 4 along the last two axes, so that half a pixel matters less."""
    for axis in range(max(2, x_NCS.ndim - 2), x_NCS.ndim):
        padded = np.pad(x_NCS, [(1, 1) if each == axis else (0, 0) for each in range(x_NCS.ndim)], mode="edge")
        size = x_NCS.shape[axis]
        before, here, after = (padded.take(np.arange(start, start + size), axis=axis) for start in range(3))
        x_NCS = (before + 2 * here + after) / 4
    return x_NCS


def _shifts(reach: Sequence[int]) -> list[tuple[int, ...]]:
    """Every shift, the least first, so that it is taken where others are as good."""
    shifts = itertools.product(*[range(-most, most + 1) for most in reach])
    return sorted(shifts, key=lambda shift: sum(by * by for by in shift))


def _window(x_NCS: np.ndarray, reach: Shift, shift: Shift) -> np.ndarray:
    """The part of slices that every move leaves in the picture, moved, (N, D)."""
    window = [slice(most - by, side - most - by) for most, by, side in zip(reach, shift, x_NCS.shape[2:], strict=True)]
    cropped: np.ndarray = x_NCS[(slice(None), slice(None), *window)].reshape(len(x_NCS), -1)
    return cropped
