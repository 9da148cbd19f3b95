"""Arrays of which rows are read from files when they are asked for, so that they may be larger than memory."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np

from gankit._errors import RunError

BLOCK = 1 << 24
"""Bytes of rows that ``blocks`` gives at a time."""
MAPS = 64
"""Files that are mapped at a time; the system limits open files."""

Identity = tuple[int, int, int, int]
"""What tells a file from one that replaced it: device, number, size and time of the last change."""


class Rows(Protocol):
    """What has rows: a numpy array, or ``MappedRows``. Indexing by rows gives a numpy array."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def ndim(self) -> int: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: Any, /) -> Any: ...


class Piece(Protocol):
    """Some consecutive rows."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """These rows, as a new array."""


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
        """These rows. What was read stays in no memory but that of the result.

        Raises:
            RunError: the file is gone, or was replaced since it was opened.
        """
        content = _map(self.path, self.identity)
        read: np.ndarray = np.ndarray(self.shape, self.dtype, content, self.start)[rows]
        if hasattr(content, "madvise"):  # not on Windows
            content.madvise(mmap.MADV_DONTNEED)
        return read


@attrs.frozen(eq=False)
class ZeroPiece:
    """Rows of zeros, which take no memory."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read(self, rows: np.ndarray) -> np.ndarray:
        return np.zeros((len(rows), *self.shape[1:]), self.dtype)


class MappedRows:
    """Pieces, one below the other, as an array of which rows are read when they are indexed.

    ``rows[index]`` is a numpy array, as of a numpy array with the same values: the first index is a number, a slice, a
    mask or indices of rows, and further ones apply to what was read. ``select`` reads nothing. ``numpy.asarray`` reads
    all of it.
    """

    def __init__(self, pieces: Sequence[Piece]):
        """``pieces``: one or more, whose rows have one shape and type."""
        self._pieces = tuple(pieces)
        self._starts = np.cumsum([0, *(piece.shape[0] for piece in pieces)])
        self._chosen: np.ndarray | None = None
        self._change: Callable[[np.ndarray], np.ndarray] | None = None
        self.shape: tuple[int, ...] = (int(self._starts[-1]), *pieces[0].shape[1:])
        self.dtype = pieces[0].dtype

    def select(self, rows: Any) -> MappedRows:
        """The rows of a mask, a slice or indices, in that order, still to be read."""
        chosen = np.arange(len(self)) if self._chosen is None else self._chosen
        return self._like(chosen[rows], self._change, self.shape[1:], self.dtype)

    def changed(
        self, change: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...], dtype: np.dtype[Any]
    ) -> MappedRows:
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
    ) -> MappedRows:
        other = MappedRows(self._pieces)
        other._chosen, other._change = chosen, change
        other.shape, other.dtype = (len(chosen), *shape), dtype
        return other

    @property
    def ndim(self) -> int:
        return len(self.shape)

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
        """Rows of the pieces with these indices, a new array."""
        piece_K = np.searchsorted(self._starts, indices, side="right") - 1
        numbers = np.unique(piece_K)
        if len(numbers) == 1:
            read = self._pieces[numbers[0]].read(indices - self._starts[numbers[0]])
        else:
            read = np.empty((len(indices), *self._pieces[0].shape[1:]), self._pieces[0].dtype)
            for number in numbers:
                of_piece = np.flatnonzero(piece_K == number)
                read[of_piece] = self._pieces[number].read(indices[of_piece] - self._starts[number])
        return read if self._change is None else self._change(read)


def blocks(values: Rows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield consecutive rows, at most ``BLOCK`` bytes of them at a time but at least one, and where they are."""
    row = math.prod(values.shape[1:]) * values.dtype.itemsize
    at_once = max(1, BLOCK // max(1, row))
    for start in range(0, len(values), at_once):
        place = slice(start, min(start + at_once, len(values)))
        yield place, values[place]


def selected(values: Any, rows: Any) -> Any:
    """The rows of a mask, a slice or indices: of a numpy array as that gives them, of ``MappedRows`` still unread."""
    return values.select(rows) if isinstance(values, MappedRows) else values[rows]


def identity_of(path: Path) -> Identity:
    """Raises OSError: there is no such file."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=MAPS)
def _map(path: Path, identity: Identity) -> mmap.mmap:
    """A file, mapped for reading."""
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        found = identity_of(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: {error}; it was there before; put it back, and run the same command again") from error
    if found != identity:
        raise RunError(f"{path}: was replaced while it was in use; run the same command again")
    return content
