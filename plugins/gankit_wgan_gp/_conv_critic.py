"""The network of ``conv-critic``. Letters: B batch, C channels, S space."""

import math
from typing import Literal

from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, BatchNorm, activations, halving, halvings, he_weights
from gankit_wgan_gp._leaky_relu import LeakyReLU


class ConvCriticNetwork(nn.Module):
    """Images (B, C, *S) to unbounded scores (B,); see ``ConvCritic``.

    Args:
        shape: (C, *S).
        width: channels after the first layer.
        norm: what follows each layer but the first.
    """

    def __init__(self, shape: tuple[int, ...], width: int, norm: Literal["none", "batch", "layer"]):
        super().__init__()
        inputs, *sides = shape
        layers: list[nn.Module] = []
        for layer in range(halvings(max(sides))):
            outputs = width * min(2**layer, 8)
            convolution, sides = halving(inputs, outputs, sides)
            layers += [convolution, *(_norm(norm, outputs) if layer else []), LeakyReLU(NEGATIVE_SLOPE)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        self.score = he_weights(nn.Linear(inputs * math.prod(sides), 1))

    def forward(self, x_BCS: Tensor) -> Tensor:
        return self.score(self.layers(x_BCS).flatten(1)).squeeze(1)

    def features(self, x_BCS: Tensor) -> list[Tensor]:
        """The maps after each layer."""
        return activations(self.layers, x_BCS, LeakyReLU)


def _norm(norm: str, channels: int) -> list[nn.Module]:
    """``layer`` normalises all channels and pixels of one sample together."""
    if norm == "batch":
        return [BatchNorm(channels)]
    return [nn.GroupNorm(1, channels)] if norm == "layer" else []
