"""The moves as views and one copy, which torch differentiates, batches, traces and compiles by itself.

Letters as in ``_stitch``.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from gankit_stitch._shapes import memory_format, stitched_shape, unstitched_shape


def stitch(x_NKA: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.stitch``."""
    shape = stitched_shape(x_NKA, factor)
    if _channels_last(x_NKA):
        columns = columns_last(x_NKA, factor).movedim(1, -1).clone(memory_format=torch.contiguous_format)
        return columns.view(shape[0], *shape[2:], shape[1]).movedim(-1, 1)
    return columns_last(x_NKA, factor).clone(memory_format=torch.contiguous_format).view(shape)


def unstitch(x_NCS: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.unstitch``."""
    shape = unstitched_shape(x_NCS, factor)
    rank = x_NCS.ndim - 2
    blocks = x_NCS.reshape(*x_NCS.shape[:2], *interlaced(shape[2:], [factor] * rank))
    sides, places = range(2, 2 + 2 * rank, 2), range(3, 3 + 2 * rank, 2)
    if _channels_last(x_NCS):
        parts = blocks.permute(0, *sides, 1, *places).clone(memory_format=torch.contiguous_format)
        return parts.view(shape[0], *shape[2:], shape[1]).movedim(-1, 1)
    return blocks.permute(0, 1, *places, *sides).clone(memory_format=torch.contiguous_format).view(shape)


def _channels_last(x: Tensor) -> bool:
    """Whether the result is to be channels last. Under ``torch.func``'s transforms the memory format of a tensor cannot
    be asked for; there the result is contiguous."""
    return not torch._C._are_functorch_transforms_active() and memory_format(x) is not torch.contiguous_format


def columns_last(x_NKA: Tensor, factor: int) -> Tensor:
    """A view of the sub-images in the order of the image: (N, C, A1, p, A2, q, ...)."""
    rank = x_NKA.ndim - 2
    parts = x_NKA.unflatten(1, (x_NKA.shape[1] // factor**rank, *[factor] * rank))
    return parts.permute(0, 1, *interlaced(range(2 + rank, 2 + 2 * rank), range(2, 2 + rank)))


def interlaced(first: Iterable[int], second: Iterable[int]) -> Sequence[int]:
    """Take turns: one of the first, one of the second, and so on."""
    return [axis for pair in zip(first, second, strict=True) for axis in pair]
