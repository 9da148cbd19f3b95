"""What of the installed plugins was left out, and why. Commands that do not need it go on."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

import attrs
import pluggy

_MACHINERY = ("<frozen", *(str(Path(str(file)).parent) for file in (importlib.__file__, pluggy.__file__, __file__)))
"""Folders of the code that loads plugins. A traceback's innermost frame outside of them is in the plugin."""


@attrs.frozen
class Failure:
    """A plugin that was left out, or one name that plugins offer and that was left out."""

    what: str
    """As in ``"plugin 'theirs' (theirs.hooks, from theirs 1.0)"`` or ``"loss 'hinge'"``."""
    why: str
    """One line: what went wrong, where, and what to do."""
    name: str = ""
    """The name that was left out; empty for a whole plugin, since the names that it offers are then unknown."""
    wanted: bool = False
    """Whether the user asked for it. Only messages about an unknown name tell of it then."""

    def __str__(self) -> str:
        return f"{self.what} is left out: {self.why}"


def perhaps(name: str, failures: Iterable[Failure]) -> str:
    """The end of a message about an unknown name: the failures that may be its cause; empty where there is none."""
    failures = tuple(failures)
    causes = [failure for failure in failures if failure.name == name] or [each for each in failures if not each.name]
    return f"; perhaps because {'; and '.join(map(str, causes))}" if causes else ""


def described(error: BaseException, package: str = "") -> str:
    """An exception on one line: type, first line of its message, and the file and line that raised it.

    Where the traceback has code of ``package``, file and line are those of the innermost frame of it.
    """
    says = next(iter(str(error).strip().splitlines()), "")
    place = _raised_at(error, package)
    return ": ".join(filter(None, (type(error).__name__, says))) + (f" ({place})" if place else "")


def left_gankit(error: BaseException) -> bool:
    """Whether the traceback, from the frame that catches the exception on, has code of another package than gankit."""
    return any(_package_of(frame) not in ("gankit", "contextlib") for frame, _ in _frames(error))


def _raised_at(error: BaseException, package: str) -> str:
    """``"file:line"`` of the innermost frame of ``package``, else of the innermost one outside of ``_MACHINERY``.

    Empty where there is no such frame.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [each for each in _frames(error) if not each[0].f_code.co_filename.startswith(_MACHINERY)]
    own = [each for each in frames if package and _package_of(each[0]) == package]
    return next((f"{frame.f_code.co_filename}:{line}" for frame, line in reversed(own or frames)), "")


def _frames(error: BaseException) -> list[tuple[FrameType, int]]:
    import traceback  # here, since only messages need it

    return list(traceback.walk_tb(error.__traceback__))


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
