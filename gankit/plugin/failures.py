"""What of the installed plugins is left out, and why: commands that need none of it go on."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path

import attrs
import pluggy

_MACHINERY = ("<frozen", *(str(Path(str(file)).parent) for file in (importlib.__file__, pluggy.__file__, __file__)))
"""Files that plugins are loaded by: what goes wrong in a plugin is raised beneath them."""


@attrs.frozen
class Failure:
    """A plugin, or one name that plugins offer, that is left out."""

    what: str
    """As in ``"plugin 'theirs' (theirs.hooks, from theirs 1.0)"`` or ``"loss 'hinge'"``."""
    why: str
    """One line: what went wrong, where, and what to do."""
    name: str = ""
    """The name that is left out; empty for a whole plugin, whose names nobody knows."""

    def __str__(self) -> str:
        return f"{self.what} is left out: {self.why}"


def perhaps(name: str, failures: Iterable[Failure]) -> str:
    """The possible cause of a name that is unknown, to add to a message; empty where nothing is left out."""
    failures = tuple(failures)
    causes = [failure for failure in failures if failure.name == name] or [each for each in failures if not each.name]
    return f"; perhaps because {'; and '.join(map(str, causes))}" if causes else ""


def described(error: BaseException) -> str:
    """An exception in one line: type, message, and the file and line that raised it."""
    text = " ".join(str(error).split())
    place = _raised_at(error)
    return ": ".join(filter(None, (type(error).__name__, text))) + (f" ({place})" if place else "")


def _raised_at(error: BaseException) -> str:
    """``"file:line"``, innermost, of code that is not ours; empty where there is none."""
    import traceback  # for messages alone

    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(_MACHINERY):
            return f"{frame.filename}:{frame.lineno}"
    return ""
