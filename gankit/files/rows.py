"""Arrays of which rows are read from files when they are asked for, so that they may be larger than memory.

Rows are read at their place in the file (``preadv``), not through a map of it. A map is no faster, since every row is
copied into a batch anyway: 64 rows of 16 kB took 0.8 to 1.6 ms read and 2.1 ms mapped. Its pages count as memory of the
process, here 0.4 MB for each row of 16 kB. And where a disk fails or a file shrinks, the process ends without a word.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import attrs
import numpy as np

from gankit._errors import RunError

BLOCK = 1 << 24
"""Bytes of rows that ``blocks`` gives at a time."""
OPEN = 64
"""Files that are kept open; the system limits them."""

Identity = tuple[int, int, int, int]
"""What tells a file from one that replaced it: device, number, size and time of the last change."""


class Rows(Protocol):
    """What has rows: a numpy array, or ``StoredRows``. Indexing by rows gives a numpy array."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def ndim(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...


@attrs.frozen(eq=False)
class FilePiece:
    """The rows of an array that is a part of a file."""

    path: Path
    identity: Identity
    start: int
    """Where the array begins, in bytes."""
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """These rows, which must be there.

        Raises:
            RunError: the file is gone, was replaced since it was opened, or cannot be read.
        """
        read = np.empty((len(rows), *self.shape[1:]), self.dtype)
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        if not read.size:
            return read
        into = read.reshape(-1).view(np.uint8).data
        file = _opened(self.path, self.identity)
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1  # rows that follow each other are read at once
        for first, end in pairwise([0, *breaks.tolist(), len(rows)]):
            file.read_into(into[first * size : end * size], self.start + int(rows[first]) * size)
        return read


@attrs.frozen(eq=False)
class ZeroPiece:
    """Rows of zeros, which take no memory."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, rows: np.ndarray) -> np.ndarray:
        return np.zeros((len(rows), *self.shape[1:]), self.dtype)


@attrs.frozen(eq=False)
class MadePiece:
    """Rows that a function makes of their indices (B,) whenever they are read: (B, *row) of the type."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[np.ndarray], np.ndarray]


class StoredRows(np.lib.mixins.NDArrayOperatorsMixin):
    """Pieces, one below the other, as an array of which rows are read when they are indexed.

    ``rows[index]`` is a numpy array, as of a numpy array with the same values: the first index is a number, a slice, a
    mask or indices of rows, and further ones apply to what was read. ``select`` reads nothing. Everything else that an
    array can do (arithmetic, ``numpy.asarray``, methods as ``min``) reads all of it.
    """

    def __init__(self, pieces: Sequence[FilePiece | ZeroPiece | MadePiece]):
        """``pieces``: one or more, whose rows have one shape and type."""
        self._pieces = tuple(pieces)
        self._starts = np.cumsum([0, *(piece.shape[0] for piece in pieces)])
        self._chosen: np.ndarray | None = None
        self._change: Callable[[np.ndarray], np.ndarray] | None = None
        self.shape: tuple[int, ...] = (int(self._starts[-1]), *pieces[0].shape[1:])
        self.dtype = pieces[0].dtype

    def select(self, rows: Any) -> StoredRows:
        """The rows of a mask, a slice or indices, in that order, still to be read."""
        chosen = np.arange(len(self)) if self._chosen is None else self._chosen
        return self._like(chosen[rows], self._change, self.shape[1:], self.dtype)

    def changed(
        self, change: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> StoredRows:
        """Rows of this shape and type that ``change`` makes of any number of these rows when they are read."""
        first = self._change
        both = change if first is None else lambda rows: change(first(rows))
        chosen = np.arange(len(self)) if self._chosen is None else self._chosen
        return self._like(chosen, both, shape, dtype)

    def _like(
        self,
        chosen: np.ndarray,
        change: Callable[[np.ndarray], np.ndarray] | None,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> StoredRows:
        other = StoredRows(self._pieces)
        other._chosen, other._change = chosen, change
        other.shape, other.dtype = (len(chosen), *shape), dtype
        return other

    def __array_ufunc__(self, function: np.ufunc, method: str, *given: Any, **settings: Any) -> Any:
        read = [np.asarray(each) if isinstance(each, StoredRows) else each for each in given]
        return getattr(function, method)(*read, **settings)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"neither an array nor rows of files have {name!r}")
        return getattr(np.asarray(self), name)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        """Raises IndexError: there is no such row; RunError: a file is gone or was replaced."""
        rows, *further = index if isinstance(index, tuple) else (index,)
        chosen = np.arange(len(self))[rows] if self._chosen is None else self._chosen[rows]
        if np.ndim(chosen) == 0:
            return self._read(np.array([chosen]))[0][tuple(further)]
        return self._read(chosen)[(slice(None), *further)]

    def __iter__(self) -> Iterator[np.ndarray]:
        for _, block in blocks(self):
            yield from block

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("rows of files cannot be an array without a copy")
        return np.asarray(self[:], dtype=dtype)

    def _read(self, indices: np.ndarray) -> np.ndarray:
        """Rows with these indices, a new array. Those that are changed are read ``BLOCK`` bytes at a time, so that more
        than that is never in memory as it is in the files."""
        if self._change is None:
            return self._stored(indices)
        made = np.empty((len(indices), *self.shape[1:]), self.dtype)
        row = math.prod(self._pieces[0].shape[1:]) * self._pieces[0].dtype.itemsize
        at_once = max(1, BLOCK // max(1, row))
        for start in range(0, len(indices), at_once):
            made[start : start + at_once] = self._change(self._stored(indices[start : start + at_once]))
        return made

    def _stored(self, indices: np.ndarray) -> np.ndarray:
        """Rows of the pieces with these indices, a new array."""
        piece_K = np.searchsorted(self._starts, indices, side="right") - 1
        numbers = np.unique(piece_K)
        if len(numbers) == 1:
            return self._pieces[numbers[0]].read(indices - self._starts[numbers[0]])
        read = np.empty((len(indices), *self._pieces[0].shape[1:]), self._pieces[0].dtype)
        for number in numbers:
            of_piece = np.flatnonzero(piece_K == number)
            read[of_piece] = self._pieces[number].read(indices[of_piece] - self._starts[number])
        return read


def blocks(values: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield consecutive rows, at most ``BLOCK`` bytes of them at a time but at least one, and where they are."""
    row = math.prod(values.shape[1:]) * values.dtype.itemsize
    at_once = max(1, BLOCK // max(1, row))
    for start in range(0, len(values), at_once):
        place = slice(start, min(start + at_once, len(values)))
        yield place, values[place]


def selected(values: Any, rows: Any) -> Any:
    """The rows of a mask, a slice or indices: of a numpy array as that gives them, of ``StoredRows`` still unread."""
    return values.select(rows) if isinstance(values, StoredRows) else values[rows]


def identity_of(path: Path) -> Identity:
    """Raises OSError: there is no such file."""
    return _identity(path.stat())


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class _OpenFile:
    """A file that several threads read; it is closed when nobody has it."""

    def __init__(self, path: Path, identity: Identity):
        """Raises RunError: the file is gone, or is another one."""
        self._path = path
        with self._reading():
            self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            found = os.fstat(self._descriptor)
        if _identity(found) != identity:
            raise RunError(f"{path}: was replaced while it was in use; run the same command again")

    def __del__(self) -> None:
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)

    def read_into(self, buffer: memoryview, place: int) -> None:
        """Fill a buffer from a place in the file on. Raises RunError: it cannot be read so far."""
        with self._reading():
            while buffer:
                if not (count := _read_at(self._descriptor, buffer, place)):
                    raise OSError("it ends too early")
                buffer, place = buffer[count:], place + count

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or str(error)
            raise RunError(
                f"{self._path}: cannot be read any more ({why}); put it back, and run the same command again"
            ) from error


def _read_at(descriptor: int, buffer: memoryview, place: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [buffer], place)
    with _SEEKING:  # Windows
        os.lseek(descriptor, place, os.SEEK_SET)
        content = os.read(descriptor, len(buffer))
    buffer[: len(content)] = content
    return len(content)


_SEEKING = Lock()
_opened = lru_cache(maxsize=OPEN)(_OpenFile)
