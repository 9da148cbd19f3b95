"""Whether gankit made a file. Nothing is written over a file of anyone else."""

from __future__ import annotations

import zipfile
from pathlib import Path

from gankit._errors import InputError

MARK = "gankit"
"""What made a file, as its format says it."""
ZIP_COMMENT = f"made by {MARK}".encode()
"""The comment of archives of arrays."""
_MARKS = (
    f"Software\0{MARK}".encode(),
    f'<meta name="generator" content="{MARK}">'.encode(),
    f'"format": "{MARK}-'.encode(),
    f'"format":"{MARK}-'.encode(),
)
"""In a PNG, in a page, and in a JSON document."""
_BEGIN = 4096
"""Bytes among which a mark stands."""


def refuse_to_replace(out: Path, *beside: Path) -> None:
    """Make sure that a file that is to be written is new, or one that gankit made.

    Args:
        out: the file.
        beside: texts without a mark, which are written beside it and so are gankit's where it is.

    Raises:
        InputError: it is someone else's, or cannot be read.
    """
    if made := _made(out):
        return
    for file in (out, *beside):
        if not made and (file.exists() or file.is_symlink()):
            raise InputError(f"`out` {file}: is there already and was not made by gankit; name another file")


def _made(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            begin = opened.read(_BEGIN)
        if any(mark in begin for mark in _MARKS):
            return True
        with zipfile.ZipFile(file) as archive:
            return archive.comment == ZIP_COMMENT
    except (OSError, zipfile.BadZipFile):
        return False
