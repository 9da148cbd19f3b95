"""The user's cache: what takes long to make, and follows from its inputs and from code alone.

Each entry is a file whose name has a digest of all that it depends on: what its maker names, the sources of gankit and
of the maker's package, and the versions of numpy and torch. So an entry is never out of date, and clearing the cache
costs time alone.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gankit._errors import InputError, RunError
from gankit.files.digest import warn_of_file
from gankit.files.lock import locked
from gankit.files.obstacles import writing
from gankit.files.stored_arrays import verified_arrays, write_arrays

VARIABLE = "GANKIT_CACHE"
"""Environment variable that names the folder of the cache; ``off``: nothing is kept."""
OFF = "off"
LARGEST = 10_000_000_000
"""Bytes of the cache. Beyond it, the entries go whose last use is longest ago."""
_ENDING = ".safetensors"
_NAME = re.compile(r".+-[0-9a-f]{16}\.safetensors")
"""Of an entry. Other files of the folder are someone else's."""

Arrays = dict[str, np.ndarray]


def cache_folder() -> Path | None:
    """The folder of the user's cache: that of ``GANKIT_CACHE``, else the system's place; None where it is off.

    Raises:
        InputError: it is within the home folder of a user whom the system does not know.
    """
    named = os.environ.get(VARIABLE, "")
    if named.lower() == OFF:
        return None
    if named:
        try:
            return Path(named).expanduser()
        except RuntimeError as error:
            raise InputError(f"{VARIABLE} {named}: there is no such user; name a folder, or {OFF!r}") from error
    from platformdirs import user_cache_path

    return user_cache_path("gankit")


def writable_cache() -> Path | None:
    """The folder of the user's cache, made where needed; None where it is off or cannot be written, which is warned of
    once."""
    if (folder := cache_folder()) is None:
        return None
    try:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except RunError as error:
        _warn_once(folder, str(error))
        return None
    return folder


def cached_arrays(what: str, depends: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """Arrays that are made once for this user and then read from the cache.

    Where the cache is off, its folder cannot be written or the package of ``make`` has no sources, they are made.

    Args:
        what: begin of the file's name, in letters, digits and dashes.
        depends: what the arrays depend on, as JSON. The versions of gankit, numpy and torch, and the sources of the
            package of ``make``, need not be named.
        make: makes the arrays by name; called where the cache has none. Its package must be importable.
    """
    if (code := code_digest(make)) is None or (folder := writable_cache()) is None:
        return make()
    return kept_arrays(folder, what, {"depends": depends, "code": code}, make)


def kept_arrays(folder: Path, what: str, depends: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """Arrays from a file in a folder. Where there is no sound one, one process makes it, and others wait for it.

    Args:
        folder: where the file is; made where needed.
        what: begin of the file's name.
        depends: what the arrays depend on, as JSON; its digest is in the file's name.
        make: makes the arrays by name.

    Raises:
        RunError: the folder cannot be written, and it is not the user's cache.
    """
    key = json.dumps(depends, sort_keys=True)
    path = folder / f"{what}-{hashlib.blake2b(key.encode(), digest_size=8).hexdigest()}{_ENDING}"
    users = folder == cache_folder()
    with ExitStack() as held:
        # 1. One process at a time
        try:
            held.enter_context(locked(_lock(path), wait=True))
        except RunError as error:
            _require_other(users, folder, error)
            return make()

        # 2. What another has made
        if path.is_file():
            try:
                arrays, _ = verified_arrays(path)
            except (ValueError, OSError) as error:
                warn_of_file(path, f"damaged ({error}); it is made again")
            else:
                _touch(path)
                return arrays

        # 3. Make it, and keep it where there is room
        arrays = {name: np.ascontiguousarray(array) for name, array in make().items()}
        try:
            write_arrays(path, arrays, {})
        except RunError as error:
            _require_other(users, folder, error)
    if users:
        _forget(folder)
    return arrays


def _require_other(users: bool, folder: Path, error: RunError) -> None:
    """Raise the error, unless it is the user's cache that cannot be written: no work stops for that."""
    if not users:
        raise error
    _warn_once(folder, str(error))


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _touch(path: Path) -> None:
    """Note the use of an entry, by which the cache forgets. A folder that can be read alone keeps its times."""
    try:
        path.touch()
    except OSError:
        return


@cache
def _warn_once(folder: Path, why: str) -> None:
    warn_of_file(folder, f"nothing is kept to save time: {why}; set {VARIABLE} to another folder, or to {OFF!r}")


# What code an entry depends on ----------------------------------------------------------------------------


def code_digest(make: Callable[..., Any]) -> str | None:
    """Digest of the sources of gankit and of the package that a function is of, and of the versions of numpy and torch.
    None where the package has no sources, as in a notebook."""
    package = make.__module__.partition(".")[0]
    sources = [_sources_digest(each) for each in dict.fromkeys(("gankit", package))]
    known = [each for each in sources if each is not None]
    if len(known) < len(sources):
        return None
    return hashlib.blake2b("".join([*known, *map(_version, ("numpy", "torch"))]).encode(), digest_size=8).hexdigest()


@cache
def _sources_digest(package: str) -> str | None:
    try:
        spec = importlib.util.find_spec(package)
    except (ValueError, ImportError):  # __main__ has none
        return None
    folders = [] if spec is None else [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    if not folders and spec is not None and spec.has_location:
        files = [Path(str(spec.origin))]
    if not files:
        return None
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


# What there is --------------------------------------------------------------------------------------------


@attrs.frozen
class Entry:
    """A file of the cache."""

    path: Path
    size: int
    """Bytes."""
    used: float
    """Seconds since 1970 of its last use."""

    @property
    def days(self) -> float:
        """Days since its last use."""
        return (time.time() - self.used) / 86_400


def entries(folder: Path) -> list[Entry]:
    """The entries of a cache, those used last first."""
    return sorted(_entries(folder), key=lambda entry: -entry.used)


def _entries(folder: Path) -> Iterator[Entry]:
    for path in folder.glob(f"*{_ENDING}"):
        if not _NAME.fullmatch(path.name):
            continue
        try:
            status = path.stat()
        except FileNotFoundError:  # another process removed it
            continue
        yield Entry(path, status.st_size, status.st_mtime)


def remove(entry: Entry) -> None:
    """Remove an entry and its lock. Raises OSError."""
    for file in (entry.path, _lock(entry.path)):
        file.unlink(missing_ok=True)


def _forget(folder: Path) -> None:
    """Remove the entries whose last use is longest ago, while there are more than ``LARGEST`` bytes."""
    there, total = entries(folder), 0
    for entry in there:
        total += entry.size
        if total > LARGEST and entry is not there[0]:
            try:
                remove(entry)
            except OSError:
                return
