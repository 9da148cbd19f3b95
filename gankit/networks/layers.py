"""What the networks of several plugins are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
NEGATIVE_SLOPE = 0.2
"""Of every leaky ReLU of the shipped networks, as torch names it: what a value below zero is multiplied by."""
_Layer = TypeVar("_Layer", nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class PixelNorm(nn.Module):
    """Scale each pixel's channels to mean square 1; zero stays zero (Karras et al. 2018, Sec. 4.2)."""

    def forward(self, x_BCS: Tensor) -> Tensor:
        return x_BCS * torch.rsqrt(x_BCS.square().mean(dim=1, keepdim=True) + 1e-6)


def he_weights(layer: _Layer, slope: float = NEGATIVE_SLOPE) -> _Layer:
    """Draw weights anew for a leaky ReLU of this slope (He et al. 2015); biases stay torch's, small and random.

    Args:
        layer: linear or convolutional; changed in place.
        slope: of the leaky ReLU below zero.

    Returns: the layer.
    """
    nn.init.kaiming_normal_(layer.weight, a=slope)
    return layer


def convolution(inputs: int, outputs: int, rank: int, stride: int = 1) -> Any:
    """A convolution over ``rank`` axes, one to three: it keeps each side with 3 taps, or at stride 2 halves it with 4,
    which see every value equally often."""
    return _CONVOLUTIONS[rank](inputs, outputs, kernel_size=3 if stride == 1 else 4, stride=stride, padding=1)


def doubling(inputs: int, outputs: int, rank: int) -> nn.Module:
    """What doubles each side of a map: nearest neighbours, a convolution, ``PixelNorm``, a leaky ReLU.

    Args:
        inputs, outputs: channels.
        rank: spatial dimensions, one to three.
    """
    enlarge = nn.Upsample(scale_factor=2, mode="nearest")
    convolved = he_weights(convolution(inputs, outputs, rank))
    return nn.Sequential(enlarge, convolved, PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))


def halving(inputs: int, outputs: int, sides: Sequence[int]) -> tuple[nn.Module, list[int]]:
    """A convolution that halves each side of 8 or more, and the sides after it; see ``halvings`` for how many to take.

    Its 4 taps at stride 2 see every pixel equally often. With 3 taps the gradient that reaches an image would alternate
    with the pixels' parity, and a generator that follows it, above all one that interlaces sub-images, would learn the
    grid.

    Args:
        inputs, outputs: channels.
        sides: spatial sizes, one to three.
    """
    kernel = tuple(4 if side >= 8 else 3 for side in sides)
    stride = tuple(2 if side >= 8 else 1 for side in sides)
    layer = he_weights(_CONVOLUTIONS[len(sides)](inputs, outputs, kernel, stride, padding=1))
    return layer, [side // 2 if side >= 8 else side for side in sides]
