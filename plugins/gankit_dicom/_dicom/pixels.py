"""Pixels of DICOM images, checked against their headers."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import attrs
import numpy as np

from gankit_dicom._dicom.bits import STORED_TAGS, stored_values
from gankit_dicom._dicom.bounded import Bounded
from gankit_dicom._dicom.headers import CUT_SHORT, Header
from gankit_dicom._dicom.jpeg import decoded
from gankit_dicom._dicom.modes import lenient_pydicom
from gankit_dicom._dicom.plain import Grey
from gankit_dicom._refused import Refused

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.uid import UID

IMAGE_TAGS = (
    "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PlanarConfiguration", "ExtendedOffsetTable", "ExtendedOffsetTableLengths",
)  # fmt: skip
KEYWORDS = {(0x7FE0, 0x08): "FloatPixelData", (0x7FE0, 0x09): "DoubleFloatPixelData", (0x7FE0, 0x10): "PixelData"}
DEFAULTS = {"samples_per_pixel": 1, "photometric_interpretation": "MONOCHROME2", "pixel_representation": 0}
"""What an image is that does not say it."""
TRAILING = {0xFFFAFFFA, 0xFFFCFFFC}
"""Digital signatures and padding of a data set; beside elements of vendors, which have odd groups, all that may follow
the pixels."""
UNDEFINED = 0xFFFFFFFF
"""Length of a value that a delimiter ends."""
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"


@attrs.frozen(eq=False)
class _Pixels:
    """The pixels of an open file, which stands at their first byte."""

    file: BinaryIO
    start: int
    """Place of that byte."""
    length: int
    syntax: UID
    header: Dataset
    """What says how they are stored."""
    options: dict[str, Any]
    """How pydicom decodes them."""
    kind: np.dtype | None = None
    """Of a stored value, where pydicom is not needed."""

    @property
    def compressed(self) -> bool:
        return self.syntax.is_encapsulated


def read_images(headers: Sequence[Header]) -> list[np.ndarray]:
    """Images (rows, columns) float32, rescaled as their headers say; NaN where a pixel is padding. Frames of one file
    are decoded one by one.

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
    stored = [images[index] for index in range(len(headers))]
    if any(header.inverted for header in headers):
        top = _highest(stored)
        stored = [top - image if header.inverted else image for image, header in zip(stored, headers, strict=True)]
    return [_rescaled(image, header) for image, header in zip(stored, headers, strict=True)]


def _highest(images: Sequence[np.ndarray]) -> float:
    """The highest number of as many bits as the images use, which an inverted image shows black."""
    most = max(float(np.nanmax(image, initial=1.0)) for image in images)
    return 2.0 ** math.ceil(math.log2(most + 1)) - 1


def _read(file: Path, headers: Sequence[Header]) -> list[np.ndarray]:
    """Images of one file, before they are inverted and rescaled."""
    with Bounded(file) as opened:
        try:
            grey = headers[0].grey
            pixels = _find(opened) if grey is None else _found(opened, grey)
            _refuse_wrong_length(pixels)
            images = list(_images(pixels, headers))
        except (Refused, MemoryError):
            raise
        except Exception as error:  # damaged bytes can raise anything from the depths of a decoder
            raise Refused("damaged: an image cannot be decoded") from error
    if any(image.shape != (header.rows, header.columns) for image, header in zip(images, headers, strict=True)):
        raise Refused("an image's size differs from its header")
    return images


def _rescaled(stored: np.ndarray, header: Header) -> np.ndarray:
    image = header.meaning.of(stored).astype(np.float32)
    if np.isinf(image).any():
        raise Refused("an image has NaN or infinite values")
    return image


# Where the pixels are -------------------------------------------------------------------------------------


def _find(opened: BinaryIO) -> _Pixels:
    """Read a file up to the first byte of its pixels."""
    import pydicom
    from pydicom.pixels.utils import as_pixel_options

    tags: list[Any] = [*IMAGE_TAGS, *STORED_TAGS]
    dataset = pydicom.dcmread(opened, stop_before_pixels=True, force=True, specific_tags=tags)
    syntax = _syntax(dataset)
    if syntax == DEFLATED:
        opened.seek(0)
        content = pydicom.dcmread(opened).PixelData
        opened, keyword, vr, length = BytesIO(content), "PixelData", "OW", len(content)
    else:
        keyword, vr, length = _element(opened, "<" if syntax.is_little_endian else ">")
    given = as_pixel_options(dataset, pixel_keyword=keyword, pixel_vr=vr, correct_unused_bits=False)
    options = {"bits_stored": given["bits_allocated"], **DEFAULTS, **given}
    pixels = _Pixels(opened, opened.tell(), length, syntax, dataset, options)
    if pixels.compressed and (offsets := _offsets(pixels)):
        options["extended_offsets"] = offsets
    return pixels


def _found(opened: BinaryIO, grey: Grey) -> _Pixels:
    """The pixels of a plain file, whose header says where they are."""
    from pydicom import Dataset
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    syntax = ImplicitVRLittleEndian if grey.implicit else ExplicitVRLittleEndian
    options = {
        "rows": grey.rows,
        "columns": grey.columns,
        "bits_allocated": grey.allocated,
        "bits_stored": grey.stored,
        "number_of_frames": grey.frames,
        **DEFAULTS,
        "pixel_representation": grey.signed,
        "pixel_keyword": "PixelData",
    }
    return _Pixels(opened, grey.start, grey.length, syntax, Dataset(), options, grey.kind)


def _syntax(dataset: Dataset) -> UID:
    """The transfer syntax; of a file that does not say it, by how its elements are written."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    if said := dataset.file_meta.get("TransferSyntaxUID"):
        return said
    implicit, little = dataset.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


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
        raise Refused(CUT_SHORT)
    if pixels.length > expected + expected % 2:
        raise Refused("an image has more pixels than its header says")


def _size(file: BinaryIO) -> int:
    return file.seek(0, 2)


def _refuse_tail(pixels: _Pixels) -> None:
    """What follows the pixels must be elements to the end: padding, signatures, a vendor's own. Other bytes mean that
    bytes were put among the pixels: every pixel would be shifted."""
    from pydicom.dataelem import RawDataElement
    from pydicom.filereader import data_element_generator

    end = _size(pixels.file)
    place, last = min(pixels.start + pixels.length, end), 0x7FE00010
    pixels.file.seek(place)
    syntax = pixels.syntax
    try:
        for element in data_element_generator(pixels.file, syntax.is_implicit_VR, syntax.is_little_endian):
            tag = int(element.tag)
            cut = isinstance(element, RawDataElement) and element.length not in (UNDEFINED, len(element.value or b""))
            if tag <= last or cut or not (tag >> 16 & 1 or tag in TRAILING):
                break
            place, last = pixels.file.tell(), tag
    except Exception:  # what is no element can raise anything from the depths of a parser
        place = -1
    if place != end:
        raise Refused("more bytes than its header says follow an image's pixels")


# Frames, decoded ------------------------------------------------------------------------------------------


def _images(pixels: _Pixels, headers: Sequence[Header]) -> Iterator[np.ndarray]:
    """Images of one file as they are stored: its frames, or the tiles of its mosaic."""
    if not headers[0].mosaic:
        yield from (_stored(pixels, header.frame_number) for header in headers)
        return
    whole = _stored(pixels, 0)
    for header in headers:
        down, across = divmod(header.frame_number, header.mosaic)
        top, left = down * header.rows, across * header.columns
        yield whole[top : top + header.rows, left : left + header.columns]


def _stored(pixels: _Pixels, number: int) -> np.ndarray:
    """Values of a frame before they are rescaled, (rows, columns)."""
    from pydicom.pixels import get_decoder

    if pixels.kind is not None:
        shape = pixels.options["rows"], pixels.options["columns"]
        size = math.prod(shape) * pixels.kind.itemsize
        pixels.file.seek(pixels.start + number * size)
        stored = np.frombuffer(pixels.file.read(size), dtype=pixels.kind)
        return stored_values(stored.reshape(shape), pixels.header, pixels.options, packed=True)
    pixels.file.seek(pixels.start)
    try:
        stored, _ = get_decoder(pixels.syntax).as_array(pixels.file, index=number, raw=True, **pixels.options)
    except (RuntimeError, NotImplementedError, ImportError):
        if not pixels.compressed:
            raise
        return _decoded_by_itk(pixels, number)
    return stored_values(stored, pixels.header, pixels.options, packed=not pixels.compressed or pixels.syntax == RLE)


def _decoded_by_itk(pixels: _Pixels, number: int) -> np.ndarray:
    """A frame of the JPEG families, which pydicom decodes only with further packages."""
    from pydicom.encaps import get_frame

    pixels.file.seek(pixels.start)
    options = pixels.options
    offsets, count = options.get("extended_offsets"), options["number_of_frames"]
    encoded = get_frame(pixels.file, number, extended_offsets=offsets, number_of_frames=count)
    return stored_values(decoded(encoded, pixels.syntax, options), pixels.header, options, packed=False)
