"""What a segmentation says of a slice's anatomy. Letters: N slices, K structures, S space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gankit_metrics._extra import extra
from gankit_metrics._structures import LARGE

Described = dict[str, np.ndarray]
"""``{cause}/{what}`` to its value in each slice, (N,); NaN where the structure is too small to tell."""


def described(share: np.ndarray, names: Sequence[str], zones: Sequence[int]) -> Described:
    """Descriptors of segmentations. A pixel is of the structure that has the largest share in it, and of the gland
    where the zones together have more than one half.

    Args:
        share: (N, K, *S), the probability of each structure in each pixel; their sum is 1.
        names: names of the structures (K,).
        zones: which structures make up the gland.

    Returns: by cause,

        - ``gland``: its size and shape, and ``pieces``, its share outside its largest connected piece;
        - ``area``: the size of each structure, the root of its share of the picture, 0 where it is absent;
        - ``place``: the middle of each structure from that of the gland, along each axis, in radii of the gland;
        - ``shape``: of each structure that is no zone, ``mirror``, its share without a counterpart on the other side of
          its middle along the last axis, and ``border``, its border relative to that of a box of its size;
        - ``unsure``: the entropy of the shares in nats, its mean over the picture and in each structure.
    """
    likely, gland = _likeliest(share), share[:, list(zones)].sum(axis=1) > 0.5
    entropy = -(share * np.log(share.clip(1e-12))).sum(axis=1)
    found = {f"gland/{what}": values_N for what, values_N in ({"size": _size(gland)} | _shape(gland)).items()}
    found["gland/pieces"] = 1 - _largest_piece(gland) / _area(gland)
    found["unsure/picture"] = _mean(entropy, np.ones_like(gland))
    for number, name in enumerate(names):
        mask = likely == number
        found[f"area/{name}"] = _size(mask)
        found |= {f"place/{name} {axis}": away_N for axis, away_N in enumerate(_place(mask, gland))}
        if number not in zones:
            found |= {f"shape/{name} {what}": values_N for what, values_N in _shape(mask).items()}
        found[f"unsure/{name}"] = _mean(entropy, mask)
    return found


def _likeliest(share: np.ndarray) -> np.ndarray:
    """The structure with the largest share in each pixel, (N, *S), the first of several; numpy's argmax is slow along
    this axis."""
    most, likeliest = share[:, 0].copy(), np.zeros((len(share), *share.shape[2:]), dtype=np.int64)
    for number in range(1, share.shape[1]):
        more = share[:, number] > most
        most[more], likeliest[more] = share[:, number][more], number
    return likeliest


def _size(mask: np.ndarray) -> np.ndarray:
    return np.sqrt(_total(mask) / mask[0].size)


def _shape(mask: np.ndarray) -> Described:
    area_N, rank = _area(mask), mask.ndim - 1
    return {
        "mirror": 1 - _total(mask & _mirrored(mask)) / area_N,
        "border": _faces(mask) / (2 * rank * area_N ** ((rank - 1) / rank)),
    }


def _place(mask: np.ndarray, gland: np.ndarray) -> np.ndarray:
    """The middle of a mask from that of the gland, in radii of a disc (or ball) of the gland's area, (axes, N)."""
    rank = mask.ndim - 1
    unit_ball = {1: 2, 2: np.pi, 3: 4 / 3 * np.pi}[rank]
    return (_middle(mask) - _middle(gland)) / (_area(gland) / unit_ball) ** (1 / rank)


def _mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return _total(values * mask) / _area(mask)


def _area(mask: np.ndarray) -> np.ndarray:
    """Pixels of each mask, (N,); NaN where they are too few to tell more than the size."""
    pixels_N = _total(mask)
    return np.where(pixels_N < LARGE * mask[0].size, np.nan, pixels_N)


def _total(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(len(values), -1)
    if flat.dtype == bool:
        return np.count_nonzero(flat, axis=1).astype(np.float64)
    total_N: np.ndarray = flat.sum(axis=1, dtype=np.float64)
    return total_N


def _middle(mask: np.ndarray) -> np.ndarray:
    """Mean index of the pixels of each mask along each axis, (axes, N); NaN where it is too small."""
    area_N, axes = _area(mask), range(1, mask.ndim)
    counts = [np.count_nonzero(mask, axis=tuple(set(axes) - {axis})) for axis in axes]
    return np.stack([count @ np.arange(count.shape[1]) / area_N for count in counts])


def _largest_piece(mask: np.ndarray) -> np.ndarray:
    """Pixels of the largest piece of each mask, (N,); pixels that touch by a corner are apart."""
    ndimage = extra("scipy.ndimage")
    touching = ndimage.generate_binary_structure(mask.ndim, 1)
    touching[[0, 2]] = False  # slices are apart
    piece, count = ndimage.label(mask, touching)
    pixels = np.bincount(piece.ravel(), minlength=count + 1)
    pixels[0] = 0  # what is outside of the mask
    largest_N: np.ndarray = pixels[piece].reshape(len(mask), -1).max(axis=1)
    return largest_N


def _mirrored(mask: np.ndarray) -> np.ndarray:
    """Each mask mirrored about its middle along the last axis, to the nearest half pixel."""
    last = np.arange(mask.shape[-1])
    twice_N = np.rint(2 * np.nan_to_num(_middle(mask)[-1])).astype(int)
    source = (twice_N[:, None] - last).reshape(len(mask), *[1] * (mask.ndim - 2), len(last))
    inside = (source >= 0) & (source < len(last))
    return np.take_along_axis(mask, np.broadcast_to(source.clip(0, len(last) - 1), mask.shape), axis=-1) & inside


def _faces(mask: np.ndarray) -> np.ndarray:
    """Faces between a pixel of each mask and one outside, (N,); the edge of the picture counts as outside."""
    padded = np.pad(mask, [(0, 0), *[(1, 1)] * (mask.ndim - 1)])
    return np.sum([_total(np.diff(padded, axis=axis)) for axis in range(1, mask.ndim)], axis=0)
