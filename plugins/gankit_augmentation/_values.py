"""The arithmetic of ``gankit_augmentation.values``."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor


@attrs.frozen
class Cut:
    """See ``Cutout``."""

    share: float

    def __call__(self, images: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        inside = torch.ones_like(images[:, :1], dtype=torch.bool)
        for axis in range(2, images.ndim):
            side = images.shape[axis]
            centre_B = draws["centre"][:, axis - 2] * side
            pixel_S = torch.arange(side, device=images.device, dtype=centre_B.dtype) + 0.5
            near_BS = (pixel_S - centre_B[:, None]).abs() <= self.share * side / 2
            inside = inside & near_BS.view(len(images), *[1] * (axis - 1), side, *[1] * (images.ndim - axis - 1))
        return images * ~inside


@attrs.frozen
class Intense:
    """See ``Intensity``."""

    brightness: float
    contrast: float

    def __call__(self, images: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        wide = (-1, *[1] * (images.ndim - 1))
        mean = images.flatten(1).mean(dim=1).view(wide)
        factor = 1 + self.contrast * (2 * draws["contrast"] - 1).view(wide)
        shift = self.brightness * (2 * draws["brightness"] - 1).view(wide)
        return factor * (images - mean) + mean + shift
