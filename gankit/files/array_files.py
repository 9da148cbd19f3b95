"""Files of plain arrays, .npy and .npz. A file that is not sound is refused before memory is taken for it."""

from __future__ import annotations

import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

try:
    from lzma import LZMAError
except ImportError:  # a Python that was built without it cannot read such a file, and zipfile says so
    LZMAError = zlib.error  # type: ignore[misc, assignment]

_DAMAGE = (
    *(OSError, EOFError, MemoryError, ValueError, TypeError, ArithmeticError, LookupError, SyntaxError),
    *(RuntimeError, struct.error, tokenize.TokenError, zlib.error, LZMAError, zipfile.BadZipFile, zipfile.LargeZipFile),
)
"""What numpy, zipfile and the decompressors raise on bytes that they cannot read."""
_ENCRYPTED = 0x1
"""Bit 0 of a member's general purpose flag (PKWARE APPNOTE, section 4.4.4)."""
_CHUNK = 1 << 24
"""Bytes read at a time."""


class _Unsound(ValueError):
    """A file that was read and found unsound; its message is a sentence."""


def read_npz(path: Path, names: Container[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of a .npz by name. Members that are no .npy are left out.

    Args:
        path: the file.
        names: those that are read; default: all.

    Raises:
        ValueError: the file or an array cannot be read, is cut short or altered, is encrypted, or holds Python objects
            or records; one line that says which.
    """
    with _found_in("it"):
        if begins_npy(path):
            raise _Unsound("it is one array without a name, as in .npy")
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist() if _is_array(info)}
            if not members:
                raise _Unsound("it has no arrays")
            chosen = [name for name in members if names is None or name in names]
            return {name: _member(archive, members[name], name) for name in chosen}


def read_npy(path: Path) -> np.ndarray:
    """The array of a .npy. Raises ValueError, as ``read_npz`` does."""
    with _found_in("it"), path.open("rb") as file:
        return _array(file, path.stat().st_size, "it", "ARRAY")


def begins_npy(path: Path) -> bool:
    """Whether a file begins as a .npy does. Raises OSError: it cannot be read."""
    with path.open("rb") as file:
        return file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX


def _is_array(info: zipfile.ZipInfo) -> bool:
    """Whether a member is a .npy. Finder adds a file ``._NAME`` for each file, which is none."""
    return info.filename.endswith(".npy") and not Path(info.filename).name.startswith("._")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    what = f"array {name!r}"
    if info.flag_bits & _ENCRYPTED:
        raise _Unsound(f"{what} is encrypted; store it without a password")
    with _found_in(what), archive.open(info) as file:
        return _array(file, info.file_size, what, name)


def _array(file: IO[bytes], size: int, what: str, name: str) -> np.ndarray:
    """The array of a .npy of ``size`` bytes (NEP 1); ``what`` begins messages."""
    # The header, which must agree with the size of the file
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise _Unsound(f"{what} is of version {version[0]}.{version[1]}, accepted: 1.0 and 2.0")
    shape, column_major, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise _Unsound(
            f"{what} holds Python objects, which may run code when read; store numbers, or text as {name}.astype(str)"
        )
    if dtype.kind == "V":
        raise _Unsound(f"{what} holds records ({dtype}); store each field as an array of its own")
    promised, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    if min(shape, default=0) < 0 or promised != there:
        raise _Unsound(f"{what} has {there} bytes, but {shape} of {dtype} needs {promised}")

    # Its values
    content = bytearray(promised)
    if (read := _read_into(file, content)) != promised:
        raise _Unsound(f"{what} ends after {read} of {promised} bytes")
    return np.ndarray(shape, dtype, content, order="F" if column_major else "C")


_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def _read_into(file: IO[bytes], content: bytearray) -> int:
    """Fill the buffer, and read on to the end, where a zip archive compares its checksum.

    Returns: the number of bytes that were there, at most those of the buffer.
    """
    view, done = memoryview(content), 0
    while part := file.read(_CHUNK):
        kept = part[: len(content) - done]
        view[done : done + len(kept)] = kept
        done += len(kept)
    return done


@contextmanager
def _found_in(what: str) -> Iterator[None]:
    """Say of bytes that cannot be read where they are, on one line."""
    try:
        yield
    except _Unsound:
        raise
    except _DAMAGE as error:
        said = " ".join(str(error).split())
        raise _Unsound(f"{what} cannot be read: {said or type(error).__name__}") from error
