"""Safetensors files of numpy arrays with a digest, for cohorts and caches. They are read without torch.

No array is in memory twice: it is written row by row, and read where the file is mapped. The format is that of
https://huggingface.co/docs/safetensors: eight bytes with the length of a JSON object, the object, which says of each
array its type, shape and place, and the arrays.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Container, Iterator, Mapping
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import IO, Any

import attrs
import numpy as np

from gankit._errors import said
from gankit.files.atomic import write_filled
from gankit.files.digest import KEY, Values, tensors_digest, verified
from gankit.files.documents import parse_json
from gankit.files.rows import BLOCK, FilePiece, Identity, Rows, blocks, identity_of
from gankit.processes.progress import progress

_TYPES = {
    **{"uint64": "U64", "int64": "I64", "float64": "F64", "complex64": "C64", "float32": "F32", "uint32": "U32"},
    **{"int32": "I32", "float16": "F16", "uint16": "U16", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL"},
}
"""Types of numpy and their names in the format, in the order in which safetensors puts arrays into a file, so that each
begins at a multiple of the size of its numbers."""
_NAMES = {name: kind for kind, name in _TYPES.items()}
_LENGTH = 8
"""Bytes at the begin of a file that say how long the JSON object is."""


# Writing --------------------------------------------------------------------------------------------------


def write_arrays(path: Path, arrays: Mapping[str, Rows], header: Mapping[str, Any], digest: str | None = None) -> None:
    """Write arrays and a JSON header, whole or not at all. No array is copied.

    Args:
        path: the file; its folder is made.
        arrays: arrays by name, whose rows may be still in files.
        header: what JSON can hold.
        digest: their ``arrays_digest``, where it is known; default: compute it.

    Raises:
        RunError: the file cannot be written.
    """
    text = json.dumps({**header, KEY: digest or arrays_digest(arrays, header)}, sort_keys=True)
    write_filled(path, lambda file: _save(arrays, {"gankit": text}, file))


def arrays_digest(arrays: Mapping[str, Rows], header: Mapping[str, Any]) -> str:
    """The digest that the file of these arrays and this header has."""
    return tensors_digest(header, [_values(name, array) for name, array in arrays.items()])


def _values(name: str, array: Rows) -> Values:
    return name, array.dtype.name, array.shape, (_bytes(block) for block in _blocks(array))


def _blocks(array: Rows) -> Iterator[np.ndarray]:
    return (block for _, block in blocks(array)) if array.ndim else iter([array[...]])


def _bytes(block: np.ndarray) -> np.ndarray:
    """The bytes of an array, the lowest of each number first."""
    return np.ascontiguousarray(block, block.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)


def _save(arrays: Mapping[str, Rows], metadata: dict[str, str], file: Path) -> None:
    """Raises OSError: the file cannot be written."""
    layout: dict[str, Any] = {"__metadata__": metadata}
    order = sorted(arrays, key=lambda name: (list(_TYPES).index(arrays[name].dtype.name), name))
    end = 0
    for name in order:
        start, array = end, arrays[name]
        end += math.prod(array.shape) * array.dtype.itemsize
        kind, shape = _TYPES[array.dtype.name], list(array.shape)
        layout[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(layout, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _LENGTH)
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(_LENGTH, "little") + text)
        for name in order:
            for block in _blocks(arrays[name]):
                opened.write(_bytes(block).data)


# Reading --------------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class StoredArrays:
    """A file of arrays that is open: its header, and where each array is. No array was read."""

    path: Path
    header: dict[str, Any]
    """Unverified. Metadata that gankit did not write are the header of a file that has them."""
    pieces: dict[str, FilePiece]

    @classmethod
    def open(cls, path: Path) -> StoredArrays:
        """Open a file.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no sound safetensors file, or its header is no JSON.
        """
        from safetensors import SafetensorError, safe_open

        identity = identity_of(path)
        try:
            with safe_open(path, framework="numpy") as file:  # refuses whatever does not fit together
                metadata = dict(file.metadata() or {})
        except SafetensorError as error:
            raise ValueError(said(error)) from error
        header = parse_json(metadata.get("gankit", "{}"))
        own = isinstance(header, dict) and metadata.keys() <= {"gankit"}
        return cls(path, header if own else metadata, _pieces(path, identity))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, which the system reads where they are looked at. A change of one does not reach the file.

        Raises:
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return {
            name: np.ndarray(piece.shape, piece.dtype, content, piece.start)
            if math.prod(piece.shape)
            else np.zeros(piece.shape, piece.dtype)
            for name, piece in self.pieces.items()
        }

    def verified(self, known: Container[str] = ()) -> dict[str, Any]:
        """The header without its digest, once all of the file has been read and found right; see ``digest.verified``.

        Raises:
            Altered: the file is not what was written.
            OSError: it cannot be read.
        """
        items = progress(list(self.pieces.items()), f"reading {self.path.name}")
        with self.path.open("rb") as file:
            return verified(
                self.header,
                lambda rest, _: tensors_digest(rest, starmap(partial(_stored, file), items)),
                known,
                self.path,
            )


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a file by name, see ``StoredArrays.arrays``, and its header, neither of them verified.

    Raises:
        OSError, ValueError: see ``StoredArrays.open``.
    """
    stored = StoredArrays.open(path)
    return stored.arrays(), stored.header


def verified_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays by name and the header of a file that ``write_arrays`` wrote, as they were written.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not one, or it was altered or damaged.
    """
    stored = StoredArrays.open(path)
    header = stored.verified()
    return stored.arrays(), header


def _pieces(path: Path, identity: Identity) -> dict[str, FilePiece]:
    """Where the arrays of a sound file are. Raises OSError, or ValueError: numpy has no such numbers."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        layout = json.loads(file.read(length))
    layout.pop("__metadata__", None)
    if other := sorted({array["dtype"] for array in layout.values()} - _NAMES.keys()):
        raise ValueError(f"it has numbers of type {other[0]}, which numpy lacks")
    return {
        name: FilePiece(
            path,
            identity,
            _LENGTH + length + array["data_offsets"][0],
            tuple(array["shape"]),
            np.dtype(_NAMES[array["dtype"]]),
        )
        for name, array in sorted(layout.items())
    }


def _stored(file: IO[bytes], name: str, piece: FilePiece) -> Values:
    def parts() -> Any:
        file.seek(piece.start)
        left = math.prod(piece.shape) * piece.dtype.itemsize
        while left and (part := file.read(min(left, BLOCK))):
            left -= len(part)
            yield part

    return name, piece.dtype.name, piece.shape, parts()
