"""``stitch`` interlaces sub-images into one image, for any number of spatial dimensions (Eq. 7).

Dimension letters: N batch, C channels, S all spatial dimensions, A those of a sub-image, d how many there
are, F the factor, K = C * F^d the channels of all sub-images.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from gankit_stitch import _ops, _plain, _torch
from gankit_stitch._paths import INTERPRETED, path_for
from gankit_stitch._shapes import check_bias, memory_format

_SMALL = 2**17
"""Number of values. On a CPU, calling an operator takes 25 to 40 us, and below this size it saves less than that."""

_LARGE = 2**28
"""Bytes. From this size on, the Triton kernel stitches a channels-last tensor faster than torch's copy does (H100). A
launch takes 60 to 120 us. torch moves contiguous tensors faster at every size: benchmarks/results/h100.json."""

_LARGE_FUSED = 2**26
"""The same for the fused form, measured on contiguous tensors."""


def stitch(x_NKA: Tensor, factor: int) -> Tensor:
    """Interlace the F^d sub-images of each channel into one image: (N, C*F^d, *A) to (N, C, *(F*A)).

    Equation 7, counted from 0: in two dimensions sub-image n = p*F + q supplies pixel (F*i + p, F*j + q) of
    the image, and the sub-images of channel c are input channels c*F^2 to c*F^2 + F^2 - 1. This is
    ``torch.nn.functional.pixel_shuffle``, bit for bit. In other dimensions n counts the same way, the last one
    fastest. Differentiable any number of times; works under vmap and ``torch.compile``.

    Args:
        x_NKA: sub-images with 1 to 3 spatial dimensions, any dtype, memory layout and device; N, C and sides may be 0.
        factor: F, at least 1. With 1 the result equals the input.

    Returns:
        The image (N, C, *S), S = F*A, in memory of its own; channels last if the input is, else contiguous.

    Raises:
        ValueError: F below 1, no spatial dimension, or channels not divisible by F^d.
    """
    if x_NKA.is_cuda and _kernel_wins(x_NKA, _LARGE) and memory_format(x_NKA) is not torch.contiguous_format:
        return _ops.stitch(x_NKA, factor)
    return _way(x_NKA).stitch(x_NKA, factor)


def unstitch(x_NCS: Tensor, factor: int) -> Tensor:
    """Take an image apart into its F^d interlaced sub-images: (N, C, *(F*A)) to (N, C*F^d, *A).

    This is the inverse of ``stitch`` and its adjoint. Types, layouts, devices and derivatives are as there.

    Raises:
        ValueError: F below 1, no spatial dimension, or a side not divisible by F.
    """
    return _way(x_NCS).unstitch(x_NCS, factor)


def stitch_bias_tanh(x_NKA: Tensor, bias_K: Tensor, factor: int) -> Tensor:
    """``tanh(stitch(x + bias))`` in one operator: the end of a decoder after a convolution without bias.

    Args:
        x_NKA: sub-images (N, C*F^d, *A), floating point.
        bias_K: one bias for each of their channels.
        factor: F, at least 1.

    Returns:
        The image (N, C, *(F*A)) with values in [-1, 1] and the dtype of ``x``. Within 2e-7 of the exact values
        in float32; the half types are computed in float32 and rounded once.

    Raises:
        ValueError: as ``stitch``, or a bias of another size, or integers.
    """
    in_parts = x_NKA.is_cuda and not (_kernel_wins(x_NKA, _LARGE_FUSED) and _unrecorded(bias_K))
    if torch._C._are_functorch_transforms_active() or in_parts:
        check_bias(x_NKA, bias_K)
        bias_KA = bias_K.to(torch.promote_types(x_NKA.dtype, torch.float32)).view(-1, *[1] * (x_NKA.ndim - 2))
        return torch.tanh(stitch(x_NKA + bias_KA, factor)).to(x_NKA.dtype)
    return _ops.stitch_bias_tanh(x_NKA, bias_K, factor)


def _way(x: Tensor) -> Any:
    """Choose the module whose ``stitch`` and ``unstitch`` are the fastest for this tensor. All give equal results.

    Returns:
        ``_plain`` under ``torch.func``'s transforms (their ``grad`` cannot use operators whose derivatives are written
        in Python), on a GPU, and for small tensors on a CPU; ``_torch`` for CPU tensors whose history nobody records;
        ``_ops`` for all others.
    """
    if torch._C._are_functorch_transforms_active() or x.is_cuda:
        return _plain
    if not x.is_cpu or INTERPRETED:
        return _ops
    small = x.numel() < _SMALL and x.is_contiguous()
    if small and x.numel() < _plain.TINY:
        return _plain
    if _unrecorded(x):
        return _torch
    return _plain if small else _ops


def _kernel_wins(x: Tensor, from_bytes: int) -> bool:
    """Whether the Triton kernel is faster than torch for this tensor on a GPU: it can run, the tensor is large enough,
    and nobody records its history. With a gradient it would lose, since torch's copy is faster on the way back."""
    return x.nbytes >= from_bytes and _unrecorded(x) and path_for(x) == "triton"


def _unrecorded(x: Tensor) -> bool:
    """Whether nobody records how the result is computed: no autograd, compiler, tracer or subclass of tensors."""
    return (
        type(x) is Tensor
        and not torch._C._are_functorch_transforms_active()
        and not torch.compiler.is_compiling()
        and not (x.requires_grad and torch.is_grad_enabled())
        and forward_ad._current_level < 0
        and torch._C._len_torch_dispatch_stack() == 0
    )


class StitchLayer(nn.Module):
    """The StitchLayer (Sec. II-B): ``stitch`` as a layer without parameters.

    Maps (N, C*F^d, *A) to (N, C, *(F*A)) and keeps the values as they are.

    Args:
        factor: F, the number of sub-images along each dimension, at least 1.
    """

    def __init__(self, factor: int):
        super().__init__()
        if factor < 1:
            raise ValueError(f"factor must be at least 1, got {factor}")
        self.factor = factor

    def forward(self, x_NKA: Tensor) -> Tensor:
        return stitch(x_NKA, self.factor)

    def extra_repr(self) -> str:
        return f"factor={self.factor}"
