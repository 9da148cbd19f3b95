"""The arithmetic of ``gankit_wgan_gp.losses``."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor

from gankit import Critic, slopes


@attrs.frozen
class Wasserstein:
    """Eqs. 4 and 5."""

    penalty: float
    drift: float

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """Minus the value of Eq. 4; reference and candidate are scored in one call."""
        reference_B, candidate_B = critic(torch.cat([reference, candidate])).chunk(2)
        objective = candidate_B.mean() - reference_B.mean()
        if self.penalty:
            objective = objective + self.penalty * gradient_penalty(critic, reference, candidate, draws["mixing"])
        if self.drift:
            objective = objective + self.drift * reference_B.square().mean()
        return objective

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """``-E D(â)``, the part of Eq. 4 that depends on the player."""
        return -critic(candidate).mean()


def gradient_penalty(critic: Critic, reference: Tensor, candidate: Tensor, mixing_B: Tensor) -> Tensor:
    """``E (|∇D(mix)|₂ - 1)²``, ``mix = ε reference + (1 - ε) candidate`` sample by sample.

    Args:
        critic: (B, ...) to scores, each of which depends on its own sample only. That of a sample with patches is their
            mean.
        reference, candidate: (B, ...), same shape.
        mixing_B: ε, in [0, 1).

    Returns: scalar with a graph for second derivatives, computed in the inputs' type also where autocast is on. The
        norm's derivative at a zero gradient is zero, not NaN.
    """
    mixing = mixing_B.view(-1, *[1] * (reference.ndim - 1))
    slope = slopes(critic, torch.lerp(candidate, reference, mixing))
    return (torch.linalg.vector_norm(slope.flatten(1), dim=1) - 1).square().mean()
