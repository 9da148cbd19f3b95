"""``gankit::stitch`` and ``gankit::unstitch`` as operators of torch: their kernels, derivatives, shapes and batching.

They serve compilers and tracers, and whoever calls ``torch.ops.gankit``; the public functions call the same code
without them elsewhere, since an operator costs some 20 us a call. Stitching is a permutation, so ``stitch`` and
``unstitch`` are each other's derivative, any number of times. V is a dimension that vmap adds.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from gankit_stitch._paths import kernels_for
from gankit_stitch._shapes import empty, stitched_shape, unstitched_shape

_LIBRARY = torch.library.Library("gankit", "FRAGMENT")
"""The operators are defined through it, because the wrapper of ``torch.library.custom_op`` adds some 15 us a call."""

_SCHEMAS = (
    "stitch(Tensor x, SymInt factor) -> Tensor",
    "unstitch(Tensor x, SymInt factor) -> Tensor",
)
for _schema in _SCHEMAS:
    _LIBRARY.define(_schema, tags=torch.Tag.pt2_compliant_tag)

stitch = torch.ops.gankit.stitch.default
unstitch = torch.ops.gankit.unstitch.default

_kernel = partial(torch.library.impl, _LIBRARY, dispatch_key="CompositeExplicitAutograd")
_fake = partial(torch.library.register_fake, lib=_LIBRARY)
_autograd = partial(torch.library.register_autograd, lib=_LIBRARY)
_vmap = partial(torch.library.register_vmap, lib=_LIBRARY)

# Kernels --------------------------------------------------------------------------------------------------


@_kernel("stitch")
def _(x: Tensor, factor: int) -> Tensor:
    return kernels_for(x).stitch(x, factor)


@_kernel("unstitch")
def _(x: Tensor, factor: int) -> Tensor:
    return kernels_for(x).unstitch(x, factor)


# Shapes, for fake tensors and compilers -------------------------------------------------------------------


@_fake(stitch)
def _(x: Tensor, factor: int) -> Tensor:
    return empty(x, stitched_shape(x, factor))


@_fake(unstitch)
def _(x: Tensor, factor: int) -> Tensor:
    return empty(x, unstitched_shape(x, factor))


# Derivatives ----------------------------------------------------------------------------------------------


def _keep_factor(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.factor = inputs[-1]


def _stitch_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    return unstitch(grad, ctx.factor), None


def _unstitch_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    return stitch(grad, ctx.factor), None


_autograd(stitch, _stitch_backward, setup_context=_keep_factor)
_autograd(unstitch, _unstitch_backward, setup_context=_keep_factor)


# vmap: its dimension joins the batch ----------------------------------------------------------------------


def _join_batch(x: Tensor, v_axis: int | None, v_size: int) -> Tensor:
    """(V, N, ...), V anywhere or nowhere, to (V*N, ...)."""
    x_VN = x.expand(v_size, *x.shape) if v_axis is None else x.movedim(v_axis, 0)
    return x_VN.flatten(0, 1)


@_vmap(stitch)
def _(info: Any, in_dims: tuple[int | None, ...], x: Tensor, factor: int) -> tuple[Tensor, int]:
    return stitch(_join_batch(x, in_dims[0], info.batch_size), factor).unflatten(0, (info.batch_size, -1)), 0


@_vmap(unstitch)
def _(info: Any, in_dims: tuple[int | None, ...], x: Tensor, factor: int) -> tuple[Tensor, int]:
    return unstitch(_join_batch(x, in_dims[0], info.batch_size), factor).unflatten(0, (info.batch_size, -1)), 0
