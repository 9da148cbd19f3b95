"""Which axis of a plain array has the channels of a modality: the first after the slices, the last, or none."""

from __future__ import annotations

import numpy as np

from gankit._errors import CohortError, nearest
from gankit._shapes import shape_text

CHANNELS = {
    "none": "no axis of channels: (N, *S)",
    "first": "channels before space: (N, C, *S)",
    "last": "channels after space: (N, *S, C)",
}
RANKS = (1, 2, 3)
"""Accepted numbers of spatial axes: signals, images, volumes."""
FEW = 3
"""An axis with at most so many elements can be one of channels. The second of four axes can be space if it has more."""


def shown_channel(channels: int) -> int:
    """The channel that stands for all in a picture: the middle one, which in a slab is the slice itself."""
    return (channels - 1) // 2


def channels_first(values: np.ndarray, channels: str | None = None) -> np.ndarray:
    """An array of N slices as (N, C, *S).

    Args:
        values: numbers of N slices.
        channels: a key of ``CHANNELS``, or None to read it from the shape. (N, L) and (N, H, W) have one channel.
            (N, C, H, W), with C at most 3, and (N, C, D, H, W) have C channels. A shape that can be read in two ways is
            refused: four axes whose second has more than 3 elements, as in (N, D, H, W); a last axis of at most 3
            elements, as in (N, H, W, C); three axes whose second has at most 3 elements, as in (N, C, L).

    Raises:
        CohortError: the shape can be read in two ways, or does not fit ``channels``.
    """
    rank_by_word = {"none": values.ndim - 1, "first": values.ndim - 2, "last": values.ndim - 2}
    if channels is None:
        channels = _the_only_reading(values.shape)
    elif channels not in CHANNELS:
        known = ", ".join(f"{word!r} for {meaning}" for word, meaning in CHANNELS.items())
        raise CohortError(f"`channels` {channels!r}{nearest(channels, CHANNELS)}; accepted: {known}")
    if rank_by_word[channels] not in RANKS:
        raise CohortError(
            f"shape {values.shape} with {CHANNELS[channels]} has {max(0, rank_by_word[channels])} spatial axes;"
            " accepted: 1 to 3"
        )
    return values[:, None] if channels == "none" else np.moveaxis(values, -1, 1) if channels == "last" else values


def _the_only_reading(shape: tuple[int, ...]) -> str:
    """The key of ``CHANNELS`` that an array of this shape has.

    Raises:
        CohortError: the shape can be read in several ways.
    """
    axes = len(shape)
    readings = ["none" if axes <= 3 else "first"]
    if axes == 3 and shape[1] <= FEW:
        readings.append("first")
    if axes == 4 and shape[1] > FEW:
        readings.append("none")
    if axes in (3, 4, 5) and (shape[-1] <= FEW or (len(readings) > 1 and shape[-1] < min(shape[1:-1]))):
        readings.append("last")
    if len(readings) > 1:
        said = " or ".join(f"{_as_read(shape, reading)} ({reading!r})" for reading in readings)
        raise CohortError(f"shape {shape} can be {said}; say which with `channels`")
    return readings[0]


def _as_read(shape: tuple[int, ...], channels: str) -> str:
    """A way to read a shape, in words, as in ``"16 channels of 32 x 32"``."""
    if channels == "none":
        return f"{shape_text(shape[1:])} without channels"
    count, sides = (shape[1], shape[2:]) if channels == "first" else (shape[-1], shape[1:-1])
    layout = ", channel-last" if channels == "last" else ""
    return f"{count} channel{'s' if count != 1 else ''} of {shape_text(sides)}{layout}"
