"""Whether a mask lies on the voxels of an image: on all of them, or on a box of them."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from gankit_dicom._volume import corners

SAME_PLACE_MM = 0.5
TOLERANCE = 0.25
"""Of a voxel, by which a box may be off."""


def on_lattice(mask: sitk.Image, image: sitk.Image) -> bool:
    """Whether voxels of a mask are voxels of an image.

    Both have all corner voxels at the same places within 0.5 mm; or the mask is a box of the same spacing and
    directions, off by whole voxels within a quarter of one, that overlaps the image. Axes may be flipped or permuted.
    """
    place = corners(image)
    if mask.GetNumberOfPixels() == image.GetNumberOfPixels() and _at(corners(mask), place):
        return True
    index = _in_voxels(place, mask)
    counts = np.rint(np.abs(np.stack([index[1] - index[0], index[2] - index[0], index[4] - index[0]]))).max(axis=1)
    return _is_box(index, mask) and bool((counts == np.array(image.GetSize()) - 1).all())


def may_lie_on(mask: sitk.Image, place: np.ndarray) -> bool:
    """``on_lattice`` as far as the corner voxels of the image (8, 3) in mm tell: it may be finer than the mask."""
    return _at(corners(mask), place) or _is_box(_in_voxels(place, mask), mask)


def _at(one: np.ndarray, other: np.ndarray) -> bool:
    distances = np.linalg.norm(one[:, None] - other[None], axis=2)
    return bool(distances.min(axis=1).max() <= SAME_PLACE_MM)


def _in_voxels(place: np.ndarray, mask: sitk.Image) -> np.ndarray:
    """Places in mm as continuous indices of a mask's voxels, (8, 3)."""
    steps = np.array(mask.GetDirection()).reshape(3, 3) * mask.GetSpacing()
    return np.asarray(np.linalg.solve(steps, (place - np.array(mask.GetOrigin())).T).T)


def _is_box(index: np.ndarray, mask: sitk.Image) -> bool:
    """Whether corner voxels of an image, as indices of a mask, are whole, along the mask's axes, and overlap it."""
    if np.abs(index - np.rint(index)).max() > TOLERANCE:
        return False
    edges = np.rint(np.stack([index[1] - index[0], index[2] - index[0], index[4] - index[0]])) != 0
    if edges.sum(axis=0).max() > 1 or edges.sum(axis=1).max() > 1:
        return False
    lowest, highest = np.rint(index.min(axis=0)), np.rint(index.max(axis=0))
    return bool((highest >= 0).all() and (lowest < np.array(mask.GetSize())).all())
