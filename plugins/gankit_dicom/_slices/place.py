"""Where to crop: by the gland mask, else by findings, else by the locator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np
import SimpleITK as sitk

from gankit_dicom._labels.labels import slice_of
from gankit_dicom._labels.tables import Finding
from gankit_dicom._options import Options
from gankit_dicom._protocol import Protocol
from gankit_dicom._refused import Refused
from gankit_dicom._slices.geometry import Crop
from gankit_dicom._slices.locator import Place, locate


@attrs.frozen
class LocatorError:
    """What the automatic crop would have been, against the gland mask."""

    sideways_mm: float
    """Centre of the automatic crop, right of the gland's in the image."""
    down_mm: float
    holds_gland: bool
    """Whether the automatic crop shows all of the gland on its slices."""


def crop_by_mask(gland_ZYX: np.ndarray, t2w: sitk.Image, protocol: Protocol, options: Options) -> Crop:
    """The gland's bounding box in the middle, its wider side ``options.gland`` of the crop.

    Slices from the first to the last that show at least ``gland_share`` of the largest cross-section.

    Raises:
        Refused: an empty mask.
    """
    area_Z = gland_ZYX.sum(axis=(1, 2))
    if not area_Z.any():
        raise Refused("the gland mask is empty")
    rows, columns = np.nonzero(gland_ZYX.any(axis=0))
    x_mm, y_mm, _ = t2w.GetSpacing()
    width_mm = max((np.ptp(columns) + 1) * x_mm, (np.ptp(rows) + 1) * y_mm) / options.gland
    shown = np.flatnonzero(area_Z >= protocol.gland_share * area_Z.max())
    centre = (float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2)
    return Crop(centre, float(width_mm), (int(shown[0]), int(shown[-1])), options.size)


def crop_by_findings(findings: Sequence[Finding], t2w: sitk.Image, protocol: Protocol, options: Options) -> Crop | None:
    """Around the mean of the findings inside the volume; none if there is none."""
    inside = [
        finding.position_mm
        for finding in findings
        if finding.position_mm is not None and slice_of(finding, t2w) is not None
    ]
    if not inside:
        return None
    places = np.array([t2w.TransformPhysicalPointToContinuousIndex(position) for position in inside])
    reach = protocol.finding_mm / t2w.GetSpacing()[2]
    first = max(0, round(places[:, 2].min() - reach))
    last = min(t2w.GetSize()[2] - 1, round(places[:, 2].max() + reach))
    x, y, _ = places.mean(axis=0)
    return Crop((float(x), float(y)), protocol.gland_mm / options.gland, (first, last), options.size)


def crop_by_locator(t2w: sitk.Image, protocol: Protocol, options: Options) -> Crop:
    """Where the locator says, as wide as a usual gland needs."""
    place: Place = locate(t2w)
    return Crop(place.centre, protocol.gland_mm / options.gland, place.slices, options.size)


def locator_error(gland_ZYX: np.ndarray, automatic: Crop, by_mask: Crop, t2w: sitk.Image) -> LocatorError:
    """How far the automatic crop is from the one by mask, and whether it holds the gland."""
    x_mm, y_mm, _ = t2w.GetSpacing()
    sideways = (automatic.centre[0] - by_mask.centre[0]) * x_mm
    down = (automatic.centre[1] - by_mask.centre[1]) * y_mm
    return LocatorError(sideways, down, holds(gland_ZYX, automatic, t2w))


def holds(mask_ZYX: np.ndarray, crop: Crop, t2w: sitk.Image) -> bool:
    """Whether all of a mask on the crop's slices is within the crop."""
    within = _within(mask_ZYX, crop, t2w)
    return bool((mask_ZYX[crop.slices[0] : crop.slices[1] + 1].sum(axis=(1, 2)) == within.sum(axis=(1, 2))).all())


def shows(mask_ZYX: np.ndarray, crop: Crop, t2w: sitk.Image) -> np.ndarray:
    """Which slices of the crop show some of a mask, (slices,) bool."""
    return np.asarray(_within(mask_ZYX, crop, t2w).any(axis=(1, 2)))


def _within(mask_ZYX: np.ndarray, crop: Crop, t2w: sitk.Image) -> np.ndarray:
    """The part of a mask on the T2w grid that the crop covers, by the centres of voxels."""
    x_mm, y_mm, _ = t2w.GetSpacing()
    bounds = []
    for centre, size_mm, length in zip(crop.centre, (x_mm, y_mm), t2w.GetSize()[:2], strict=True):
        reach = crop.width_mm / 2 / size_mm
        bounds.append(slice(max(0, math.ceil(centre - reach)), min(length, math.floor(centre + reach) + 1)))
    return mask_ZYX[crop.slices[0] : crop.slices[1] + 1, bounds[1], bounds[0]]
