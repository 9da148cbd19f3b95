"""Folders and files that one process writes at a time; the lock goes with the process, however it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gankit._errors import RunError


class Held(Exception):
    """Another process holds it."""


@contextmanager
def locked(file: Path, *, wait: bool, remedy: str = "choose another place") -> Iterator[None]:
    """Hold a lock file, whose folder is made.

    Args:
        wait: for another process that holds it.
        remedy: what to do where the place cannot be written.

    Raises:
        Held: another process holds it, and ``wait`` is False.
        RunError: the place cannot be written.
    """
    import filelock  # an eighth of the time of --help

    lock = filelock.FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=-1 if wait else 0)
    except filelock.Timeout as error:
        raise Held(file) from error
    except OSError as error:
        raise RunError(f"{file.parent}: cannot be written: {error.strerror or error}; {remedy}") from error
    try:
        yield
    finally:
        lock.release()
