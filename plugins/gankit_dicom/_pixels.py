"""Pixels of DICOM images, checked against their headers."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import attrs
import numpy as np

from gankit_dicom._headers import Header
from gankit_dicom._jpeg import decoded
from gankit_dicom._modes import lenient_pydicom
from gankit_dicom._plain import Grey
from gankit_dicom._refused import Refused

if TYPE_CHECKING:
    from pydicom.uid import UID

IMAGE_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PlanarConfiguration", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
)  # fmt: skip
KEYWORDS = {(0x7FE0, 0x08): "FloatPixelData", (0x7FE0, 0x09): "DoubleFloatPixelData", (0x7FE0, 0x10): "PixelData"}
DEFAULTS = {"samples_per_pixel": 1, "photometric_interpretation": "MONOCHROME2", "pixel_representation": 0}
"""What an image is that does not say it."""
DEFLATED = "1.2.840.10008.1.2.1.99"


@attrs.frozen(eq=False)
class _Pixels:
    """The pixels of an open file, which stands at their first byte."""

    file: BinaryIO
    start: int
    """Place of that byte."""
    length: int
    syntax: UID
    options: dict[str, Any]
    """How pydicom decodes them."""
    kind: np.dtype | None = None
    """Of a stored value, where pydicom is not needed."""

    @property
    def compressed(self) -> bool:
        return self.syntax.is_encapsulated


def read_images(headers: Sequence[Header]) -> list[np.ndarray]:
    """Images (rows, columns) float32, rescaled as their headers say. Frames of one file are decoded one by one.

    Raises:
        Refused: cut short, too long, undecodable, or values that the stored bits cannot hold.
    """
    by_file: dict[Path, list[int]] = defaultdict(list)
    for index, header in enumerate(headers):
        by_file[header.file].append(index)
    images: dict[int, np.ndarray] = {}
    with lenient_pydicom():
        for file, indices in by_file.items():
            read = _read(file, [headers[index] for index in indices])
            images |= zip(indices, read, strict=True)
    return [images[index] for index in range(len(headers))]


def _read(file: Path, headers: Sequence[Header]) -> list[np.ndarray]:
    """Images of one file."""
    with file.open("rb") as opened:
        try:
            grey = headers[0].grey
            pixels = _find(opened) if grey is None else _found(opened, grey)
            _refuse_wrong_length(pixels)
            return [_rescaled(_stored(pixels, header.frame_number), header) for header in headers]
        except (Refused, MemoryError):
            raise
        except Exception as error:  # damaged bytes can raise anything from the depths of a decoder
            raise Refused("damaged: an image cannot be decoded") from error


def _rescaled(stored: np.ndarray, header: Header) -> np.ndarray:
    if stored.shape != (header.rows, header.columns):
        raise Refused("an image's size differs from its header")
    image = stored.astype(np.float32) * np.float32(header.slope) + np.float32(header.intercept)
    if not np.isfinite(image).all():
        raise Refused("an image has NaN or infinite values")
    return image


# Where the pixels are -------------------------------------------------------------------------------------


def _find(opened: BinaryIO) -> _Pixels:
    """Read a file up to the first byte of its pixels."""
    import pydicom
    from pydicom.pixels.utils import as_pixel_options

    dataset = pydicom.dcmread(opened, stop_before_pixels=True, specific_tags=list(IMAGE_TAGS))
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax == DEFLATED:
        opened.seek(0)
        content = pydicom.dcmread(opened).PixelData
        opened, keyword, vr, length = BytesIO(content), "PixelData", "OW", len(content)
    else:
        keyword, vr, length = _element(opened, "<" if syntax.is_little_endian else ">")
    given = as_pixel_options(dataset, pixel_keyword=keyword, pixel_vr=vr, correct_unused_bits=False)
    options = {"bits_stored": given["bits_allocated"], **DEFAULTS, **given}
    pixels = _Pixels(opened, opened.tell(), length, syntax, options)
    if pixels.compressed and (offsets := _offsets(pixels)):
        options["extended_offsets"] = offsets
    return pixels


def _found(opened: BinaryIO, grey: Grey) -> _Pixels:
    """The pixels of a plain file, whose header says where they are."""
    from pydicom.uid import ExplicitVRLittleEndian

    options = {
        "rows": grey.rows,
        "columns": grey.columns,
        "bits_allocated": grey.allocated,
        "bits_stored": grey.stored,
        "number_of_frames": 1,
        **DEFAULTS,
        "pixel_representation": grey.signed,
    }
    return _Pixels(opened, grey.start, grey.length, ExplicitVRLittleEndian, options, grey.kind)


def _element(opened: BinaryIO, order: str) -> tuple[str, str, int]:
    """Keyword, value representation and length of the element at which the file stands."""
    start = opened.read(8)
    if len(start) < 8 or (keyword := KEYWORDS.get(struct.unpack(f"{order}HH", start[:4]))) is None:
        raise Refused("an image without pixels, perhaps cut short")
    if start[4:6].isalpha():
        return keyword, start[4:6].decode(), struct.unpack(f"{order}L", opened.read(4))[0]
    return keyword, "OW", struct.unpack(f"{order}L", start[4:])[0]


def _offsets(pixels: _Pixels) -> tuple[list[int], list[int]] | None:
    """Where each compressed frame lies and how long it is, if no table says it and each is one fragment."""
    from pydicom.encaps import parse_basic_offsets, parse_fragments

    if "extended_offsets" in pixels.options or parse_basic_offsets(pixels.file):
        pixels.file.seek(pixels.start)
        return None
    first = pixels.file.tell()
    count, places = parse_fragments(pixels.file)
    lengths = []
    for place in places:
        pixels.file.seek(place + 4)
        lengths.append(struct.unpack("<L", pixels.file.read(4))[0])
    pixels.file.seek(pixels.start)
    return ([place - first for place in places], lengths) if count == pixels.options["number_of_frames"] else None


def _refuse_wrong_length(pixels: _Pixels) -> None:
    if pixels.compressed:
        return
    _refuse_tail(pixels)
    options = pixels.options
    bits = options["rows"] * options["columns"] * options["bits_allocated"] * options["number_of_frames"]
    expected = math.ceil(bits / 8)
    if pixels.length < expected or _size(pixels.file) < pixels.start + expected:
        raise Refused("cut short: an image has fewer pixels than its header says")
    if pixels.length > expected + expected % 2:
        raise Refused("an image has more pixels than its header says")


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _refuse_tail(pixels: _Pixels) -> None:
    """Bytes after the pixels, other than padding, mean that bytes were put among them: every pixel would be shifted."""
    pixels.file.seek(pixels.start + pixels.length)
    tail = pixels.file.read(4)
    if tail and tail not in (b"\xfc\xff\xfc\xff", b"\xff\xfc\xff\xfc"):
        raise Refused("more bytes than its header says follow an image's pixels")


# Frames, decoded ------------------------------------------------------------------------------------------


def _stored(pixels: _Pixels, number: int) -> np.ndarray:
    """A frame as it is stored, (rows, columns)."""
    from pydicom.pixels import get_decoder

    pixels.file.seek(pixels.start)
    if pixels.kind is not None:
        shape = pixels.options["rows"], pixels.options["columns"]
        stored = np.frombuffer(pixels.file.read(math.prod(shape) * pixels.kind.itemsize), dtype=pixels.kind)
        _refuse_overflow(stored, pixels)
        return stored.reshape(shape)
    try:
        stored, _ = get_decoder(pixels.syntax).as_array(pixels.file, index=number, raw=True, **pixels.options)
    except (RuntimeError, NotImplementedError, ImportError):
        if not pixels.compressed:
            raise
        return _decoded_by_itk(pixels, number)
    _refuse_overflow(stored, pixels)
    return stored


def _decoded_by_itk(pixels: _Pixels, number: int) -> np.ndarray:
    """A frame of the JPEG families, which pydicom decodes only with further packages."""
    from pydicom.encaps import get_frame

    pixels.file.seek(pixels.start)
    options = pixels.options
    offsets, count = options.get("extended_offsets"), options["number_of_frames"]
    encoded = get_frame(pixels.file, number, extended_offsets=offsets, number_of_frames=count)
    return decoded(encoded, pixels.syntax, options)


def _refuse_overflow(stored: np.ndarray, pixels: _Pixels) -> None:
    """Bits set above those stored mean bytes that are no pixels."""
    bits = pixels.options["bits_stored"]
    if not pixels.compressed and stored.dtype == np.uint16 and bits < 16 and (stored >> bits).any():
        raise Refused(f"an image has values that its {bits} stored bits cannot hold")
