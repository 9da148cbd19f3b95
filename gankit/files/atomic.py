"""Files appear whole or not at all."""

import contextlib
import glob
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from gankit.files.obstacles import writing

try:
    import fcntl
except ImportError:  # Windows, where parts are removed by ``remove_parts`` alone
    fcntl = None  # type: ignore[assignment]

PART = ".part"
"""How the names of unfinished files end."""


def write_bytes(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file so that ``path`` holds either the old bytes or the new ones, never a part, even after a power cut.

    The folder is made where there is none. What a killed process has left of the same file is removed.

    Args:
        path: the file.
        content: its bytes.
        mode: who may read and write it, less what the umask takes; 0o600 for a secret.

    Raises:
        RunError: the folder cannot be written or the disk is full; what was there before is untouched.
    """
    write_filled(path, lambda file: file.write_bytes(content), mode)


def write_filled(path: Path, fill: Callable[[Path], object], mode: int = 0o666) -> None:
    """``write_bytes`` for a file that ``fill`` writes: one in a hidden folder beside ``path``, which is then synced to
    disk and renamed. ``fill`` may make other files in that folder.

    Raises:
        RunError: ``fill`` raised an OSError, or as for ``write_bytes``.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _part_of(path) as part:
            allowed = _allowed(part, mode)
            fill(part)
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.chmod(allowed)
            part.replace(path)
        _sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """``write_bytes`` for text, as UTF-8."""
    write_bytes(path, content.encode())


def remove_parts(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder. No other process may write there."""
    for part in folder.glob(f".*{PART}"):
        _remove(part)


@contextlib.contextmanager
def _part_of(path: Path) -> Iterator[Path]:
    """The place of a file that is to become ``path``, in a hidden folder beside it that goes with the context.

    A process locks its folder as long as it writes there. So a folder that is not locked was left by a process that was
    killed, and goes, too.
    """
    folder, lock = _locked_folder(path)
    try:
        for other in path.parent.glob(f".{glob.escape(path.name)}.*{PART}"):
            _remove_abandoned(other)
        yield folder / path.name
    finally:
        _remove(folder)
        if lock is not None:
            os.close(lock)


def _locked_folder(path: Path) -> tuple[Path, int | None]:
    """A new hidden folder beside ``path``, and the descriptor that locks it, where the system can lock."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent))
        if fcntl is None:
            return folder, None
        lock = os.open(folder, os.O_RDONLY)
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():
            return folder, lock
        os.close(lock)  # another process took it for abandoned before it was locked


def _remove_abandoned(part: Path) -> None:
    """Remove a part that no process writes."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError):  # it is gone, locked, or cannot be locked
        descriptor = os.open(part, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(part)
        finally:
            os.close(descriptor)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _allowed(part: Path, mode: int) -> int:
    """Who may read and write a new file, where ``mode`` is asked for. The file itself shows it: the umask can be read
    only by changing it, for all threads."""
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        return stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder; the rename itself has happened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
