"""A lock for a folder or file that one process writes at a time.

The operating system releases it when the process ends, however it ends.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gankit.files.obstacles import writing


class Held(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(file: Path, *, wait: bool, elsewhere: str = "choose another place") -> Iterator[None]:
    """Hold the lock of a lock file until the end of the context. The file and its folder are made where needed.

    Args:
        file: the lock file.
        wait: whether to wait until another process releases the lock.
        elsewhere: how the user chooses another place, for the message where the folder cannot be written.

    Raises:
        Held: another process holds the lock, and ``wait`` is False.
        RunError: the folder cannot be written.
    """
    import filelock  # here, since its import takes an eighth of the time of `gankit --help`

    lock = filelock.FileLock(file)
    with writing(file.parent, elsewhere):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except filelock.Timeout as error:
            raise Held(file) from error
        except NotImplementedError as error:
            raise OSError(errno.ENOLCK, "No locks available") from error
    try:
        yield
    finally:
        lock.release()
