"""The header of a safetensors file, read alone, without torch and before anything is verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gankit.files.documents import parse_json


def header(path: Path) -> dict[str, Any]:
    """The header that gankit wrote into a safetensors file; an empty mapping for any other file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            found = parse_json((file.metadata() or {}).get("gankit", "{}"))
    except (SafetensorError, ValueError, OSError):
        return {}
    return found if isinstance(found, dict) else {}
