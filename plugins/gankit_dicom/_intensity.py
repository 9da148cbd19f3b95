"""Intensities: percentiles of T2w to a fixed range, and voxels of ADC maps that hold no measurement."""

from __future__ import annotations

import attrs
import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from gankit_dicom._geometry import image_like
from gankit_dicom._refused import Refused


@attrs.frozen
class Scale:
    """``low`` and ``high``, scanner units, became the ends of ``to``."""

    low: float
    high: float
    to: tuple[float, float]

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Linear, cut at the ends."""
        start, end = self.to
        scaled = start + (values - self.low) / (self.high - self.low) * (end - start)
        return np.clip(scaled, start, end).astype(np.float32)


def percentile_scale(values: np.ndarray, percentiles: tuple[float, float], to: tuple[float, float]) -> Scale:
    """The scale that puts two percentiles of a volume's crop at the ends of ``to``.

    Raises:
        Refused: the values do not vary.
    """
    low, high = (float(value) for value in np.percentile(values, percentiles))
    if not high > low:
        raise Refused("its intensities do not vary")
    return Scale(low=low, high=high, to=to)


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
