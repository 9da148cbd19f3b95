"""Files that an operating system leaves beside those of a user."""

from __future__ import annotations

from pathlib import Path

CLUTTER = "left there by macOS, Windows or a file server"
NAMES = {".ds_store", ".localized", "thumbs.db", "desktop.ini", "ehthumbs.db"}
FOLDERS = {"__macosx", ".appledouble", ".trashes", ".spotlight-v100", "@eadir", "$recycle.bin"}


def is_clutter(file: Path) -> bool:
    """Whether a file is none of a scanner's or a user's by its name alone, as an AppleDouble twin ``._x``."""
    name = file.name.lower()
    return name.startswith("._") or name in NAMES or any(part.lower() in FOLDERS for part in file.parts)
