"""The arithmetic of ``gankit_losses.adversarial``. Scores are (B,), or (B, P) of a critic with patches."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor
from torch.nn.functional import softplus

from gankit import Critic, squared_slope


def scored(critic: Critic, reference: Tensor, candidate: Tensor) -> tuple[Tensor, Tensor]:
    """The scores of references and of candidates, from one call."""
    real, made = critic(torch.cat([reference, candidate])).split([len(reference), len(candidate)])
    return real, made


@attrs.frozen
class HingeGame:
    """See ``Hinge``."""

    penalty: float

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        real, made = scored(critic, reference, candidate)
        objective = (1 - real).relu().mean() + (1 + made).relu().mean()
        return objective + self.penalty / 2 * squared_slope(critic, reference) if self.penalty else objective

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        return -critic(candidate).mean()


@attrs.frozen
class SquareGame:
    """See ``LeastSquares``."""

    penalty: float

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        real, made = scored(critic, reference, candidate)
        objective = (real - 1).square().mean() / 2 + made.square().mean() / 2
        return objective + self.penalty / 2 * squared_slope(critic, reference) if self.penalty else objective

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        return (critic(candidate) - 1).square().mean() / 2


@attrs.frozen
class RelativisticGame:
    """See ``Relativistic``."""

    penalty: float

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        real, made = scored(critic, reference, candidate)
        objective = softplus(made - real).mean()
        if self.penalty:
            slope = squared_slope(critic, reference) + squared_slope(critic, candidate)
            objective = objective + self.penalty / 2 * slope
        return objective

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        real, made = scored(critic, reference, candidate)
        return softplus(real - made).mean()
