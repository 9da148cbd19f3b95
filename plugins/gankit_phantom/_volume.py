"""Volumes: patients as a stack of planes from feet to head, drawn with the code that draws slices.

What a slice draws is drawn once for a volume and holds in all of its planes, so there is one gland, one nodule, one
lesion. Normal draws, the sizes and places of structures, drift a little from plane to plane. Noise of the scanner is
each plane's own.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

Array = np.ndarray

PICTURE_MM = 70.0
"""Side of the picture in the plane; half of it is 1 in coordinates."""
HEIGHT_MM = 72.0
"""Height that the planes cover, where no slice spacing is given."""
GLAND_MM = (34.0, 46.0)
"""Length of the gland from base to apex, the least and the most enlarged."""
SHIFT_MM = 6.0
"""By how much the gland's middle lies off the middle of the planes at most."""
DRIFT, DRIFT_MM = 0.1, 9.0
"""Share of a normal draw's variance that changes from plane to plane, and over which distance (standard deviation)."""
LEAST_SECTION = 0.04
"""Least section of a ball or gland relative to the largest, so that no ellipse is without size."""


@attrs.frozen
class Planes:
    """The planes of a volume."""

    depth: int
    slice_spacing_mm: float
    pixel_mm: float

    def heights_mm(self) -> Array:
        """(D,) above the middle plane, from feet to head."""
        return (np.arange(self.depth) - (self.depth - 1) / 2) * self.slice_spacing_mm

    def levels(self, bulk: float, place: float) -> Array:
        """(D,) where each plane cuts the gland: 0 its base, 1 its apex, beyond them outside of it.

        Args:
            bulk: how enlarged the transition zone is, 0 to 1.
            place: where the gland lies among the planes, 0 to 1.
        """
        length_mm = np.interp(bulk, (0, 1), GLAND_MM)
        return 0.5 - (self.heights_mm() - (2 * place - 1) * SHIFT_MM) / length_mm


def gland_section(generator: AnyGenerator, level_N: Array) -> Array:
    """(N,) size of the gland's cross-section relative to a middle one: ``sqrt(1 - |2 level - 1|^3)`` in the planes of a
    volume, 0 outside the gland; 1 for slices, which show no end of it."""
    if not isinstance(generator, VolumeDraws):
        return np.ones(len(level_N))
    return np.sqrt(np.clip(1 - np.abs(2 * level_N - 1) ** 3, 0, None))


def ball_section(generator: AnyGenerator, section_N: Array, radius_N: Array) -> Array:
    """(N,) size of the section of a ball in each plane relative to its radius; 1 for slices.

    The ball's middle lies in a plane where the gland is wide.

    Args:
        generator: of slices, or of a volume.
        section_N: ``gland_section`` of the planes.
        radius_N: the ball's radius in coordinates.
    """
    if not isinstance(generator, VolumeDraws):
        return np.ones(len(radius_N))
    wide = np.flatnonzero(section_N > 0.75 * section_N.max())
    middle = wide[int(generator.random(len(radius_N))[0] * len(wide))]
    heights_D = generator.planes.heights_mm() / (PICTURE_MM / 2)
    away_D = (heights_D - heights_D[middle]) / radius_N
    return np.sqrt(np.clip(1 - away_D**2, 0, None))


@attrs.frozen(eq=False)
class VolumeDraws:
    """Draws of the planes of one volume, with the methods of ``numpy.random.Generator`` that drawing a slice uses.

    The first axis of what is drawn is that of the planes.
    """

    generator: np.random.Generator
    planes: Planes

    def random(self, size: int) -> Array:
        return self._same(self.generator.random(self._one(size)))

    def uniform(self, low: Any, high: Any, size: Any) -> Array:
        return self._same(self.generator.uniform(low, high, self._one(size)))

    def gamma(self, shape: float, scale: float, size: int) -> Array:
        return self._same(self.generator.gamma(shape, scale, self._one(size)))

    def choice(self, values: Any, size: int, p: Any = None) -> Array:
        return self._same(self.generator.choice(values, self._one(size), p=p))

    def normal(self, loc: float, scale: Any, size: Any) -> Array:
        return loc + scale * self.standard_normal(size)

    def standard_normal(self, size: Any) -> Array:
        """One draw for all planes, of which a share drifts."""
        same = self._same(self.generator.standard_normal(self._one(size)))
        drift = self.along_planes(same.shape[1:], DRIFT_MM)
        return np.sqrt(1 - DRIFT) * same + np.sqrt(DRIFT) * drift

    def along_planes(self, shape: tuple[int, ...], width_mm: float) -> Array:
        """Normal draws (D, *shape) of unit variance, smooth from plane to plane, independent within a plane.

        Args:
            width_mm: standard deviation of the Gaussian window over planes.
        """
        planes, width = self.planes, max(width_mm / self.planes.slice_spacing_mm, 1e-3)
        reach = int(np.ceil(3 * width))
        white = self.generator.standard_normal((planes.depth + 2 * reach, *shape), dtype=np.float32)
        away = np.arange(len(white)) - reach - np.arange(planes.depth)[:, None]
        window = np.exp(-0.5 * (away / width) ** 2)
        window /= np.sqrt((window**2).sum(axis=1, keepdims=True))
        return np.tensordot(window.astype(np.float32), white, axes=1)

    def _one(self, size: Any) -> tuple[int, ...]:
        return (1, *size[1:]) if isinstance(size, tuple) else (1,)

    def _same(self, drawn: Array) -> Array:
        return np.repeat(drawn, self.planes.depth, axis=0)


AnyGenerator = np.random.Generator | VolumeDraws
"""What slices are drawn from, or the planes of one volume."""
