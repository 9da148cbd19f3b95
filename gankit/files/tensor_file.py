"""Safetensors files with a digest of their tensors and header, for checkpoints and models. Never pickle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gankit._errors import CheckpointError, said, shown
from gankit.files.atomic import write_bytes
from gankit.files.digest import KEY, Altered, Values, tensors_digest, verified
from gankit.files.documents import parse_json


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header, whole or not at all. Equal content gives equal bytes.

    Args:
        path: the file; its folder is made.
        tensors: tensors of any device by name; the file holds them on the CPU.
        header: what JSON can hold; ``format`` names the kind of file.

    Raises:
        RunError: the file cannot be written.
    """
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({**header, KEY: tensors_digest(header, _values(stored))})  # keys stay in the order of the recipe
    write_bytes(path, save(stored, metadata={"gankit": text}))


def read_tensors(path: Path, format: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read and verify a file of ``write_tensors``.

    Args:
        path: the file.
        format: what the header's ``format`` must be.

    Returns: the tensors by name, on the CPU, and the header.

    Raises:
        CheckpointError: the file is missing, cut short, altered, or of another format.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            header = parse_json((file.metadata() or {}).get("gankit", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"{path}: cannot be read, perhaps cut short ({said(error)})") from error
    found = header.get("format") if isinstance(header, dict) else None
    if found != format:
        raise CheckpointError(f"{path}: format {shown(found)}, accepted: {format!r}")
    try:
        return tensors, verified_tensors(tensors, header, path)
    except Altered as error:
        raise CheckpointError(f"{path}: {error}") from error


def verified_tensors(tensors: Mapping[str, Tensor], header: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The header of a file without its digest, once header and tensors were verified. Raises Altered."""
    return verified(header, lambda rest, _: tensors_digest(rest, _values(tensors)), (), path)


def _values(tensors: Mapping[str, Tensor]) -> Iterator[Values]:
    for name, tensor in tensors.items():
        kind = str(tensor.dtype).removeprefix("torch.")
        yield name, kind, tuple(tensor.shape), [tensor.reshape(-1).view(torch.uint8).numpy()]
