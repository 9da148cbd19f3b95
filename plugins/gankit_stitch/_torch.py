"""The moves in plain torch, each layout in the form that was measured fastest for it (benchmarks/test_stitch.py).

Three ideas carry them. A permuted copy moves one value at a time. ``torch.complex`` reads two neighbouring
columns from their sub-images and writes them side by side at once. And where neighbouring columns already lie
side by side in memory (one channel, channels last), they move as one wide value. Letters as in ``_stitch``.
"""

from collections.abc import Iterable, Sequence
from itertools import chain

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gankit_stitch._shapes import empty, memory_format, stitched_shape, unstitched_shape

_REAL = {2: torch.float16, 4: torch.float32, 8: torch.float64}
_PAIR = {2: torch.complex32, 4: torch.complex64, 8: torch.complex128}
_WIDE = {2: torch.int16, 4: torch.int32, 8: torch.int64, 16: torch.complex128}
_MINUS_ONE = torch.tensor(-1.0)


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
            return pixel_shuffle(x_NKA, factor)
        return empty(x_NKA, shape).copy_(stitch(x_NKA.contiguous(), factor))
    if (factor == 2 and x_NKA.itemsize in _PAIR) or (factor == 4 and x_NKA.itemsize == 4):
        return _stitch_pairs(x_NKA, factor)
    return stitch_permuted(x_NKA, factor)


def unstitch(x_NCS: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.unstitch`` in the fastest form for the layout; no autograd."""
    shape = unstitched_shape(x_NCS, factor)
    channels, rank = x_NCS.shape[1], x_NCS.ndim - 2
    if factor == 1 or x_NCS.numel() == 0:
        return empty(x_NCS, shape).copy_(x_NCS.view(shape))
    if memory_format(x_NCS) is not torch.contiguous_format:
        if channels == 1:
            return _unstitch_one_channel_last(x_NCS, factor)
        if channels > 2 and rank == 2:
            return pixel_unshuffle(x_NCS, factor)
    return unstitch_permuted(x_NCS, factor).contiguous(memory_format=memory_format(x_NCS))


def stitch_permuted(x_NKA: Tensor, factor: int) -> Tensor:
    """Stitch by one permuted copy, into contiguous memory. Autograd, vmap and compilers see through it."""
    shape = stitched_shape(x_NKA, factor)
    rows = _columns_last(x_NKA, factor).clone(memory_format=torch.contiguous_format)
    return rows.view(shape)


def unstitch_permuted(x_NCS: Tensor, factor: int) -> Tensor:
    """Unstitch by one permuted copy, into contiguous memory. Autograd, vmap and compilers see through it."""
    shape = unstitched_shape(x_NCS, factor)
    rank = x_NCS.ndim - 2
    blocks = x_NCS.reshape(*shape[:1], x_NCS.shape[1], *chain.from_iterable((side, factor) for side in shape[2:]))
    order = [*range(3, 3 + 2 * rank, 2), *range(2, 2 + 2 * rank, 2)]
    parts = blocks.permute(0, 1, *order).clone(memory_format=torch.contiguous_format)
    return parts.view(shape)


def stitch_bias_tanh(x_NKA: Tensor, bias_K: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.stitch_bias_tanh``; no autograd.

    tanh costs more than all the rest and torch's sigmoid a third of it, so float32 and the half types (computed
    in float32, rounded once) take tanh(v) = 2 sigmoid(2v) - 1: within 2e-7 of the exact value, while torch.tanh is
    within 3e-8. float64 takes torch.tanh.
    """
    bias_KA = bias_K.to(torch.promote_types(x_NKA.dtype, torch.float32)).view(-1, *[1] * (x_NKA.ndim - 2))
    if x_NKA.dtype == torch.float64:
        return stitch((x_NKA + bias_KA).tanh_(), factor)
    half = stitch(torch.add(2 * bias_KA, x_NKA, alpha=2).sigmoid_(), factor)
    target = half if half.dtype == x_NKA.dtype else torch.empty_like(half, dtype=x_NKA.dtype)
    return torch.add(_MINUS_ONE, half, alpha=2, out=target)


def stitch_bias_tanh_backward(grad_NCS: Tensor, image_NCS: Tensor, factor: int) -> Tensor:
    """``unstitch(grad * (1 - image^2))``; no autograd."""
    return unstitch(torch.ops.aten.tanh_backward(grad_NCS, image_NCS), factor)


def _columns_last(x_NKA: Tensor, factor: int) -> Tensor:
    """A view of the sub-images in the order of the image: (N, C, A1, p, A2, q, ...)."""
    rank = x_NKA.ndim - 2
    parts = x_NKA.unflatten(1, (x_NKA.shape[1] // factor**rank, *[factor] * rank))
    return parts.permute(0, 1, *_interlaced(range(2 + rank, 2 + 2 * rank), range(2, 2 + rank)))


def _stitch_pairs(x_NKA: Tensor, factor: int) -> Tensor:
    """F = 2 or 4: join columns in pairs, then pairs of pairs, the last time into the image itself."""
    image = x_NKA.new_empty(stitched_shape(x_NKA, factor))
    columns = _columns_last(x_NKA, factor)
    while True:
        real = _REAL[columns.itemsize]
        even, odd = columns[..., 0::2].view(real), columns[..., 1::2].view(real)
        if columns.shape[-1] == 2:
            pairs = image.view(real).view(*even.shape, 2).view(_PAIR[columns.itemsize])
            torch.complex(even, odd, out=pairs.squeeze(-1))
            return image
        columns = torch.complex(even, odd).view(_REAL[2 * columns.itemsize])


def _stitch_one_channel_last(x_NKA: Tensor, factor: int) -> Tensor:
    """C = 1, channels last: the F columns of one p lie side by side already and move as one wide value."""
    batch, rank, sides = x_NKA.shape[0], x_NKA.ndim - 2, x_NKA.shape[2:]
    wide = _widened(x_NKA.movedim(1, -1), factor).view(batch, *sides, *[factor] * (rank - 1), -1)
    rows = wide.permute(0, *_interlaced(range(1, 1 + rank), range(1 + rank, 1 + 2 * rank)))
    image = rows.contiguous().view(x_NKA.dtype)
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
    """F neighbouring values of the last dimension seen as one, where a dtype is that wide and memory aligned."""
    aligned = all(step % factor == 0 for step in (x.storage_offset(), *x.stride()[:-1]))
    return x.view(_WIDE[factor * x.itemsize]) if aligned and factor * x.itemsize in _WIDE else x


def _interlaced(first: Iterable[int], second: Iterable[int]) -> Sequence[int]:
    return [axis for pair in zip(first, second, strict=True) for axis in pair]
