"""What ``stitch`` and ``unstitch`` accept and what comes out: shapes and memory format. Letters as in ``_stitch``."""

from collections.abc import Sequence

import torch
from torch import Tensor


def stitched_shape(x_NKA: Tensor, factor: int) -> list[int]:
    """(N, C*F^d, *A) to (N, C, *(F*A)), or ValueError with the shape and what is accepted."""
    rank = _rank(x_NKA, factor)
    batch, parts, *sides = x_NKA.shape
    if parts % factor**rank:
        raise ValueError(
            f"stitch by {factor} needs channels divisible by {factor}^{rank} = {factor**rank},"
            f" got {parts} channels in shape {tuple(x_NKA.shape)}"
        )
    return [batch, parts // factor**rank, *[factor * side for side in sides]]


def unstitched_shape(x_NCS: Tensor, factor: int) -> list[int]:
    """(N, C, *(F*A)) to (N, C*F^d, *A), or ValueError with the shape and what is accepted."""
    rank = _rank(x_NCS, factor)
    batch, channels, *sides = x_NCS.shape
    if any(side % factor for side in sides):
        raise ValueError(f"unstitch by {factor} needs sides divisible by it, got shape {tuple(x_NCS.shape)}")
    return [batch, channels * factor**rank, *[side // factor for side in sides]]


def memory_format(x: Tensor) -> torch.memory_format:
    """The format a result gets: channels last where the input has it, else contiguous, as pixel_shuffle does."""
    if x.ndim in (4, 5) and x.stride(1) == 1 and x.shape[2:].numel() > 1:
        last = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
        if x.is_contiguous(memory_format=last):
            return last
    return torch.contiguous_format


def empty(x: Tensor, shape: Sequence[int]) -> Tensor:
    """A fresh tensor of ``shape`` with the dtype, device and memory format of ``x``."""
    return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=memory_format(x))


def _rank(x: Tensor, factor: int) -> int:
    if factor < 1:
        raise ValueError(f"factor must be at least 1, got {factor} for shape {tuple(x.shape)}")
    if x.ndim < 3:
        raise ValueError(f"expected (N, C, *S) with one or more spatial dimensions, got shape {tuple(x.shape)}")
    return x.ndim - 2
