"""Whether a mask lies on the voxels of an image: on all of them, or on a box of them."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from gankit_dicom._series.volume import CORNERS
from gankit_dicom._volumes.stored import AGREE_MM, Place

TOLERANCE = 0.25
"""Of a voxel, by which a box may be off."""


def place_of(image: sitk.Image) -> Place:
    """Where the voxels of an image are."""
    x, y, z = image.GetSize()
    axes_mm = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    return Place((x, y, z), np.array(image.GetOrigin()), axes_mm)


def on_lattice(mask: Place, image: Place) -> bool:
    """Whether voxels of a mask are voxels of an image.

    Both have as many voxels along each axis and all corners at the same places within 0.5 mm; or the mask is a box of
    the same spacing and directions, off by whole voxels within a quarter of one, that overlaps the image. Axes may be
    flipped or permuted.
    """
    return same_corners(mask, image) or _is_box(mask, image)


def same_corners(one: Place, other: Place) -> bool:
    """Whether two grids have as many voxels along each axis and their corners at the same places within 0.5 mm, with
    axes in any order."""
    if sorted(one.size) != sorted(other.size):
        return False
    distances = np.linalg.norm(one.corners()[:, None] - other.corners()[None], axis=2)
    return bool(distances.min(axis=1).max() <= AGREE_MM)


def _is_box(mask: Place, image: Place) -> bool:
    steps = np.linalg.solve(image.axes_mm, mask.axes_mm)
    turned = np.rint(steps)
    if not ((np.abs(turned).sum(axis=0) == 1).all() and (np.abs(turned).sum(axis=1) == 1).all()):
        return False
    corners = np.linalg.solve(image.axes_mm, (mask.corners() - image.origin_mm).T).T
    nearest = np.rint(corners[0]) + CORNERS * (np.array(mask.size) - 1) @ turned.T
    if np.abs(corners - nearest).max() > TOLERANCE:
        return False
    return bool((nearest.max(axis=0) >= 0).all() and (nearest.min(axis=0) < np.array(image.size)).all())
