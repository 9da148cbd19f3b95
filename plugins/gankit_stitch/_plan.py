"""What a generator of this plugin is built for: the vectors and images that it reads, and the sizes of its maps."""

from __future__ import annotations

import math
from collections.abc import Iterator

import attrs

from gankit import (
    PerAxis,
    Problem,
    Shape,
    Shapes,
    axes_problems,
    axis_name,
    doublings,
    joined,
    per_axis,
    shape_text,
)


@attrs.frozen(kw_only=True)
class Plan:
    """Sizes of a generator that doubles a first map and ends in a StitchLayer."""

    latent: int
    """Z: the length of the latent, or of all vectors that are read, one after the other."""
    beside: int
    """Channels of the images that are read beside the latent, together; 0 for none."""
    channels: int
    """C of the image that is made."""
    first_map: Shape
    """Sides of the first map in pixels."""
    doublings: Shape
    """How often each axis is doubled. An axis that is doubled fewer times than others is so in the first blocks."""
    factor: Shape
    """F of the StitchLayer along each axis."""

    @property
    def rank(self) -> int:
        """Number of spatial dimensions."""
        return len(self.first_map)

    @property
    def blocks(self) -> int:
        """Up-sampling blocks."""
        return max(self.doublings)

    @property
    def times(self) -> list[Shape]:
        """By what each block enlarges each axis, 2 or 1."""
        return [tuple(2 if block < count else 1 for count in self.doublings) for block in range(self.blocks)]

    @property
    def reductions(self) -> list[Shape]:
        """By what the map after each block is smaller than the image, along each axis."""
        return [
            tuple(f * 2 ** max(0, count - block - 1) for f, count in zip(self.factor, self.doublings, strict=True))
            for block in range(self.blocks)
        ]

    @property
    def copies(self) -> int:
        """Sub-images of a channel, F^d."""
        return math.prod(self.factor)

    @property
    def size(self) -> Shape:
        """The sides of the image that is made, in pixels."""
        axes = zip(self.factor, self.doublings, self.first_map, strict=True)
        return tuple(factor * 2**count * side for factor, count, side in axes)


def plan(source: Shapes, target: Shapes, start: PerAxis, factor: PerAxis) -> Plan:
    """The plan for places that have no problem.

    Args:
        source, target: places at the two ends with their shapes, as for ``AbstractNetwork.build``.
        start: pixels along the smallest side of the first map, or along each.
        factor: F, or F along each axis.

    Raises:
        ValueError: no number of blocks fits the size.
    """
    channels, *sides = joined(target)
    size = tuple(sides)
    factors = per_axis(factor, len(size))
    counts = _doublings(size, start, factors)
    if counts is None:
        raise ValueError(f"{factor} does not fit {shape_text(size)} with start = {start}")
    return Plan(
        latent=sum(shape[0] for shape in source.values() if len(shape) == 1),
        beside=sum(shape[0] for shape in source.values() if len(shape) > 1),
        channels=channels,
        first_map=tuple(side // (f * 2**count) for side, f, count in zip(size, factors, counts, strict=True)),
        doublings=counts,
        factor=factors,
    )


def problems(source: Shapes, target: Shapes, start: PerAxis, factor: PerAxis) -> Iterator[Problem]:
    """Why there is no plan for these places; arguments as for ``plan``."""
    size = joined(target)[1:]
    images = {place: shape for place, shape in source.items() if len(shape) != 1}
    if len(images) == len(source):
        yield Problem(
            "use", f"makes images from a latent (Z), not from {' and '.join(map(shape_text, images.values()))}"
        )
    if not 1 <= len(size) <= 3:
        yield Problem("use", f"makes images with 1 to 3 spatial dimensions, not {len(size)}")
        return
    for place, shape in images.items():
        if shape[1:] != size:
            found = f"{place!r} is {shape_text(shape[1:])}"
            yield Problem(
                "use", f"reads images of the size that it makes beside the latent: {found}, not {shape_text(size)}"
            )
    if misfits := [*axes_problems(len(size), start=start, factor=factor)]:
        yield from misfits
    elif isinstance(start, int):
        if doublings(size, start, factor) is None:
            yield Problem("factor", _misfit(size, start, factor))
    else:
        yield from _axis_misfits(size, start, per_axis(factor, len(size)))


def _doublings(size: Shape, start: PerAxis, factors: Shape) -> Shape | None:
    """How often each axis is doubled; None where that fits no whole number."""
    if isinstance(start, int):
        blocks = doublings(size, start, factors)
        return None if blocks is None else (blocks,) * len(size)
    counts = [(side // (f * first)).bit_length() - 1 for side, f, first in zip(size, factors, start, strict=True)]
    return None if [*_axis_misfits(size, start, factors)] else tuple(counts)


def _axis_misfits(size: Shape, start: Shape, factors: Shape) -> Iterator[Problem]:
    """A problem for the first axis whose side is not its start x its factor x 2^k, and one if k is 0 for all."""
    counts = []
    for axis, (side, first, factor) in enumerate(zip(size, start, factors, strict=True)):
        count = max(0, (side // (factor * first)).bit_length() - 1)
        name = axis_name(axis, len(size))
        if side % factor:
            yield Problem("factor", f"{name} has {side}, must be divisible by its factor {factor}")
            return
        if side != factor * first * 2**count:
            part = side // factor
            accepted = ", ".join(str(part >> k) for k in range((part & -part).bit_length()))
            yield Problem("start", f"{name} has {side}, must be {first} x {factor} x 2^k; accepted starts: {accepted}")
            return
        counts.append(count)
    if not any(counts):
        yield Problem("start", f"{list(start)} is a whole sub-image of {shape_text(size)}; one side must be doubled")


def _misfit(size: Shape, start: int, factor: PerAxis) -> str:
    for axis, (side, each) in enumerate(zip(size, per_axis(factor, len(size)), strict=True)):
        if side % each and not isinstance(factor, int):
            return f"{axis_name(axis, len(size))} has {side}, must be divisible by its factor {each}"
    found = list(factor) if isinstance(factor, tuple) else factor
    return (
        f"{found} does not fit {shape_text(size)} with start = {start}: the smallest side must"
        " be start x factor x 2^k, k >= 1, and the others in proportion to it by whole pixels;"
        f" accepted {_accepted(size, start, factor)}"
    )


def _accepted(size: Shape, start: int, factor: PerAxis) -> str:
    """Factors that fit a size, or, where each axis has its own, starts."""
    if isinstance(factor, tuple):
        starts = [str(pixels) for pixels in range(1, min(size) + 1) if doublings(size, pixels, factor)]
        return f"starts: {', '.join(starts)}" if starts else "a start for each axis"
    for pixels in (start, *range(2, min(size)), 1):
        if factors := [str(each) for each in range(1, min(size)) if doublings(size, pixels, each)]:
            return f"with start = {pixels}: {', '.join(factors)}"
    if all(side % 2 for side in size):
        return "nothing; change the size"
    by_axis = [1 if side % 2 else 2 for side in size]
    parts = [side // each for side, each in zip(size, by_axis, strict=True)]
    smallest = [part // (part & -part) for part in parts]
    return f"for each axis: factor = {by_axis}, start = {smallest}"
