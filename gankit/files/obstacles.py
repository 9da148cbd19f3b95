"""Why a place cannot be written, in words, and what to do about it."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gankit._errors import RunError

_ANOTHER = "choose another place"
_FILE_IN_WAY = ("a file is where a folder must be", "move it away, or {elsewhere}")
_FORBIDDEN = ("", "get the permission to write there, or {elsewhere}")
_HELD = ("", "another process holds it: wait for it, or {elsewhere}")

_OBSTACLES = {
    errno.ENOSPC: ("", "make room, or {elsewhere}, and run the same command again"),
    errno.EDQUOT: ("", "make room within your quota, or {elsewhere}, and run the same command again"),
    errno.EROFS: ("", "nothing can be written there: {elsewhere}"),
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENAMETOOLONG: ("", "give a shorter name"),
    errno.ENOTDIR: _FILE_IN_WAY,
    errno.EEXIST: _FILE_IN_WAY,
    errno.EISDIR: ("a folder is where the file must be", "move it away, or {elsewhere}"),
    errno.EFBIG: ("", "allow larger files (ulimit -f), or {elsewhere}"),
    errno.EIO: ("", "look at the disk or the network, or {elsewhere}"),
    errno.ESTALE: ("", "look at the network disk, and run the same command again"),
    errno.EMFILE: ("", "allow more open files (ulimit -n)"),
    errno.ENFILE: ("", "close other programs, and run the same command again"),
    errno.ENOLCK: ("", "its file system has no locks: {elsewhere}"),
    errno.EAGAIN: _HELD,
    errno.EBUSY: _HELD,
    errno.ETXTBSY: _HELD,
    errno.ELOOP: ("", "its links lead in a circle: {elsewhere}"),
}
"""Number of an error of the operating system to what is there, where its own words do not say, and what to do."""


def is_obstacle(error: OSError) -> bool:
    """Whether an error is one of a place, and no mistake in a program."""
    return _number(error) in _OBSTACLES


def obstacle(error: OSError, elsewhere: str = _ANOTHER) -> str:
    """What stands in the way, and what to do, as in ``"Read-only file system; choose another place"``."""
    what, remedy = _OBSTACLES.get(_number(error), ("", "{elsewhere}"))
    return f"{what or error.strerror or ' '.join(str(error).split())}; {remedy.format(elsewhere=elsewhere)}"


@contextmanager
def writing(place: Path | str, elsewhere: str = _ANOTHER) -> Iterator[None]:
    """A context in which a place is written.

    Args:
        place: what is written, for the message.
        elsewhere: how the user chooses another place.

    Raises:
        RunError: an OSError ended it; one line with the place, why it cannot be written, and what to do.
    """
    try:
        yield
    except OSError as error:
        raise RunError(f"{place}: cannot be written: {obstacle(error, elsewhere)}") from error


def _number(error: OSError) -> int:
    """Its number, 0 for none; safetensors gives it in its text."""
    if error.errno is None and (found := re.search(r"os error (\d+)", str(error))):
        return int(found[1])
    return error.errno or 0
