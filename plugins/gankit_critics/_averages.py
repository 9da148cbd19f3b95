"""The layers by which critics make images smaller."""

from typing import Any

from torch import nn

AVERAGES: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}
"""Spatial dimensions to the layer that takes means over pixels."""
