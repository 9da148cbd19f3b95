"""``gankit cache``: what is kept to save time can be seen and removed."""

import os
import time

import numpy as np
import pytest
from click.testing import CliRunner

from gankit import cached_arrays
from gankit.cli import main
from gankit.files.user_cache import entries


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def zeros():
    return {"zeros": np.zeros(3)}


def gankit(*words):
    return CliRunner().invoke(main, ["cache", *words])


def test_list_and_clear_show_and_remove_entries(folder):
    """By name, size and last use; with a limit, only those that were not used for so long."""
    cached_arrays("old", {}, zeros)
    (file,) = folder.glob("*.safetensors")
    os.utime(file, (time.time() - 40 * 86_400,) * 2)
    cached_arrays("new", {}, zeros)
    listed = gankit("list").output.splitlines()
    assert [("new-" in line, "today" in line) for line in listed[:1]] == [(True, True)]
    assert "old-" in listed[1]
    assert "40 days ago" in listed[1]
    assert listed[2].startswith(f"{folder}: 2 files")
    assert "removed 1 file," in gankit("clear", "--unused", "30").output
    assert [entry.path.name.partition("-")[0] for entry in entries(folder)] == ["new"]
    assert "removed 1 file," in gankit("clear").output
    assert not list(folder.iterdir())


def test_commands_of_a_cache_that_is_off_say_so(monkeypatch):
    """And how to have one."""
    monkeypatch.setenv("GANKIT_CACHE", "off")
    for command in ("list", "clear"):
        result = gankit(command)
        assert result.exit_code == 2
        assert "GANKIT_CACHE is 'off'" in result.output


def test_files_of_someone_else_are_no_entries(folder):
    """Cohorts and models in the folder stay, and are not shown."""
    cached_arrays("own", {}, zeros)
    for name in ("patients.safetensors", "model-2.safetensors", "notes.txt"):
        (folder / name).write_bytes(b"mine")
    assert "patients" not in gankit("list").output
    assert "removed 1 file," in gankit("clear").output
    assert sorted(file.name for file in folder.iterdir()) == [
        "model-2.safetensors",
        "notes.txt",
        "patients.safetensors",
    ]


def test_a_place_that_can_be_no_folder_is_named(tmp_path, monkeypatch):
    """With the variable that gives it."""
    (tmp_path / "file").write_text("mine")
    for named, message in (
        (tmp_path / "file", "is no folder, so nothing is kept"),
        ("~no-such-user/x", "no such user"),
    ):
        monkeypatch.setenv("GANKIT_CACHE", str(named))
        for command in ("list", "clear"):
            result = gankit(command)
            assert result.exit_code == 2
            assert result.output.startswith(f"Error: GANKIT_CACHE {named}: ")
            assert message in result.output
