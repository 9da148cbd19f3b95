"""The network of ``unet``. Letters: B batch, C channels, S space."""

from typing import Any

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, PixelNorm, convolution, he_weights

_OUTPUT_GAIN = 0.25


class UNetNetwork(nn.Module):
    """(B, C, *S) to (B, C', *S) in [-1, 1]; see ``UNet``.

    The first layer is not normalised and has random biases: PixelNorm after a layer without bias would forget
    how bright a pixel is, and brightness is what an ADC map measures.

    Args:
        rank: number of spatial dimensions, 1 to 3.
        inputs, outputs: C and C'.
        width: channels at full size.
        depth: number of halvings.
    """

    def __init__(self, rank: int, inputs: int, outputs: int, width: int, depth: int):
        super().__init__()
        widths = [width * min(2**level, 4) for level in range(depth + 1)]
        rising = [width, *widths[:-2], widths[-1]]  # each block on the way up prepares the width of the next
        levels = range(depth)
        self.enter = nn.Sequential(_convolution(rank, inputs, width), nn.LeakyReLU(NEGATIVE_SLOPE))
        self.down = nn.ModuleList(_halving(rank, widths[i], widths[i + 1]) for i in levels)
        self.enlarge = nn.Upsample(scale_factor=2, mode="nearest")
        self.up = nn.ModuleList(_block(rank, rising[i + 1] + widths[i], rising[i]) for i in reversed(levels))
        self.leave = _last(rank, width, outputs)

    def forward(self, x_BCS: Tensor) -> Tensor:
        features = self.enter(x_BCS)
        skips = []
        for down in self.down:
            skips.append(features)
            features = down(features)
        for up in self.up:
            features = up(torch.cat([self.enlarge(features), skips.pop()], dim=1))
        return torch.tanh(self.leave(features))

    def features(self, x_BCS: Tensor) -> list[Tensor]:
        """The maps at each size on the way down."""
        maps = [self.enter(x_BCS)]
        for down in self.down:
            maps.append(down(maps[-1]))
        return maps


def _halving(rank: int, inputs: int, outputs: int) -> nn.Module:
    """Halve the sides; no grid comes from here (see ``convolution``)."""
    halve = he_weights(convolution(inputs, outputs, rank, stride=2))
    return nn.Sequential(halve, PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))


def _block(rank: int, inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(_convolution(rank, inputs, outputs), PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))


def _last(rank: int, inputs: int, outputs: int) -> nn.Module:
    """The layer before tanh, scaled down so that tanh is not saturated at the start."""
    layer = _convolution(rank, inputs, outputs)
    with torch.no_grad():
        layer.weight.mul_(_OUTPUT_GAIN)
    return layer


def _convolution(rank: int, inputs: int, outputs: int) -> Any:
    return he_weights(convolution(inputs, outputs, rank))
