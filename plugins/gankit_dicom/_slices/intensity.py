"""Intensities: T2w without units and bias, its percentiles to a fixed range, and ADC voxels without a measurement."""

from __future__ import annotations

import attrs
import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from gankit_dicom._refused import Refused
from gankit_dicom._slices.geometry import image_like

LEVELS = 65535
"""At most, and of a volume whose values lie on no lattice."""
OFF_LEVEL = 0.1
"""Part of a step by which values may lie off a lattice: what single precision leaves of a scaled whole number."""
CUT = 25.0
"""Percent of a crop that may be brighter than the end of the range."""
SHRUNK_MM = 5.0
"""Pixels of the image that a bias field is fitted to, since the field is smooth."""
ITERATIONS = (100, 100)
"""Of N4 at each of its resolutions; all of them, since its own sign of convergence comes too early."""
BODY = 0.25
"""Part of the median above which a voxel is tissue and not air."""


@attrs.frozen(eq=False)
class Levels:
    """A T2w volume without its units: level = (value - ``offset``) / ``step``, from 0."""

    image: sitk.Image
    step: float
    offset: float

    def in_units(self, level: float) -> float:
        """A level in the units that the volume came in."""
        return self.offset + level * self.step

    @property
    def nothing(self) -> float:
        """The level of no signal: the units' 0, or the smallest level where values are below 0."""
        return min(0.0, -self.offset / self.step)


def levels(image: sitk.Image) -> Levels:
    """The volume in whole levels from its smallest value, as a scanner stores it before any slope and intercept.

    T2w has arbitrary units: the same volume times a positive number, plus any number, has the same levels. Values that
    lie on no lattice, as after interpolation, are stretched to 65535 levels, which need not be whole.

    Raises:
        Refused: the values do not vary.
    """
    values = sitk.GetArrayViewFromImage(image).astype(np.float64)
    low, high = float(values.min()), float(values.max())
    if not high > low:
        raise Refused("its intensities do not vary")
    step = _step(np.unique(values[len(values) // 2]))
    found = (values - low) / step if step else values
    whole = np.abs(np.rint(found))
    if not step or whole.max() > LEVELS or np.abs(found - whole).max() > OFF_LEVEL:
        step = (high - low) / LEVELS
        whole = (values - low) / step
    return Levels(image_like(whole.astype(np.float32), image), step, low)


def _step(values: np.ndarray) -> float:
    """The step of a lattice that ascending values would lie on; 0 where there is one value alone."""
    if len(values) < 2:
        return 0.0
    gaps = np.diff(values)
    return float((values[-1] - values[0]) / np.rint(gaps / gaps.min()).sum())


@attrs.frozen
class Scale:
    """``low`` and ``high``, levels, became the ends of ``to``."""

    low: float
    high: float
    to: tuple[float, float]

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Linear, cut at the ends; the start of the range where values are NaN, which are padding."""
        start, end = self.to
        scaled = start + (values - self.low) / (self.high - self.low) * (end - start)
        return np.nan_to_num(np.clip(scaled, start, end), nan=start).astype(np.float32)


def percentile_scale(
    values: np.ndarray, gland: np.ndarray, percentiles: tuple[float, float], over_gland: float, to: tuple[float, float]
) -> Scale:
    """The scale that puts two percentiles of a volume's crop at the ends of ``to``.

    An endorectal coil, an implant or a full bladder is many times as bright as the gland and would press it into the
    darkest tones. So the range ends at ``low + over_gland * (median of the gland - low)`` where the upper percentile is
    beyond, but cuts no more than a quarter of the crop.

    Args:
        values: the crop; NaN where the scanner wrote padding, which counts for nothing.
        gland: bool, where the gland is or is expected.

    Raises:
        Refused: the values do not vary, or there are none.
    """
    inner, gland_values = values[~np.isnan(values)], values[gland & ~np.isnan(values)]
    if not inner.size:
        raise Refused("its crop shows no voxel of it")
    low, most, high = (float(value) for value in np.percentile(inner, (percentiles[0], 100 - CUT, percentiles[1])))
    if gland_values.size:
        high = min(high, max(most, low + over_gland * (float(np.median(gland_values)) - low)))
    if not high > low:
        raise Refused("its intensities do not vary")
    return Scale(low=low, high=high, to=to)


def without_bias(image: sitk.Image) -> sitk.Image:
    """A volume in levels, divided by the smooth field that N4 (Tustison et al. 2010) finds in it.

    The field is fitted to the logarithm of a shrunk image, with settings that do not depend on the volume, and divided
    out of all voxels. Its mean logarithm is 0 over the volume, so levels keep their order of magnitude.
    """
    # 1. The field of a shrunk image; levels start at 1, where the logarithm is 0.
    positive = image + 1
    factors = [max(1, int(SHRUNK_MM / size)) for size in image.GetSpacing()[:2]]
    small = sitk.Shrink(positive, [*factors, 1])
    body = sitk.Cast(small > BODY * float(np.median(sitk.GetArrayViewFromImage(small))), sitk.sitkUInt8)
    correct = sitk.N4BiasFieldCorrectionImageFilter()
    correct.SetNumberOfThreads(1)
    correct.SetMaximumNumberOfIterations(ITERATIONS)
    correct.SetConvergenceThreshold(0)
    correct.Execute(small, body)

    # 2. The field of every voxel, divided out.
    field = sitk.GetArrayFromImage(correct.GetLogBiasFieldAsImage(image))
    values = sitk.GetArrayViewFromImage(positive) / np.exp(field - field.mean())
    return image_like(np.maximum(values - 1, 0).astype(np.float32), image)


def measured_mask(adc: sitk.Image) -> sitk.Image:
    """1 where an ADC map holds a measurement, 0 where the scanner wrote 0 because of noise."""
    return sitk.Cast(adc > 0, sitk.sitkFloat32)


def inpainted(adc: sitk.Image) -> sitk.Image:
    """Unmeasured voxels of an ADC map filled with the nearest measured one of their slice."""
    values = sitk.GetArrayFromImage(adc)
    for image in values:
        if (image > 0).any() and not (image > 0).all():
            nearest = ndimage.distance_transform_edt(image <= 0, return_distances=False, return_indices=True)
            image[:] = image[tuple(nearest)]
    return image_like(values, adc)
