"""``stitch`` interlaces sub-images into one image, for any number of spatial dimensions (Eq. 7).

Dimension letters: N batch, C channels, S all spatial dimensions, A those of a sub-image, d how many there
are, F the factor, K = C * F^d the channels of all sub-images.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function, forward_ad
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from gankit_stitch import _axes, _choice, _ops, _plain
from gankit_stitch._axes import Factor, check_factor, same_along_axes
from gankit_stitch._paths import INTERPRETED, kernels_for
from gankit_stitch._shapes import memory_format

_TINY = 2**14
"""Number of values. Below it torch's own operator is the fastest on a CPU, in two dimensions: quick to call, slow per
value. Where autograd follows, this holds of twice as many."""

_SMALL = 2**17
"""Number of values. On a CPU, recording one call instead of several views costs more than it saves below it."""


def stitch(x_NKA: Tensor, factor: Factor) -> Tensor:
    """Interlace the F^d sub-images of each channel into one image: (N, C*F^d, *A) to (N, C, *(F*A)).

    Equation 7, counted from 0: in two dimensions sub-image n = p*F + q supplies pixel (F*i + p, F*j + q) of
    the image, and the sub-images of channel c are input channels c*F^2 to c*F^2 + F^2 - 1. This is
    ``torch.nn.functional.pixel_shuffle``, bit for bit. In other dimensions n counts the same way, the last one
    fastest. Differentiable any number of times; works under vmap and ``torch.compile``.

    Factors may differ between axes, as (1, 2, 2) for volumes of few thick slices: F^d is their product then, and n
    counts as before.

    Args:
        x_NKA: sub-images with 1 to 3 spatial dimensions, any dtype, memory layout and device; N, C and sides may be 0.
        factor: F, at least 1, for all axes or one for each. With 1 the result equals the input.

    Returns:
        The image (N, C, *S), S = F*A, in memory of its own; channels last if the input is, else contiguous.

    Raises:
        ValueError: F no whole number, below 1 or not of these axes, no spatial dimension, or channels not divisible by
            F^d.
    """
    if not isinstance(factor, int):
        same = same_along_axes(factor, x_NKA)
        return _axes.stitch(x_NKA, factor) if same is None else stitch(x_NKA, same)
    if _is_torchs(x_NKA) and factor > 0 and x_NKA.shape[1] % factor**2 == 0:
        return pixel_shuffle(x_NKA, factor)
    return _way("stitch", x_NKA, factor).stitch(x_NKA, factor)


def unstitch(x_NCS: Tensor, factor: Factor) -> Tensor:
    """Take an image apart into its F^d interlaced sub-images: (N, C, *(F*A)) to (N, C*F^d, *A).

    This is the inverse of ``stitch`` and its adjoint. Types, layouts, devices and derivatives are as there.

    Raises:
        ValueError: F no whole number, below 1 or not of these axes, no spatial dimension, or a side not divisible by F.
    """
    if not isinstance(factor, int):
        same = same_along_axes(factor, x_NCS)
        return _axes.unstitch(x_NCS, factor) if same is None else unstitch(x_NCS, same)
    if _is_torchs(x_NCS) and factor > 0 and x_NCS.shape[2] % factor == x_NCS.shape[3] % factor == 0:
        return pixel_unshuffle(x_NCS, factor)
    return _way("unstitch", x_NCS, factor).unstitch(x_NCS, factor)


def _is_torchs(x: Tensor) -> bool:
    """Whether torch's own operator serves: small tensors in two dimensions, in a layout that it keeps. This is asked
    first, so that they take no longer than torch does. Its shapes of nothing are wrong."""
    if x.ndim != 4 or x.numel() == 0:
        return False
    if x.is_cuda:
        return x.nbytes < _choice.FROM_BYTES and x.is_contiguous()
    if x.numel() >= (2 * _TINY if x.requires_grad else _TINY):
        return False
    return x.is_contiguous() or (x.is_cpu and _eager(x) and memory_format(x) is torch.channels_last)


def _way(call: str, x: Tensor, factor: int) -> Any:
    """Choose what has the fastest ``stitch`` and ``unstitch`` for other tensors. All give the same bits.

    Returns:
        ``_plain``, which torch follows by itself, under ``torch.func``'s transforms (their ``grad`` cannot use
        operators whose derivatives are written in Python), for compilers on a GPU, and for small tensors. ``_ops`` for
        compilers, tracers and subclasses of tensors elsewhere. For all other tensors ``_torch`` on a CPU and
        ``_choice``'s on a GPU, within ``_Recorded`` where autograd follows.
    """
    if torch._C._are_functorch_transforms_active():
        return _plain
    if not _eager(x):
        return _plain if x.is_cuda or (x.is_contiguous() and x.numel() < _SMALL) else _ops
    recorded = x.requires_grad and torch.is_grad_enabled()
    if x.is_cuda:
        way = _choice.fastest(call, x, factor) if x.nbytes >= _choice.FROM_BYTES else _plain
        return _Recorded if recorded and way is not _plain else way
    if not x.is_cpu:
        return _ops
    if x.numel() < (_SMALL if recorded else _TINY) and x.is_contiguous() and not INTERPRETED:
        return _plain
    return _Recorded if recorded else kernels_for(x)


def _eager(x: Tensor) -> bool:
    """Whether autograd at most follows: no transform, compiler, tracer, forward derivative or subclass of tensors."""
    return (
        not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and (type(x) is Tensor or type(x) is nn.Parameter)
        and forward_ad._current_level < 0
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._get_tracing_state() is None
    )


class _Recorded:
    """The moves as autograd records them in Python, which takes some 40 us less than through an operator."""

    @staticmethod
    def stitch(x_NKA: Tensor, factor: int) -> Tensor:
        return _Stitch.apply(x_NKA, factor)

    @staticmethod
    def unstitch(x_NCS: Tensor, factor: int) -> Tensor:
        return _Unstitch.apply(x_NCS, factor)


class _Stitch(Function):
    """``stitch``; its derivative is ``unstitch``, which is recorded in turn. ``forward`` runs unrecorded."""

    @staticmethod
    def forward(ctx: Any, x_NKA: Tensor, factor: int) -> Tensor:
        ctx.factor = factor
        return stitch(x_NKA, factor)

    @staticmethod
    def backward(ctx: Any, grad_NCS: Tensor) -> tuple[Tensor, None]:
        return unstitch(grad_NCS, ctx.factor), None


class _Unstitch(Function):
    """``unstitch``; its derivative is ``stitch``."""

    @staticmethod
    def forward(ctx: Any, x_NCS: Tensor, factor: int) -> Tensor:
        ctx.factor = factor
        return unstitch(x_NCS, factor)

    @staticmethod
    def backward(ctx: Any, grad_NKA: Tensor) -> tuple[Tensor, None]:
        return stitch(grad_NKA, ctx.factor), None


class StitchLayer(nn.Module):
    """The StitchLayer (Sec. II-B): ``stitch`` as a layer without parameters.

    Maps (N, C*F^d, *A) to (N, C, *(F*A)) and keeps the values as they are.

    Args:
        factor: F, the number of sub-images along each dimension, at least 1; the same for all, or one for each.
    """

    def __init__(self, factor: Factor):
        super().__init__()
        check_factor(factor)
        self.factor = factor if isinstance(factor, int) else tuple(factor)

    def forward(self, x_NKA: Tensor) -> Tensor:
        return stitch(x_NKA, self.factor)

    def extra_repr(self) -> str:
        return f"factor={self.factor}"
