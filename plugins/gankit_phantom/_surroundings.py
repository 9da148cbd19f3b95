"""What lies around the gland: pelvic bones and muscles, bladder, veins and rectum. N slices, S pixels a side.

Lengths are in coordinates, where the picture runs from -1 to 1: a length of 1 is half of its side, 35 mm in a
procedural phantom. x runs to the right of the picture, y to the back of the patient. A ``Varied`` length is drawn anew
for each slice.
"""

from __future__ import annotations

from functools import partial

import attrs
import numpy as np

from gankit_phantom._anatomy import Gland
from gankit_phantom._masks import coordinates, ellipse, near, soft
from gankit_phantom._volume import AnyGenerator, Array, VolumeDraws


@attrs.frozen
class Varied:
    """A length that varies over slices: its mean and its standard deviation."""

    mean: float
    spread: float

    def draw(self, generator: AnyGenerator, count: int) -> Array:
        """(N,) normal draws, at most 3 standard deviations from the mean."""
        return near(generator, count, self.mean, self.spread)


@attrs.frozen(kw_only=True)
class VariedEllipse:
    """An ellipse whose place and size vary over slices; ``y`` is None where it follows from another structure."""

    x: Varied
    y: Varied | None = None
    half_width: Varied
    half_height: Varied


# Side walls of the pelvis: the obturator muscles, and the bones outside of them.
WALL_X = Varied(0.80, 0.03)
"""Distance of the muscles' inner face from the gland's middle, at the height of the gland."""
WALL_FROM_GLAND = 0.24
"""Least distance of that face from the gland's edge."""
WALL_SLOPE = Varied(0.18, 0.04)
"""By how much the wall moves outwards for each length to the back."""
BONE_X = Varied(1.06, 0.04)
"""Distance of the bones' inner face from the gland's middle."""
WALL_EDGE, BONE_EDGE = 0.04, 0.05
"""Widths of their soft borders."""

# Levator ani: a thin curved muscle on both sides of the gland.
LEVATOR_FROM_GLAND = Varied(0.11, 0.015)
LEVATOR_HALF_THICKNESS = Varied(0.035, 0.006)
LEVATOR_RADIUS = 1.5
"""Half height of the ellipse that the muscle follows."""
LEVATOR_LEAST = 0.05
"""Least square of its relative distance, so that the root is real far from the gland."""
LEVATOR_CLOSING = 0.30
"""By how much both sides approach the middle for each length to the back, behind ``LEVATOR_CLOSES_BELOW``."""
LEVATOR_CLOSES_BELOW = 0.15
"""Below the gland's middle."""
LEVATOR_BEGINS_BELOW = 0.1
"""Below the gland's top."""
LEVATOR_EDGE, LEVATOR_END = 0.03, 0.1
"""Widths of its soft border and of its soft upper end."""

# Pubic symphysis: bone in front, seen in lower slices. Levels run from 0, base, to 1, apex.
SYMPHYSIS = VariedEllipse(
    x=Varied(0, 0.03), y=Varied(-1.02, 0.05), half_width=Varied(0.32, 0.05), half_height=Varied(0.26, 0.06)
)
SYMPHYSIS_LEVEL, SYMPHYSIS_LEVELS = 0.45, 0.2
"""The level at which it is half visible, and half of the range of levels over which it appears."""

# Bladder: above the gland, in most slices near the base.
BLADDER_ABOVE = Varied(0.16, 0.05)
"""Height above the gland's top from which ``BLADDER_RISE`` counts."""
BLADDER_RISE = 0.25
"""Height of its middle above that. It is less than the half height, so the bladder hangs down a little."""
BLADDER = VariedEllipse(x=Varied(0, 0.04), half_width=Varied(0.52, 0.08), half_height=Varied(0.36, 0.05))
BLADDER_WALL = VariedEllipse(x=Varied(0, 0.04), half_width=Varied(0.58, 0.06), half_height=Varied(0.42, 0.04))
BLADDER_BELOW_LEVEL, BLADDER_LEVELS = 0.33, 0.15
"""The level below which it is seen, and, in volumes, half of the range of levels over which it appears."""
BLADDER_CHANCE = 0.85
"""Probability that it is filled in a slice below ``BLADDER_BELOW_LEVEL``."""

# Neurovascular bundles: veins behind the gland on both sides.
VEINS_SIDE = 0.85
"""Distance of their middle from the gland's middle, in half widths of the gland."""
VEINS_ABOVE = 0.08
"""Height of their middle above the gland's bottom."""
VEINS_RADIUS, VEINS_EDGE, VEINS_SHARE = 0.07, 0.04, 0.7
"""Half of their extent, the width of their border, and their share of a pixel."""

# Rectum: behind the gland.
RECTUM_BELOW = Varied(0.27, 0.03)
"""Distance of its middle below the gland's bottom."""
RECTUM = VariedEllipse(x=Varied(0, 0.04), half_width=Varied(0.33, 0.05), half_height=Varied(0.22, 0.04))
RECTUM_WALL = 0.08
"""Thickness of its wall."""
LUMEN_LEAST = 0.05
"""Half height of the flattest lumen."""

Layers = list[tuple[str, Array]]


def surroundings(generator: AnyGenerator, size: int, gland: Gland, level_N: Array) -> Layers:
    """What lies around the gland, in the order in which it is painted over fat: (tissue, mask (N, S, S)).

    Args:
        level_N: where the slice is, 0 base to 1 apex; planes of a volume may lie outside.
    """
    walls = _walls(generator, size, gland)
    levator = _levator(generator, size, gland)
    symphysis = _symphysis(generator, size, level_N)
    bladder = _bladder(generator, size, gland, level_N)
    veins = _veins(size, gland)
    rectum = _rectum(generator, size, gland)
    return [*walls, *symphysis, *levator, *bladder, *veins, *rectum]


def _walls(generator: AnyGenerator, size: int, gland: Gland) -> Layers:
    x, y = coordinates(size)
    drawn = partial(Varied.draw, generator=generator, count=len(gland.x))
    slope = _wide(drawn(WALL_SLOPE))
    inner_x = _wide(np.maximum(gland.half_width + WALL_FROM_GLAND, drawn(WALL_X)))
    muscle = soft((np.abs(x - _wide(gland.x)) - inner_x - slope * y) / WALL_EDGE)
    bone = soft((np.abs(x - _wide(gland.x)) - _wide(drawn(BONE_X)) - slope * y) / BONE_EDGE)
    return [("bone", bone), ("muscle", muscle * (1 - bone))]


def _levator(generator: AnyGenerator, size: int, gland: Gland) -> Layers:
    x, y = coordinates(size)
    drawn = partial(Varied.draw, generator=generator, count=len(gland.x))
    beside = _wide(gland.half_width + drawn(LEVATOR_FROM_GLAND))
    half_thickness = _wide(drawn(LEVATOR_HALF_THICKNESS))
    around = np.sqrt(np.clip(1 - ((y - _wide(gland.y)) / LEVATOR_RADIUS) ** 2, LEVATOR_LEAST, 1))
    closing = LEVATOR_CLOSING * np.clip(y - _wide(gland.y + LEVATOR_CLOSES_BELOW), 0, 2)
    from_middle = np.abs(np.abs(x - _wide(gland.x)) - (beside * around - closing))
    top = gland.y - gland.half_height
    begun = soft((y - _wide(top + LEVATOR_BEGINS_BELOW)) / LEVATOR_END)
    return [("muscle", soft((half_thickness - from_middle) / LEVATOR_EDGE) * begun)]


def _symphysis(generator: AnyGenerator, size: int, level_N: Array) -> Layers:
    seen = _wide(soft((level_N - SYMPHYSIS_LEVEL) / SYMPHYSIS_LEVELS))
    return [("bone", _ellipse(generator, size, len(level_N), SYMPHYSIS) * seen)]


def _bladder(generator: AnyGenerator, size: int, gland: Gland, level_N: Array) -> Layers:
    count = len(level_N)
    top = gland.y - gland.half_height
    middle_y = top - BLADDER_ABOVE.draw(generator, count) - BLADDER_RISE
    filled_N = generator.random(count) < BLADDER_CHANCE
    if isinstance(generator, VolumeDraws):
        filled = _wide(filled_N * soft((BLADDER_BELOW_LEVEL - level_N) / BLADDER_LEVELS))
    else:
        filled = _wide(filled_N & (level_N < BLADDER_BELOW_LEVEL))
    inside = _ellipse(generator, size, count, BLADDER, middle_y) * filled
    wall = _ellipse(generator, size, count, BLADDER_WALL, middle_y) * filled
    return [("muscle", wall), ("bladder", inside)]


def _veins(size: int, gland: Gland) -> Layers:
    x, y = coordinates(size)
    bottom = gland.y + gland.half_height
    sideways = np.abs(np.abs(x - _wide(gland.x)) - _wide(gland.half_width * VEINS_SIDE))
    down = np.abs(y - _wide(bottom - VEINS_ABOVE))
    beside = soft((VEINS_RADIUS - sideways) / VEINS_EDGE)
    return [("periprostatic veins", beside * soft((VEINS_RADIUS - down) / VEINS_EDGE) * VEINS_SHARE)]


def _rectum(generator: AnyGenerator, size: int, gland: Gland) -> Layers:
    drawn = partial(Varied.draw, generator=generator, count=len(gland.x))
    y = gland.y + gland.half_height + drawn(RECTUM_BELOW)
    x, half_width, half_height = drawn(RECTUM.x), drawn(RECTUM.half_width), drawn(RECTUM.half_height)
    lumen_height = np.maximum(half_height - RECTUM_WALL, LUMEN_LEAST)
    return [
        ("rectal wall", ellipse(size, x, y, half_width, half_height)),
        ("rectal content", ellipse(size, x, y, half_width - RECTUM_WALL, lumen_height)),
    ]


def _ellipse(generator: AnyGenerator, size: int, count: int, shape: VariedEllipse, y_N: Array | None = None) -> Array:
    """Soft ellipses (N, S, S), drawn around ``y_N`` where the shape has no height of its own."""
    x_N = shape.x.draw(generator, count)
    if shape.y is not None:
        y_N = shape.y.draw(generator, count)
    assert y_N is not None, "an ellipse without a height"
    return ellipse(size, x_N, y_N, shape.half_width.draw(generator, count), shape.half_height.draw(generator, count))


def _wide(values_N: Array) -> Array:
    return values_N.astype(np.float32)[:, None, None]
