"""Augmentation of batches for the training of classifiers. Letters: B batch, C channels, S space."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

ANGLE = 10.0
"""Largest rotation in the plane of the last two axes, in degrees."""
SHIFT = 0.05
"""Largest translation along each of these axes, as a share of its length."""
SCALE = 0.1
"""Largest change of size: the factor is in [1 - SCALE, 1 + SCALE]."""
GAIN = 0.05
"""Standard deviation of the factor of each channel's values above the lowest."""
NOISE = 0.03
"""Standard deviation of noise, where the range of values is [-1, 1]."""


def varied(x_BCS: Tensor, generator: np.random.Generator) -> Tensor:
    """Change slices at random, each in its own way: mirrored half of the time along the last axis, rotated, moved,
    scaled, and given another contrast and noise. Signals, of one axis, are not rotated, moved or scaled."""
    count, channels = x_BCS.shape[:2]
    mirrored_B = torch.from_numpy(generator.random(count) < 0.5).view(-1, *[1] * (x_BCS.ndim - 1))
    x_BCS = torch.where(mirrored_B, x_BCS.flip(-1), x_BCS)
    if x_BCS.ndim > 3:
        planes = x_BCS.flatten(1, -3)  # all but the last two axes move alike
        x_BCS = _moved(planes, generator).view_as(x_BCS)
    gain = torch.from_numpy(1 + GAIN * generator.standard_normal((count, channels), dtype=np.float32))
    noise = torch.from_numpy(NOISE * generator.standard_normal(tuple(x_BCS.shape), dtype=np.float32))
    return (x_BCS + 1) * gain.view(count, channels, *[1] * (x_BCS.ndim - 2)) - 1 + noise


def _moved(x_BCHW: Tensor, generator: np.random.Generator) -> Tensor:
    """Rotate, move and scale; what lies outside is mirrored at the edge."""
    count, _, height, width = x_BCHW.shape
    turn_B = np.radians(generator.uniform(-ANGLE, ANGLE, count))
    scale_B = generator.uniform(1 - SCALE, 1 + SCALE, count)
    matrix_B23 = np.empty((count, 2, 3))
    matrix_B23[:, 0, 0] = matrix_B23[:, 1, 1] = np.cos(turn_B) / scale_B
    matrix_B23[:, 0, 1] = -np.sin(turn_B) / scale_B * height / width  # coordinates are from -1 to 1 along both axes
    matrix_B23[:, 1, 0] = np.sin(turn_B) / scale_B * width / height
    matrix_B23[:, :, 2] = generator.uniform(-2 * SHIFT, 2 * SHIFT, (count, 2))
    grid = affine_grid(torch.from_numpy(matrix_B23).float(), list(x_BCHW.shape), align_corners=False)
    return grid_sample(x_BCHW, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
