"""How the networks of critics read images and labels. Letters: B batch, C channels, S space, K values of labels."""

from __future__ import annotations

import torch
from torch import Tensor


def image_and_label(places: tuple[Tensor, ...]) -> tuple[Tensor, Tensor | None]:
    """The images (B, C, *S) of several places, taken together along channels, and their labels (B, K).

    A label is None where all places are images.
    """
    images = [place for place in places if place.ndim > 2]
    labels = [place for place in places if place.ndim == 2]
    image = images[0] if len(images) == 1 else torch.cat(images, dim=1)
    return image, torch.cat(labels, dim=1) if labels else None


def of_label(scores_BK: Tensor, label_BK: Tensor) -> Tensor:
    """``y^T V f`` from ``V f`` and the label y: (B, K, ...) and (B, K) to (B, ...)."""
    return (scores_BK * label_BK.view(*label_BK.shape, *[1] * (scores_BK.ndim - 2))).sum(dim=1)
