"""A leaky ReLU whose second derivative is no tensor at all, for critics under a gradient penalty."""

from typing import Any

import torch
from torch import Tensor, nn


class LeakyReLU(nn.LeakyReLU):
    """``x`` where positive, else ``slope * x``; any shape.

    The second derivative of a piecewise linear function is zero. torch computes that zero as a tensor and
    carries it back through the whole critic; this one tells autograd that there is nothing to carry, which
    makes a gradient penalty cheaper to differentiate and leaves every value the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch._C._are_functorch_transforms_active():
            return super().forward(x)
        scaled: Tensor = _Slope.apply(x, x.detach(), self.negative_slope)
        return scaled


class _Slope(torch.autograd.Function):
    """``x`` times 1 where ``where`` is positive, else ``slope``: linear in ``x``, so its own derivative.

    ``forward`` takes the context itself. With a method ``setup_context``, torch would read the signature anew at every
    call, which takes as long as a small layer.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, where: Tensor, slope: float) -> Tensor:
        ctx.slope = slope
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(where)
        return torch.ops.aten.leaky_relu_backward(x, where, slope, False)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> tuple[Tensor | None, None, None]:
        if gradient is None:
            return None, None, None
        (where,) = ctx.saved_tensors
        return _Slope.apply(gradient, where, ctx.slope), None, None
