"""Where the prostate is when nothing says so."""

from __future__ import annotations

import attrs
import numpy as np
import SimpleITK as sitk
from scipy import ndimage

REACH_MM = 20.0
"""How far from the middle the plane of symmetry is searched."""
SIGMA_MM = 10.0
"""How far from the middle it is expected."""
SMOOTHED_MM = 2.0
"""Standard deviation of the filter that the image passes before."""
HALF_HEIGHT_MM = 14.0
"""Slices taken above and below the middle of the stack."""
PERCENTILES = (0.5, 99.5)
TONES = 1000.0
"""From the lower of these percentiles to the upper, whatever the units; dark tones count more, by their logarithm."""


@attrs.frozen
class Place:
    """A gland's centre and slices in a T2w volume."""

    centre: tuple[float, float]
    """Continuous index (column, row)."""
    slices: tuple[int, int]


def locate(t2w: sitk.Image) -> Place:
    """The middle of the T2w stack, moved sideways to the plane of symmetry of the pelvis.

    Axial T2w stacks are planned on the prostate, so their middle is a strong guess of its row and slices; hips and
    pelvic muscles mirror each other about the plane that the prostate lies in.
    """
    columns, rows, slices = t2w.GetSize()
    x_mm, _, z_mm = t2w.GetSpacing()
    middle = (slices - 1) / 2
    reach = HALF_HEIGHT_MM / z_mm
    first, last = max(0, round(middle - reach)), min(slices - 1, round(middle + reach))
    array = sitk.GetArrayViewFromImage(t2w)[first : last + 1]
    shift = symmetry_shift(array, x_mm)
    return Place(((columns - 1) / 2 + shift / x_mm, (rows - 1) / 2), (first, last))


def symmetry_shift(images_ZYX: np.ndarray, x_mm: float) -> float:
    """Find the plane of symmetry: how far it lies to the right of the middle column, in mm.

    Maximises the correlation of the mean smoothed image with its mirror image, less ``(shift / 10 mm)^2 / 20``.
    Neither a scale nor an offset of the intensities changes it.
    """
    low, high = np.percentile(images_ZYX, PERCENTILES)
    if not high > low:
        return 0.0
    tones = np.clip((images_ZYX - low) * (TONES / (high - low)), 0, None)
    image = ndimage.gaussian_filter(np.log1p(tones).mean(axis=0), SMOOTHED_MM / x_mm)
    image = image[:: max(1, int(SMOOTHED_MM / x_mm))]  # rows that lie closer tell the same
    shifts = np.arange(-REACH_MM, REACH_MM + 0.5, 1.0)
    scores = [mirror_correlation(image, shift / x_mm) - (shift / SIGMA_MM) ** 2 / 20 for shift in shifts]
    return float(shifts[int(np.argmax(scores))])


def mirror_correlation(image_YX: np.ndarray, shift: float) -> float:
    """Correlation of an image with its mirror about a column ``shift`` pixels right of the middle one."""
    width = image_YX.shape[1]
    axis = (width - 1) / 2 + shift
    half = int(min(axis, width - 1 - axis))
    if half < 1:
        return 0.0
    count = len(np.arange(0.5, half))
    sides = [_columns(image_YX, axis + 0.5, count), _columns(image_YX, axis + 0.5 - count, count)[:, ::-1]]
    if min(side.std() for side in sides) == 0:
        return 0.0
    return float(np.corrcoef(sides[0].ravel(), sides[1].ravel())[0, 1])


def _columns(image_YX: np.ndarray, start: float, count: int) -> np.ndarray:
    """So many columns from ``start`` on, each between two of the image, by linear interpolation."""
    first = int(np.floor(start))
    part = start - first
    return (1 - part) * image_YX[:, first : first + count] + part * image_YX[:, first + 1 : first + 1 + count]
