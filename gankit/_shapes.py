"""Shapes of the tensors at a place of the modality graph, without the batch dimension.

Dimension letters used throughout gankit: B batch, C channels, H W (D) space, S all spatial dimensions,
Z latent, N slices of a cohort, K patients.
"""

from collections.abc import Iterator, Mapping, Sequence

from gankit._errors import Problem

Shape = tuple[int, ...]
"""Channels, then the spatial sizes, (C, *S); (Z,) for the latent."""

Shapes = Mapping[str, Shape]
"""Place to its shape. The order is that in which several modalities are concatenated along channels."""

LATENT = "latent"
"""The place where latents and encodings live."""

PerAxis = int | tuple[int, ...]
"""A number that holds along each spatial axis, or one for each: in a recipe ``2`` or ``[1, 2, 2]``."""

AXES = {1: ("samples",), 2: ("rows", "columns"), 3: ("planes", "rows", "columns")}
"""Number of spatial dimensions to the names of the axes."""

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


def doublings(size: Shape, start: int, factor: PerAxis = 1) -> int | None:
    """How many times a generator doubles its first map to reach ``size / factor``.

    The first map has ``start`` pixels along the smallest side and the others in proportion, so the answer n satisfies
    ``min(size / factor) == start * 2**n``, and ``factor * 2**n`` divides every side.

    Args:
        size: the spatial size (*S) to reach, in pixels.
        start: pixels along the smallest side of the first map.
        factor: how much smaller than ``size`` the last map is; a layer after it enlarges by this factor.

    Returns: n, at least 1; None where no n satisfies both.
    """
    factors = per_axis(factor, len(size))
    if any(side % times for side, times in zip(size, factors, strict=True)):
        return None
    sides = [side // times for side, times in zip(size, factors, strict=True)]
    blocks = max(1, (min(sides) // start).bit_length() - 1)
    return blocks if min(sides) == start * 2**blocks and all(side % 2**blocks == 0 for side in sides) else None


def per_axis(value: int | Sequence[int], rank: int) -> Shape:
    """A number for each of ``rank`` axes; one number holds for all."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def axis_name(axis: int, rank: int) -> str:
    """``axis 0 (planes)`` and so on, as in messages about images of ``rank`` spatial dimensions."""
    return f"axis {axis} ({AXES[rank][axis]})"


def axes_problems(rank: int, **options: PerAxis) -> Iterator[Problem]:
    """A problem for each option whose list has not one number for each of ``rank`` axes, at the option's name."""
    for name, value in options.items():
        if not isinstance(value, int) and len(value) != rank:
            names = ", ".join(AXES[rank])
            yield Problem(name, f"{list(value)} is of {len(value)} axes, but images here have {rank}: {names}")


def kernel_problems(rank: int, kernel: PerAxis | None) -> Iterator[Problem]:
    """The problems of the option ``kernel``: taps of convolutions along each axis, odd so that sides keep their size;
    None for the network's own."""
    if kernel is None:
        return
    yield from axes_problems(rank, kernel=kernel)
    for axis, taps in enumerate(per_axis(kernel, rank)[:rank]):
        if taps % 2 == 0:
            yield Problem("kernel", f"{axis_name(axis, rank)} has {taps} taps; accepted: odd numbers, such as 1 and 3")
            return


def halvings(side: int) -> int:
    """How many times a network halves a side, in pixels, to bring it under 8; at least once."""
    return max(1, side.bit_length() - 3)


def translation_problems(
    source: Shapes, target: Shapes, depth: PerAxis, *, each_axis: bool = False
) -> Iterator[Problem]:
    """The problems of a network that keeps the spatial size and halves the sides ``depth`` times on its way.

    Sides must be divisible by ``2^depth``, where each axis may have a depth of its own. The problems are at the options
    ``use`` and ``depth``; with ``each_axis`` they say that there may be a depth for each axis.
    """
    size, target_size = joined(source)[1:], joined(target)[1:]
    if size != target_size:
        sizes = f"{shape_text(size)} and its target {shape_text(target_size)}"
        yield Problem("use", f"keeps the spatial size, but its source is {sizes}")
    if not 1 <= len(size) <= 3:
        yield Problem("use", f"translates images with 1 to 3 spatial dimensions, not {len(size)}")
        return
    if misfits := [*axes_problems(len(size), depth=depth)]:
        yield from misfits
        return
    for axis, (side, times) in enumerate(zip(size, per_axis(depth, len(size)), strict=True)):
        if side % 2**times:
            deepest = (side & -side).bit_length() - 1
            needed = f"{axis_name(axis, len(size))} has {side}, must be divisible by 2^{times} = {2**times}"
            yield Problem("depth", f"{needed}; {_accepted_depths(size, depth, deepest, each_axis)}")
            return


def _accepted_depths(size: Shape, depth: PerAxis, deepest: int, each_axis: bool) -> str:
    """What a ``depth`` that an axis cannot have could be: the axis can be halved ``deepest`` times."""
    if not isinstance(depth, int):
        return f"accepted along this axis: 0 to {deepest}"
    common = min((side & -side).bit_length() - 1 for side in size)
    accepted = f"accepted depths: 1 to {common}" if common else "no depth fits an odd side"
    each = [min(depth, (side & -side).bit_length() - 1) for side in size]
    return f"{accepted}, or one for each axis, as in {each}" if each_axis and max(each) > common else accepted
