"""Where the gland is, with its zones: procedural, or from real label maps."""

from __future__ import annotations

from functools import partial

import attrs
import numpy as np

from gankit_phantom._masks import coordinates, ellipse, near
from gankit_phantom._volume import LEAST_SECTION, AnyGenerator, Array, gland_section


@attrs.frozen(eq=False)
class Anatomy:
    """Real label maps to draw over.

    Raises:
        ValueError: the arrays do not fit together or a label is unknown.
    """

    labels: Array
    """(M, H, W) integers: 0 outside, 1 transition zone, 2 peripheral zone, 3 CS lesion."""
    spacing_mm: Array
    """(M,) pixel spacing."""
    patient: Array
    """(M,) patient ids."""
    is_cs: Array
    """(M,) 1 where the slice shows CS cancer, else 0."""

    def __attrs_post_init__(self) -> None:
        if self.labels.ndim != 3 or self.labels.shape[1] != self.labels.shape[2]:
            raise ValueError(f"labels must be (maps, side, side), got {self.labels.shape}")
        for name in ("spacing_mm", "patient", "is_cs"):
            if getattr(self, name).shape != (len(self.labels),):
                raise ValueError(f"{name} must have one entry for each of {len(self.labels)} maps")
        if len(self.labels) and (self.labels.min() < 0 or self.labels.max() > 3):
            raise ValueError("labels must be 0 outside, 1 transition zone, 2 peripheral zone, 3 CS lesion")

    def without(self, patients: Array) -> Anatomy:
        """The maps of all other patients."""
        kept_M = ~np.isin(self.patient, patients)
        return Anatomy(self.labels[kept_M], self.spacing_mm[kept_M], self.patient[kept_M], self.is_cs[kept_M])


@attrs.frozen(eq=False)
class Gland:
    """The gland of N slices as soft masks (N, S, S), and its box in coordinates (N,)."""

    whole: Array
    transition: Array
    lesion: Array | None
    """CS lesion, where it is given by a label map."""
    x: Array
    y: Array
    half_width: Array
    half_height: Array
    section: Array
    """Size of the cross-section relative to a middle one; 0 in planes of a volume that do not meet the gland."""


def procedural_gland(generator: AnyGenerator, size: int, bulk_N: Array, level_N: Array) -> Gland:
    """Draw glands.

    Args:
        bulk_N: how enlarged the transition zone of the patient is, 0 to 1.
        level_N: where the slice is, 0 base to 1 apex; planes of a volume may lie outside.
    """
    count = len(level_N)
    varied = partial(near, generator, count)
    section_N = gland_section(generator, level_N)
    closing_N = np.maximum(section_N, LEAST_SECTION)

    # The whole gland: widest near the middle, larger where the transition zone is enlarged.
    taper_N = 1 - 0.55 * np.clip(np.abs(level_N - 0.42), 0, 0.6) ** 1.5
    half_width = varied(0.57, 0.03) * taper_N * (1 + 0.08 * (bulk_N - 0.5)) * closing_N
    half_height = varied(0.43, 0.03) * taper_N * (1 + 0.22 * (bulk_N - 0.5)) * closing_N
    x, y = varied(0, 0.02), varied(0, 0.03)
    wave = generator.normal(0, [0.035, 0.015, 0.03, 0.012, 0.012, 0.012], (count, 6))
    whole = ellipse(size, x, y, half_width, half_height, wave_NK=wave) * (section_N > 0)[:, None, None]

    # The transition zone: its share of the gland grows with enlargement and shrinks towards the apex.
    share_N = np.clip(0.52 + 0.34 * bulk_N - 0.28 * np.maximum(level_N - 0.55, 0) + varied(0, 0.03), 0.34, 0.9)
    tz_height = half_height * np.clip(share_N + 0.06, 0, 0.92)
    tz_y = y - 0.86 * (half_height - tz_height)
    wave = generator.normal(0, 0.03, (count, 6))
    transition = ellipse(size, x + varied(0, 0.01), tz_y, half_width * share_N, tz_height, wave_NK=wave)
    return Gland(whole, transition * whole, None, x, y, half_width, half_height, section_N)


def labelled_gland(labels_NHW: Array, size: int) -> Gland:
    """Glands from label maps, resampled to ``size`` and softened by about a pixel so that edges are not jagged."""
    resample = softening(labels_NHW.shape[1], size)

    def mask(inside: Array) -> Array:
        return np.clip(resample @ inside.astype(np.float32) @ resample.T, 0, 1)

    # Soft masks of what the labels show.
    whole, lesion = mask(labels_NHW > 0), mask(labels_NHW == 3)
    peripheral = mask(labels_NHW == 2)

    # The gland's middle and size, in coordinates.
    inside = whole > 0.5
    x, y = coordinates(size)
    area = np.maximum(inside.sum(axis=(1, 2)), 1)
    width = np.maximum(inside.any(axis=1).sum(axis=1), 4) / size
    height = np.maximum(inside.any(axis=2).sum(axis=1), 4) / size
    centre_x, centre_y = (inside * x).sum(axis=(1, 2)) / area, (inside * y).sum(axis=(1, 2)) / area

    # The transition zone is what is neither peripheral zone nor a lesion within it.
    transition = np.clip(whole - peripheral - mask(_peripheral_lesion(labels_NHW)), 0, 1)
    return Gland(whole, transition, lesion, centre_x, centre_y, width, height, np.ones(len(area)))


def _peripheral_lesion(labels_NHW: Array) -> Array:
    """Which pixels of the lesion belong to the peripheral zone, (N, H, W) bool: those behind the transition zone, or
    behind 1.15 times the row of the gland's middle where the transition zone reaches farther back."""
    rows = np.arange(labels_NHW.shape[1])[None, :, None]
    transition = labels_NHW == 1
    deepest = np.where(transition.any(axis=(1, 2)), (transition * rows).max(axis=(1, 2)), 0)
    gland = labels_NHW > 0
    middle = (gland * rows).sum(axis=(1, 2)) / np.maximum(gland.sum(axis=(1, 2)), 1)
    return (labels_NHW == 3) & (rows > np.minimum(deepest, middle * 1.15)[:, None, None])


def softening(source: int, target: int) -> Array:
    """(target, source) weights: resample a line of pixels with a Gaussian of 0.7 source or target pixels."""
    at = (np.arange(target) + 0.5) / target * source - 0.5
    width = 0.7 * max(1.0, source / target)
    weights = np.exp(-0.5 * ((at[:, None] - np.arange(source)[None, :]) / width) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
