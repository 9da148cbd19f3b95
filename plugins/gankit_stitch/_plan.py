"""What a generator of this plugin is built for: the vectors and images that it reads, and the sizes of its maps."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from gankit import Problem, Shape, Shapes, doublings, joined, shape_text


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
    blocks: int
    """Up-sampling blocks, each of which doubles the sides."""
    factor: int
    """F of the StitchLayer."""

    @property
    def rank(self) -> int:
        """Number of spatial dimensions."""
        return len(self.first_map)

    @property
    def size(self) -> Shape:
        """The sides of the image that is made, in pixels."""
        return tuple(self.factor * 2**self.blocks * side for side in self.first_map)


def plan(source: Shapes, target: Shapes, start: int, factor: int) -> Plan:
    """The plan for places that have no problem.

    Args:
        source, target: places at the two ends with their shapes, as for ``AbstractNetwork.build``.
        start: pixels along the smallest side of the first map.
        factor: F.

    Raises:
        ValueError: no number of blocks fits the size.
    """
    channels, *sides = joined(target)
    size = tuple(sides)
    blocks = doublings(size, start, factor)
    if blocks is None:
        raise ValueError(_misfit(size, start, factor))
    return Plan(
        latent=sum(shape[0] for shape in source.values() if len(shape) == 1),
        beside=sum(shape[0] for shape in source.values() if len(shape) > 1),
        channels=channels,
        first_map=tuple(side // (factor * 2**blocks) for side in size),
        blocks=blocks,
        factor=factor,
    )


def problems(source: Shapes, target: Shapes, start: int, factor: int) -> Iterator[Problem]:
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
    if doublings(size, start, factor) is None:
        yield Problem("factor", _misfit(size, start, factor))


def _misfit(size: Shape, start: int, factor: int) -> str:
    accepted = "nothing; change the size"
    for pixels in (start, *range(2, min(size)), 1):
        factors = [str(each) for each in range(1, min(size)) if doublings(size, pixels, each)]
        if factors:
            accepted = f"with start = {pixels}: {', '.join(factors)}"
            break
    return (
        f"{factor} does not fit {shape_text(size)} with start = {start}: the smallest side must"
        " be start x factor x 2^k, k >= 1, and the others in proportion to it by whole pixels;"
        f" accepted {accepted}"
    )
