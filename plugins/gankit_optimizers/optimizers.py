"""Adam, AdamW, RMSprop and SGD. In all equations ``w`` is a weight, ``g`` its gradient, ``r`` the rate of the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractOptimizer, Problem, option

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Parameter


@attrs.frozen(kw_only=True)
class AbstractAdam(AbstractOptimizer):
    """What Adam and AdamW have in common."""

    betas: tuple[float, float] = option((0.5, 0.99), ge=0, lt=1, help="decay rates of the two moments, as in Adam")
    eps: float = option(1e-8, gt=0, help="added to the root of the second moment")


@attrs.frozen(kw_only=True)
class Adam(AbstractAdam):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980, Algorithm 1), what moves the networks of a phase that names nothing.

    ``m <- b1 m + (1 - b1) g``, ``v <- b2 v + (1 - b2) g^2``, ``w <- w - r m' / (sqrt(v') + eps)`` in step t, with
    ``m' = m / (1 - b1^t)`` and ``v' = v / (1 - b2^t)``.
    """

    weight_decay: float = option(0.0, ge=0, help="adds weight_decay * w to g, an L2 penalty")

    def build(
        self, parameters: Sequence[Parameter], learning_rate: float | Tensor, capturable: bool
    ) -> torch.optim.Optimizer:
        from torch.optim import Adam

        options = {"betas": self.betas, "eps": self.eps, "weight_decay": self.weight_decay}
        return Adam(parameters, learning_rate, fused=True, capturable=capturable, **options)  # type: ignore[arg-type]


@attrs.frozen(kw_only=True)
class AdamW(AbstractAdam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101, Algorithm 2).

    First ``w <- (1 - r weight_decay) w``, then the step of Adam. As in torch, the whole rate multiplies the decay.
    """

    weight_decay: float = option(0.01, ge=0, help="share of a weight that a step at rate 1 takes away")

    def build(
        self, parameters: Sequence[Parameter], learning_rate: float | Tensor, capturable: bool
    ) -> torch.optim.Optimizer:
        from torch.optim import AdamW

        options = {"betas": self.betas, "eps": self.eps, "weight_decay": self.weight_decay}
        return AdamW(parameters, learning_rate, fused=True, capturable=capturable, **options)  # type: ignore[arg-type]


@attrs.frozen(kw_only=True)
class RMSprop(AbstractOptimizer):
    """RMSprop (Tieleman and Hinton 2012, lecture 6.5), the optimizer of Wasserstein GANs (Arjovsky et al. 2017,
    arXiv:1701.07875, Algorithm 1).

    ``v <- alpha v + (1 - alpha) g^2``, ``w <- w - r g / (sqrt(v) + eps)``. With ``centered`` (Graves 2013,
    arXiv:1308.0850, Eqs. 38 to 40) ``v - n^2`` stands in place of v, with ``n <- alpha n + (1 - alpha) g``. With
    ``momentum``, ``b <- momentum b + g / (sqrt(v) + eps)`` and ``w <- w - r b``.
    """

    alpha: float = option(0.99, ge=0, lt=1, help="decay rate of the mean square of the gradient")
    eps: float = option(1e-8, gt=0, help="added to the root of the mean square")
    weight_decay: float = option(0.0, ge=0, help="adds weight_decay * w to g, an L2 penalty")
    momentum: float = option(0.0, ge=0, lt=1, help="decay rate of the sum of steps; 0 for none")
    centered: bool = option(False, help="take the variance of the gradient in place of its mean square")

    def build(
        self, parameters: Sequence[Parameter], learning_rate: float | Tensor, capturable: bool
    ) -> torch.optim.Optimizer:
        from gankit_optimizers._rmsprop import CapturableRMSprop

        return CapturableRMSprop(
            parameters,
            learning_rate,
            alpha=self.alpha,
            eps=self.eps,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            centered=self.centered,
        )


@attrs.frozen(kw_only=True)
class SGD(AbstractOptimizer):
    """Stochastic gradient descent, with momentum as in Sutskever et al. 2013 ("On the importance of initialization and
    momentum in deep learning", Eqs. 1 to 4), in torch's form.

    ``w <- w - r g``. With ``momentum``, ``b <- momentum b + g`` and ``w <- w - r b``, or with ``nesterov``
    ``w <- w - r (g + momentum b)``.
    """

    momentum: float = option(0.0, ge=0, lt=1, help="decay rate of the sum of gradients; 0 for none")
    nesterov: bool = option(False, help="look ahead along the momentum")
    weight_decay: float = option(0.0, ge=0, help="adds weight_decay * w to g, an L2 penalty")

    def check(self) -> Iterator[Problem]:
        if self.nesterov and not self.momentum:
            yield Problem("nesterov", "needs momentum; set momentum to a number in (0, 1), or nesterov = false")

    def build(
        self, parameters: Sequence[Parameter], learning_rate: float | Tensor, capturable: bool
    ) -> torch.optim.Optimizer:
        from torch.optim import SGD

        options = {"momentum": self.momentum, "nesterov": self.nesterov, "weight_decay": self.weight_decay}
        return SGD(parameters, learning_rate, fused=True, **options)  # type: ignore[arg-type] # fused: reads a rate on the device there
