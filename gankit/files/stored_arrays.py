"""Safetensors files of numpy arrays with a digest, for cohorts and caches. They are read without torch."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gankit._errors import said
from gankit.files.atomic import write_filled
from gankit.files.digest import KEY, Values, tensors_digest, verified
from gankit.files.documents import parse_json
from gankit.processes.progress import progress


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write arrays and a JSON header, whole or not at all. No array is copied.

    Args:
        path: the file; its folder is made.
        arrays: contiguous arrays by name.
        header: what JSON can hold.

    Raises:
        RunError: the file cannot be written.
    """
    text = json.dumps({**header, KEY: tensors_digest(header, _values(arrays))}, sort_keys=True)
    write_filled(path, lambda file: _save(arrays, {"gankit": text}, file))


def _save(arrays: Mapping[str, np.ndarray], metadata: dict[str, str], file: Path) -> None:
    """Save arrays without a copy of them in memory. Raises OSError."""
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        save_file(dict(arrays), file, metadata=metadata)
    except SafetensorError as error:
        raise OSError(str(error)) from error


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a safetensors file by name, and its header, neither of them verified.

    Metadata that gankit did not write are the header of a file that has them.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no sound safetensors file, or its header is no JSON.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = dict(file.metadata() or {})
            names = list(file.keys())
            arrays = {name: file.get_tensor(name) for name in progress(names, f"reading {path.name}")}
    except SafetensorError as error:
        raise ValueError(said(error)) from error
    header = parse_json(metadata.get("gankit", "{}"))
    return arrays, header if isinstance(header, dict) and metadata.keys() <= {"gankit"} else metadata


def verified_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays by name and the header of a file that ``write_arrays`` wrote, as they were written.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not one, or it was altered or damaged.
    """
    arrays, header = read_arrays(path)
    return arrays, verified_header(header, arrays, (), path)


def verified_header(
    header: Mapping[str, Any], arrays: Mapping[str, np.ndarray], known: Container[str], path: Path
) -> dict[str, Any]:
    """The header of a file without its digest, once both header and arrays have been verified; see ``verified``."""
    return verified(header, lambda rest, _: tensors_digest(rest, _values(arrays)), known, path)


def _values(arrays: Mapping[str, np.ndarray]) -> Iterator[Values]:
    for name, array in arrays.items():
        yield name, array.dtype.name, array.shape, array.reshape(-1).view(np.uint8)
