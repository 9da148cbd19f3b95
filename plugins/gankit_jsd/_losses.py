"""The arithmetic of ``gankit_jsd.losses``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gankit import Critic


class JensenShannonMaximised:
    """Eqs. 8 to 10 from logits: ``-log C = softplus(-logit)`` and ``-log(1 - C) = softplus(logit)``."""

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """``-J``; reference and candidate are scored in one call."""
        other_B, candidate_B = critic(torch.cat([reference, candidate])).split([len(reference), len(candidate)])
        return softplus(-other_B).mean() + softplus(candidate_B).mean()

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """``-E log(1 - C(â))``, the part of ``-J`` that depends on the player."""
        return softplus(critic(candidate)).mean()
