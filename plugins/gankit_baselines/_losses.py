"""The arithmetic of ``gankit_baselines.losses``."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor
from torch.nn.functional import softplus

from gankit import Critic, squared_slope


@attrs.frozen
class LogisticGame:
    """From logits: ``-log D = softplus(-logit)`` and ``-log(1 - D) = softplus(logit)``."""

    penalty: float
    candidate_penalty: float

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """``-E log D(x) - E log(1 - D(x̂))``, reference and candidate scored in one call, and the penalties."""
        real_B, candidate_B = critic(torch.cat([reference, candidate])).split([len(reference), len(candidate)])
        objective = softplus(-real_B).mean() + softplus(candidate_B).mean()
        if self.penalty:
            objective = objective + self.penalty / 2 * squared_slope(critic, reference)
        if self.candidate_penalty:
            objective = objective + self.candidate_penalty / 2 * squared_slope(critic, candidate)
        return objective

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """``-E log D(x̂)``."""
        return softplus(-critic(candidate)).mean()
