"""Safetensors files with a digest of their tensors and header, for checkpoints and models. Never pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gankit._errors import CheckpointError
from gankit.files.atomic import write_bytes


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
    text = json.dumps({**header, "digest": _digest(stored, header)})  # keys stay in the order of the recipe
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
            header = json.loads((file.metadata() or {}).get("gankit", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError, OSError) as error:
        raise CheckpointError(f"{path}: cannot be read, perhaps cut short ({error})") from error
    found = header.get("format") if isinstance(header, dict) else None
    if found != format:
        raise CheckpointError(f"{path}: format {found!r}, accepted: {format!r}")
    if header.pop("digest", None) != _digest(tensors, header):
        raise CheckpointError(f"{path}: its content does not match its digest; the file was altered or damaged")
    return tensors, header


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> str:
    digest = hashlib.blake2b(json.dumps(header, sort_keys=True).encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
