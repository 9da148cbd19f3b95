"""The arithmetic of ``gankit_losses.regularisers``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from gankit import AbstractAugmentation, Augmentations, Critic, mean_over_ranks
from gankit_losses._adversarial import scored


class Anchors(nn.Module):
    """See ``LeCam``. The buffers are the moving averages of the scores of real samples and of candidates."""

    real: Tensor
    made: Tensor

    def __init__(self, decay: float):
        super().__init__()
        self._decay = decay
        self.register_buffer("real", torch.zeros(()))
        self.register_buffer("made", torch.zeros(()))

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        real, made = scored(critic, reference, candidate)
        objective = (real - self.made).square().mean() + (made - self.real).square().mean()
        self._move(self.real, real)
        self._move(self.made, made)
        return objective

    @torch.no_grad()
    def _move(self, average: Tensor, scores: Tensor) -> None:
        average.lerp_(mean_over_ranks(scores.mean()), 1 - self._decay)


class Consistent:
    """See ``Consistency``."""

    def __init__(self, augmentations: tuple[AbstractAugmentation, ...], balanced: bool):
        self._augmentations = Augmentations(augmentations)
        self._balanced = balanced

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        objective = self._change(critic, reference, draws, "reference_")
        return objective + self._change(critic, candidate, draws, "candidate_") if self._balanced else objective

    def _change(self, critic: Critic, samples: Tensor, draws: Mapping[str, Tensor], prefix: str) -> Tensor:
        before, after = scored(critic, samples, self._augmentations(samples, draws, prefix))
        return (before - after).square().mean()
