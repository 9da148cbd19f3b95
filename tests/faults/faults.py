"""What goes wrong while a command runs. Each fault happens once, and is gone when the command has ended."""

from __future__ import annotations

import errno
import functools
import itertools
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from tests.commands import Command

CALLS: dict[str, tuple[Any, str]] = {
    "fsync": (os, "fsync"),
    "rename": (os, "replace"),
    "mkdtemp": (tempfile, "mkdtemp"),
}
"""The calls by which files appear whole, and where they are found."""


@attrs.frozen
class Fault:
    """What goes wrong; here nothing does."""

    def __str__(self) -> str:
        return "nothing"

    def __call__(self) -> None:
        """Plant it. Called in the process of the command, before the command."""

    @contextmanager
    def around(self, out: Path) -> Iterator[None]:
        """A context that lasts as long as the command, whose files all lie below ``out``."""
        yield

    def strike(self, command: Command, usual_s: float) -> None:
        """Called when the command has started, which takes ``usual_s`` when nothing disturbs it."""


NOTHING = Fault()


@attrs.frozen
class Killed(Fault):
    """SIGKILL at some moment, whatever the process does then."""

    share: float
    """Of the time that the command usually takes."""

    def __str__(self) -> str:
        return f"SIGKILL after {self.share:.0%} of its time"

    def strike(self, command: Command, usual_s: float) -> None:
        end = time.monotonic() + self.share * usual_s
        while time.monotonic() < end and not command.ended():
            time.sleep(0.001)
        if not command.ended():
            command.send(signal.SIGKILL)


@attrs.frozen
class AtCall(Fault):
    """At a call of the system: SIGKILL before or after it, or an error in it and in all that follow."""

    call: str
    number: int
    """Of the call, from 1."""
    fails_with: str | None = None
    """Name of the error, such as ENOSPC; None: SIGKILL."""
    done: bool = False
    """Whether SIGKILL comes after the call."""

    def __str__(self) -> str:
        if self.fails_with is not None:
            return f"{self.fails_with} from {self.call} {self.number} on"
        return f"SIGKILL {'after' if self.done else 'before'} {self.call} {self.number}"

    def __call__(self) -> None:
        _replace(self.call, self._faulty)

    def _faulty(self, real: Callable[..., Any], number: int) -> Any:
        if self.fails_with is not None and number >= self.number:
            code = getattr(errno, self.fails_with)
            raise OSError(code, os.strerror(code))
        if self.fails_with is not None or number != self.number:
            return real()
        if self.done:
            real()
        os.kill(os.getpid(), signal.SIGKILL)
        return None


@attrs.frozen
class Vanished(Fault):
    """The folder below which the command writes is removed, as a scratch disk is cleaned, when it syncs a file."""

    number: int
    """Of the call of fsync, from 1."""

    def __str__(self) -> str:
        return f"its folder vanishes at fsync {self.number}"

    def __call__(self) -> None:
        _replace("fsync", self._faulty)

    def _faulty(self, real: Callable[..., Any], number: int) -> Any:
        if number == self.number:
            shutil.rmtree("out")
        return real()


@attrs.frozen
class LargestFile(Fault):
    """No file may be larger, by RLIMIT_FSIZE."""

    size: int
    """Bytes."""

    def __str__(self) -> str:
        return f"RLIMIT_FSIZE of {self.size // 1024} KiB"

    def __call__(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.size, self.size))


@attrs.frozen
class FullDisk(Fault):
    """What the command writes lies on a disk of its own, which runs full. Afterwards it is larger."""

    size: int
    """Bytes."""

    def __str__(self) -> str:
        return f"a disk of {self.size // 1024} KiB"

    @contextmanager
    def around(self, out: Path) -> Iterator[None]:
        """What is there before is moved to the disk, and back from it at the end."""
        disk = out.with_name("disk")
        shutil.move(out, disk)
        out.mkdir()
        _mount("-t", "tmpfs", "-o", f"size={self.size}", "tmpfs", out)
        try:
            shutil.copytree(disk, out, dirs_exist_ok=True)
            yield
            shutil.rmtree(disk)
            shutil.copytree(out, disk)
        finally:
            _unmount(out)
        out.rmdir()
        shutil.move(disk, out)


@attrs.frozen
class ReadOnly(Fault):
    """What the command writes would lie on a disk that is mounted read-only."""

    def __str__(self) -> str:
        return "a read-only disk"

    @contextmanager
    def around(self, out: Path) -> Iterator[None]:
        _mount("--bind", out, out)
        try:
            _mount("-o", "remount,bind,ro", out)
            yield
        finally:
            _unmount(out)


@attrs.frozen
class Twice(Fault):
    """A second process runs the same command at the same time."""

    def __str__(self) -> str:
        return "a second process on the same output"


@functools.cache
def mounts() -> bool:
    """Whether file systems may be mounted here, as by root outside most containers."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        out.mkdir()
        try:
            with FullDisk(1 << 20).around(out):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def _mount(*words: object) -> None:
    subprocess.run(["mount", *map(str, words)], check=True, capture_output=True)


def _unmount(place: Path) -> None:
    subprocess.run(["umount", str(place)], check=True, capture_output=True)


def _replace(call: str, faulty: Callable[[Callable[[], Any], int], Any]) -> None:
    """Call ``faulty(real call, its number)`` in the place of a call of the system, in this process."""
    home, name = CALLS[call]
    real, numbers = getattr(home, name), itertools.count(1)
    setattr(home, name, lambda *given, **named: faulty(lambda: real(*given, **named), next(numbers)))


@attrs.frozen
class Counted(Fault):
    """Nothing goes wrong, but calls are counted: a letter in a file for each."""

    file: Path

    def __call__(self) -> None:
        for call in CALLS:
            _replace(call, lambda real, _, call=call: (self._note(call), real())[1])

    def _note(self, call: str) -> None:
        with self.file.open("a") as file:
            file.write(call[0])

    def calls(self) -> dict[str, int]:
        """Call to how often it was made."""
        letters = self.file.read_text() if self.file.exists() else ""
        return {call: letters.count(call[0]) for call in CALLS}
