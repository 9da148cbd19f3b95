"""Layers that the generators of this plugin share. Letters: B batch, Z latent, C channels, S space."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gankit import convolution, he_weights
from gankit_stitch._plan import Plan
from gankit_stitch._stitch import unstitch

ENLARGING = {1: "linear", 2: "bilinear", 3: "trilinear"}
"""Number of spatial dimensions to torch's name of linear interpolation."""
_IMAGE_GAIN = 0.3


def block_widths(width: int, blocks: int) -> list[int]:
    """Channels of the first map and after each block, chosen so that what all F of ``stitch-decoder`` share holds
    77% of its parameters."""
    return [width * times for times in (16, 4, 4, 2, *[1] * blocks)][: blocks + 1]


def equal_kernels(layer: Any, copies: int, gain: float) -> Any:
    """Make of a convolution to C channels the last one, to ``copies`` sub-images of each: their kernels are equal.

    Args:
        layer: a convolution with its weights; changed in place.
        copies: sub-images of a channel, F^d.
        gain: multiplies the weights. Biases become 0.

    Returns: the layer.
    """
    kernels = layer.weight.detach().repeat_interleave(copies, dim=0).mul_(gain)
    layer.out_channels = len(kernels)
    layer.weight, layer.bias = nn.Parameter(kernels), nn.Parameter(kernels.new_zeros(len(kernels)))
    return layer


def pointwise(inputs: int, outputs: int, rank: int) -> Any:
    """A convolution of one tap, with torch's weights."""
    return getattr(nn, f"Conv{rank}d")(inputs, outputs, kernel_size=1)


def without_bias(layer: Any) -> Any:
    """Take the bias of a layer away, in place."""
    layer.bias = None
    return layer


class Reading(nn.Module):
    """What a generator reads: vectors, and images beside them, of which each block gets its own form.

    Images enter where a block convolves its enlarged map, before it normalises or activates:
    ``convolution(map) + A r(images)``, with convolutions A of 3 taps without bias. In the last block r is
    ``unstitch``, so every pixel enters, and A starts at 0.3 of its usual scale. In the blocks before, r averages
    over areas, and A starts at zero: noise acts in the last block alone, and training opens the others to images with
    which the coarse shapes must agree, such as masks. Quiet images, all zero, change no bit.

    Args:
        plan: the generator's sizes.
        widths: channels after each block.
    """

    def __init__(self, plan: Plan, widths: Sequence[int]):
        super().__init__()
        self.reductions = plan.reductions
        fine = plan.beside * plan.copies
        self.images = nn.ModuleList()
        if plan.beside:
            self.images.extend(_added(plan.rank, plan.beside, width, gain=0) for width in widths[:-1])
            self.images.append(_added(plan.rank, fine, widths[-1], gain=_IMAGE_GAIN))

    def forward(self, *places: Tensor) -> tuple[Tensor, list[Tensor | None]]:
        """The vectors as one (B, Z), and for each block what it adds to its convolution, if anything."""
        vectors = [place for place in places if place.ndim == 2]
        z_BZ = vectors[0] if len(vectors) == 1 else torch.cat(vectors, dim=1)
        if not self.images:
            return z_BZ, [None] * len(self.reductions)
        image_BCS = torch.cat([place for place in places if place.ndim > 2], dim=1)
        *coarse, last = self.images
        reduced = zip(coarse, self.reductions, strict=False)
        added: list[Tensor | None] = [convolve(_averaged(image_BCS, reduction)) for convolve, reduction in reduced]
        return z_BZ, [*added, last(unstitch(image_BCS, self.reductions[-1]))]


def plus(convolved: Tensor, added: Tensor | None) -> Tensor:
    """A block's convolution with what ``Reading`` adds to it."""
    return convolved if added is None else convolved + added


def _added(rank: int, inputs: int, outputs: int, gain: float) -> Any:
    layer = without_bias(he_weights(convolution(inputs, outputs, rank)))
    with torch.no_grad():
        layer.weight.mul_(gain)
    return layer


def _averaged(image_BCS: Tensor, factor: Sequence[int]) -> Tensor:
    """Means over areas of ``factor`` pixels along each axis, which are means of sub-images."""
    return unstitch(image_BCS, factor).unflatten(1, (image_BCS.shape[1], -1)).mean(dim=2)
