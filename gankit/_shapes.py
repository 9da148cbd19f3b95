"""Shapes of the tensors at a place of the modality graph, without the batch dimension.

Dimension letters used throughout gankit: B batch, C channels, H W (D) space, S all spatial dimensions,
Z latent, N slices of a cohort, K patients.
"""

from collections.abc import Iterator, Mapping

from gankit._errors import Problem

Shape = tuple[int, ...]
"""Channels, then the spatial sizes, (C, *S); (Z,) for the latent."""

Shapes = Mapping[str, Shape]
"""Place to its shape. The order is that in which several modalities are concatenated along channels."""

LATENT = "latent"
"""The place where latents and encodings live."""

SCORE = "score"
"""What a discriminator returns: one unbounded number per sample."""


def joined(shapes: Shapes) -> Shape:
    """Shape of several places taken together along the first dimension.

    Vectors follow each other, (Z1 + Z2,). Images follow each other along channels, (C1 + C2, *S). A vector beside
    images becomes constant maps, (Z + C, *S).

    Raises:
        ValueError: the images differ in spatial size.
    """
    spaces = {shape[1:] for shape in shapes.values()}
    if len(spaces - {()}) > 1:
        listed = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise ValueError(f"places taken together need one spatial size, got {listed}")
    if len(shapes) == 1:
        return next(iter(shapes.values()))
    return (sum(shape[0] for shape in shapes.values()), *max(spaces, key=len))


def shape_text(shape: Shape) -> str:
    """``(1, 64, 64)`` as ``1 x 64 x 64``."""
    return " x ".join(map(str, shape)) or "scalar"


def doublings(size: Shape, start: int, factor: int = 1) -> int | None:
    """How many times a generator doubles its first map to reach ``size / factor``.

    The first map has ``start`` pixels along the smallest side and the others in proportion, so the answer n satisfies
    ``min(size) == start * factor * 2**n``, and ``factor * 2**n`` divides every side.

    Args:
        size: the spatial size (*S) to reach, in pixels.
        start: pixels along the smallest side of the first map.
        factor: how much smaller than ``size`` the last map is; a layer after it enlarges by this factor.

    Returns: n, at least 1; None where no n satisfies both.
    """
    blocks = max(1, (min(size) // (start * factor)).bit_length() - 1)
    times = factor * 2**blocks
    return blocks if min(size) == start * times and all(side % times == 0 for side in size) else None


def halvings(side: int) -> int:
    """How many times a network halves a side, in pixels, to bring it under 8; at least once."""
    return max(1, side.bit_length() - 3)


def translation_problems(source: Shapes, target: Shapes, depth: int) -> Iterator[Problem]:
    """The problems of a network that keeps the spatial size and halves the sides ``depth`` times on its way.

    Sides must be divisible by ``2^depth``. The problems are at the options ``use`` and ``depth``.
    """
    size, target_size = joined(source)[1:], joined(target)[1:]
    if size != target_size:
        sizes = f"{shape_text(size)} and its target {shape_text(target_size)}"
        yield Problem("use", f"keeps the spatial size, but its source is {sizes}")
    if not 1 <= len(size) <= 3:
        yield Problem("use", f"translates images with 1 to 3 spatial dimensions, not {len(size)}")
    elif any(side % 2**depth for side in size):
        deepest = min((side & -side).bit_length() - 1 for side in size)
        accepted = f"accepted depths: 1 to {deepest}" if deepest else "no depth fits an odd side"
        needed = f"must be divisible by 2^{depth} = {2**depth}"
        yield Problem("depth", f"the sides of {shape_text(size)} {needed}; {accepted}")
