"""Files that a header names, and packed streams of bytes, read up to the checksum at their end."""

from __future__ import annotations

import zlib
from pathlib import Path

from gankit_dicom._refused import Refused

CHUNK = 1 << 20
WBITS = 47
"""zlib and gzip streams, by their first bytes."""


MOST_LETTERS = 255
"""Bytes of a name, which no file system's file has more of."""


def names_a_file(name: str) -> bool:
    """Whether a file may be called so; what a damaged header holds may be no name."""
    return bool(name) and "\0" not in name and len(name.encode("utf-8", "replace")) <= MOST_LETTERS


def unpacked(file: Path, start: int, limit: int) -> bytes:
    """The first bytes of a zlib or gzip stream that begins at ``start``, at most ``limit``.

    Raises:
        Refused: the stream has no end, or its checksum is another.
    """
    content = bytearray()
    stream = zlib.decompressobj(WBITS)
    try:
        with file.open("rb") as opened:
            opened.seek(start)
            while not stream.eof and (chunk := opened.read(CHUNK)):
                while chunk and not stream.eof:
                    found = stream.decompress(chunk, CHUNK)
                    content += found[: max(0, limit - len(content))]
                    chunk = stream.unconsumed_tail
    except zlib.error as error:
        raise Refused("damaged: its packed voxels cannot be unpacked") from error
    except OSError as error:
        raise Refused("cannot be read") from error
    if not stream.eof:
        raise Refused("cut short: its packed voxels have no end")
    return bytes(content)
