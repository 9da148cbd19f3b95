"""MetaImage: a header of ``Key = Value`` lines, and voxels behind it (.mha) or in files of their own (.mhd).

The files are read here and not by ITK, which hands out what lay in memory where packed voxels or slices are missing,
and which a damaged header can end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np

from gankit_dicom._refused import Refused
from gankit_dicom._volumes.packed import names_a_file, unpacked
from gankit_dicom._volumes.stored import Place, Stored, refuse_absurd_size

HEADER_BYTES = 1 << 20
"""Headers are sought in so many bytes."""
KINDS = {
    "CHAR": "i1", "ASCII_CHAR": "i1", "UCHAR": "u1", "SHORT": "i2", "USHORT": "u2", "INT": "i4", "UINT": "u4",
    "LONG": "i4", "ULONG": "u4", "LONG_LONG": "i8", "ULONG_LONG": "u8", "FLOAT": "f4", "DOUBLE": "f8",
}  # fmt: skip
"""Of a voxel by ElementType without MET_."""
UNITS_MM = {"um": 0.001, "mm": 1.0, "cm": 10.0, "m": 1000.0}
"""mm of DistanceUnits."""
ORIGINS = ("Offset", "Position", "Origin")
DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
SPACINGS = ("ElementSpacing", "ElementSize")
YES = ("true", "1", "t")
LONG = ("LONG", "ULONG")
"""Of 4 bytes or, where a machine wrote so many, of 8."""
MOST = 1e6
"""Of a number in a header: mm of an origin, a spacing or a cosine; a kilometre is absurd."""
MOST_FILES = 100_000
MOST_DIGITS = 32
"""Of a voxel that is written as text, with the space behind it."""


@attrs.frozen
class _Header:
    file: Path
    fields: Mapping[str, str]
    start: int
    """Where in the file voxels would begin."""
    lines: tuple[str, ...]
    """Behind the fields, where they are names of files."""

    def says(self, name: str, default: bool = False) -> bool:
        return self.fields[name].lower() in YES if name in self.fields else default

    def numbers(self, names: tuple[str, ...], count: int) -> np.ndarray | None:
        """The numbers of the first of these fields that is there."""
        text = next((self.fields[name] for name in names if name in self.fields), None)
        if text is None:
            return None
        try:
            values = np.array([float(word) for word in text.split()])
        except ValueError as error:
            raise Refused("damaged: its header cannot be parsed") from error
        if len(values) != count:
            raise Refused("damaged: its header has other counts of numbers than axes")
        if not (np.abs(values) < MOST).all():
            raise Refused("its place in space is not finite")
        return values

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels along each axis."""
        words = self.fields.get("DimSize", "").split()
        if not all(re.fullmatch(r"\d{1,9}", word) for word in words) or len(words) not in (3, 4):
            raise Refused("not volumes of 3 axes, one or several in a file")
        if self.fields.get("NDims", "") != str(len(words)):
            raise Refused("damaged: its header has other counts of numbers than axes")
        return tuple(map(int, words))

    @property
    def skipped(self) -> int:
        """Bytes before the voxels; negative where the voxels are the last bytes, whatever is before."""
        text = self.fields.get("HeaderSize", "0")
        if not re.fullmatch(r"-1|\d{1,9}", text):
            raise Refused("damaged: its header cannot be parsed")
        return int(text)


def read_metaimage(file: Path) -> Stored:
    """Values and place of all volumes of a file.

    Raises:
        Refused: damaged, cut short, or not volumes of 3 axes with one real number a voxel.
    """
    header = _header(file)
    kind = header.fields.get("ElementType", "").removeprefix("MET_").removesuffix("_ARRAY")
    if header.fields.get("ElementNumberOfChannels", "1") != "1" or kind not in KINDS:
        raise Refused("its voxels are vectors, colours or of an unknown kind; accepted: one real number each")
    count = math.prod(header.size)
    refuse_absurd_size(count, 8)
    x, y, z, *volumes = header.size
    values = _values(header, kind, count).reshape(*volumes or (1,), z, y, x)
    with np.errstate(over="ignore", invalid="ignore"):
        return Stored(values.astype(np.float32), _place(header))


def metaimage_place(file: Path) -> Place:
    """Where its voxels are, read from its header alone.

    Raises:
        Refused: as ``read_metaimage`` does.
    """
    return _place(_header(file))


def metaimage_files(file: Path) -> tuple[Path, ...]:
    """The file, and those of its voxels as far as they are there."""
    try:
        parts = _parts(_header(file))
    except Refused:  # whoever reads it says why
        return (file,)
    return tuple(dict.fromkeys((file, *(part for part in parts if part.is_file()))))


# Header ---------------------------------------------------------------------------------------------------


def _header(file: Path) -> _Header:
    try:
        with file.open("rb") as opened:
            head = opened.read(HEADER_BYTES)
    except OSError as error:
        raise Refused("cannot be read") from error
    fields: dict[str, str] = {}
    start = 0
    for line in head.splitlines(keepends=True):
        start += len(line)
        key, _, value = line.decode("latin-1").partition("=")
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            listed = value.strip().startswith("LIST")
            names = head[start:].decode("latin-1").splitlines() if listed else []
            return _Header(file, fields, start, tuple(name.strip() for name in names if name.strip()))
    raise Refused("not a MetaImage file, or cut short: its header has no ElementDataFile")


def _place(header: _Header) -> Place:
    """Offset, and spacing along each axis; the numbers of a line of TransformMatrix are one axis."""
    axes = len(header.size)
    spacing = header.numbers(SPACINGS, axes)
    origin = header.numbers(ORIGINS, axes)
    matrix = header.numbers(DIRECTIONS, axes * axes)
    x, y, z, *_ = header.size
    if min(header.size) < 1:
        raise Refused("absurd size: an axis without voxels")
    direction = np.eye(3) if matrix is None else matrix.reshape(axes, axes)[:3, :3].T
    if not abs(np.linalg.det(direction)) > 1e-3:
        raise Refused("its axes have no volume")
    scale = UNITS_MM.get(header.fields.get("DistanceUnits", "mm").lower(), 1.0)
    return Place(
        size=(x, y, z),
        origin_mm=np.zeros(3) if origin is None else scale * origin[:3],
        axes_mm=scale * direction * (np.ones(3) if spacing is None else np.abs(spacing[:3])),
    )


# Voxels ---------------------------------------------------------------------------------------------------


def _parts(header: _Header) -> list[Path]:
    """The files that hold the voxels, in order."""
    data = header.fields["ElementDataFile"]
    if data.upper() == "LOCAL":
        return [header.file]
    names = list(header.lines) if data.startswith("LIST") else _numbered(*data.split()) or [data]
    if not names or not all(map(names_a_file, names)):
        raise Refused("damaged: its header names no file of voxels")
    return [header.file.parent / name for name in names]


def _numbered(pattern: str = "", *numbers: str) -> list[str]:
    """Names by a pattern as ``s%03d.raw`` with the first number, the last and the step; none where it is no pattern."""
    known = re.fullmatch(r"[^%]*%0?\d{0,2}d[^%]*", pattern) and len(numbers) in (2, 3, 4)
    if not known or not all(re.fullmatch(r"\d{1,6}", number) for number in numbers):
        return []
    first, last, step = (*map(int, numbers), 1)[:3]
    return [pattern % number for number in range(first, min(last, first + MOST_FILES) + 1, max(step, 1))]


def _values(header: _Header, kind: str, count: int) -> np.ndarray:
    """All voxels, (count,)."""
    data, parts = header.fields["ElementDataFile"], _parts(header)
    wanted = 1
    if data.startswith("LIST") or len(parts) > 1:
        axes = re.fullmatch(r"LIST (\d)D?", data)
        wanted = math.prod(header.size[int(axes[1]) if axes else -1 :])
    if len(parts) < wanted:
        raise Refused("cut short: it has fewer files than its header says")
    return np.concatenate([_part(header, part, kind, count // wanted) for part in parts[:wanted]])


def _part(header: _Header, part: Path, kind: str, count: int) -> np.ndarray:
    """Voxels of one file, (count,)."""
    start = header.start if part == header.file else 0
    skip = header.skipped
    dtype = np.dtype(KINDS[kind])
    most = count * (8 if kind in LONG else dtype.itemsize)
    if not header.says("BinaryData", True):
        return _numbers(_bytes(part, start, count * MOST_DIGITS), count)
    if header.says("CompressedData"):
        content = unpacked(part, start + max(0, skip), most)
    else:
        content = _bytes(part, -most if skip < 0 else start + skip, most)
    if kind in LONG and len(content) == most:
        dtype = np.dtype(f"{dtype.kind}8")
    if len(content) < count * dtype.itemsize:
        raise Refused("cut short: it has fewer bytes than its header says")
    big = header.says("BinaryDataByteOrderMSB", header.says("ElementByteOrderMSB"))
    return np.frombuffer(content, dtype.newbyteorder(">" if big else "<"), count)


def _bytes(file: Path, start: int, length: int) -> bytes:
    """Bytes of a file from a place on, which counts from the end where it is negative."""
    try:
        with file.open("rb") as opened:
            size = opened.seek(0, 2)
            opened.seek(max(0, start + size if start < 0 else start))
            return opened.read(min(length, size))
    except OSError as error:
        raise Refused("cannot be read: a file of its voxels is not there") from error


def _numbers(text: bytes, count: int) -> np.ndarray:
    """Voxels that are written as text."""
    words = text.split()[:count]
    if len(words) < count:
        raise Refused("cut short: it has fewer numbers than its header says")
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        raise Refused("damaged: its voxels are no numbers") from error
