"""JSON files of gankit: an object whose ``format`` says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gankit._errors import InputError


def read_document(file: Path, kind: str, remedy: str = "make it again") -> dict[str, Any]:
    """A JSON file whose format begins with ``kind``.

    Args:
        remedy: what to do where it is damaged or missing.

    Raises:
        InputError: it cannot be read, is damaged or of another format.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); {remedy}") from error
    except ValueError as error:
        raise InputError(f"{file}: damaged ({error}); {remedy}") from error
    found = document.get("format", "") if isinstance(document, dict) else ""
    if not str(found).startswith(kind):
        raise InputError(f"{file}: format {found!r}; accepted: {kind}1")
    return document
