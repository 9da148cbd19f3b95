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
from gankit_dicom._slices.geometry import Crop, Planes
from gankit_dicom._slices.locator import Place, locate

OWN_STEP = 1e-3
"""By which a distance of planes may differ from the T2w's and still be its own."""


@attrs.frozen
class LocatorError:
    """What the automatic crop would have been, against the gland mask."""

    sideways_mm: float
    """Centre of the automatic crop, right of the gland's in the image."""
    down_mm: float
    holds_gland: bool
    """Whether the automatic crop shows all of the gland on its slices."""


def crop_by_mask(gland_ZYX: np.ndarray, t2w: sitk.Image, protocol: Protocol, options: Options) -> Crop:
    """The gland's bounding box in the middle, its wider side ``options.gland`` of the crop's.

    Slices from the first to the last that show at least ``gland_share`` of the largest cross-section.

    Raises:
        Refused: an empty mask.
    """
    area_Z = gland_ZYX.sum(axis=(1, 2))
    if not area_Z.any():
        raise Refused("the gland mask is empty")
    rows, columns = np.nonzero(gland_ZYX.any(axis=0))
    x_mm, y_mm, _ = t2w.GetSpacing()
    sides_mm = (np.ptp(rows) + 1) * y_mm, (np.ptp(columns) + 1) * x_mm
    spacing_mm = max(side / options.gland / pixels for side, pixels in zip(sides_mm, options.plane, strict=True))
    shown = np.flatnonzero(area_Z >= protocol.gland_share * area_Z.max())
    centre = (float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2)
    return Crop(centre, float(spacing_mm), options.plane, (int(shown[0]), int(shown[-1])))


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
    return Crop((float(x), float(y)), _usual_spacing_mm(protocol, options), options.plane, (first, last))


def crop_by_locator(t2w: sitk.Image, protocol: Protocol, options: Options) -> Crop:
    """Where the locator says, as wide as a usual gland needs."""
    place: Place = locate(t2w)
    return Crop(place.centre, _usual_spacing_mm(protocol, options), options.plane, place.slices)


def _usual_spacing_mm(protocol: Protocol, options: Options) -> float:
    """Side of a pixel where a usual gland has its part of the crop."""
    return protocol.gland_mm / options.gland / min(options.plane)


def volume_at(
    crop: Crop, gland_ZYX: np.ndarray | None, t2w: sitk.Image, acquired: tuple[int, int], options: Options
) -> Crop:
    """A volume of ``options.size`` where a crop is: along the slices, too, its middle is the gland's.

    Without a mask, the middle of the crop's slices stands for the gland's. Near an end of the T2w volume the planes
    move along the slices, no farther than they must, to lie within it. At the T2w's own distance of slices, planes are
    slices.

    Args:
        acquired: first and last slice that show something.

    Raises:
        Refused: the planes take more than was acquired, and are not to be padded.
    """
    gap_mm, count = t2w.GetSpacing()[2], options.size[0]
    step = 1.0 if options.slice_spacing is None else options.slice_spacing / gap_mm
    step = 1.0 if abs(step - 1) < OWN_STEP else step
    low, high, extent = acquired[0] - 0.5, acquired[1] + 0.5, count * step
    if extent > high - low + 1e-6 and options.missing_planes == "refuse":
        raise Refused(
            f"its T2w has {acquired[1] - acquired[0] + 1} slices of {gap_mm:.3g} mm, fewer than {count} planes of"
            f" {step * gap_mm:.3g} mm take; with missing_planes = pad the planes beyond are blank"
        )
    shown = crop.slices if gland_ZYX is None else np.flatnonzero(gland_ZYX.any(axis=(1, 2)))
    start = (shown[0] + shown[-1] + 1 - extent) / 2 - 0.5
    start = min(max(start, min(low, high - extent)), max(low, high - extent))
    first = float(math.ceil(start - 1e-6)) if step == 1 else start + step / 2
    planes = Planes(first, step, count)
    begins, ends = (math.ceil(end - 1e-6) for end in planes.ends)
    return attrs.evolve(crop, planes=planes, slices=(max(acquired[0], begins), min(acquired[1], ends - 1)))


def locator_error(gland_ZYX: np.ndarray, automatic: Crop, by_mask: Crop, t2w: sitk.Image) -> LocatorError:
    """How far the automatic crop is from the one by mask, and whether it holds the gland."""
    x_mm, y_mm, _ = t2w.GetSpacing()
    sideways = (automatic.centre[0] - by_mask.centre[0]) * x_mm
    down = (automatic.centre[1] - by_mask.centre[1]) * y_mm
    return LocatorError(sideways, down, holds(gland_ZYX, automatic, t2w))


def holds(mask_ZYX: np.ndarray, crop: Crop, t2w: sitk.Image) -> bool:
    """Whether all of a mask is within the crop; of a crop of slices, all that is on its slices."""
    box = crop.box(t2w)
    whole = mask_ZYX[box[0]] if crop.planes is None else mask_ZYX
    return int(whole.sum()) == int(mask_ZYX[box].sum())


def shows(mask_ZYX: np.ndarray, crop: Crop, t2w: sitk.Image) -> np.ndarray:
    """Which T2w slices of the crop show some of a mask, (slices,) bool."""
    return np.asarray(mask_ZYX[crop.box(t2w)].any(axis=(1, 2)))
