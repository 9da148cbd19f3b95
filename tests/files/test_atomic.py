"""Files appear whole or not at all."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from gankit import RunError, write_bytes
from gankit.files.atomic import PART, write_filled


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_writes_the_content_and_makes_the_folder(tmp_path):
    """Nothing else is left in the folder."""
    write_bytes(tmp_path / "new" / "file", b"content")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["file"]
    assert (tmp_path / "new" / "file").read_bytes() == b"content"


def test_replaces_old_content(tmp_path):
    """The second write wins."""
    write_bytes(tmp_path / "file", b"old, longer")
    write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_the_file_has_the_usual_permissions(tmp_path):
    """Colleagues may read it where the umask says so."""
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_files_are_written_without_a_change_of_the_umask(tmp_path, monkeypatch):
    """It is that of the process, so what another thread writes in the meantime would be writable by everyone, and two
    threads could leave it so."""
    monkeypatch.setattr(os, "umask", None)
    write_bytes(tmp_path / "file", b"")
    write_bytes(tmp_path / "secret", b"", mode=0o600)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_content(tmp_path, monkeypatch, step):
    """Where it fails does not matter: the old bytes stay, no part is left, the message says what to do."""
    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(os, step, full_disk)
    with pytest.raises(RunError, match=r"file: cannot be written: No space left on device.*make room"):
        write_bytes(tmp_path / "file", b"new")
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_write_cut_off_midway_leaves_the_old_content(tmp_path):
    """The kernel itself refuses bytes beyond 1 KiB; half of the file never takes its place."""
    (tmp_path / "file").write_bytes(b"old")
    program = """
import pathlib, resource, signal, sys
from gankit import RunError, write_bytes
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
try:
    write_bytes(pathlib.Path(sys.argv[1]), bytes(100_000))
except RunError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "file"], capture_output=True, text=True, check=True
    )
    assert "cannot be written: File too large" in done.stdout
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("place", ["file/below", "folder"])
def test_a_place_that_cannot_be_a_file_is_refused(tmp_path, place):
    """A file where a folder should be, and a folder where the file should be."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(RunError, match=f"{place}: cannot be written: .*choose another place"):
        write_bytes(tmp_path / place, b"new")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_is_refused(tmp_path):
    """The message names the file and the reason."""
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="file: cannot be written: Permission denied"):
        write_bytes(tmp_path / "file", b"new")


def wait_in(path, begun):
    """Write half of a file, say so, and wait."""

    def fill(part):
        part.write_bytes(b"half")
        begun.set()
        time.sleep(60)

    write_filled(path, fill)


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    """A part of the same file goes when nobody writes it any more; as long as somebody does, it stays."""
    context = multiprocessing.get_context("fork")
    begun = context.Event()
    process = context.Process(target=wait_in, args=(tmp_path / "file", begun))
    process.start()
    assert begun.wait(30)
    write_bytes(tmp_path / "file", b"mine")
    (part,) = tmp_path.glob(f".file.*{PART}")
    assert [file.read_bytes() for file in part.iterdir()] == [b"half"]
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    write_bytes(tmp_path / "file", b"again")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"again"


def test_parts_of_earlier_versions_go_too(tmp_path):
    """They were files."""
    (tmp_path / f".file.abc{PART}").write_bytes(b"half")
    (tmp_path / f".other.abc{PART}").write_bytes(b"half")
    write_bytes(tmp_path / "file", b"whole")
    assert sorted(file.name for file in tmp_path.iterdir()) == [f".other.abc{PART}", "file"]


def test_a_secret_is_never_anybodys_to_read(tmp_path):
    """Neither when it is whole nor before."""
    seen = []

    def fill(part):
        part.write_bytes(b"secret")
        seen.append(part.parent.stat().st_mode & 0o077)

    write_filled(tmp_path / "file", fill, 0o600)
    assert seen == [0]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
