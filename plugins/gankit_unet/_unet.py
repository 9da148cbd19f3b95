"""The network of ``unet``. Letters: B batch, C channels, S space."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, PerAxis, PixelNorm, SelfAttention, Shape, convolution, enlarging, he_weights
from gankit_unet._dropout import NoiseDropout

_OUTPUT_GAIN = 0.25


class UNetNetwork(nn.Module):
    """(B, C, *S) to (B, C', *S) in [-1, 1]; see ``UNet``.

    The first layer is not normalised and has random biases: PixelNorm after a layer without bias would forget
    how bright a pixel is, and brightness is what an ADC map measures.

    Args:
        rank: number of spatial dimensions, 1 to 3.
        inputs, outputs: C and C', without the channels of noise.
        width: channels at full size.
        strides: 2 or 1 along each axis for each step down, 2 where it halves.
        kernel: taps of convolutions that keep a side, for all axes or for each.
        attention: number of steps down after which maps have self-attention; None for none.
        dropout: rate of dropout on the way up.
        noise: the channels of the input that are noise and decide about dropout, side by side; none without dropout.
    """

    def __init__(
        self,
        rank: int,
        inputs: int,
        outputs: int,
        width: int,
        strides: Sequence[Shape],
        kernel: PerAxis = 3,
        attention: int | None = None,
        dropout: float = 0.0,
        noise: range = range(0),
    ):
        super().__init__()
        depth = len(strides)
        widths = [width * min(2**level, 4) for level in range(depth + 1)]
        rising = [width, *widths[:-2], widths[-1]]  # each block on the way up prepares the width of the next
        levels = range(depth)
        self.enter = nn.Sequential(_convolution(rank, inputs, width, kernel), nn.LeakyReLU(NEGATIVE_SLOPE))
        self.down = nn.ModuleList(_halving(strides[i], widths[i], widths[i + 1], kernel) for i in levels)
        self.enlarge = nn.ModuleList(enlarging(strides[i]) for i in reversed(levels))
        self.up = nn.ModuleList(_block(rank, rising[i + 1] + widths[i], rising[i], kernel) for i in reversed(levels))
        self.leave = _last(rank, width, outputs, kernel)

        # Last, so that the other weights are drawn as without them
        self.attention_at = attention
        self.attention = None if attention is None else SelfAttention(rising[attention])
        self.noise = noise
        self.dropout = NoiseDropout(dropout) if noise else None

    def forward(self, x_BCS: Tensor) -> Tensor:
        return torch.tanh(self.leave(self.features(x_BCS)[-1]))

    def features(self, x_BCS: Tensor) -> list[Tensor]:
        """The maps on the way down and up, each (B, ...), in the order in which they are made."""
        x_BCS, noise_BKS = self._parted(x_BCS)
        depth = len(self.down)
        maps = [self.enter(x_BCS)]
        for down in self.down:
            maps.append(down(maps[-1]))
        skips = maps[:-1]
        maps[-1] = self._attended(maps[-1], depth)
        for level, enlarge, up in zip(reversed(range(depth)), self.enlarge, self.up, strict=True):
            features = up(torch.cat([enlarge(maps[-1]), skips.pop()], dim=1))
            if self.dropout is not None and level >= depth // 2:
                features = self.dropout(features, noise_BKS)
            maps.append(self._attended(features, level))
        return maps

    def _attended(self, features: Tensor, level: int) -> Tensor:
        return features if self.attention is None or level != self.attention_at else self.attention(features)

    def _parted(self, x_BCS: Tensor) -> tuple[Tensor, Tensor]:
        """Images and noise, each concatenated along channels."""
        if not self.noise:
            return x_BCS, x_BCS[:, :0]
        first, last = self.noise.start, self.noise.stop
        return torch.cat([x_BCS[:, :first], x_BCS[:, last:]], dim=1), x_BCS[:, first:last]


def _halving(stride: Shape, inputs: int, outputs: int, kernel: PerAxis) -> nn.Module:
    """Halve the sides where the stride is 2; no grid comes from here (see ``convolution``)."""
    halve = he_weights(convolution(inputs, outputs, len(stride), stride, kernel))
    return nn.Sequential(halve, PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))


def _block(rank: int, inputs: int, outputs: int, kernel: PerAxis) -> nn.Module:
    return nn.Sequential(_convolution(rank, inputs, outputs, kernel), PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))


def _last(rank: int, inputs: int, outputs: int, kernel: PerAxis) -> nn.Module:
    """The layer before tanh, scaled down so that tanh is not saturated at the start."""
    layer = _convolution(rank, inputs, outputs, kernel)
    with torch.no_grad():
        layer.weight.mul_(_OUTPUT_GAIN)
    return layer


def _convolution(rank: int, inputs: int, outputs: int, kernel: PerAxis) -> Any:
    return he_weights(convolution(inputs, outputs, rank, taps=kernel))
