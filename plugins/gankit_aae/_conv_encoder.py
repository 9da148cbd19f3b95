"""The network of ``conv-encoder``. Letters: B batch, C channels, S space, Z latent."""

import math
from typing import Literal

from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, BatchNorm, PerAxis, PixelNorm, activations, halving, halvings, he_weights


class ConvEncoderNetwork(nn.Module):
    """Images (B, C, *S) to latents (B, Z); see ``ConvEncoder``.

    The first layer is not normalised and has random biases: PixelNorm after a layer without bias would forget
    how bright a pixel is, and brightness is what an ADC map measures.

    Args:
        shape: (C, *S).
        latent: Z.
        width: channels after the first layer.
        depth: number of convolutional layers; None: as many as bring every side under 8.
        latent_norm: normalisation of the result, without learned scale or shift.
        kernel: taps along axes that are kept, for all axes or for each.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        latent: int,
        width: int,
        depth: int | None,
        latent_norm: Literal["batch", "layer", "none"],
        kernel: PerAxis = 3,
    ):
        super().__init__()
        inputs, *sides = shape
        layers: list[nn.Module] = []
        for layer in range(depth or halvings(max(sides))):
            outputs = width * min(2**layer, 8)
            convolution, sides = halving(inputs, outputs, sides, kernel)
            layers += [convolution, *([PixelNorm()] if layer else []), nn.LeakyReLU(NEGATIVE_SLOPE)]
            inputs = outputs
        self.layers = nn.Sequential(*layers)
        biased = latent_norm != "batch"  # a norm over the batch would take it out again
        self.latent = he_weights(nn.Linear(inputs * math.prod(sides), latent, bias=biased))
        self.norm = _latent_norm(latent_norm, latent)

    def forward(self, x_BCS: Tensor) -> Tensor:
        return self.norm(self.latent(self.layers(x_BCS).flatten(1)))

    def features(self, x_BCS: Tensor) -> list[Tensor]:
        """The maps after each layer."""
        return activations(self.layers, x_BCS)


def _latent_norm(norm: str, latent: int) -> nn.Module:
    if norm == "batch":
        return BatchNorm(latent, affine=False)
    return nn.LayerNorm(latent, elementwise_affine=False) if norm == "layer" else nn.Identity()
