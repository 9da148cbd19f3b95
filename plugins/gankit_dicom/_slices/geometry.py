"""Crops around the gland: a grid in the plane of the T2w slices, and volumes sampled on it."""

from __future__ import annotations

import math

import attrs
import numpy as np
import SimpleITK as sitk


@attrs.frozen
class Crop:
    """A square around the gland on some slices of the T2w volume."""

    centre: tuple[float, float]
    """Continuous index (column, row) in the T2w volume."""
    width_mm: float
    slices: tuple[int, int]
    """First and last T2w slice."""
    size: int
    """Pixels a side of the result."""

    @property
    def spacing_mm(self) -> float:
        return self.width_mm / self.size

    @property
    def count(self) -> int:
        return self.slices[1] - self.slices[0] + 1


def sample(
    image: sitk.Image, t2w: sitk.Image, crop: Crop, transform: sitk.Transform | None = None, outside: float = 0.0
) -> np.ndarray:
    """``image`` on the crop, (slices, size, size) float32; ``outside`` where the image is not.

    Places correspond by physical coordinates in mm, and through ``transform`` (T2w to ``image``) where it is given.
    Values between voxels are interpolated linearly. Where the crop's pixels are larger than the image's, a pixel is the
    mean over its area: the image is sampled on a grid that is finer by a whole factor, and blocks are averaged.
    """
    fine = max(1, math.ceil(crop.spacing_mm / min(image.GetSpacing()[:2]) - 1e-6))
    values = sitk.GetArrayFromImage(_resampled(image, t2w, crop, fine, sitk.sitkLinear, transform, outside))
    return values.reshape(crop.count, crop.size, fine, crop.size, fine).mean(axis=(2, 4), dtype=np.float32)


def sample_labels(image: sitk.Image, t2w: sitk.Image, crop: Crop) -> np.ndarray:
    """Label values at the centres of the crop's pixels, (slices, size, size) uint8; 0 outside."""
    return sitk.GetArrayFromImage(_resampled(image, t2w, crop, 1, sitk.sitkNearestNeighbor, None)).astype(np.uint8)


def sample_measured(
    image: sitk.Image, measured: sitk.Image, t2w: sitk.Image, crop: Crop, transform: sitk.Transform | None = None
) -> np.ndarray:
    """``image`` on the crop, averaged over its measured voxels alone; 0 where less than half a pixel is measured."""
    weight = sample(measured, t2w, crop, transform)
    total = sample(image * measured, t2w, crop, transform)
    return np.where(weight >= 0.5, total / np.maximum(weight, 0.5), 0).astype(np.float32)


def inside(image: sitk.Image, t2w: sitk.Image, crop: Crop, transform: sitk.Transform | None = None) -> np.ndarray:
    """Part of each slice of the crop that ``image`` covers, (slices,) in [0, 1]."""
    ones = sitk.Image(image.GetSize(), sitk.sitkFloat32) + 1
    ones.CopyInformation(image)
    return sample(ones, t2w, crop, transform).mean(axis=(1, 2))


def on_grid_of(labels: sitk.Image, t2w: sitk.Image) -> np.ndarray:
    """A label image on the T2w grid by physical coordinates, nearest neighbour, (slices, rows, columns) uint8."""
    resampled = sitk.Resample(labels, t2w, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0, sitk.sitkUInt8)
    return sitk.GetArrayFromImage(resampled)


def image_like(values: np.ndarray, reference: sitk.Image) -> sitk.Image:
    """Values (slices, rows, columns) at the places of ``reference``."""
    image = sitk.GetImageFromArray(values)
    image.CopyInformation(reference)
    return image


def _resampled(
    image: sitk.Image,
    t2w: sitk.Image,
    crop: Crop,
    fine: int,
    interpolator: int,
    transform: sitk.Transform | None,
    outside: float = 0.0,
) -> sitk.Image:
    """``image`` on the grid of the crop, with ``fine`` times as many pixels along each axis of the plane."""
    # 1. The centre of the first pixel: from the crop's middle, half of the grid back along both axes of the plane.
    spacing, across = crop.spacing_mm / fine, crop.size * fine
    direction = np.array(t2w.GetDirection()).reshape(3, 3)
    middle = t2w.TransformContinuousIndexToPhysicalPoint((*crop.centre, float(crop.slices[0])))
    origin = np.array(middle) - (direction[:, 0] + direction[:, 1]) * spacing * (across - 1) / 2

    # 2. The grid has the T2w's directions and its slices.
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize((across, across, crop.count))
    filter_.SetOutputSpacing((spacing, spacing, t2w.GetSpacing()[2]))
    filter_.SetOutputOrigin(origin.tolist())
    filter_.SetOutputDirection(t2w.GetDirection())

    # 3. Values of the image at its places.
    filter_.SetInterpolator(interpolator)
    filter_.SetDefaultPixelValue(outside)
    if transform is not None:
        filter_.SetTransform(transform)
    return filter_.Execute(image)
