"""RMSprop whose step can be recorded: torch's own reads a rate that is a tensor back to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

Tensors = list[Tensor] | tuple[Tensor, ...]


class CapturableRMSprop(torch.optim.Optimizer):
    """``torch.optim.RMSprop`` with a rate that may be a tensor on the device; for the equations see ``RMSprop``."""

    def __init__(self, parameters: Sequence[Parameter], lr: float | Tensor, **options: Any):
        super().__init__(parameters, {"lr": lr, **options})
        for group in self.param_groups:
            names = ("square_avg", *(("grad_avg",) if group["centered"] else ()))
            names += ("momentum_buffer",) if group["momentum"] else ()
            for parameter in group["params"]:
                self.state[parameter] = {name: torch.zeros_like(parameter) for name in names}

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient."""
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            if moved:
                self._move(moved, **{name: value for name, value in group.items() if name != "params"})

    def _move(
        self,
        weights: list[Tensor],
        lr: float | Tensor,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
        centered: bool,
        **_: Any,
    ) -> None:
        gradients: Tensors = [weight.grad for weight in weights if weight.grad is not None]
        if weight_decay:
            gradients = torch._foreach_add(gradients, weights, alpha=weight_decay)

        # The mean square of the gradient, or its variance
        squares: Tensors = self._states(weights, "square_avg")
        torch._foreach_mul_(squares, alpha)
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - alpha)
        if centered:
            means = self._states(weights, "grad_avg")
            torch._foreach_lerp_(means, gradients, 1 - alpha)
            squares = torch._foreach_addcmul(squares, means, means, -1)
        roots = torch._foreach_sqrt(squares)
        torch._foreach_add_(roots, eps)

        # The step
        steps: Tensors = torch._foreach_div(gradients, roots)
        if momentum:
            buffers = self._states(weights, "momentum_buffer")
            torch._foreach_mul_(buffers, momentum)
            torch._foreach_add_(buffers, steps)
            steps = buffers
        torch._foreach_sub_(weights, torch._foreach_mul(steps, lr))

    def _states(self, weights: list[Tensor], name: str) -> list[Tensor]:
        return [self.state[weight][name] for weight in weights]
