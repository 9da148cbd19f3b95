"""The network of ``residual-generator``. Letters: B batch, Z latent, C channels, S space."""

import math

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, PixelNorm, Shape, convolution, enlarging, he_weights
from gankit_stitch._layers import Reading, block_widths, equal_kernels, plus, pointwise
from gankit_stitch._plan import Plan
from gankit_stitch._stitch import StitchLayer


class ResidualNetwork(nn.Module):
    """Latent (B, Z), and images (B, C', *S) beside it, to image (B, C, *S) in [-1, 1]; see ``ResidualGenerator``.

    Sub-images are equal before training, and generators share weights under one seed, as in ``StitchDecoderNetwork``.

    Args:
        plan: sizes of what is read and made.
        width: channels of the last blocks.
        gain: scale of the values before tanh at the start.
    """

    def __init__(self, plan: Plan, width: int, gain: float):
        super().__init__()
        widths = block_widths(width, plan.blocks)
        linear = he_weights(nn.Linear(plan.latent, widths[0] * math.prod(plan.first_map)))
        self.first = nn.Sequential(linear, nn.Unflatten(1, (widths[0], *plan.first_map)))
        steps = zip(widths[:-1], widths[1:], plan.times, strict=True)
        self.blocks = nn.ModuleList(ResidualBlock(*step) for step in steps)
        last = he_weights(convolution(widths[-1], plan.channels, plan.rank))
        last = equal_kernels(last, plan.copies, gain)
        self.last = nn.Sequential(PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE), last, StitchLayer(plan.factor))
        self.read = Reading(plan, widths[1:])

    def forward(self, *places: Tensor) -> Tensor:
        z_BZ, added = self.read(*places)
        maps = self.first(z_BZ)
        for block, beside in zip(self.blocks, added, strict=True):
            maps = block(maps, beside)
        return torch.tanh(self.last(maps))


class ResidualBlock(nn.Module):
    """A residual block that enlarges each axis by ``times``, 2 or 1: (B, C, *S) to (B, C', *2S).

    The shortcut is convolved before it is enlarged by nearest neighbours, which gives the same as the other order.
    """

    def __init__(self, inputs: int, outputs: int, times: Shape):
        super().__init__()
        rank = len(times)
        self.activate = nn.Sequential(PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))
        self.enlarge = enlarging(times)
        self.first = he_weights(convolution(inputs, outputs, rank))
        self.second = he_weights(convolution(outputs, outputs, rank))
        self.shortcut = he_weights(pointwise(inputs, outputs, rank), slope=1)

    def forward(self, x_BCS: Tensor, beside: Tensor | None) -> Tensor:
        changed = plus(self.first(self.enlarge(self.activate(x_BCS))), beside)
        changed = self.second(self.activate(changed))
        shortcut: Tensor = self.enlarge(self.shortcut(x_BCS))
        return changed + shortcut
