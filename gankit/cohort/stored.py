"""Cohorts on disk: in one file, or in a folder of shards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gankit._errors import CohortError, InputError, shown
from gankit.cohort.cohort import Cohort, require_finite
from gankit.cohort.cohort_file import FORMATS, cohort_across, cohort_in, open_file, stored_form, verify
from gankit.cohort.shards import SHARD_MB, SUFFIX, is_sharded, open_shards, refuse_foreign, write_shards
from gankit.files.header import header
from gankit.files.paths import is_file, is_folder
from gankit.files.stored_arrays import StoredArrays, write_arrays
from gankit.processes.progress import progress


def write_cohort(cohort: Cohort, path: str | Path, *, shard_size: int = SHARD_MB) -> None:
    """Write a cohort, whole or not at all: to a file, or, where the name ends with ``.shards``, to a folder of shards.

    Images are written row by row. So those that are still in files, as of another cohort in shards, need no memory.

    Args:
        cohort: what to write.
        path: the file or folder; the folder that it is in is made.
        shard_size: size of a shard in 10^6 bytes.

    Raises:
        InputError: there is something else, as a model, or ``shard_size`` is below 1.
        CohortError: an image that is still in a file is not finite.
        RunError: a file cannot be written.
    """
    path = Path(path)
    require_finite(cohort)
    _refuse_other_file(path)
    if path.suffix == SUFFIX:
        write_shards(cohort, path, shard_size)
        return
    write_arrays(path, *stored_form(cohort))


def refuse_other_cohort(path: str | Path, maker: str) -> None:
    """Make sure, before a cohort is made, that where it will be written is nothing, or a cohort of the same maker.

    Args:
        path: the file or folder.
        maker: how the ``source`` of the maker's cohorts begins.

    Raises:
        InputError: there is something else, which would be lost.
    """
    path = Path(path)
    _refuse_other_file(path)
    source = header_of(path).get("source")
    if source and not str(source).startswith(maker):
        raise InputError(f"`out` {path}: is there already and holds {shown(source)}; name another, or remove it")


def _refuse_other_file(path: Path) -> None:
    """Raises InputError: there is something else than a cohort."""
    if path.suffix == SUFFIX:
        refuse_foreign(path)
    elif is_folder(path) or (is_file(path) and header(path).get("format") not in FORMATS):
        raise InputError(f"`out` {path}: is there already and is no cohort; name another file")


def require_cohort_name(out: Path) -> None:
    """Make sure that a name is that of a cohort file or of a folder of shards. Raises InputError: it is neither."""
    if out.suffix not in (".safetensors", SUFFIX):
        raise InputError(f"`out` {out}: a cohort file ends with .safetensors, a folder of shards with {SUFFIX}")


def read_cohort(path: str | Path) -> Cohort:
    """Read a cohort that ``write_cohort`` wrote, once all of it has been verified.

    The arrays of a file are read again where they are looked at, and the system may let go of them. Images of a cohort
    in shards are ``StoredRows``: of them only those rows are in memory that were asked for.

    Warns with ``FileWarning`` of a file of an earlier version, which has no digest.

    Raises:
        CohortError: the cohort is missing, damaged or none, or its content breaks the rules of ``Cohort``.
    """
    path = Path(path)
    files = _opened(path)
    _verify(path, files)
    return cohort_across(files, path) if is_sharded(path) else cohort_in(files[0])


def open_cohort(path: Path, verified: bool) -> Cohort:
    """A cohort of which all images are still to be read. For errors see ``read_cohort``; without ``verified``, only
    what stands in headers has been looked at."""
    files = _opened(path)
    if verified:
        _verify(path, files)
    return cohort_across(files, path)


def _opened(path: Path) -> list[StoredArrays]:
    """Open the file of a cohort, or its shards. Raises CohortError: it is none, or a shard is missing."""
    if is_sharded(path):
        return open_shards(path)
    if not is_file(path):
        raise CohortError(f"{path}: no such cohort file; make one with 'gankit import' or 'gankit phantom'")
    if path.suffix == ".npz":
        raise CohortError(f"{path}: arrays are no cohort yet; make one with 'gankit import arrays {path}'")
    return [open_file(path)]


def _verify(path: Path, files: list[StoredArrays]) -> None:
    for file in progress(files, f"verifying {path.name}") if len(files) > 1 else files:
        verify(file)


def header_of(path: Path) -> dict[str, Any]:
    """The header of a cohort's file, or of its first shard, unverified; an empty mapping where there is none."""
    if not is_sharded(path):
        return header(path)
    try:
        return open_shards(path)[0].header
    except CohortError:
        return {}
