"""The arithmetic of ``gankit_baselines.losses``."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import torch
from torch import Tensor
from torch.nn.functional import softplus


@attrs.frozen
class LogisticGame:
    """From logits: ``-log D = softplus(-logit)`` and ``-log(1 - D) = softplus(logit)``."""

    penalty: float

    def critic(
        self, critic: Callable[[Tensor], Tensor], reference: Tensor, candidate: Tensor, mixing_B: Tensor
    ) -> Tensor:
        """``-E log D(x) - E log(1 - D(x̂))``, reference and candidate scored in one call, and the penalty."""
        real_B, candidate_B = critic(torch.cat([reference, candidate])).split([len(reference), len(candidate)])
        objective = softplus(-real_B).mean() + softplus(candidate_B).mean()
        return objective + self.penalty / 2 * squared_slope(critic, reference) if self.penalty else objective

    def player(self, critic: Callable[[Tensor], Tensor], candidate: Tensor) -> Tensor:
        """``-E log D(x̂)``."""
        return softplus(-critic(candidate)).mean()


def squared_slope(critic: Callable[[Tensor], Tensor], reference: Tensor) -> Tensor:
    """``E |∇f(x)|²`` as a scalar with a graph for second derivatives, in the inputs' type also under autocast.

    Args:
        critic: (B, ...) to logits (B,); each depends on its own sample only.
        reference: (B, ...).
    """
    x = reference.detach().requires_grad_(True)
    with torch.autocast(x.device.type, enabled=False):
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return slope.square().flatten(1).sum(dim=1).mean()
