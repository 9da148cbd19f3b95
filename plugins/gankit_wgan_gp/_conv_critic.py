"""The network of ``conv-critic``. Letters: B batch, C channels, S space."""

import math
from typing import Literal

from torch import Tensor, nn

from gankit import (
    NEGATIVE_SLOPE,
    LeakyReLU,
    PerAxis,
    activations,
    halving,
    halvings,
    he_weights,
    norm_layers,
    spectral_norm,
)


class ConvCriticNetwork(nn.Module):
    """Images (B, C, *S) to unbounded scores (B,); see ``ConvCritic``.

    Args:
        shape: (C, *S).
        width: channels after the first layer.
        norm: what follows each layer but the first.
        spectral: whether the layers are spectrally normalised.
        kernel: taps along axes that are kept, for all axes or for each.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        width: int,
        norm: Literal["none", "batch", "layer"],
        spectral: bool,
        kernel: PerAxis = 3,
    ):
        super().__init__()
        inputs, *sides = shape
        layers: list[nn.Module] = []
        for layer in range(halvings(max(sides))):
            outputs = width * min(2**layer, 8)
            convolution, sides = halving(inputs, outputs, sides, kernel)
            layers += [spectral_norm(convolution) if spectral else convolution]
            layers += [*(norm_layers(norm, outputs) if layer else []), LeakyReLU(NEGATIVE_SLOPE)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        score = he_weights(nn.Linear(inputs * math.prod(sides), 1))
        self.score = spectral_norm(score) if spectral else score

    def forward(self, x_BCS: Tensor) -> Tensor:
        return self.score(self.layers(x_BCS).flatten(1)).squeeze(1)

    def features(self, x_BCS: Tensor) -> list[Tensor]:
        """The maps after each layer."""
        return activations(self.layers, x_BCS)
