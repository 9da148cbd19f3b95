"""JSON files of gankit: an object whose ``format`` says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gankit._errors import InputError


def read_document(file: Path, accepted: str, remedy: str) -> dict[str, Any]:
    """A JSON file of this format.

    Args:
        accepted: its format, as in ``"gankit-evaluation-1"``.
        remedy: what to do where it is missing, damaged or of another format, as in ``"make it again"``.

    Raises:
        InputError: it cannot be read, is damaged or of another format.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); {remedy}") from error
    except ValueError as error:
        raise InputError(f"{file}: damaged ({error}); {remedy}") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != accepted:
        raise InputError(f"{file}: format {found!r}; accepted: {accepted!r}; {remedy}")
    return document
