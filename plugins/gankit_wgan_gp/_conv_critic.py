"""The network of ``conv-critic``. Letters: B batch, C channels, S space."""

import math
from typing import Any, Literal

from torch import Tensor, nn

from gankit import BatchNorm, he_weights
from gankit_wgan_gp._leaky_relu import LeakyReLU

_SLOPE = 0.2
_CONVOLUTIONS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


class ConvCriticNetwork(nn.Module):
    """Images (B, C, *S) to unbounded scores (B,); see ``ConvCritic``.

    Args:
        shape: (C, *S).
        width: channels after the first layer.
        norm: what follows each layer but the first.
    """

    def __init__(self, shape: tuple[int, ...], width: int, norm: Literal["none", "batch", "layer"]):
        super().__init__()
        inputs, *sides = shape
        layers: list[nn.Module] = []
        for depth in range(_depth(max(sides))):
            outputs = width * min(2**depth, 8)
            layers.append(_halving(sides, inputs, outputs))
            layers += _norm(norm, outputs) if depth else []
            layers.append(LeakyReLU(_SLOPE))
            inputs, sides = outputs, [side // 2 if side >= 8 else side for side in sides]
        self.layers = nn.Sequential(*layers)
        self.score = he_weights(nn.Linear(inputs * math.prod(sides), 1))

    def forward(self, x_BCS: Tensor) -> Tensor:
        return self.score(self.layers(x_BCS).flatten(1)).squeeze(1)


def _depth(side: int) -> int:
    """Halvings that bring a side under 8, at least one layer."""
    return max(1, side.bit_length() - 3)


def _halving(sides: list[int], inputs: int, outputs: int) -> nn.Module:
    """Halve each side of 8 or more; 4 taps at stride 2 see every pixel equally often.

    With 3 taps the gradient that reaches an image would alternate with the pixels' parity, and a generator
    that follows it, above all one that interlaces sub-images, would learn the grid.
    """
    kernel = tuple(4 if side >= 8 else 3 for side in sides)
    stride = tuple(2 if side >= 8 else 1 for side in sides)
    return he_weights(_CONVOLUTIONS[len(sides)](inputs, outputs, kernel, stride, padding=1))


def _norm(norm: str, channels: int) -> list[nn.Module]:
    """``layer`` normalises all channels and pixels of one sample together."""
    if norm == "batch":
        return [BatchNorm(channels)]
    return [nn.GroupNorm(1, channels)] if norm == "layer" else []
