"""How slices become numbers on a page, so that nothing but what can be seen tells where a slice came from.

Stored values tell a lot. Those of scanners are whole numbers, multiples of a slope, or means of them; those of networks
are any numbers. Scanners leave the declared range, networks cannot. So all slices go the same way:

    code = round((clip(x, low + d, high - d) + s z - low) (LEVELS - 1) / (high - low))

with d = EDGE (high - low), z standard normal, and s the larger of GRAIN (high - low) and ``COMB`` times the step of the
lattice on which any slice of the study lies. The noise hides lattices: of a lattice with step h, Gaussian noise of
standard deviation s leaves a ripple of 2 exp(-2 pi^2 s^2 / h^2) in the histogram, which is 3e-9 at s = h.
"""

from __future__ import annotations

import numpy as np

from gankit.reader.key import Shown

LEVELS = 4096
"""Codes of a pixel, 0 to LEVELS - 1."""
EDGE = 0.01
"""Values this near to an end of the range, as a share of it, become alike: saturated networks do not reach the end."""
GRAIN = 0.002
"""Least standard deviation of the noise, as a share of the range; too little to be seen."""
COMB = 1.0
"""Standard deviation of the noise in steps of the coarsest lattice."""
COARSEST = 0.01
"""Largest standard deviation of the noise, as a share of the range. Values of a coarser lattice have steps that can be
seen, which are then a part of the image."""
_CONTINUOUS = 1e-4
"""Gaps between values, as a share of the range, that are no lattice but rounding."""


def lattice_step(image_HW: np.ndarray, extent: float) -> float:
    """The smallest gap between two values of an image that is not rounding; 0 for a constant image.

    Args:
        image_HW: (H, W) in the modality's unit.
        extent: the length of the modality's range.
    """
    gaps = np.diff(np.unique(image_HW))
    gaps = gaps[gaps > _CONTINUOUS * extent]
    return float(gaps.min()) if len(gaps) else 0.0


def noise_sd(images_NHW: np.ndarray, shown: Shown) -> float:
    """The standard deviation of the noise for all slices of a study, in the modality's unit."""
    extent = shown.range[1] - shown.range[0]
    coarsest = max(lattice_step(image, extent) for image in images_NHW)
    return float(np.clip(COMB * coarsest, GRAIN * extent, COARSEST * extent))


def encoded(image_HW: np.ndarray, shown: Shown, sd: float, generator: np.random.Generator) -> np.ndarray:
    """Codes (H, W), little-endian uint16, of an image (H, W) in the modality's unit.

    Args:
        image_HW: the image.
        shown: its range.
        sd: standard deviation of the noise, in the modality's unit.
        generator: gives the noise.
    """
    low, high = shown.range
    edge = EDGE * (high - low)
    grained = image_HW.clip(low + edge, high - edge) + sd * generator.standard_normal(image_HW.shape)
    codes = np.rint((grained - low) * ((LEVELS - 1) / (high - low)))
    return codes.clip(0, LEVELS - 1).astype("<u2")
