"""Headers of plain files, read quickly: with a preamble, in little endian, not compressed.

pydicom reads every file; most files are plain, and of these it does much that an import does not need. What is found to
be out of the ordinary here is left to pydicom, which also says what is wrong with it.
"""

from __future__ import annotations

import re
import struct
from functools import cache
from typing import Any, BinaryIO

import attrs
import numpy as np
from pydicom import Dataset
from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

SIZES = (2**16, 2**20, 2**24)
"""Bytes in which headers end: most in the first."""
IMPLICIT, EXPLICIT = b"1.2.840.10008.1.2", b"1.2.840.10008.1.2.1"
SYNTAX, CHARACTER_SET, PIXELS, END_OF_ITEM = 0x00020010, 0x00080005, 0x7FE00010, 0xFFFEE00D
UNDEFINED = 0xFFFFFFFF
LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""Value representations whose length has 32 bits in explicit VR (PS3.5 section 7.1.2)."""
SHORT = {
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
    b"ST", b"TM", b"UI", b"UL", b"US",
}  # fmt: skip
TEXTS = {"CS", "DA", "LO", "SH", "TM", "UI"}
NUMBERS = {"FD": "<d", "FL": "<f", "SL": "<l", "SS": "<h", "UL": "<L", "US": "<H"}
NUMERALS: dict[str, tuple[type, re.Pattern[bytes]]] = {
    "DS": (float, re.compile(rb"[ \0]*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?[ \0]*")),
    "IS": (int, re.compile(rb"[ \0]*[+-]?\d{1,12}[ \0]*")),
}
"""Numbers that are written as text."""
GREY = {
    "rows": ("Rows", None), "columns": ("Columns", None), "allocated": ("BitsAllocated", None),
    "stored": ("BitsStored", None), "signed": ("PixelRepresentation", 0), "samples": ("SamplesPerPixel", 1),
    "frames": ("NumberOfFrames", 1),
}  # fmt: skip
"""What is asked of grey images: keyword, and what holds of a file that does not say it."""
OVERLAYS = range(0x6000, 0x6020, 2)
"""Groups of overlays, which may lie in the bits of the image."""
PADDINGS = (0x00280120, 0x00280121)
"""Pixel Padding Value and Range Limit."""
KINDS = {(8, 0): "u1", (16, 0): "<u2", (16, 1): "<i2"}
"""Allocated bits and PixelRepresentation to the type of a stored value."""


@attrs.frozen(kw_only=True)
class Grey:
    """The pixels of a file's grey images of one size, whose values lie one after the other."""

    start: int
    """Place of the first byte."""
    length: int
    """Bytes, as the file says it."""
    frames: int
    rows: int
    columns: int
    allocated: int
    """Bits of a value."""
    stored: int
    """Bits of a value that are used."""
    signed: int
    implicit: bool
    """Whether elements are in implicit VR."""

    @property
    def kind(self) -> np.dtype:
        return np.dtype(KINDS[self.allocated, self.signed])


def read_plain(opened: BinaryIO) -> Plain | None:
    """All elements before the pixels of a plain file; None, and the file at its start, where it is not plain."""
    plain = None
    for size in SIZES:
        opened.seek(0)
        content = opened.read(size)
        try:
            plain = _walked(content)
            break
        except (struct.error, IndexError):
            if len(content) < size:
                break
    opened.seek(0)
    return plain


def _walked(content: bytes) -> Plain | None:
    """Raises struct.error or IndexError where the content ends before the pixels."""
    # 1. The file's own elements, which are always in explicit VR, name the transfer syntax.
    if content[128:132] != b"DICM":
        return None
    if (meta := _elements(content, 132, False, 0x00030000)) is None or SYNTAX not in meta[0]:
        return None
    syntax = content[slice(*meta[0][SYNTAX][1:])].rstrip(b"\0 ")
    if syntax not in (IMPLICIT, EXPLICIT):
        return None

    # 2. Those of the image.
    implicit = syntax == IMPLICIT
    if (found := _elements(content, meta[1], implicit, PIXELS)) is None:
        return None
    places, end = found
    if struct.unpack_from("<HH", content, end) != (0x7FE0, 0x0010):
        return None
    start = end + (8 if implicit else 12)
    (length,) = struct.unpack_from("<L", content, start - 4)
    if length == UNDEFINED:
        return None
    return Plain(content, places, implicit, start, length)


def _elements(
    content: bytes, place: int, implicit: bool, stop: int
) -> tuple[dict[int, tuple[str, int, int]], int] | None:
    """Tag to VR, start and end of the elements from a place on, and where the first tag from ``stop`` on is."""
    places: dict[int, tuple[str, int, int]] = {}
    size, before = len(content), 0
    while True:
        group, element, vr, length = struct.unpack_from("<HH2sH", content, place)
        tag = group << 16 | element
        if tag >= stop:
            return places, place
        if implicit:
            (length,) = struct.unpack_from("<L", content, place + 4)
            place += 8
        elif vr in SHORT:
            place += 8
        elif vr in LONG:
            (length,) = struct.unpack_from("<L", content, place + 8)
            place += 12
        else:
            return None
        if tag <= before:
            return None
        if length == UNDEFINED:
            if (not implicit and vr != b"SQ") or (after := _after_items(content, place, implicit)) is None:
                return None
            places[tag] = "SQ", place, after - 8
            place = after
        else:
            if place + length > size:
                raise IndexError
            places[tag] = "" if implicit else vr.decode(), place, place + length
            place += length
        before = tag


def _after_items(content: bytes, place: int, implicit: bool) -> int | None:
    """Where a sequence of undefined length ends, behind its delimiter (PS3.5 section 7.5.1)."""
    while True:
        tag = struct.unpack_from("<HH", content, place)
        (length,) = struct.unpack_from("<L", content, place + 4)
        place += 8
        if tag == (0xFFFE, 0xE0DD):
            return place
        if tag != (0xFFFE, 0xE000):
            return None
        if length == UNDEFINED:
            if (found := _elements(content, place, implicit, END_OF_ITEM)) is None:
                return None
            place = found[1] + 8
        else:
            place += length


class Plain(Dataset):
    """A data set whose elements are parsed when they are asked for; ``get`` parses the usual ones itself.

    ``get`` gives numbers and texts as pydicom does, several as a tuple.
    """

    def __init__(
        self, content: bytes, places: dict[int, tuple[str, int, int]], implicit: bool, start: int, length: int
    ) -> None:
        raw: dict[BaseTag, DataElement | RawDataElement] = {
            (key := BaseTag(tag)): RawDataElement(
                key, vr or None, end - begin, content[begin:end], begin, implicit, True
            )
            for tag, (vr, begin, end) in places.items()
        }
        super().__init__(raw)
        self.start, self._length, self._implicit = start, length, implicit
        characters = raw.get(BaseTag(CHARACTER_SET))
        self.set_original_encoding(implicit, True, _encodings(characters.value or b"" if characters else b""))

    @property
    def grey(self) -> Grey | None:
        """Where its pixels are and what they are, if its images are grey, without overlays and padding."""
        said = {name: self.get(keyword, default) for name, (keyword, default) in GREY.items()}
        if said["stored"] is None:
            said["stored"] = said["allocated"]
        if not all(isinstance(value, int) for value in said.values()):
            return None
        grey = said.pop("samples") == 1 and said["frames"] >= 1
        usual = self.get("HighBit", said["stored"] - 1) == said["stored"] - 1
        alone = not any(tag >> 16 in OVERLAYS or tag in PADDINGS for tag in self._dict)
        known = (said["allocated"], said["signed"]) in KINDS and 1 <= said["stored"] <= said["allocated"]
        if not (grey and usual and alone and known):
            return None
        return Grey(start=self.start, length=self._length, implicit=self._implicit, **said)

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of an element by its keyword, as ``Dataset.get``."""
        if isinstance(key, str) and (usual := _usual(key)) is not None:
            tag, vr = usual
            element = self._dict.get(tag)
            if element is None:
                return default
            if isinstance(element, RawDataElement) and element.value and element.VR in (None, vr):
                parsed = _parsed(element.value, vr)
                if parsed is not None:
                    return parsed
        return super().get(key, default)


@cache
def _encodings(characters: bytes) -> list[str]:
    """Python's names of the encodings that SpecificCharacterSet names."""
    return list(convert_encodings([word.strip(" \0") for word in characters.decode("ascii", "replace").split("\\")]))


@cache
def _usual(keyword: str) -> tuple[BaseTag, str] | None:
    """Tag and VR of a keyword whose values are parsed here."""
    if (tag := tag_for_keyword(keyword)) is None:
        return None
    vr = dictionary_VR(tag)
    return (BaseTag(tag), vr) if vr in TEXTS or vr in NUMBERS or vr in NUMERALS else None


def _parsed(value: bytes, vr: str) -> Any:
    """The value of an element; None where it is empty or out of the ordinary."""
    if vr in NUMBERS:
        return struct.unpack(NUMBERS[vr], value)[0] if len(value) == struct.calcsize(NUMBERS[vr]) else None
    parts = value.split(b"\\")
    if vr in TEXTS:
        if not value.isascii() or (len(parts) > 1 and vr != "CS"):
            return None
        return _one_or_more([part.decode().rstrip(" \0") for part in parts])
    kind, pattern = NUMERALS[vr]
    if not all(pattern.fullmatch(part) for part in parts):
        return None
    return _one_or_more([kind(part.strip(b" \0")) for part in parts])


def _one_or_more(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)
