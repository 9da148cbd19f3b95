"""Crops around the gland: a grid along the axes of the T2w volume, and volumes sampled on it."""

from __future__ import annotations

import math

import attrs
import numpy as np
import SimpleITK as sitk


@attrs.frozen
class Planes:
    """Planes of a volume, which need not be slices of the T2w volume. Distances are in slices of it."""

    first: float
    """Where the first plane is among the T2w slices: their number, or between two, or outside."""
    step: float
    """From plane to plane."""
    count: int

    @property
    def ends(self) -> tuple[float, float]:
        """Where the thickness of the first plane begins and that of the last one ends."""
        return self.first - self.step / 2, self.first + (self.count - 0.5) * self.step

    def outside(self, slices: tuple[int, int]) -> np.ndarray:
        """Which planes lie outside of the slices from a first to a last, (count,) bool."""
        places = self.first + self.step * np.arange(self.count)
        return (places < slices[0] - 0.5) | (places > slices[1] + 0.5)


@attrs.frozen
class Crop:
    """A rectangle around the gland on some slices of the T2w volume, or on planes along them."""

    centre: tuple[float, float]
    """Continuous index (column, row) in the T2w volume."""
    spacing_mm: float
    """Side of a pixel of the result."""
    size: tuple[int, int]
    """Rows and columns of the result."""
    slices: tuple[int, int]
    """First and last T2w slice that it shows."""
    planes: Planes | None = None
    """Those of a volume; none where they are the slices."""

    @property
    def width_mm(self) -> float:
        return self.spacing_mm * self.size[1]

    @property
    def grid(self) -> Planes:
        """Its planes, whether or not they are slices."""
        return self.planes or Planes(float(self.slices[0]), 1.0, self.slices[1] - self.slices[0] + 1)

    @property
    def count(self) -> int:
        """How many planes it has."""
        return self.grid.count

    def box(self, t2w: sitk.Image) -> tuple[slice, slice, slice]:
        """Slices, rows and columns of the T2w volume that it shows, by the centres of voxels."""
        spans = [slice(self.slices[0], self.slices[1] + 1)]
        for centre, pixels, size_mm, length in zip(
            self.centre[::-1], self.size, t2w.GetSpacing()[1::-1], t2w.GetSize()[1::-1], strict=True
        ):
            reach = pixels * self.spacing_mm / 2 / size_mm
            spans.append(slice(max(0, math.ceil(centre - reach)), min(length, math.floor(centre + reach) + 1)))
        return spans[0], spans[1], spans[2]


def sample(
    image: sitk.Image, t2w: sitk.Image, crop: Crop, transform: sitk.Transform | None = None, outside: float = 0.0
) -> np.ndarray:
    """``image`` on the crop, (planes, rows, columns) float32; ``outside`` where the image is not.

    Places correspond by physical coordinates in mm, and through ``transform`` (T2w to ``image``) where it is given.
    Values between voxels are interpolated linearly. Where the crop's pixels are larger than the image's, a pixel is the
    mean over its area, and where planes of a volume are farther apart than the image's slices, over its thickness: the
    image is sampled on a grid that is finer by whole factors, and blocks are averaged. A slice shows its middle.
    """
    fine = _times_finer(crop.spacing_mm, min(image.GetSpacing()[:2]))
    deep = 1 if crop.planes is None else _times_finer(crop.planes.step * t2w.GetSpacing()[2], image.GetSpacing()[2])
    values = sitk.GetArrayFromImage(_resampled(image, t2w, crop, (deep, fine), sitk.sitkLinear, transform, outside))
    rows, columns = crop.size
    blocks = values.reshape(crop.count, deep, rows, fine, columns, fine)
    return blocks.mean(axis=(1, 3, 5), dtype=np.float32)


def _times_finer(coarse_mm: float, fine_mm: float) -> int:
    return max(1, math.ceil(coarse_mm / fine_mm - 1e-6))


def sample_labels(image: sitk.Image, t2w: sitk.Image, crop: Crop) -> np.ndarray:
    """Label values at the centres of the crop's pixels, (planes, rows, columns) uint8; 0 outside."""
    found = _resampled(image, t2w, crop, (1, 1), sitk.sitkNearestNeighbor, None)
    return sitk.GetArrayFromImage(found).astype(np.uint8)


def sample_measured(
    image: sitk.Image, measured: sitk.Image, t2w: sitk.Image, crop: Crop, transform: sitk.Transform | None = None
) -> np.ndarray:
    """``image`` on the crop, averaged over its measured voxels alone; 0 where less than half a pixel is measured."""
    weight = sample(measured, t2w, crop, transform)
    total = sample(image * measured, t2w, crop, transform)
    return np.where(weight >= 0.5, total / np.maximum(weight, 0.5), 0).astype(np.float32)


def inside(image: sitk.Image, t2w: sitk.Image, crop: Crop, transform: sitk.Transform | None = None) -> np.ndarray:
    """Part of each plane of the crop that ``image`` covers, (planes,) in [0, 1]."""
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
    finer: tuple[int, int],
    interpolator: int,
    transform: sitk.Transform | None,
    outside: float = 0.0,
) -> sitk.Image:
    """``image`` on the grid of the crop, with ``finer`` times as many planes, and pixels along each axis of a plane."""
    # 1. The centre of the first pixel: from the first plane's middle, half of it back along both of its axes.
    deep, fine = finer
    planes, spacing = crop.grid, crop.spacing_mm / fine
    down, across = crop.size[0] * fine, crop.size[1] * fine
    direction = np.array(t2w.GetDirection()).reshape(3, 3)
    first = planes.first - planes.step * (deep - 1) / (2 * deep)
    middle = t2w.TransformContinuousIndexToPhysicalPoint((*crop.centre, first))
    diagonal = direction[:, 0] + direction[:, 1] * ((down - 1) / (across - 1))
    origin = np.array(middle) - diagonal * spacing * (across - 1) / 2

    # 2. The grid has the T2w's directions.
    filter_ = sitk.ResampleImageFilter()
    filter_.SetSize((across, down, crop.count * deep))
    filter_.SetOutputSpacing((spacing, spacing, t2w.GetSpacing()[2] * planes.step / deep))
    filter_.SetOutputOrigin(origin.tolist())
    filter_.SetOutputDirection(t2w.GetDirection())

    # 3. Values of the image at its places.
    filter_.SetInterpolator(interpolator)
    filter_.SetDefaultPixelValue(outside)
    if transform is not None:
        filter_.SetTransform(transform)
    return filter_.Execute(image)
