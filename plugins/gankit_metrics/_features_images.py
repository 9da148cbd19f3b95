"""Slices as feature networks see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gankit import Cohort, Evaluation, InputError, Rows, rows_of

if TYPE_CHECKING:
    from torch import Tensor


def spaces(evaluation: Evaluation) -> dict[str, tuple[str, ...]]:
    """The modalities together, as ``pairs``, and each alone."""
    every = tuple(evaluation.modalities)
    alone: dict[str, tuple[str, ...]] = {name: (name,) for name in every}
    return {"pairs": every, **alone} if len(every) > 1 else alone


def three_channels(cohort: Cohort, evaluation: Evaluation, *modalities: str) -> Rows:
    """Modalities as a colour picture, (N, 3, H, W) uint8: the range becomes 0 to 255. One channel is shown thrice;
    of two, the third is their mean; three stay as they are.

    Raises:
        InputError: there are more than three channels, or slices are not flat.
    """
    return rows_of(cohort, lambda part: _picture(evaluation.stacked(part, *modalities)))


def _picture(x_NCHW: np.ndarray) -> np.ndarray:
    if x_NCHW.ndim != 4 or x_NCHW.shape[1] > 3:
        raise InputError(f"a picture is a flat slice of 1 to 3 channels, these are {x_NCHW.shape[1:]}")
    if x_NCHW.shape[1] == 1:
        x_NCHW = np.repeat(x_NCHW, 3, axis=1)
    elif x_NCHW.shape[1] == 2:
        x_NCHW = np.concatenate([x_NCHW, x_NCHW.mean(axis=1, keepdims=True)], axis=1)
    return np.round((x_NCHW + 1) * 127.5).astype(np.uint8)


def no_pictures(real: Cohort, evaluation: Evaluation) -> str | None:
    """Why these modalities, together or alone, are no pictures for a network; None where they are."""
    try:
        for modalities in spaces(evaluation).values():
            three_channels(real.select(np.arange(1)), evaluation, *modalities)
    except InputError as error:
        return str(error)
    return None


def halved(x_BCS: Tensor) -> Tensor:
    """Mean over blocks of 2 along each axis; an odd last row is left out."""
    for axis in range(2, x_BCS.ndim):
        even = x_BCS.narrow(axis, 0, x_BCS.shape[axis] // 2 * 2)
        x_BCS = even.unflatten(axis, (-1, 2)).mean(dim=axis + 1)
    return x_BCS


def convolve(x_BCS: Tensor, weight: Tensor, bias: Tensor | None = None, **options: Any) -> Tensor:
    """A convolution over as many axes as the images have."""
    from torch.nn import functional

    return (functional.conv1d, functional.conv2d, functional.conv3d)[x_BCS.ndim - 3](x_BCS, weight, bias, **options)


def reduced(x_NCS: np.ndarray, most: int) -> np.ndarray:
    """Pixels of slices (N, C, *S) that are averaged down by two until no side is longer than ``most``, (N, D)."""
    import torch

    images = torch.from_numpy(x_NCS)
    while max(images.shape[2:]) > most and min(images.shape[2:]) > 1:
        images = halved(images)
    return images.flatten(1).numpy()
