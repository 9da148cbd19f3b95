"""``gankit::stitch`` and its kin as operators of torch: their kernels, derivatives, shapes and batching.

Stitching is a permutation, so ``stitch`` and ``unstitch`` are each other's derivative. The fused operator's
derivative is an operator with a derivative of its own, so all of them can be differentiated any number of times.
Letters as in ``_stitch``; V is a dimension that vmap adds.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from gankit_stitch._paths import kernels_for
from gankit_stitch._shapes import check_bias, empty, stitched_shape, unstitched_shape

_LIBRARY = torch.library.Library("gankit", "FRAGMENT")
"""The operators are defined through it, because the wrapper of ``torch.library.custom_op`` adds some 15 us a call."""

_SCHEMAS = (
    "stitch(Tensor x, SymInt factor) -> Tensor",
    "unstitch(Tensor x, SymInt factor) -> Tensor",
    "stitch_bias_tanh(Tensor x, Tensor bias, SymInt factor) -> Tensor",
    "stitch_bias_tanh_backward(Tensor grad, Tensor image, SymInt factor) -> Tensor",
)
for _schema in _SCHEMAS:
    _LIBRARY.define(_schema, tags=torch.Tag.pt2_compliant_tag)

stitch = torch.ops.gankit.stitch.default
unstitch = torch.ops.gankit.unstitch.default
stitch_bias_tanh = torch.ops.gankit.stitch_bias_tanh.default
stitch_bias_tanh_backward = torch.ops.gankit.stitch_bias_tanh_backward.default

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


@_kernel("stitch_bias_tanh")
def _(x: Tensor, bias: Tensor, factor: int) -> Tensor:
    check_bias(x, bias)
    return kernels_for(x).stitch_bias_tanh(x, bias, factor)


@_kernel("stitch_bias_tanh_backward")
def _(grad: Tensor, image: Tensor, factor: int) -> Tensor:
    return kernels_for(grad).stitch_bias_tanh_backward(grad, image, factor)


# Shapes, for fake tensors and compilers -------------------------------------------------------------------


@_fake(stitch)
def _(x: Tensor, factor: int) -> Tensor:
    return empty(x, stitched_shape(x, factor))


@_fake(unstitch)
def _(x: Tensor, factor: int) -> Tensor:
    return empty(x, unstitched_shape(x, factor))


@_fake(stitch_bias_tanh)
def _(x: Tensor, bias: Tensor, factor: int) -> Tensor:
    check_bias(x, bias)
    return empty(x, stitched_shape(x, factor))


@_fake(stitch_bias_tanh_backward)
def _(grad: Tensor, image: Tensor, factor: int) -> Tensor:
    return empty(image, unstitched_shape(image, factor))


# Derivatives ----------------------------------------------------------------------------------------------


def _keep_factor(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.factor = inputs[-1]


def _keep_image(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    _, bias, ctx.factor = inputs
    ctx.bias_dtype = bias.dtype
    ctx.save_for_backward(output)


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.factor = inputs
    ctx.save_for_backward(*tensors)


def _stitch_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    return unstitch(grad, ctx.factor), None


def _unstitch_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
    return stitch(grad, ctx.factor), None


def _stitch_bias_tanh_backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None]:
    """tanh' = 1 - tanh^2 at every value; the gradient of a bias is the sum over its sub-image."""
    (image,) = ctx.saved_tensors
    grad_x = stitch_bias_tanh_backward(grad, image, ctx.factor)
    grad_bias = grad_x.sum(dim=[0, *range(2, grad_x.ndim)], dtype=ctx.bias_dtype) if ctx.needs_input_grad[1] else None
    return grad_x, grad_bias, None


def _stitch_bias_tanh_double_backward(ctx: Any, grad_parts: Tensor) -> tuple[Tensor, Tensor, None]:
    """Derivatives of ``unstitch(grad * (1 - image^2))`` by ``grad`` and by ``image``."""
    grad, image = ctx.saved_tensors
    back = stitch(grad_parts, ctx.factor)
    return back * (1 - image.square()), -2 * back * grad * image, None


_autograd(stitch, _stitch_backward, setup_context=_keep_factor)
_autograd(unstitch, _unstitch_backward, setup_context=_keep_factor)
_autograd(stitch_bias_tanh, _stitch_bias_tanh_backward, setup_context=_keep_image)
_autograd(stitch_bias_tanh_backward, _stitch_bias_tanh_double_backward, setup_context=_keep_inputs)


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


@_vmap(stitch_bias_tanh)
def _(info: Any, in_dims: tuple[int | None, ...], x: Tensor, bias: Tensor, factor: int) -> tuple[Tensor, int]:
    """Where each V has a bias of its own, V joins the channels instead."""
    if in_dims[1] is None:
        images = stitch_bias_tanh(_join_batch(x, in_dims[0], info.batch_size), bias, factor)
        return images.unflatten(0, (info.batch_size, -1)), 0
    x_NVK = x.unsqueeze(1).expand(-1, info.batch_size, *x.shape[1:]) if in_dims[0] is None else x.movedim(in_dims[0], 1)
    images = stitch_bias_tanh(x_NVK.flatten(1, 2), bias.movedim(in_dims[1], 0).flatten(), factor)
    return images.unflatten(1, (info.batch_size, -1)), 1


@_vmap(stitch_bias_tanh_backward)
def _(info: Any, in_dims: tuple[int | None, ...], grad: Tensor, image: Tensor, factor: int) -> tuple[Tensor, int]:
    grad, image = (_join_batch(x, axis, info.batch_size) for x, axis in zip((grad, image), in_dims[:2], strict=True))
    return stitch_bias_tanh_backward(grad, image, factor).unflatten(0, (info.batch_size, -1)), 0
