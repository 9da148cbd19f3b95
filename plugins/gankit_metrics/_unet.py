"""A small U-Net (Ronneberger et al. 2015) for metrics that need an image out of an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, PixelNorm, convolution


class SmallUNet(nn.Module):
    """(B, C, *S) to (B, C', *S), unbounded; two halvings, sides a multiple of 4."""

    def __init__(self, inputs: int, outputs: int, rank: int, width: int):
        super().__init__()
        self.enter = _block(inputs, width, rank)
        self.down = _block(width, 2 * width, rank, stride=2)
        self.bottom = nn.Sequential(_block(2 * width, 2 * width, rank, stride=2), _block(2 * width, 2 * width, rank))
        self.middle = _block(4 * width, width, rank)
        self.leave = nn.Sequential(_block(2 * width, width, rank), convolution(width, outputs, rank))

    def forward(self, x_BCS: Tensor) -> Tensor:
        full = self.enter(x_BCS)
        half = self.down(full)
        deep = self.middle(torch.cat([_doubled(self.bottom(half)), half], dim=1))
        result: Tensor = self.leave(torch.cat([_doubled(deep), full], dim=1))
        return result


def _block(inputs: int, outputs: int, rank: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(convolution(inputs, outputs, rank, stride), PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))


def _doubled(x_BCS: Tensor) -> Tensor:
    return nn.functional.interpolate(x_BCS, scale_factor=2.0, mode="nearest")
