"""Augmentations that change values: ``cutout`` and ``intensity``."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from gankit import AbstractAugmentation, Augmentation, Draw, option


@attrs.frozen(kw_only=True)
class Cutout(AbstractAugmentation):
    """Images (B, C, *S) with a box of zeros, the grey in the middle of [-1, 1] (Zhao et al. 2020, Sec. 3.2; DeVries and
    Taylor 2017, arXiv:1708.04552).

    The box has ``share`` of each side. Its centre is uniform over the image, so that part of it may lie outside.
    """

    share: float = option(0.5, gt=0, lt=1, help="sides of the box, as a share of those of the image")

    @property
    def draws(self) -> Mapping[str, Draw]:
        return {"centre": Draw("uniform", (3,))}

    def build(self) -> Augmentation:
        from gankit_augmentation._values import Cut

        return Cut(self.share)


@attrs.frozen(kw_only=True)
class Intensity(AbstractAugmentation):
    """Images (B, C, *S) of another brightness and contrast, ``c (x - m) + m + b``, with ``m`` the mean of a sample over
    channels and pixels (the colour of Zhao et al. 2020, Sec. 3.2, without saturation).

    ``b`` is uniform within ``brightness`` around 0, and ``c`` within ``contrast`` around 1. All channels of a sample
    change alike, so that modalities keep what tells them apart. Results may leave [-1, 1].
    """

    brightness: float = option(0.25, ge=0, help="largest change of the values, where black is -1 and white 1")
    contrast: float = option(0.25, ge=0, lt=1, help="largest change of the factor around a sample's mean")

    @property
    def draws(self) -> Mapping[str, Draw]:
        return {"brightness": Draw(), "contrast": Draw()}

    def build(self) -> Augmentation:
        from gankit_augmentation._values import Intense

        return Intense(self.brightness, self.contrast)
