"""The arithmetic of ``gankit_augmentation.geometry``.

All of it is gathers and sums with weights that do not depend on the images, so it is linear in the images and can be
differentiated as often as one likes. torch's ``grid_sample`` has no second derivative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs
import torch
from torch import Tensor


@attrs.frozen
class Translated:
    """See ``Translation``."""

    share: float

    def __call__(self, images: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        for axis in range(2, images.ndim):
            side = images.shape[axis]
            farthest = round(self.share * side)
            move_B = (draws["move"][:, axis - 2] * (2 * farthest + 1)).floor().long() - farthest
            at_BS = (torch.arange(side, device=images.device) - move_B[:, None]).clamp(0, side - 1)
            wide = [len(images), *[1] * (axis - 1), side, *[1] * (images.ndim - axis - 1)]
            images = images.gather(axis, at_BS.view(wide).expand(images.shape))
        return images


def mirrored(images: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
    """See ``Mirror``."""
    turned_B = draws["side"] < 0.5
    return torch.where(turned_B.view(-1, *[1] * (images.ndim - 1)), images.flip(-1), images)


@attrs.frozen
class Rotated:
    """See ``Rotation``."""

    degrees: float

    def __call__(self, images: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        angle_B = math.radians(self.degrees) * (2 * draws["angle"] - 1)
        height, width = images.shape[-2:]
        y_BHW, x_BHW = _turned(angle_B, height, width)
        flat = images.flatten(-2)
        turned = torch.zeros_like(flat)
        for y_whole, y_weight in _neighbours(y_BHW, height):
            for x_whole, x_weight in _neighbours(x_BHW, width):
                wide = (len(images), *[1] * (flat.ndim - 2), height * width)
                at = (y_whole * width + x_whole).view(wide).expand(flat.shape)
                turned = turned + (y_weight * x_weight).view(wide) * flat.gather(-1, at)
        return turned.view(images.shape)


def _turned(angle_B: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Where each pixel of the result lies in the image, in pixels: y and x, (B, H, W), within the image."""
    y_HW, x_HW = torch.meshgrid(
        torch.arange(height, device=angle_B.device, dtype=angle_B.dtype) - (height - 1) / 2,
        torch.arange(width, device=angle_B.device, dtype=angle_B.dtype) - (width - 1) / 2,
        indexing="ij",
    )
    cosine, sine = angle_B.cos()[:, None, None], angle_B.sin()[:, None, None]
    y_BHW = cosine * y_HW + sine * x_HW + (height - 1) / 2
    x_BHW = cosine * x_HW - sine * y_HW + (width - 1) / 2
    return y_BHW.clamp(0, height - 1), x_BHW.clamp(0, width - 1)


def _neighbours(at: Tensor, side: int) -> list[tuple[Tensor, Tensor]]:
    """The two whole pixels around each coordinate along an axis, each with its weight."""
    low = at.floor()
    high = (low + 1).clamp(max=side - 1)
    return [(low.long(), 1 - (at - low)), (high.long(), at - low)]
