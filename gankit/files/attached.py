"""Texts that are attached to a safetensors file, beside what its digest covers. Its tensors stay as they are."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from gankit.files.atomic import write_bytes
from gankit.files.documents import parse_json

METADATA = "__metadata__"
"""Where the safetensors format keeps texts."""
ALIGNED = 8
"""Bytes to a multiple of which the header is filled up, so that tensors can be mapped into memory."""


def attach(file: Path, key: str, text: str) -> None:
    """Attach a text to a sound safetensors file, in the place of one of the same key. The file is written anew, whole
    or not at all, with the same bytes of tensors.

    Raises:
        RunError: the file cannot be written.
    """
    content = file.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = parse_json(content[8 : 8 + size].decode())
    header[METADATA] = {**header.get(METADATA, {}), key: text}
    made = json.dumps(header, separators=(",", ":")).encode()
    made += b" " * (-len(made) % ALIGNED)
    write_bytes(file, struct.pack("<Q", len(made)) + made + content[8 + size :])


def attached(file: Path, key: str) -> str | None:
    """The text that is attached under a key; None where there is none, or the file is none of safetensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as opened:
            return (opened.metadata() or {}).get(key)
    except (SafetensorError, ValueError, OSError):
        return None
