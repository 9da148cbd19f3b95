"""What a user gives as a path."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gankit._errors import InputError, shown


def given_path(parameter: str, given: Any) -> Path:
    """A parameter's value as a path. Raises InputError: it is neither a text nor a path."""
    if isinstance(given, str | os.PathLike):
        return Path(given)
    raise InputError(f"`{parameter}` must be a path, got {given!r}")


def is_file(path: Path) -> bool:
    """Whether there is such a file. Raises InputError: it cannot be looked for, as where its name is too long."""
    return _looked_for(path, path.is_file)


def is_folder(path: Path) -> bool:
    """Whether there is such a folder. Raises InputError: as for ``is_file``."""
    return _looked_for(path, path.is_dir)


def _looked_for(path: Path, look: Callable[[], bool]) -> bool:
    try:
        return look()
    except OSError as error:
        raise InputError(f"{shown(str(path))}: {error.strerror}; name another file") from error
