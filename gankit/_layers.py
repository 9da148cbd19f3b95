"""What the networks of several plugins are made of."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

_Layer = TypeVar("_Layer", nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class PixelNorm(nn.Module):
    """Scale each pixel's channels to mean square 1; zero stays zero (Karras et al. 2018, Sec. 4.2)."""

    def forward(self, x_BCS: Tensor) -> Tensor:
        return x_BCS * torch.rsqrt(x_BCS.square().mean(dim=1, keepdim=True) + 1e-6)


def he_weights(layer: _Layer, slope: float = 0.2) -> _Layer:
    """Draw weights anew for a leaky ReLU of this slope (He et al. 2015); biases stay torch's, small and random.

    Args:
        layer: linear or convolutional; changed in place.
        slope: of the leaky ReLU below zero.

    Returns: the layer.
    """
    nn.init.kaiming_normal_(layer.weight, a=slope)
    return layer
