"""Files appear whole or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from gankit._errors import RunError

PART = ".part"
"""How the names of unfinished files end."""


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that ``path`` holds either the old bytes or the new ones, never a part, even after a power cut.

    The folder is made where there is none.

    Raises:
        RunError: the folder cannot be written or the disk is full; what was there before is untouched.
    """
    write_filled(path, lambda file: file.write_bytes(content))


def write_filled(path: Path, fill: Callable[[Path], object]) -> None:
    """``write_bytes`` for a file that ``fill`` writes: a hidden one beside ``path``, which is then synced to disk and
    renamed.

    Raises:
        RunError: ``fill`` raised an OSError, or as for ``write_bytes``.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
        try:
            os.close(handle)
            fill(Path(temporary))
            with Path(temporary).open("rb+") as file:
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written: {error.strerror or error}; files written before are intact,"
            " make room or choose another place and run the same command again"
        ) from error


def write_text(path: Path, content: str) -> None:
    """``write_bytes`` for text, as UTF-8."""
    write_bytes(path, content.encode())


def remove_parts(folder: Path) -> None:
    """Remove the unfinished files that a killed process left in a folder. No other process may write there."""
    for part in folder.glob(f".*{PART}"):
        part.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder; the rename itself has happened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
