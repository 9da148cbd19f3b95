"""JSON files of gankit: an object whose ``format`` says what it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gankit._errors import InputError, shown
from gankit.files.documents import read_json


def read_document(file: Path, accepted: str, remedy: str) -> dict[str, Any]:
    """Read a JSON object and check its ``format``.

    Args:
        file: the file to read.
        accepted: the format that it must have, as in ``"gankit-evaluation-1"``.
        remedy: what the user can do about a file that cannot be used, as in ``"make it again"``.

    Raises:
        InputError: the file cannot be read, is not JSON, or has another format.
    """
    try:
        document = read_json(file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); {remedy}") from error
    except ValueError as error:
        raise InputError(f"{file}: damaged ({error}); {remedy}") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != accepted:
        raise InputError(f"{file}: format {shown(found)}; accepted: {accepted!r}; {remedy}")
    return document
