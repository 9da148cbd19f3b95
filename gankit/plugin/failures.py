"""What of the installed plugins is left out, and why: commands that need none of it go on."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from types import FrameType

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


def described(error: BaseException, package: str = "") -> str:
    """An exception in one line: type, message, and file and line, innermost in ``package`` where it took part."""
    says = next(iter(str(error).strip().splitlines()), "")
    place = _raised_at(error, package)
    return ": ".join(filter(None, (type(error).__name__, says))) + (f" ({place})" if place else "")


def left_gankit(error: BaseException) -> bool:
    """Whether code of others took part in raising an exception since it left the frame that catches it."""
    return any(_package_of(frame) not in ("gankit", "contextlib") for frame, _ in _frames(error))


def _raised_at(error: BaseException, package: str) -> str:
    """``"file:line"``, innermost, of code of ``package``, or else of any that does not load plugins; empty where there
    is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = [each for each in _frames(error) if not each[0].f_code.co_filename.startswith(_MACHINERY)]
    own = [each for each in frames if package and _package_of(each[0]) == package]
    return next((f"{frame.f_code.co_filename}:{line}" for frame, line in reversed(own or frames)), "")


def _frames(error: BaseException) -> list[tuple[FrameType, int]]:
    import traceback  # for messages alone

    return list(traceback.walk_tb(error.__traceback__))


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
