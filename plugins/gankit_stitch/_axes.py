"""``stitch`` and ``unstitch`` with a factor of its own for each axis, as for volumes of few thick slices.

Views and one copy in plain torch, which differentiates, batches and compiles them. Letters as in ``_stitch``; the
factors are F_1 to F_d, and K = C * F_1 * ... * F_d.
"""

import math
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor

from gankit import axis_name
from gankit_stitch._shapes import memory_format

Factor = int | Sequence[int]
"""F, the same along each axis or one for each."""


def same_along_axes(factors: Sequence[int], x: Tensor) -> int | None:
    """The factor of all axes of a tensor; None where they differ.

    Raises:
        ValueError: they are not whole numbers, or there is not one for each axis.
    """
    if not isinstance(factors, Sequence) or not all(isinstance(factor, int) for factor in factors):
        raise ValueError(f"factor must be a whole number, or one for each axis, got {factors!r}")
    if len(factors) != x.ndim - 2:
        raise ValueError(f"factor {tuple(factors)} is of {len(factors)} axes, got shape {tuple(x.shape)}")
    return factors[0] if len(set(factors)) == 1 else None


def check_factor(factor: Factor) -> None:
    """ValueError unless all factors are at least 1."""
    if min([factor] if isinstance(factor, int) else factor) < 1:
        raise ValueError(f"factor must be at least 1, got {factor}")


def stitch(x_NKA: Tensor, factors: Sequence[int]) -> Tensor:
    """``gankit_stitch.stitch`` with factors that differ."""
    check_factor(factors)
    rank = x_NKA.ndim - 2
    batch, parts, *sides = x_NKA.shape
    if parts % (copies := math.prod(factors)):
        raise ValueError(
            f"stitch by {tuple(factors)} needs channels divisible by {' x '.join(map(str, factors))} = {copies},"
            f" got {parts} channels in shape {tuple(x_NKA.shape)}"
        )
    blocks = x_NKA.unflatten(1, (parts // copies, *factors))
    taking_turns = chain.from_iterable((2 + rank + axis, 2 + axis) for axis in range(rank))
    size = [batch, parts // copies, *[side * factor for side, factor in zip(sides, factors, strict=True)]]
    return _copied(blocks.permute(0, 1, *taking_turns), size, x_NKA)


def unstitch(x_NCS: Tensor, factors: Sequence[int]) -> Tensor:
    """``gankit_stitch.unstitch`` with factors that differ."""
    check_factor(factors)
    rank = x_NCS.ndim - 2
    batch, channels, *sides = x_NCS.shape
    for axis, (side, factor) in enumerate(zip(sides, factors, strict=True)):
        if side % factor:
            raise ValueError(
                f"unstitch by {tuple(factors)}: {axis_name(axis, rank)} has {side}, must be divisible by {factor}"
            )
    small = [side // factor for side, factor in zip(sides, factors, strict=True)]
    blocks = x_NCS.reshape(batch, channels, *chain.from_iterable(zip(small, factors, strict=True)))
    blocks = blocks.permute(0, 1, *range(3, 3 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2))
    return _copied(blocks, [batch, channels * math.prod(factors), *small], x_NCS)


def _copied(blocks: Tensor, size: list[int], like: Tensor) -> Tensor:
    """A contiguous copy of a view in another shape; channels last where ``like`` is."""
    copied = blocks.clone(memory_format=torch.contiguous_format).view(size)
    if torch._C._are_functorch_transforms_active():  # where the memory format of a tensor cannot be asked for
        return copied
    return copied.contiguous(memory_format=memory_format(like))
