"""Layers that the networks of several plugins share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from gankit._shapes import PerAxis, per_axis
from gankit.networks.batch_norm import BatchNorm

_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
NEGATIVE_SLOPE = 0.2
"""Slope below zero of every leaky ReLU of the shipped networks; torch's name for it."""
_Layer = TypeVar("_Layer", nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class PixelNorm(nn.Module):
    """Pixelwise normalisation (Karras et al. 2018, arXiv:1710.10196, Sec. 4.2) of (B, C, *S).

    ``b = a / sqrt(mean over channels of a^2 + 1e-6)`` at each pixel; the paper has 1e-8. Zero stays zero.
    """

    def forward(self, x_BCS: Tensor) -> Tensor:
        return x_BCS * torch.rsqrt(x_BCS.square().mean(dim=1, keepdim=True) + 1e-6)


def he_weights(layer: _Layer, slope: float = NEGATIVE_SLOPE) -> _Layer:
    """Draw the weights of a layer anew, for a leaky ReLU after it (He et al. 2015, arXiv:1502.01852, equation 15).

    They are normal with variance ``2 / ((1 + slope^2) n)``, where n is the number of inputs of one output. Biases stay
    as torch drew them, small and random.

    Args:
        layer: linear or convolutional; changed in place.
        slope: slope of the leaky ReLU below zero.

    Returns: the layer.
    """
    nn.init.kaiming_normal_(layer.weight, a=slope)
    return layer


def activations(layers: nn.Sequential, x: Tensor) -> list[Tensor]:
    """What each leaky ReLU returns when ``x`` runs through all layers, first layers first.

    For networks that give features.
    """
    returned = []
    for layer in layers:
        x = layer(x)
        if isinstance(layer, nn.LeakyReLU):
            returned.append(x)
    return returned


def convolution(inputs: int, outputs: int, rank: int, stride: PerAxis = 1, taps: PerAxis = 3) -> Any:
    """A convolution that keeps or halves each side, with torch's weights.

    Args:
        inputs, outputs: channels.
        rank: spatial dimensions, one to three.
        stride: 1 keeps a side. 2 halves it, with 4 taps, which see every value equally often. One for all axes, or one
            for each.
        taps: side of the kernel at stride 1; an even number makes a side shorter by one.
    """
    strides = per_axis(stride, rank)
    kernel = tuple(4 if each == 2 else wide for each, wide in zip(strides, per_axis(taps, rank), strict=True))
    padding = tuple((wide - 1) // 2 for wide in kernel)
    return _CONVOLUTIONS[rank](inputs, outputs, kernel, stride=strides, padding=padding)


def norm_layers(norm: str, channels: int) -> list[nn.Module]:
    """The layer that normalises maps (B, C, *S), with a learnt scale and shift of each channel; no layer for "none".

    Args:
        norm: what shares a mean and a variance. "batch": a channel, over the batch and all pixels (``BatchNorm``).
            "layer": all channels and pixels of a sample. "instance": the pixels of a channel of a sample. Or "none".
        channels: C.
    """
    if norm == "batch":
        return [BatchNorm(channels)]
    groups = {"none": 0, "layer": 1, "instance": channels}[norm]
    return [nn.GroupNorm(groups, channels)] if groups else []


def doubling(inputs: int, outputs: int, rank: int, times: PerAxis = 2, taps: PerAxis = 3) -> nn.Module:
    """A block that doubles each side of a map: nearest neighbours, a convolution, ``PixelNorm``, a leaky ReLU.

    Args:
        inputs, outputs: channels.
        rank: spatial dimensions, one to three.
        times: by what sides grow, for all axes or for each; 1 keeps a side.
        taps: side of the kernel, an odd number.
    """
    enlarge = enlarging(times)
    convolved = he_weights(convolution(inputs, outputs, rank, taps=taps))
    return nn.Sequential(enlarge, convolved, PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE))


def enlarging(times: PerAxis) -> nn.Module:
    """A layer that enlarges each side by nearest neighbours, ``times`` for all axes or for each."""
    scale = float(times) if isinstance(times, int) else tuple(map(float, times))
    return nn.Upsample(scale_factor=scale, mode="nearest")


def halving(inputs: int, outputs: int, sides: Sequence[int], taps: PerAxis = 3) -> tuple[Any, list[int]]:
    """A convolution that halves each side of 8 pixels or more and keeps shorter ones. ``halvings`` says how many a
    network takes.

    It has 4 taps at stride 2, which see every pixel equally often. With 3 taps, the gradient that reaches an image
    would alternate from pixel to pixel. A generator that follows it would learn this grid, above all one that
    interlaces sub-images.

    Args:
        inputs, outputs: channels.
        sides: spatial sizes in pixels, one to three.
        taps: side of the kernel along axes that are kept, an odd number.

    Returns: the layer, and the sides after it.
    """
    stride = tuple(2 if side >= 8 else 1 for side in sides)
    layer = he_weights(convolution(inputs, outputs, len(sides), stride, taps))
    return layer, [side // 2 if side >= 8 else side for side in sides]
