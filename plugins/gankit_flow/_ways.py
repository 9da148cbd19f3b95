"""Straight ways from noise to slices. Letters: B batch, C channels, S space."""

from collections.abc import Mapping

import torch
from torch import Tensor


def times(drawn_B: Tensor, normal: bool) -> Tensor:
    """Times in [0, 1), (B,), from uniform numbers, or from normal ones by the logistic function."""
    return torch.sigmoid(drawn_B) if normal else drawn_B


def between(slice_BCS: Tensor, noise_BCS: Tensor, time_B: Tensor) -> Tensor:
    """Where the way from noise to slice is at a time, ``t x_1 + (1 - t) x_0``."""
    t = time_B.reshape(-1, *[1] * (noise_BCS.ndim - 1))
    return t * slice_BCS + (1 - t) * noise_BCS


def stacked(slices: Mapping[str, Tensor], modalities: tuple[str, ...]) -> Tensor:
    """Modalities side by side along channels."""
    return torch.cat([slices[name] for name in modalities], dim=1)
