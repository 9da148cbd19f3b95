"""Stored pixels to values: which of their bits are a value, and which values are no intensity."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gankit_dicom._dicom.elements import finite
from gankit_dicom._refused import Refused

if TYPE_CHECKING:
    from pydicom import Dataset

OVERLAYS = tuple((group, 0x0102) for group in range(0x6000, 0x6020, 2))
"""Overlay Bit Position: the bit of each pixel that an overlay is stored in."""
PADDINGS = {
    "PixelData": ("PixelPaddingValue", "PixelPaddingRangeLimit"),
    "FloatPixelData": ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    "DoubleFloatPixelData": ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
}
STORED_TAGS = (*OVERLAYS, "HighBit", *(name for names in PADDINGS.values() for name in names))
"""What is read of a header to know stored pixels."""


def stored_values(pixels: np.ndarray, header: Dataset, options: Mapping[str, Any], packed: bool) -> np.ndarray:
    """Values of an image (rows, columns) before they are rescaled, float64; NaN where they are padding.

    Args:
        pixels: as they lie in the file, or as a decoder gives them.
        header: has ``STORED_TAGS``.
        options: the image's bits, by pydicom's names of decoding options.
        packed: whether pixels may share their bits with overlays, as uncompressed ones may.

    Raises:
        Refused: values that the stored bits cannot hold, or that are not finite.
    """
    padding = _padding(pixels, header, options["pixel_keyword"])
    if pixels.dtype.kind == "f":
        values = pixels.astype(np.float64)
        if not np.isfinite(values[~padding]).all():
            raise Refused("an image has NaN or infinite values")
    else:
        if packed:
            pixels = _unpacked(np.where(padding, pixels.dtype.type(0), pixels), header, options)
            padding = padding | _padding(pixels, header, options["pixel_keyword"])
        values = pixels.astype(np.float64)
    return np.where(padding, np.nan, values)


def _unpacked(pixels: np.ndarray, header: Dataset, options: Mapping[str, Any]) -> np.ndarray:
    """The stored bits of each pixel, which lie up to the high bit, with their sign.

    Bits above them may be an overlay's. Others are not allowed: they mean bytes that are no pixels.
    """
    size, bits = options["bits_allocated"], options["bits_stored"]
    high = int(header.get("HighBit") or bits - 1)
    if not bits - 1 <= high < size or bits == size:
        return pixels
    whole = pixels.view(f"u{size // 8}")
    mask, lowest = (1 << bits) - 1, high + 1 - bits
    overlays = sum(
        1 << int(header[tag].value) for tag in OVERLAYS if tag in header and 0 < int(header[tag].value) < size
    )
    signed = options["pixel_representation"] == 1
    if not signed and (whole & ~np.array(mask << lowest | overlays, dtype=whole.dtype)).any():
        raise Refused(f"an image has values that its {bits} stored bits cannot hold")
    stored = ((whole >> lowest) & mask).astype(np.int64)
    return np.where(stored >> (bits - 1), stored - (1 << bits), stored) if signed else stored


def _padding(pixels: np.ndarray, header: Dataset, keyword: str) -> np.ndarray:
    """Where pixels are in the range of padding; a value that was written without its sign means the same bits."""
    ends = [header.get(name) for name in PADDINGS[keyword]]
    if ends[0] is None or ends[0] == "":
        return np.zeros(pixels.shape, dtype=bool)
    if pixels.dtype.kind == "f" and math.isnan(float(ends[0])):
        return np.isnan(pixels)
    numbers = [_as_stored(number, pixels.dtype) for end in ends if (number := finite(end)) is not None]
    return (pixels >= min(numbers)) & (pixels <= max(numbers)) if numbers else np.zeros(pixels.shape, dtype=bool)


def _as_stored(number: float, dtype: np.dtype) -> float:
    if dtype.kind == "f" or np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
        return number
    return float(np.array(int(number), dtype=np.int64).astype(dtype))
