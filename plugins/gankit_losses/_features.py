"""The arithmetic of ``gankit_losses.features``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import torch
from torch import Tensor

from gankit import Critic, mean_over_ranks


class MatchedMeans:
    """See ``FeatureMatching``."""

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        with torch.no_grad():
            wanted = [_mean(layer) for layer in critic.features(reference)]
        made = [_mean(layer) for layer in critic.features(candidate)]
        return torch.stack([(one - other).square().mean() for one, other in zip(made, wanted, strict=True)]).mean()


def _mean(features: Tensor) -> Tensor:
    """The mean over the global batch, (B, ...) to (...)."""
    return mean_over_ranks(features.mean(dim=0))


@attrs.frozen
class Difference:
    """See ``Perceptual``."""

    absolute: bool

    def __call__(self, candidate: Sequence[Tensor], reference: Sequence[Tensor]) -> Tensor:
        """Features (B, ...) and (B, ...), layer by layer, to one loss per sample (B,)."""
        differences = [(one - other).flatten(1) for one, other in zip(candidate, reference, strict=True)]
        each = [difference.abs() if self.absolute else difference.square() for difference in differences]
        return torch.stack([layer.mean(dim=1) for layer in each]).mean(dim=0)
