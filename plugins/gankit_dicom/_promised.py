"""What the header of a MetaImage or NRRD file promises, against the bytes that are there.

ITK refuses a short file itself where its voxels are not packed. Where they are, it hands out what it could unpack, with
whatever lay in memory behind it; so every packed stream is unpacked here once, up to its checksum.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from gankit_dicom._refused import Refused

HEADER_BYTES = 1 << 20
"""Headers are sought in so many bytes."""
CHUNK = 1 << 20
WBITS = 47
"""zlib and gzip streams, by their first bytes."""
BYTES = {"CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "DOUBLE": 8, "LONG_LONG": 8, "ULONG_LONG": 8}
"""Of a voxel by MetaImage's ElementType; 4 for the others at least."""


def refuse_cut_short(file: Path) -> None:
    """Raise Refused where fewer voxels are there than the header promises, or a packed stream is damaged."""
    if file.name.lower().endswith((".mha", ".mhd")):
        _check_metaimage(file)
    else:
        _check_nrrd(file)


def data_files(file: Path) -> tuple[Path, ...]:
    """The files beside a header that hold its voxels, as far as they are there."""
    try:
        if file.name.lower().endswith((".mha", ".mhd")):
            fields, _, names = _metaimage(file)
            named = _slices(fields, names)
        else:
            named = [_nrrd(file)[0].get("data file", "")]
    except (OSError, Refused):
        return ()
    return tuple(other for name in named if name and (other := file.parent / name).is_file() and other != file)


# MetaImage ------------------------------------------------------------------------------------------------


def _check_metaimage(file: Path) -> None:
    fields, start, names = _metaimage(file)
    size = _whole_numbers(fields.get("DimSize", ""))
    data = fields["ElementDataFile"]
    if len(slices := _slices(fields, names)) > 1 or data.startswith("LIST"):
        axes = int(data.split()[1]) if re.fullmatch(r"LIST \d+D?", data) else len(size) - 1
        _refuse_fewer(len(slices), math.prod(size[axes:]), "files")
    if fields.get("CompressedData", "").lower() not in ("true", "1") or len(slices) > 1:
        return
    if "CompressedDataSize" not in fields:
        raise Refused("packed without CompressedDataSize, which its readers need; write it anew")
    local = data.upper() == "LOCAL"
    kind = fields.get("ElementType", "").removeprefix("MET_").removesuffix("_ARRAY")
    channels = _whole_numbers(fields.get("ElementNumberOfChannels", "1"))
    promised = math.prod((*size, *channels)) * BYTES.get(kind, 4)
    skipped = max(0, *_whole_numbers(fields.get("HeaderSize", "0")), 0)
    _refuse_fewer(
        _unpacked(file if local else file.parent / data, (start if local else 0) + skipped), promised, "bytes"
    )


def _metaimage(file: Path) -> tuple[dict[str, str], int, list[str]]:
    """Fields, where in the file its voxels would begin, and lines that follow the fields."""
    with file.open("rb") as opened:
        head = opened.read(HEADER_BYTES)
    fields: dict[str, str] = {}
    start = 0
    for line in head.splitlines(keepends=True):
        start += len(line)
        key, _, value = line.decode("latin-1").partition("=")
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            names = [name.strip() for name in head[start:].decode("latin-1").splitlines()]
            return fields, start, names if fields["ElementDataFile"].startswith("LIST") else []
    raise Refused("its header has no ElementDataFile")


def _slices(fields: Mapping[str, str], names: list[str]) -> list[str]:
    """Names of the files that hold the voxels; none where the header's own file does."""
    data = fields["ElementDataFile"]
    if data.startswith("LIST"):
        return [name for name in names if name]
    if data.upper() == "LOCAL":
        return []
    pattern, *numbers = data.split()
    if "%" in pattern and len(numbers) >= 2 and all(number.lstrip("-").isdigit() for number in numbers):
        first, last, step = (*map(int, numbers), 1)[:3]
        try:
            return [pattern % number for number in range(first, min(last, first + 100_000) + 1, max(step, 1))]
        except (TypeError, ValueError) as error:
            raise Refused("its header has a pattern of files that cannot be read") from error
    return [data]


# NRRD -----------------------------------------------------------------------------------------------------


def _check_nrrd(file: Path) -> None:
    fields, start = _nrrd(file)
    if fields.get("encoding", "").lower() not in ("gzip", "gz"):
        return
    skips = [fields.get(name, "0") for name in ("line skip", "byte skip")]
    if skips != ["0", "0"] or fields.get("data file", "").upper().startswith("LIST"):
        return
    data = fields.get("data file", "")
    _unpacked(file.parent / data if data else file, 0 if data else start)


def _nrrd(file: Path) -> tuple[dict[str, str], int]:
    """Fields by their names in lower case, and where in the file its voxels would begin."""
    with file.open("rb") as opened:
        head = opened.read(HEADER_BYTES)
    fields: dict[str, str] = {}
    start = 0
    for line in head.splitlines(keepends=True):
        start += len(line)
        if not line.strip():
            break
        key, found, value = line.decode("latin-1").partition(": ")
        if found:
            fields[key.strip().lower().replace("datafile", "data file")] = value.strip()
    return fields, start


# Bytes ----------------------------------------------------------------------------------------------------


def _unpacked(file: Path, start: int) -> int:
    """How many bytes a packed stream holds.

    Raises:
        Refused: it has no end, or its checksum is another.
    """
    count = 0
    stream = zlib.decompressobj(WBITS)
    try:
        for chunk in _chunks(file, start):
            while chunk and not stream.eof:
                count += len(stream.decompress(chunk, CHUNK))
                chunk = stream.unconsumed_tail
    except zlib.error as error:
        raise Refused("damaged: its packed voxels cannot be unpacked") from error
    except OSError as error:
        raise Refused("cannot be read: the file of its voxels is not there") from error
    if not stream.eof:
        raise Refused("cut short: its packed voxels have no end")
    return count


def _chunks(file: Path, start: int) -> Iterator[bytes]:
    with file.open("rb") as opened:
        opened.seek(start)
        while chunk := opened.read(CHUNK):
            yield chunk


def _refuse_fewer(there: int, promised: int, what: str) -> None:
    if there < promised:
        raise Refused(f"cut short: it has fewer {what} than its header says")


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split())
    except ValueError as error:
        raise Refused("damaged: its header cannot be parsed") from error
