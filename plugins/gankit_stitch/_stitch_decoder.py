"""The network of ``stitch-decoder`` (Fig. 8). Letters: B batch, Z latent, C channels, S space."""

import math

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, PixelNorm, convolution, doubling, he_weights
from gankit_stitch._stitch import StitchLayer

_ENLARGING = {1: "linear", 2: "bilinear", 3: "trilinear"}


class StitchDecoderNetwork(nn.Module):
    """Latent (B, Z) to image (B, C, *S) in [-1, 1]; see ``StitchDecoder``.

    The F^d kernels of a channel start alike, so the sub-images are equal before training and the image shows
    no grid that training would have to remove. Under one seed, decoders that differ in F alone start
    with equal weights in the layers they share.

    Args:
        latent: Z.
        channels: C.
        first_map: sides of the fully connected layer's map.
        blocks: up-sampling blocks, each of which doubles the sides.
        factor: F.
        width: channels of the last blocks.
        gain: scale of the values before tanh at the start.
        base: by what an image that is linear in the latent is enlarged; 0 for no such image. It starts at zero.
    """

    def __init__(
        self,
        latent: int,
        channels: int,
        first_map: tuple[int, ...],
        blocks: int,
        factor: int,
        width: int,
        gain: float,
        base: int,
    ):
        super().__init__()
        rank = len(first_map)
        widths = _widths(width, blocks)
        self.first = he_weights(nn.Linear(latent, widths[0] * math.prod(first_map)))
        self.map = nn.Sequential(nn.Unflatten(1, (widths[0], *first_map)), PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))
        self.blocks = nn.Sequential(*[doubling(widths[i], widths[i + 1], rank) for i in range(blocks)])
        self.last = _equal_kernels(rank, widths[-1], channels, factor**rank, gain)
        self.stitch = StitchLayer(factor)
        size = tuple(factor * 2**blocks * side for side in first_map)
        self.base = _base_image(latent, channels, size, base) if base else None

    def forward(self, z_BZ: Tensor) -> Tensor:
        image_BCS = self.stitch(self.last(self.blocks(self.map(self.first(z_BZ)))))
        return torch.tanh(image_BCS if self.base is None else image_BCS + self.base(z_BZ))


def _widths(width: int, blocks: int) -> list[int]:
    """Channels of the first map and after each block, chosen so that what all F share holds 77%."""
    return [width * times for times in (16, 4, 4, 2, *[1] * blocks)][: blocks + 1]


def _equal_kernels(rank: int, inputs: int, channels: int, copies: int, gain: float) -> nn.Module:
    """The last convolutional layer: a channel's F^d kernels are copies of one drawn kernel."""
    one = he_weights(convolution(inputs, channels, rank))
    last = convolution(inputs, channels * copies, rank)
    with torch.no_grad():
        last.weight.copy_(gain * one.weight.repeat_interleave(copies, dim=0))
    nn.init.zeros_(last.bias)
    return last


def _base_image(latent: int, channels: int, size: tuple[int, ...], base: int) -> nn.Module:
    """Latents to images of 1 / ``base`` of the size, linear in them and zero at the start, then enlarged."""
    coarse = (channels, *(side // base for side in size))
    linear = nn.Linear(latent, math.prod(coarse), bias=False)
    nn.init.zeros_(linear.weight)
    enlarge = nn.Upsample(scale_factor=base, mode=_ENLARGING[len(size)])
    return nn.Sequential(linear, nn.Unflatten(1, coarse), enlarge)
