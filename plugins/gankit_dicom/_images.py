"""Images of a study on its crop: slices, slabs, or one volume."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import SimpleITK as sitk

from gankit_dicom._options import Options
from gankit_dicom._protocol import Protocol
from gankit_dicom._slices.dce import Enhancement
from gankit_dicom._slices.geometry import Crop, image_like, inside, sample, sample_labels, sample_measured
from gankit_dicom._slices.intensity import Levels, inpainted, measured_mask, percentile_scale, without_bias
from gankit_dicom._slices.modalities import Chosen
from gankit_dicom._slices.registration import box_around, refine

COVERED = 0.5
"""Part of a slice, or of a volume, that a modality must cover to be present in it."""

Present = tuple[np.ndarray, np.ndarray]
"""Images (planes, rows, columns) float32, and in which planes they are present, bool."""


@attrs.frozen(eq=False)
class Sampling:
    """What images are sampled from and where."""

    chosen: Chosen
    scanned: Levels
    """The T2w volume in levels."""
    crop: Crop
    acquired: tuple[int, int]
    """First and last T2w slice that show something."""
    gland: np.ndarray | None
    """(slices, rows, columns) bool on the T2w grid; none where no mask shows it."""
    protocol: Protocol
    options: Options

    @property
    def t2w(self) -> sitk.Image:
        return self.scanned.image

    @property
    def wide(self) -> Crop:
        """The crop with the neighbours of its slices, which slabs show."""
        first, last = self.crop.slices
        return attrs.evolve(self.crop, slices=(first - self.options.reach, last + self.options.reach))


def images_of(sampling: Sampling, record: dict[str, Any]) -> dict[str, Present]:
    """Items by modality, and which of them have it: slices (n, rows, columns), slabs (n, slices, rows, columns) or one
    volume (1, planes, rows, columns), float32. What was done goes to the record."""
    chosen = sampling.chosen
    found = {"t2w": (_t2w(sampling, record), np.ones(sampling.wide.count, dtype=bool))}
    if chosen.adc is not None:
        record["adc"] = {"made": chosen.adc.made, "outside": chosen.adc.outside, "zeros": sampling.options.zeros}
        transform = _refined(sampling, chosen.adc.image, record["adc"])
        found["adc"] = _adc(sampling, chosen.adc.image, transform, record["adc"])
    if chosen.dce is not None:
        record["dce"] = _dce_record(chosen.dce, sampling.options.dce)
        transform = _refined(sampling, chosen.dce.pre.image, record["dce"])
        if (enhanced := getattr(chosen.dce, sampling.options.dce)) is not None:
            images = sample(enhanced.image, sampling.t2w, sampling.wide, transform)
            found["dce"] = _where_covered(sampling, images, enhanced.image, transform, record["dce"])
    return {name: _as_items(sampling, *images) for name, images in found.items()}


def _as_items(sampling: Sampling, images: np.ndarray, present: np.ndarray) -> Present:
    """Planes as what the cohort's items are. A slab has a modality where all of its slices have it."""
    if sampling.crop.planes is not None:
        return images[None], present[:1]
    if not sampling.options.reach:
        return images, present
    windows = np.lib.stride_tricks.sliding_window_view
    across = 2 * sampling.options.reach + 1
    slabs = np.moveaxis(windows(images, across, axis=0), -1, 1).copy()
    have = np.asarray(windows(present, across).all(axis=1))
    slabs[~have] = 0
    return slabs, have


def _t2w(sampling: Sampling, record: dict[str, Any]) -> np.ndarray:
    """T2w on the crop in the protocol's range, no signal outside of the volume.

    The range is that of the crop without neighbours, so a slice is the same in a slab. Where no mask shows the gland,
    the middle of the crop stands for it.
    """
    t2w, crop, scanned = sampling.t2w, sampling.wide, sampling.scanned
    images = sample(without_bias(t2w) if sampling.options.bias == "n4" else t2w, t2w, crop, outside=scanned.nothing)
    if (padding := sampling.chosen.t2w.padding) is not None:
        images[sample(padding, t2w, crop) > 0] = np.nan
    if crop.planes is not None:
        images[crop.planes.outside(sampling.acquired)] = np.nan
    own = slice(sampling.options.reach, len(images) - sampling.options.reach)
    protocol = sampling.protocol
    scale = percentile_scale(
        images[own], _shown(sampling), protocol.t2w_percentiles, protocol.t2w_over_gland, protocol.t2w_range
    )
    record["t2w"] = {
        "low": scanned.in_units(scale.low),
        "high": scanned.in_units(scale.high),
        "to": list(scale.to),
        "cut": float((images[own] > scale.high).mean()),
        "bias": sampling.options.bias,
    }
    return scale.apply(images)


def _shown(sampling: Sampling) -> np.ndarray:
    """Where the crop shows the gland, or where it is expected: bool."""
    if sampling.gland is not None:
        return sample_labels(image_like(sampling.gland.astype(np.uint8), sampling.t2w), sampling.t2w, sampling.crop) > 0
    shown = np.zeros((sampling.crop.count, *sampling.crop.size), dtype=bool)
    margins = [side // 4 for side in shown.shape]
    if sampling.crop.planes is None:
        margins[0] = 0
    shown[tuple(slice(margin, side - margin) for margin, side in zip(margins, shown.shape, strict=True))] = True
    return shown


def _refined(sampling: Sampling, image: sitk.Image, record: dict[str, Any]) -> sitk.Transform | None:
    """The refined transform from T2w to ``image`` if it is asked for and better; what was tried goes to the record."""
    t2w, crop, gland, options = sampling.t2w, sampling.crop, sampling.gland, sampling.options
    if options.register == "none":
        return None

    # The box that is looked at: around the gland, else all of the crop.
    shown = np.zeros(t2w.GetSize()[::-1], dtype=bool)
    down, across = (int(side * crop.spacing_mm / 2 / t2w.GetSpacing()[0]) for side in crop.size)
    column, row = (round(place) for place in crop.centre)
    rows = slice(max(0, row - down), row + down)
    shown[crop.slices[0] : crop.slices[1] + 1, rows, max(0, column - across) : column + across] = True
    box = box_around(shown if gland is None else gland, t2w, 15.0 if gland is not None else 0.0)
    found = refine(t2w, image, box, options.register, options.seed)
    record["registration"] = {"kept": found.kept, "figures": dict(found.figures), "shift_mm": found.shift_mm}
    return found.transform


def _adc(sampling: Sampling, adc: sitk.Image, transform: Any, record: dict[str, Any]) -> Present:
    """ADC on the crop and where it is present; voxels without a measurement are treated as the options say."""
    t2w, crop, zeros = sampling.t2w, sampling.wide, sampling.options.zeros
    measured = measured_mask(adc)
    measured_Z = sample(measured, t2w, crop, transform).reshape(crop.count, -1)
    record["unmeasured"] = float(1 - measured_Z.mean())
    if zeros == "inpaint":
        images = sample(inpainted(adc), t2w, crop, transform)
    elif zeros == "exclude":
        images = sample_measured(adc, measured, t2w, crop, transform)
    else:
        images = sample(adc, t2w, crop, transform)
    images, present = _where_covered(sampling, images, adc, transform, record)
    present &= measured_Z.any(axis=1) if crop.planes is None else measured_Z.any()
    images[~present] = 0
    return images, present


def _where_covered(
    sampling: Sampling, images: np.ndarray, image: sitk.Image, transform: Any, record: dict[str, Any]
) -> Present:
    """Images of planes that ``image`` covers, 0 in the others, and which these are; of a volume all or none."""
    covered = inside(image, sampling.t2w, sampling.wide, transform)
    if sampling.crop.planes is not None:
        covered[:] = record["covered"] = float(covered.mean())
    present = covered >= COVERED
    images[~present] = 0
    return images, present


def _dce_record(dce: Enhancement, written: str) -> dict[str, Any]:
    pre, early, late = dce.counts
    return {"written": written, "arrival_s": dce.arrival_s, "pre": pre, "early": early, "late": late}
