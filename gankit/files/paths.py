"""What a user gives as a path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from gankit._errors import InputError


def given_path(parameter: str, given: Any) -> Path:
    """A parameter's value as a path. Raises InputError: it is neither a text nor a path."""
    if isinstance(given, str | os.PathLike):
        return Path(given)
    raise InputError(f"`{parameter}` must be a path, got {given!r}")
