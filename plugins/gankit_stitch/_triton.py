# mypy: allow-untyped-defs, allow-incomplete-defs
"""The moves as Triton kernels: each program reads whole lines of memory, turns them and writes whole lines.

Sub-images and image are dense, contiguous or channels last; other layouts are copied first. An image of one or two
spatial dimensions is treated as one of three: the missing sides are 1, and nothing is interlaced along them. What the
programs of a call serve follows from shape, strides, dtype and factor alone, and is worked out once for each of them.

Contiguous, a line of the image is F lines of sub-images: [F, W] becomes [W, F]. Channels last, a line of the
sub-images is F0 * F1 lines of the image: [W, C, P, F] becomes [P, W, F, C]. Letters as in ``_stitch``; W is the last
side of the sub-images and F its factor, P counts the places (p0, p1) along the other sides, R lines.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor

from gankit_stitch import _torch
from gankit_stitch._shapes import empty, memory_format, stitched_shape, unstitched_shape

LARGEST_FACTOR = 16
_TILE_BYTES = 8192
"""What one program of 128 threads moves, where lines are long enough: four times 16 bytes a thread."""
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

# Entry points ---------------------------------------------------------------------------------------------


def stitch(x_NKA: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.stitch``. Values move as integers of their size: no bit of a NaN changes."""
    move = _stitching(x_NKA.shape, x_NKA.stride(), x_NKA.dtype, factor)
    return _torch.stitch(x_NKA, factor) if move is None else _made(_stitch_kernel, move, x_NKA)


def unstitch(x_NCS: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.unstitch``."""
    move = _unstitching(x_NCS.shape, x_NCS.stride(), x_NCS.dtype, factor)
    return _torch.unstitch(x_NCS, factor) if move is None else _made(_unstitch_kernel, move, x_NCS)


def probe(device: torch.device) -> None:
    """Raise what is wrong if a kernel cannot be compiled or run on this device."""
    stitch(torch.zeros(1, 4, 1, 1, device=device), 2)


# Plans ----------------------------------------------------------------------------------------------------


class Tile(NamedTuple):
    """What is compiled into a kernel: one constant instead of many, since each costs Triton's binder a microsecond."""

    channels: int
    """C, of which the tile has ``C``; 1 where the channels are not the last axis."""
    A0: int
    A1: int
    A2: int
    """The sides of a sub-image."""
    F0: int
    F1: int
    F2: int
    """The factors along them."""
    last: bool
    """Whether memory is channels last."""
    whole: bool
    """Whether the blocks are exact, so that lines can be read and written as such."""
    wide: bool
    """Whether offsets need 64 bits."""
    R: int
    P: int
    W: int
    F: int
    C: int
    """The tile of one program: lines, places, columns of a sub-image, factor and channels; powers of two."""


class Move(NamedTuple):
    """All of a call that does not depend on the values."""

    dense: bool
    """Whether the kernel can read the input as it lies."""
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    bits: torch.dtype
    lines: int
    """Lines that the programs share out."""
    grid: tuple[int]
    tile: Tile


@lru_cache(1024)
def _stitching(shape: Sequence[int], strides: Sequence[int], dtype: torch.dtype, factor: int) -> Move | None:
    """The plan of a ``stitch``; None where no kernel serves it."""
    x_NKA = torch.empty_strided(shape, strides, dtype=dtype, device="meta")
    return _planned(x_NKA, stitched_shape(x_NKA, factor), shape[2:], factor)


@lru_cache(1024)
def _unstitching(shape: Sequence[int], strides: Sequence[int], dtype: torch.dtype, factor: int) -> Move | None:
    """The plan of an ``unstitch``."""
    x_NCS = torch.empty_strided(shape, strides, dtype=dtype, device="meta")
    parts = unstitched_shape(x_NCS, factor)
    return _planned(x_NCS, parts, parts[2:], factor)


def _planned(x: Tensor, shape: Sequence[int], sides: Sequence[int], factor: int) -> Move | None:
    """The plan to make a tensor of ``shape`` from ``x``, where the sub-images have these sides."""
    if len(sides) > 3 or factor > LARGEST_FACTOR:
        return None
    # 1. Three dimensions, and the lines that are shared out: those of the image, or channels last of the sub-images.
    result = empty(x, shape)
    factors = [factor] * len(sides)
    fill = 3 - len(sides)
    f0, f1, f2 = [*[1] * fill, *factors]
    a0, a1, a2 = [*[1] * fill, *sides]
    last = memory_format(x) is not torch.contiguous_format
    channels = min(shape[1], x.shape[1])
    lines = x.shape[0] * a0 * a1 * (1 if last else channels * f0 * f1)

    # 2. The tile of one program: its places, factors and channels, then as many columns as fit, then lines.
    room = _TILE_BYTES // x.itemsize
    block_p, block_f = (_power(f0 * f1) if last else 1), _power(f2)
    block_c = _fitting(channels if last else 1, room // (block_p * block_f))
    block_w = _fitting(a2, room // (block_p * block_f * block_c))
    block_r = _fitting(lines, room // (block_p * block_f * block_c * block_w))
    tile = Tile(
        channels if last else 1, a0, a1, a2, f0, f1, f2,
        last=last,
        whole=block_f == f2 and (not last or (block_c == channels and block_p == f0 * f1)),
        wide=2 * x.numel() >= 2**31,
        R=block_r, P=block_p, W=block_w, F=block_f, C=block_c,
    )  # fmt: skip
    programs = -(-lines // block_r) * -(-a2 // block_w) * -(-tile.channels // block_c)
    dense = x.is_contiguous(memory_format=memory_format(x))
    grid = (programs if x.numel() else 0,)
    return Move(dense, tuple(result.shape), result.stride(), _BITS[x.itemsize], lines, grid, tile)


def _made(kernel: Any, move: Move, x: Tensor) -> Tensor:
    """What the kernel makes of ``x``, in fresh memory."""
    made = torch.empty_strided(move.shape, move.strides, dtype=x.dtype, device=x.device)
    if not move.grid[0]:
        return made
    source = x if move.dense else x.contiguous()
    arguments = made.view(move.bits), source.view(move.bits), move.lines, move.tile
    if x.is_cuda and x.device.index != torch.cuda.current_device():
        with torch.cuda.device(x.device):
            kernel[move.grid](*arguments)
    else:
        kernel[move.grid](*arguments)
    return made


def _fitting(size: int, room: int) -> int:
    """A block for ``size`` values: a power of two that holds them all, or as many as there is room for; at least 1."""
    return max(1, min(_power(size), room))


def _power(size: int) -> int:
    """The least power of two that is no less, at least 1."""
    return 1 << max(size - 1, 0).bit_length()


# Kernels --------------------------------------------------------------------------------------------------


@triton.jit
def _stitch_kernel(image, parts, lines, t: tl.constexpr):
    line, w, c = _tile(t)
    to, in_image = _image(line, w, c, lines, t)
    source, in_parts = _parts(line, w, c, lines, t)
    value = tl.load(parts + source, mask=in_parts)
    if t.last:
        value = tl.permute(tl.reshape(value, [t.R, t.W, t.C, t.P, t.F]), (0, 3, 1, 4, 2))
    else:
        value = tl.permute(value, (0, 2, 1))
    value = tl.reshape(value, [t.R, t.P, t.W * t.F * t.C] if t.whole else [t.R, t.P, t.W, t.F, t.C])
    tl.store(image + to, value, mask=in_image)


@triton.jit
def _unstitch_kernel(parts, image, lines, t: tl.constexpr):
    line, w, c = _tile(t)
    source, in_image = _image(line, w, c, lines, t)
    to, in_parts = _parts(line, w, c, lines, t)
    value = tl.load(image + source, mask=in_image)
    if t.last:
        value = tl.permute(tl.reshape(value, [t.R, t.P, t.W, t.F, t.C]), (0, 2, 4, 1, 3))
        if t.whole:
            value = tl.reshape(value, [t.R, t.W * t.C * t.P * t.F])
    else:
        value = tl.permute(tl.reshape(value, [t.R, t.W, t.F]), (0, 2, 1))
    tl.store(parts + to, value, mask=in_parts)


@triton.jit
def _tile(t: tl.constexpr):
    """The lines that this program serves, its first column and its first channel. Programs go along lines first."""
    columns: tl.constexpr = (t.A2 + t.W - 1) // t.W
    channels: tl.constexpr = (t.channels + t.C - 1) // t.C
    program = tl.program_id(0)
    if t.wide:
        program = program.to(tl.int64)
    c = program % channels * t.C
    w = program // channels % columns * t.W
    return program // (channels * columns) * t.R + tl.arange(0, t.R), w, c


@triton.jit
def _image(line, w, c, lines, t: tl.constexpr):
    """Where the tile lies in the image, [R, P, W * F * C] or [R, P, W, F, C], and which of these places exist."""
    p = tl.arange(0, t.P)[None, :]
    row = line[:, None]
    if t.last:
        row = ((row // t.A1 * t.F0 + p // t.F1) * t.A1 + row % t.A1) * t.F1 + p % t.F1
    start = row * (t.A2 * t.F2 * t.channels)
    exists = (line < lines)[:, None] & (p < (t.F0 * t.F1 if t.last else 1))
    if t.whole:
        j = w * (t.F2 * t.channels) + tl.arange(0, t.W * t.F * t.C)[None, None, :]
        exists = exists[:, :, None] & (j < t.A2 * t.F2 * t.channels)
        place = start[:, :, None] + j
    else:
        column = w + tl.arange(0, t.W)[None, None, :, None, None]
        q = tl.arange(0, t.F)[None, None, None, :, None]
        channel = c + tl.arange(0, t.C)[None, None, None, None, :]
        exists = exists[:, :, None, None, None] & (column < t.A2) & (q < t.F2) & (channel < t.channels)
        place = start[:, :, None, None, None] + (column * t.F2 + q) * t.channels + channel
    return place, exists


@triton.jit
def _parts(line, w, c, lines, t: tl.constexpr):
    """The same in the sub-images: [R, F, W] contiguous; channels last [R, W * C * P * F] or [R, W, C, P, F]."""
    K: tl.constexpr = t.channels * t.F0 * t.F1 * t.F2
    plane: tl.constexpr = t.A0 * t.A1 * t.A2
    exists = line < lines
    if not t.last:
        i1, above = line % (t.A1 * t.F1), line // (t.A1 * t.F1)
        i0, channel = above % (t.A0 * t.F0), above // (t.A0 * t.F0)
        part = ((channel * t.F0 + i0 % t.F0) * t.F1 + i1 % t.F1) * t.F2
        start = part * plane + (i0 // t.F0 * t.A1 + i1 // t.F1) * t.A2
        q = tl.arange(0, t.F)[None, :, None]
        column = w + tl.arange(0, t.W)[None, None, :]
        exists = exists[:, None, None] & (q < t.F2) & (column < t.A2)
        place = start[:, None, None] + q * plane + column
    elif t.whole:
        j = w * K + tl.arange(0, t.W * t.C * t.P * t.F)[None, :]
        exists = exists[:, None] & (j < t.A2 * K)
        place = (line * (t.A2 * K))[:, None] + j
    else:
        column = w + tl.arange(0, t.W)[None, :, None, None, None]
        channel = c + tl.arange(0, t.C)[None, None, :, None, None]
        p = tl.arange(0, t.P)[None, None, None, :, None]
        q = tl.arange(0, t.F)[None, None, None, None, :]
        exists = exists[:, None, None, None, None] & (column < t.A2) & (channel < t.channels)
        exists = exists & (p < t.F0 * t.F1) & (q < t.F2)
        start = (line * (t.A2 * K))[:, None, None, None, None]
        place = start + column * K + (channel * (t.F0 * t.F1) + p) * t.F2 + q
    return place, exists
