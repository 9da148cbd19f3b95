"""A place that cannot be written says why, and what to do about it."""

import errno
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from gankit import RunError, write_bytes
from gankit.cli import main
from gankit.files.obstacles import obstacle, writing

WORDS = {
    errno.ENOSPC: "No space left on device; make room, or choose another place, and run the same command again",
    errno.EDQUOT: "Disk quota exceeded; make room within your quota, or choose another place",
    errno.EROFS: "Read-only file system; nothing can be written there: choose another place",
    errno.EACCES: "Permission denied; get the permission to write there, or choose another place",
    errno.EPERM: "Operation not permitted; get the permission",
    errno.ENAMETOOLONG: "File name too long; give a shorter name",
    errno.EISDIR: "a folder is where the file must be; move it away",
    errno.EFBIG: r"File too large; allow larger files \(ulimit -f\)",
    errno.EIO: "Input/output error; look at the disk or the network",
    errno.EMFILE: r"Too many open files; allow more open files \(ulimit -n\)",
    errno.EBUSY: "busy; another process holds it: wait for it",
    errno.ETXTBSY: "busy; another process holds it: wait for it",
}


@pytest.mark.parametrize(("number", "said"), WORDS.items(), ids=[errno.errorcode[number] for number in WORDS])
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_what_the_system_says_is_told_with_a_remedy(tmp_path, monkeypatch, step, number, said):
    """Wherever in the writing of a file it is said."""

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, refuse)
    with pytest.raises(RunError, match=f"file: cannot be written: .*{said}"):
        write_bytes(tmp_path / "file", b"new")
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_real_obstacles_are_told(tmp_path):
    """A file on the way, a folder in the place, a name that is too long."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    for place, said in {
        "file/below": "a file is where a folder must be; move it away, or choose another place",
        "file/below/it": "a file is where a folder must be; move it away, or choose another place",
        "folder": "a folder is where the file must be; move it away, or choose another place",
        "a" * 300: "File name too long; give a shorter name",
    }.items():
        with pytest.raises(RunError, match=f"{place}: cannot be written: {said}"):
            write_bytes(tmp_path / place, b"new")


def test_a_full_device_is_told(tmp_path):
    """As the kernel says it."""
    told = pytest.raises(RunError, match="No space left on device; make room")
    with told, writing("/dev/full"), Path("/dev/full").open("wb", buffering=0) as full:
        full.write(b"new")


def test_the_words_of_a_library_are_understood():
    """safetensors has the number in its text."""
    error = OSError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert "make room" in obstacle(error)


@pytest.mark.parametrize(
    "words", ["train mpmri-quick -o", "cohort info", "recipe check", "report", "sample -o a.png", "evaluate -o a"]
)
def test_a_name_that_is_too_long_is_one_line_of_any_command(words):
    """And no traceback."""
    result = CliRunner().invoke(main, [*words.split(), "a" * 300])
    assert isinstance(result.exception, SystemExit), result.exception
    assert "File name too long" in result.output
    assert len(result.output.splitlines()) <= 2
