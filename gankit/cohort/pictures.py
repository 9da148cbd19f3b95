"""What a sheet shows of an image: a slice as it is, three planes of a volume."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gankit.cohort.channels import shown_channel
from gankit.recipe.recipe import ModalitySpec

GAP = 1
"""Pixels between two pictures, in pixels of a picture."""

Voxel = tuple[int, int, int]
"""Numbers of a plane, a row and a column."""

Images = Mapping[str, Any]
"""Modality to (N, C, *S) numbers in the modality's unit, numpy arrays or tensors; NaN where a slice lacks it."""


def picture(image: np.ndarray, at: Voxel | None = None, aspect: float = 1.0) -> np.ndarray:
    """One picture (H, W) of the middle channel of an image (C, *S), which of a slab is the slice.

    A slice is itself, and a signal becomes a band. A volume, with planes from feet to head, is shown by three planes
    side by side: axial, coronal and sagittal, the last two with the head up. NaN is between them.

    Args:
        at: the voxel through which the planes of a volume go; default: its middle.
        aspect: distance of planes over that of pixels, by which coronal and sagittal planes are stretched.
    """
    shown = image[shown_channel(len(image))]
    if shown.ndim == 1:
        return np.tile(shown, (max(1, len(shown) // 8), 1))
    if shown.ndim == 2:
        return shown
    depth, rows, columns = shown.shape
    plane, row, column = at or (depth // 2, rows // 2, columns // 2)
    tall = max(1, round(depth * aspect))
    from_head = depth - 1 - np.arange(tall) * depth // tall
    views = (shown[plane], shown[from_head, row], shown[from_head, :, column])
    parted = np.full((max(rows, tall), 2 * columns + rows + 2 * GAP), np.nan, dtype=np.float32)
    left = 0
    for view in views:
        top = (len(parted) - len(view)) // 2
        parted[top : top + len(view), left : left + view.shape[1]] = view
        left += view.shape[1] + GAP
    return parted


def fullest(mask_NDHW: np.ndarray) -> list[Voxel | None]:
    """For each volume of a mask the plane, row and column that have most of it; None where the mask is blank."""
    found: list[Voxel | None] = []
    for mask in np.asarray(mask_NDHW) != 0:
        plane, row, column = (
            int(mask.sum(axis=tuple({0, 1, 2} - {axis})).argmax()) if mask.any() else -1 for axis in range(3)
        )
        found.append((plane, row, column) if plane >= 0 else None)
    return found


def lesions(images: Images, specs: Mapping[str, ModalitySpec]) -> list[Voxel | None]:
    """For each of these images the voxel through which planes are shown: within the first mask that they have."""
    count = len(next(iter(images.values())))
    for name, spec in specs.items():
        if spec.mask is not None and len(spec.shape) == 4 and name in images:
            low, high = spec.range
            mask_NDHW = np.nan_to_num(np.asarray(images[name])[:, -1])
            return fullest(mask_NDHW >= (low + high) / 2)
    return [None] * count


def aspects(spacing_mm: Mapping[str, tuple[float, float]], slice_spacing_mm: Mapping[str, float]) -> dict[str, float]:
    """Modality to the distance of its planes over that of its rows, where both are known."""
    return {name: apart / spacing_mm[name][0] for name, apart in slice_spacing_mm.items() if name in spacing_mm}
