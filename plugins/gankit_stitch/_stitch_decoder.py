"""The network of ``stitch-decoder`` (Fig. 8). Letters: B batch, Z latent, C channels, S space."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, PerAxis, PixelNorm, convolution, doubling, he_weights
from gankit_stitch._layers import ENLARGING, Reading, block_widths, equal_kernels, plus
from gankit_stitch._plan import Plan
from gankit_stitch._stitch import StitchLayer


class StitchDecoderNetwork(nn.Module):
    """Latent (B, Z), and images (B, C', *S) beside it, to image (B, C, *S) in [-1, 1]; see ``StitchDecoder``.

    The F^d kernels of a channel start alike, so the sub-images are equal before training and the image shows
    no grid that training would have to remove. Under one seed, decoders that differ in F or in the images that they
    read start with equal weights in the layers they share.

    Args:
        plan: sizes of what is read and made.
        width: channels of the last blocks.
        gain: scale of the values before tanh at the start.
        base: by what an image that is linear in the latent is enlarged; 0 for no such image. It starts at zero.
        kernel: taps of the convolutions, for all axes or for each.
    """

    def __init__(self, plan: Plan, width: int, gain: float, base: int, kernel: PerAxis = 3):
        super().__init__()
        rank, blocks = plan.rank, plan.blocks
        widths = block_widths(width, blocks)
        unfold = nn.Unflatten(1, (widths[0], *plan.first_map))
        self.first = he_weights(nn.Linear(plan.latent, widths[0] * math.prod(plan.first_map)))
        self.map = nn.Sequential(unfold, PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))
        self.blocks = nn.Sequential(
            *[doubling(widths[i], widths[i + 1], rank, times, kernel) for i, times in enumerate(plan.times)]
        )
        last = he_weights(convolution(widths[-1], plan.channels, rank, taps=kernel))
        self.last = equal_kernels(last, plan.copies, gain)
        self.stitch = StitchLayer(plan.factor)
        self.base = _base_image(plan.latent, plan.channels, plan.size, base) if base else None
        self.read = Reading(plan, widths[1:])

    def forward(self, *places: Tensor) -> Tensor:
        z_BZ, added = self.read(*places)
        maps = self.map(self.first(z_BZ))
        blocks: Any = self.blocks
        for (enlarge, convolve, norm, activate), beside in zip(blocks, added, strict=True):
            maps = activate(norm(plus(convolve(enlarge(maps)), beside)))
        image_BCS = self.stitch(self.last(maps))
        return torch.tanh(image_BCS if self.base is None else image_BCS + self.base(z_BZ))


def _base_image(latent: int, channels: int, size: tuple[int, ...], base: int) -> nn.Module:
    """Latents to images of 1 / ``base`` of the size, linear in them and zero at the start, then enlarged."""
    coarse = (channels, *(side // base for side in size))
    linear = nn.Linear(latent, math.prod(coarse), bias=False)
    nn.init.zeros_(linear.weight)
    enlarge = nn.Upsample(scale_factor=base, mode=ENLARGING[len(size)])
    return nn.Sequential(linear, nn.Unflatten(1, coarse), enlarge)
