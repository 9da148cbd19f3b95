# mypy: allow-untyped-defs, allow-incomplete-defs
"""The moves as Triton kernels: one pass over memory, any strides, up to three spatial dimensions.

Every kernel works through the image in the order of its memory, so it reads or writes the image in full cache lines.
Every F-th value of a line belongs to the same sub-image, and these values are neighbours there, so for the usual F the
sub-images move in full memory sectors. An image of one or two spatial dimensions is treated as one of three: the
missing sides are 1, and nothing is interlaced along them.

Each kernel does the same in four steps: find the places that the program serves; find the sub-image of each place;
load; compute and store. Letters as in ``_stitch``; i0, i1, i2 is a place in the image, k a channel of the sub-images.
"""

from typing import Any

import torch
import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]
import triton.language as tl  # type: ignore[import-untyped,import-not-found,unused-ignore]
from torch import Tensor

from gankit_stitch._shapes import empty, memory_format, stitched_shape, unstitched_shape

_TILE = 2048
_LONGEST_ROW = 1024
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

# Entry points ---------------------------------------------------------------------------------------------


def stitch(x_NKA: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.stitch``. Values move as integers of their size: no bit of a NaN changes."""
    image_NCS = empty(x_NKA, stitched_shape(x_NKA, factor))
    _launch(_stitch_kernel, factor, [_bits(image_NCS)], _bits(x_NKA))
    return image_NCS


def unstitch(x_NCS: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.unstitch``."""
    parts_NKA = empty(x_NCS, unstitched_shape(x_NCS, factor))
    _launch(_unstitch_kernel, factor, [_bits(x_NCS)], _bits(parts_NKA))
    return parts_NKA


def stitch_bias_tanh(x_NKA: Tensor, bias_K: Tensor, factor: int) -> Tensor:
    """``gankit_stitch.stitch_bias_tanh``, computed in float32, or in float64 for float64."""
    image_NCS = empty(x_NKA, stitched_shape(x_NKA, factor))
    _launch(_stitch_bias_tanh_kernel, factor, [image_NCS], x_NKA, bias_K.contiguous())
    return image_NCS


def stitch_bias_tanh_backward(grad_NCS: Tensor, image_NCS: Tensor, factor: int) -> Tensor:
    """``unstitch(grad * (1 - image^2))`` in one pass."""
    parts_NKA = empty(image_NCS, unstitched_shape(image_NCS, factor))
    _launch(_stitch_bias_tanh_backward_kernel, factor, [image_NCS, grad_NCS], parts_NKA)
    return parts_NKA


def probe(device: torch.device) -> None:
    """Raise what is wrong if a kernel cannot be compiled or run on this device."""
    stitch(torch.zeros(1, 4, 1, 1, device=device), 2)


def _launch(kernel: Any, factor: int, images_NCS: list[Tensor], parts_NKA: Tensor, *more: Tensor) -> None:
    """Run ``kernel(*images, parts, *more, sizes, a tuple of strides for each image and for parts)``."""
    image = images_NCS[0]
    if image.numel() == 0:
        return

    # 1. The image as rows and columns of its memory; channels last, the channels are columns as well.
    channels, *sides = image.shape[1:]
    fill = 3 - len(sides)
    by_channel = memory_format(image) is not torch.contiguous_format
    columns = sides[-1] * (channels if by_channel else 1)
    rows = image.numel() // columns

    # 2. The tile of one program: as much of a row as fits, then as many rows as fit.
    column_block = min(triton.next_power_of_2(columns), _LONGEST_ROW)
    row_block = min(triton.next_power_of_2(rows), _TILE // column_block)

    # 3. Strides of each tensor, and how far apart its values are at most: offsets of 2^31 and more need 64 bits.
    tensors = (*images_NCS, parts_NKA)
    strides = [(*x.stride()[:2], *[0] * fill, *x.stride()[2:]) for x in tensors]
    spans = [sum(step * (side - 1) for step, side in zip(x.stride(), x.shape, strict=True)) for x in tensors]
    with torch.cuda.device_of(image):
        kernel[triton.cdiv(rows, row_block) * triton.cdiv(columns, column_block),](
            *tensors,
            *more,
            (rows, channels, *[1] * fill, *sides),
            *strides,
            F0=factor if fill < 1 else 1,
            F1=factor if fill < 2 else 1,
            F2=factor,
            CHANNELS_LAST=by_channel,
            WIDE=max(*spans, 2 * image.numel()) >= 2**31,
            ROWS=row_block,
            COLUMNS=column_block,
        )


def _bits(x: Tensor) -> Tensor:
    return x.view(_BITS[x.itemsize])


# Kernels --------------------------------------------------------------------------------------------------


@triton.jit
def _stitch_kernel(
    image,
    parts,
    sizes,
    image_strides,
    parts_strides,
    F0: tl.constexpr,
    F1: tl.constexpr,
    F2: tl.constexpr,
    CHANNELS_LAST: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    inside, n, c, i0, i1, i2 = _places(sizes, CHANNELS_LAST, WIDE, ROWS, COLUMNS)
    k = _channel(c, i0, i1, i2, F0, F1, F2)
    value = tl.load(parts + _offset(n, k, i0 // F0, i1 // F1, i2 // F2, parts_strides), mask=inside)
    tl.store(image + _offset(n, c, i0, i1, i2, image_strides), value, mask=inside)


@triton.jit
def _unstitch_kernel(
    image,
    parts,
    sizes,
    image_strides,
    parts_strides,
    F0: tl.constexpr,
    F1: tl.constexpr,
    F2: tl.constexpr,
    CHANNELS_LAST: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    inside, n, c, i0, i1, i2 = _places(sizes, CHANNELS_LAST, WIDE, ROWS, COLUMNS)
    k = _channel(c, i0, i1, i2, F0, F1, F2)
    value = tl.load(image + _offset(n, c, i0, i1, i2, image_strides), mask=inside)
    tl.store(parts + _offset(n, k, i0 // F0, i1 // F1, i2 // F2, parts_strides), value, mask=inside)


@triton.jit
def _stitch_bias_tanh_kernel(
    image,
    parts,
    bias,
    sizes,
    image_strides,
    parts_strides,
    F0: tl.constexpr,
    F1: tl.constexpr,
    F2: tl.constexpr,
    CHANNELS_LAST: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    inside, n, c, i0, i1, i2 = _places(sizes, CHANNELS_LAST, WIDE, ROWS, COLUMNS)
    k = _channel(c, i0, i1, i2, F0, F1, F2)
    value = tl.load(parts + _offset(n, k, i0 // F0, i1 // F1, i2 // F2, parts_strides), mask=inside)
    value = _tanh(_precise(value) + _precise(tl.load(bias + k, mask=inside)))
    tl.store(image + _offset(n, c, i0, i1, i2, image_strides), value.to(image.dtype.element_ty), mask=inside)


@triton.jit
def _stitch_bias_tanh_backward_kernel(
    image,
    grad,
    parts,
    sizes,
    image_strides,
    grad_strides,
    parts_strides,
    F0: tl.constexpr,
    F1: tl.constexpr,
    F2: tl.constexpr,
    CHANNELS_LAST: tl.constexpr,
    WIDE: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    inside, n, c, i0, i1, i2 = _places(sizes, CHANNELS_LAST, WIDE, ROWS, COLUMNS)
    k = _channel(c, i0, i1, i2, F0, F1, F2)
    y = _precise(tl.load(image + _offset(n, c, i0, i1, i2, image_strides), mask=inside))
    value = _precise(tl.load(grad + _offset(n, c, i0, i1, i2, grad_strides), mask=inside)) * (1 - y * y)
    place = parts + _offset(n, k, i0 // F0, i1 // F1, i2 // F2, parts_strides)
    tl.store(place, value.to(parts.dtype.element_ty), mask=inside)


@triton.jit
def _places(sizes, CHANNELS_LAST: tl.constexpr, WIDE: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Which places of the image this program serves: batch, channel and three sides, and which of them exist."""
    # 1. Which tile: programs count along the columns first.
    rows, C, S0, S1, S2 = sizes
    columns = S2
    if CHANNELS_LAST:
        columns = S2 * C
    blocks = tl.cdiv(columns, COLUMNS)
    program = tl.program_id(0)
    if WIDE:
        program = program.to(tl.int64)

    # 2. Which rows and columns of memory it has.
    row = program // blocks * ROWS + tl.arange(0, ROWS)[:, None]
    column = program % blocks * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (row < rows) & (column < columns)

    # 3. Which places of the image these are.
    i0, i1 = row // S1 % S0, row % S1
    above = row // S1 // S0
    if CHANNELS_LAST:
        n, c, i2 = above, column % C, column // C
    else:
        n, c, i2 = above // C, above % C, column
    return inside, n, c, i0, i1, i2


@triton.jit
def _channel(c, i0, i1, i2, F0: tl.constexpr, F1: tl.constexpr, F2: tl.constexpr):
    """Equation 7: which sub-image supplies a place, n = p*F + q counted within its channel."""
    return ((c * F0 + i0 % F0) * F1 + i1 % F1) * F2 + i2 % F2


@triton.jit
def _offset(n, c, i0, i1, i2, strides):
    return n * strides[0] + c * strides[1] + i0 * strides[2] + i1 * strides[3] + i2 * strides[4]


@triton.jit
def _precise(value):
    """float64 stays, everything else becomes float32."""
    return value if value.dtype == tl.float64 else value.to(tl.float32)


@triton.jit
def _tanh(x):
    """tanh within 2 units of the last place (Cephes): a polynomial near 0, exp elsewhere."""
    z = x * x
    if x.dtype == tl.float64:
        p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3
        q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3
        near = x + x * z * (p / q)
    else:
        p = ((-5.70498872745e-3 * z + 2.06390887954e-2) * z - 5.37397155531e-2) * z + 1.33314422036e-1
        near = x + x * z * (p * z - 3.33332819422e-1)
    size = tl.abs(x)
    far = 1 - 2 / (tl.exp(2 * size) + 1)
    return tl.where(size < 0.625, near, tl.where(x < 0, -far, far))
