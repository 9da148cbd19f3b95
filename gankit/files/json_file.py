"""JSON files of gankit: an object with the digest of the file, most with a ``format`` that says what it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from gankit._errors import InputError, shown
from gankit.files.atomic import write_text
from gankit.files.digest import text_digest, verified, with_digest
from gankit.files.documents import LARGEST_JSON, parse_json, read_text


def indented(document: Mapping[str, Any]) -> str:
    """Strict JSON, each value on a line of its own."""
    return json.dumps(document, indent=1, allow_nan=False, default=str) + "\n"


def in_lines(document: Mapping[str, Any]) -> str:
    """Strict JSON without spaces, each key of the document and each entry of its lists on a line of its own."""

    def compact(value: Any) -> str:
        return json.dumps(value, separators=(",", ":"), allow_nan=False, default=str)

    def lines(value: Any) -> str:
        entries = value if isinstance(value, list | tuple) else ()
        return "[\n" + ",\n".join(map(compact, entries)) + "\n]" if entries else compact(value)

    return "{\n" + ",\n".join(f"{compact(key)}:{lines(value)}" for key, value in document.items()) + "\n}\n"


def write_document(
    file: Path, document: Mapping[str, Any], layout: Callable[[Mapping[str, Any]], str] = indented
) -> None:
    """Write an object as strict JSON, without NaN, and with the digest of the file under ``digest``.

    Raises:
        RunError: the file cannot be written.
    """
    write_text(file, with_digest(document, layout))


def read_kept(file: Path, known: Container[str]) -> dict[str, Any]:
    """Read what ``write_document`` wrote to be read by gankit alone; see ``verified`` for ``known`` and warnings.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged.
    """
    text, document = _parsed(file)
    return verified(document, lambda _, digest: text_digest(text, digest), known, file)


def read_document(file: Path, accepted: str | Sequence[str], remedy: str, known: Container[str]) -> dict[str, Any]:
    """Read what ``write_document`` wrote, and check its ``format``.

    Args:
        file: the file to read.
        accepted: the format that it must have, as in ``"gankit-evaluation-1"``, or several, the present one first.
        remedy: what the user can do about a file that cannot be used, as in ``"make it again"``.
        known: keys that a document of before digests may have.

    Returns: the document without its digest.

    Warns with ``FileWarning`` of a file of an earlier version, which has no digest.

    Raises:
        InputError: the file cannot be read, is not JSON, has another format, or does not match its digest.
    """
    try:
        text, document = _parsed(file)
        formats = (accepted,) if isinstance(accepted, str) else accepted
        if (found := document.get("format")) not in formats:
            raise InputError(f"{file}: format {shown(found)}; accepted: {formats[0]!r}; {remedy}")
        return verified(document, lambda _, digest: text_digest(text, digest), known, file)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); {remedy}") from error
    except ValueError as error:
        raise InputError(f"{file}: damaged ({error}); {remedy}") from error


def _parsed(file: Path) -> tuple[str, dict[str, Any]]:
    """The text of a file and the object in it; an empty one where the text is something else."""
    text = read_text(file, LARGEST_JSON)
    document = parse_json(text)
    return text, document if isinstance(document, dict) else {}
