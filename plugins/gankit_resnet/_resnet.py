"""The network of ``resnet``. Letters: B batch, C channels, S space."""

from typing import Any, Literal

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, PixelNorm, convolution, he_weights, norm_layers

_OUTPUT_GAIN = 0.25
_OUTER_TAPS = 7

Norm = Literal["pixel", "instance"]


class ResNetNetwork(nn.Module):
    """(B, C, *S) to (B, C', *S) in [-1, 1]; see ``ResNet``.

    The first layer is not normalised and has random biases: PixelNorm after a layer without bias would forget
    how bright a pixel is, and brightness is what an ADC map measures.

    Args:
        rank: number of spatial dimensions, 1 to 3.
        inputs, outputs: C and C'.
        width: channels at full size.
        depth: number of halvings.
        blocks: number of residual blocks.
        norm: what follows each convolution but the first and the last.
        residual: whether a change of the first C' channels is made.
    """

    def __init__(
        self, rank: int, inputs: int, outputs: int, width: int, depth: int, blocks: int, norm: Norm, residual: bool
    ):
        super().__init__()
        self.outputs, self.residual = outputs, residual
        widths = [width * 2**level for level in range(depth + 1)]
        first = he_weights(convolution(inputs, width, rank, taps=_OUTER_TAPS))
        self.enter = nn.Sequential(first, nn.LeakyReLU(NEGATIVE_SLOPE))
        self.down = nn.ModuleList(_halving(rank, widths[i], widths[i + 1], norm) for i in range(depth))
        self.blocks = nn.ModuleList(ResidualBlock(rank, widths[-1], norm) for _ in range(blocks))
        self.up = nn.ModuleList(_doubling(rank, widths[i + 1], widths[i], norm) for i in reversed(range(depth)))
        self.leave = _last(rank, width, outputs)

    def forward(self, x_BCS: Tensor) -> Tensor:
        made_BCS = torch.tanh(self.leave(self.features(x_BCS)[-1]))
        if not self.residual:
            return made_BCS
        image_BCS = x_BCS[:, : self.outputs].clamp(-1, 1)  # slices may have values beyond the range of their modality
        return made_BCS + (1 - made_BCS.abs()) * image_BCS

    def features(self, x_BCS: Tensor) -> list[Tensor]:
        """The maps after each part of the network, each (B, ...), in the order in which they are made."""
        maps = [self.enter(x_BCS)]
        for part in (*self.down, *self.blocks, *self.up):
            maps.append(part(maps[-1]))
        return maps


class ResidualBlock(nn.Module):
    """``x + norm(conv(relu(norm(conv(x)))))`` on (B, C, *S) (Johnson et al. 2016, supplement, Fig. 1)."""

    def __init__(self, rank: int, channels: int, norm: Norm):
        super().__init__()
        self.change = nn.Sequential(
            he_weights(convolution(channels, channels, rank)),
            _norm(norm, channels),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            he_weights(convolution(channels, channels, rank)),
            _norm(norm, channels),
        )

    def forward(self, x_BCS: Tensor) -> Tensor:
        changed: Tensor = x_BCS + self.change(x_BCS)
        return changed


def _halving(rank: int, inputs: int, outputs: int, norm: Norm) -> nn.Module:
    """Halve the sides; no grid comes from here (see ``convolution``)."""
    halve = he_weights(convolution(inputs, outputs, rank, stride=2))
    return nn.Sequential(halve, _norm(norm, outputs), nn.LeakyReLU(NEGATIVE_SLOPE))


def _doubling(rank: int, inputs: int, outputs: int, norm: Norm) -> nn.Module:
    """Double the sides; ``gankit.doubling`` with a choice of norm."""
    enlarge = nn.Upsample(scale_factor=2, mode="nearest")
    convolved = he_weights(convolution(inputs, outputs, rank))
    return nn.Sequential(enlarge, convolved, _norm(norm, outputs), nn.LeakyReLU(NEGATIVE_SLOPE))


def _norm(norm: Norm, channels: int) -> nn.Module:
    """A norm within each sample; instance norm (Ulyanov et al. 2016, arXiv:1607.08022) has scale and shift."""
    return PixelNorm() if norm == "pixel" else norm_layers(norm, channels)[0]


def _last(rank: int, inputs: int, outputs: int) -> Any:
    """The layer before tanh, scaled down so that tanh is not saturated at the start."""
    layer = he_weights(convolution(inputs, outputs, rank, taps=_OUTER_TAPS))
    with torch.no_grad():
        layer.weight.mul_(_OUTPUT_GAIN)
    return layer
