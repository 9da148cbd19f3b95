"""The network of ``coupled-generator``. Letters: B batch, Z latent, C channels, S space."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, PixelNorm, convolution, doubling, he_weights


class CoupledGeneratorNetwork(nn.Module):
    """Latent (B, Z) to modalities (B, C1 + C2, *S) in [-1, 1]; see ``CoupledGenerator``.

    Args:
        latent: Z.
        channels: C of each modality.
        first_map: sides of the fully connected layer's map.
        shared: up-sampling blocks of all modalities together, each of which doubles the sides.
        own: up-sampling blocks of each modality after these.
        width: channels of the last blocks.
        gain: scale of the values before tanh at the start.
    """

    def __init__(
        self,
        latent: int,
        channels: Sequence[int],
        first_map: tuple[int, ...],
        shared: int,
        own: int,
        width: int,
        gain: float,
    ):
        super().__init__()
        rank = len(first_map)
        widths = [width * times for times in (16, 4, 4, 2, *[1] * (shared + own))][: shared + own + 1]
        first = he_weights(nn.Linear(latent, widths[0] * math.prod(first_map)))
        unfold = nn.Unflatten(1, (widths[0], *first_map))
        blocks = [doubling(widths[i], widths[i + 1], rank) for i in range(shared)]
        self.shared = nn.Sequential(first, unfold, PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE), *blocks)
        self.heads = nn.ModuleList(_head(rank, widths[shared:], count, gain) for count in channels)

    def forward(self, z_BZ: Tensor) -> Tensor:
        features = self.shared(z_BZ)
        return torch.tanh(torch.cat([head(features) for head in self.heads], dim=1))


def _head(rank: int, widths: Sequence[int], channels: int, gain: float) -> nn.Module:
    """A modality's own blocks and its last convolution."""
    last = he_weights(convolution(widths[-1], channels, rank))
    with torch.no_grad():
        last.weight.mul_(gain)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*[doubling(widths[i], widths[i + 1], rank) for i in range(len(widths) - 1)], last)
