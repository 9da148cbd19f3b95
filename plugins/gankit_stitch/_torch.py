"""The moves in plain torch, each layout in the form that was measured fastest for it (benchmarks/test_stitch.py).

There are three forms:

1. A permuted copy moves one value at a time.
2. ``torch.complex`` reads two neighbouring columns from their sub-images and writes them side by side at once.
3. Where neighbouring columns already lie side by side in memory (one channel, channels last), they move as one wide
   value.

Letters as in ``_stitch``.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gankit_stitch import _plain
from gankit_stitch._plain import interlaced
from gankit_stitch._shapes import empty, memory_format, stitched_shape, unstitched_shape

_REAL = {2: torch.float16, 4: torch.float32, 8: torch.float64}
_PAIR = {2: torch.complex32, 4: torch.complex64, 8: torch.complex128}
_WIDE = {2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}


def stitch(x_NKA: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.stitch`` in the fastest form for the layout; no autograd."""
    shape = stitched_shape(x_NKA, factor)
    channels, rank = shape[1], x_NKA.ndim - 2
    if factor == 1 or x_NKA.numel() == 0:
        return empty(x_NKA, shape).copy_(x_NKA.view(shape))
    if memory_format(x_NKA) is not torch.contiguous_format:
        if channels == 1:
            return _stitch_one_channel_last(x_NKA, factor)
        if channels > 2 and rank == 2:
            return pixel_shuffle(x_NKA, factor).contiguous(memory_format=memory_format(x_NKA))
        return empty(x_NKA, shape).copy_(stitch(x_NKA.contiguous(), factor))
    if (factor == 2 and x_NKA.itemsize in _PAIR) or (factor == 4 and x_NKA.itemsize == 4):
        return _stitch_pairs(x_NKA, factor, shape)
    return _plain.stitch(x_NKA, factor)


def unstitch(x_NCS: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.unstitch`` in the fastest form for the layout; no autograd."""
    layout = memory_format(x_NCS)
    if layout is torch.contiguous_format:
        return _plain.unstitch(x_NCS, factor)
    shape = unstitched_shape(x_NCS, factor)
    channels, rank = x_NCS.shape[1], x_NCS.ndim - 2
    if factor == 1 or x_NCS.numel() == 0:
        return empty(x_NCS, shape).copy_(x_NCS.view(shape))
    if channels == 1:
        return _unstitch_one_channel_last(x_NCS, factor)
    if factor == 2 and rank == 2 and x_NCS.itemsize in (2, 4):
        return _unstitch_pairs_last(x_NCS, shape)
    if channels > 2 and rank == 2:
        return pixel_unshuffle(x_NCS, factor).contiguous(memory_format=layout)
    return _plain.unstitch(x_NCS, factor)


def _stitch_pairs(x_NKA: Tensor, factor: int, shape: list[int]) -> Tensor:
    """F = 2 or 4: join columns in pairs, and for F = 4 the pairs in pairs; the last time into the image itself."""
    # 1. The two halves of each pair: columns for F = 2, pairs of columns for F = 4.
    if factor == 2:
        size, strides, to_odd = _even_columns(x_NKA.shape, x_NKA.stride())
        even = x_NKA.as_strided(size, strides)
        odd = x_NKA.as_strided(size, strides, x_NKA.storage_offset() + to_odd)
    else:
        columns = _plain.columns_last(x_NKA, factor)
        even, odd = _joined(columns[..., 0::2], columns[..., 1::2]).unbind(-1)
        size = list(even.shape)

    # 2. Joined where they belong in the image.
    pairs = even.new_empty(size, dtype=_PAIR[even.itemsize])
    _joined(even, odd, out=pairs)
    return pairs.view(x_NKA.dtype).view(shape)


@lru_cache
def _even_columns(shape: Sequence[int], strides: Sequence[int]) -> tuple[list[int], list[int], int]:
    """Size and strides of the view (N, C, A1, p, A2, ..., Ad) with q = 0 for F = 2, and the step to that with q = 1.

    The view is that of ``columns_last``. Its strides are cached, because making such a view takes as long as moving a
    small tensor.
    """
    part, rank = strides[1], len(shape) - 2
    steps = [part * 2**place for place in reversed(range(1, rank))]
    size = [shape[0], shape[1] // 2**rank, *interlaced(shape[2:-1], [2] * len(steps)), shape[-1]]
    return size, [strides[0], part * 2**rank, *interlaced(strides[2:-1], steps), strides[-1]], part


def _unstitch_pairs_last(x_NCS: Tensor, shape: list[int]) -> Tensor:
    """F = 2 in two dimensions, channels last: join the two columns of each row, then the two rows."""
    parts = empty(x_NCS, shape)
    batch, _, height, width = shape
    image_NHW = x_NCS.movedim(1, -1).view(batch, height, 2, width, 2, -1)
    rows = _joined(*image_NHW.unbind(4))
    blocks = parts.movedim(1, -1).view(_PAIR[rows.itemsize])
    _joined(*rows.unbind(2), out=blocks)
    return parts


def _joined(even: Tensor, odd: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Join each value of ``even`` and its neighbour in ``odd`` to one value of twice the width."""
    real = _REAL[even.itemsize]
    if even.dtype != real:
        even, odd = even.view(real), odd.view(real)
    return torch.complex(even, odd, out=out)


def _stitch_one_channel_last(x_NKA: Tensor, factor: int) -> Tensor:
    """C = 1, channels last: the F columns of one row p already lie side by side, so they move as one wide value."""
    batch, rank, sides = x_NKA.shape[0], x_NKA.ndim - 2, x_NKA.shape[2:]
    wide = _widened(x_NKA.movedim(1, -1), factor).view(batch, *sides, *[factor] * (rank - 1), -1)
    rows = wide.permute(0, *interlaced(range(1, 1 + rank), range(1 + rank, 1 + 2 * rank)))
    image = rows.clone(memory_format=torch.contiguous_format).view(x_NKA.dtype)  # a copy also where sides are 1
    return image.view(batch, *[factor * side for side in sides], 1).movedim(-1, 1)


def _unstitch_one_channel_last(x_NCS: Tensor, factor: int) -> Tensor:
    """The inverse of ``_stitch_one_channel_last``."""
    batch, rank = x_NCS.shape[0], x_NCS.ndim - 2
    *rows, columns = [side // factor for side in x_NCS.shape[2:]]
    blocks = chain.from_iterable((side, factor) for side in rows)
    wide = _widened(x_NCS.movedim(1, -1).flatten(-2), factor).view(batch, *blocks, columns, -1)
    order = [*range(1, 1 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2)]
    parts = wide.permute(0, *order).contiguous().view(x_NCS.dtype)
    return parts.view(batch, *rows, columns, factor**rank).movedim(-1, 1)


def _widened(x: Tensor, factor: int) -> Tensor:
    """View F neighbouring values of the last dimension as one, if a dtype is that wide and the memory is aligned."""
    aligned = all(step % factor == 0 for step in (x.storage_offset(), *x.stride()[:-1]))
    return x.view(_WIDE[factor * x.itemsize]) if aligned and factor * x.itemsize in _WIDE else x
