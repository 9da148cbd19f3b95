"""Shapes of things at a place of the graph, without the batch dimension.

Dimension letters used throughout gankit: B batch, C channels, H W (D) space, S all spatial dimensions,
Z latent, N slices of a cohort, K patients.
"""

from collections.abc import Mapping

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

LATENT = "latent"
"""The place where latents and encodings live."""

SCORE = "score"
"""What a discriminator returns: one unbounded number per sample."""


def joined(shapes: Shapes) -> Shape:
    """Shape of several modalities concatenated along channels: (C1 + C2, *S).

    Raises:
        ValueError: the modalities differ in spatial size.
    """
    spaces = {shape[1:] for shape in shapes.values()}
    if len(spaces) > 1:
        listed = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise ValueError(f"modalities taken together need one spatial size, got {listed}")
    if len(shapes) == 1:
        return next(iter(shapes.values()))
    return (sum(shape[0] for shape in shapes.values()), *spaces.pop())


def shape_text(shape: Shape) -> str:
    """``(1, 64, 64)`` as ``1 x 64 x 64``."""
    return " x ".join(map(str, shape)) or "scalar"


def doublings(size: Shape, start: int, factor: int = 1) -> int | None:
    """Doublings that lead from a map with ``start`` pixels along its smallest side, the others in proportion, to ``1 /
    factor`` of ``size``: at least one; None where none fits."""
    blocks = max(1, (min(size) // (start * factor)).bit_length() - 1)
    times = factor * 2**blocks
    return blocks if min(size) == start * times and all(side % times == 0 for side in size) else None


def halvings(side: int) -> int:
    """Halvings that bring a side under 8, at least one."""
    return max(1, side.bit_length() - 3)
