"""The user's cache: what takes long is made once, and only for what it depends on."""

import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from gankit import FileWarning, RunError, cached_arrays
from gankit.files import user_cache
from gankit.files.user_cache import cache_folder, entries


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    user_cache._warn_once.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def made():
    """A maker, and how often it was called."""

    class Made:
        count = 0

        def __call__(self):
            self.count += 1
            return {"image": np.arange(6.0).reshape(2, 3).T, "mask": np.array([True, False])}

    maker = Made()

    def make():
        return maker()

    return maker, make


def test_arrays_are_made_once(folder, made):
    """The second time they are read, and are the same."""
    maker, make = made
    first, second = (cached_arrays("phantom", {"seed": 1}, make) for _ in range(2))
    assert maker.count == 1
    for name, array in maker().items():
        assert np.array_equal(first[name], array)
        assert np.array_equal(second[name], array)
        assert second[name].dtype == array.dtype


@pytest.mark.parametrize("change", ["what", "depends", "sources", "torch"])
def test_what_depends_on_something_else_is_made_anew(folder, made, monkeypatch, change):
    """Another name, input, source code or version of torch gives another entry."""
    maker, make = made
    cached_arrays("phantom", {"seed": 1}, make)
    if change == "sources":
        monkeypatch.setattr(user_cache, "_sources_digest", lambda package: f"{package} changed")
    if change == "torch":
        monkeypatch.setattr(user_cache, "_version", lambda name: "another")
    name, depends = ("other" if change == "what" else "phantom"), {"seed": 2 if change == "depends" else 1}
    cached_arrays(name, depends, make)
    assert maker.count == 2


def test_the_sources_of_the_maker_count(tmp_path, monkeypatch):
    """A package whose code was changed does not read what its code of before made."""
    package = tmp_path / "lines"
    package.mkdir()
    code = "import numpy as np\ndef make():\n    return {'line': np.zeros(%d)}\n"
    program = (
        "from gankit import cached_arrays; import lines; print(len(cached_arrays('line', {}, lines.make)['line']))"
    )
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for length in (3, 4):
        (package / "__init__.py").write_text(code % length)
        printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert printed.strip() == str(length)


def test_a_damaged_entry_is_made_again(folder, made):
    """And said, in one line with the file's name."""
    maker, make = made
    cached_arrays("phantom", {}, make)
    (file,) = folder.glob("*.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.warns(FileWarning, match=f"{file.name}: damaged .*made again"):
        arrays = cached_arrays("phantom", {}, make)
    assert maker.count == 2
    assert np.array_equal(arrays["image"], maker()["image"])


def test_processes_that_need_the_same_wait_for_one(folder, made):
    """It makes the arrays, and the others read them."""
    maker, _ = made

    def make():
        time.sleep(0.2)
        return maker()

    threads = [threading.Thread(target=cached_arrays, args=("phantom", {}, make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert maker.count == 1


def test_off_keeps_nothing(monkeypatch, made, tmp_path):
    """Nor is any folder made."""
    monkeypatch.setenv("GANKIT_CACHE", "off")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    maker, make = made
    for _ in range(2):
        cached_arrays("phantom", {}, make)
    assert maker.count == 2
    assert not list(tmp_path.iterdir())


def test_without_the_variable_it_is_where_the_system_keeps_caches(monkeypatch, tmp_path):
    """On Linux below XDG_CACHE_HOME."""
    monkeypatch.delenv("GANKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "gankit"


def test_a_place_that_cannot_be_written_is_warned_of_once(monkeypatch, made, tmp_path):
    """The arrays are made each time, and the work goes on."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GANKIT_CACHE", str(tmp_path / "file" / "cache"))
    user_cache._warn_once.cache_clear()
    maker, make = made
    with pytest.warns(FileWarning, match="nothing is kept to save time"):
        cached_arrays("phantom", {}, make)
    with warnings.catch_warnings(action="error"):
        assert cached_arrays("phantom", {}, make).keys() == {"image", "mask"}
    assert maker.count == 2


@pytest.mark.parametrize("what", ["write_arrays", "locked"])
def test_a_full_disk_or_a_file_system_without_locks_stops_no_work(folder, made, monkeypatch, what):
    """It is warned of, what another folder would keep is made, and a folder that is no user's cache says so."""
    maker, make = made

    def fails(*_, **__):
        raise RunError("no space left")

    monkeypatch.setattr(user_cache, what, fails)
    with pytest.warns(FileWarning, match="nothing is kept to save time: no space left"):
        assert cached_arrays("phantom", {}, make).keys() == {"image", "mask"}
    assert maker.count == 1
    with pytest.raises(RunError, match="no space left"):
        user_cache.kept_arrays(folder / "other", "phantom", {}, make)


def test_what_was_not_used_for_longest_goes_first(folder, made, monkeypatch):
    """Where there is more than the cache may hold."""
    _, make = made
    for number in range(3):
        cached_arrays(f"entry-{number}", {}, make)
        (file,) = folder.glob(f"entry-{number}-*")
        os.utime(file, (1_000 + number, 1_000 + number))
    cached_arrays("entry-0", {}, make)  # used now
    monkeypatch.setattr(user_cache, "LARGEST", 3 * file.stat().st_size)
    cached_arrays("entry-3", {}, make)
    assert {entry.path.name.rpartition("-")[0] for entry in entries(folder)} == {"entry-0", "entry-2", "entry-3"}
