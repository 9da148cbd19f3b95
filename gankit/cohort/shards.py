"""A cohort in shards: a folder of cohort files, each with some of the slices, and an index that says which they are.

A shard is a cohort file like any other. The index, ``index.json``, has the digest of each. It is written last, and
names of shards have their digest, so a folder holds the old cohort or the new one, never a part of both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gankit._errors import CohortError, InputError, shown
from gankit.cohort.cohort import Cohort
from gankit.cohort.cohort_file import open_file, stored_form
from gankit.files.atomic import remove_parts
from gankit.files.digest import KEY
from gankit.files.header import header
from gankit.files.json_file import in_lines, read_document, write_document
from gankit.files.paths import is_folder
from gankit.files.stored_arrays import StoredArrays, arrays_digest, write_arrays
from gankit.processes.progress import progress

FORMAT = "gankit-shards-1"
SUFFIX = ".shards"
"""How the name of a folder ends that a cohort is written to in shards."""
INDEX = "index.json"
MB = 10**6
SHARD_MB = 256
"""Size of a shard where nothing else is asked for."""
REMEDY = "copy it again from where the cohort was made, or make the cohort again"
_NAME = re.compile(r"\d{5}-[0-9a-f]{12}\.safetensors")


def is_sharded(path: Path) -> bool:
    """Whether there is a folder that holds, or is meant to hold, a cohort in shards. Raises InputError: it cannot be
    looked for."""
    return is_folder(path) and (path.suffix == SUFFIX or (path / INDEX).is_file())


# Writing --------------------------------------------------------------------------------------------------


def write_shards(cohort: Cohort, folder: Path, shard_mb: int = SHARD_MB) -> None:
    """Write a cohort in shards. Shards that are there already, as those of a writing that was cut off, are kept.

    Args:
        cohort: what to write.
        folder: it and the one that it is in are made; it has nothing else than shards (``refuse_foreign``).
        shard_mb: size of a shard in 10^6 bytes, at least 1. A shard has whole patients where they follow each other.

    Raises:
        InputError: ``shard_mb`` is below 1.
        RunError: a file cannot be written.
    """
    if shard_mb < 1:
        raise InputError(f"`shard_size` must be at least 1 MB, got {shard_mb}")
    edges = _edges(cohort, shard_mb * MB)
    shards = []
    for number, (start, end) in enumerate(progress(list(pairwise(edges)), f"writing {folder.name}")):
        arrays, head = stored_form(cohort.select(slice(start, end)))
        digest = arrays_digest(arrays, head)
        file = folder / f"{number:05}-{digest[:12]}.safetensors"
        if header(file).get(KEY) != digest:
            write_arrays(file, arrays, head, digest)
        shards.append({"file": file.name, "slices": end - start, "digest": digest})
    write_document(folder / INDEX, {"format": FORMAT, "slices": len(cohort), "shards": shards}, in_lines)
    for file in folder.iterdir():
        if _NAME.fullmatch(file.name) and file.name not in {shard["file"] for shard in shards}:
            file.unlink()
    remove_parts(folder)


def refuse_foreign(folder: Path) -> None:
    """Make sure that a folder is new, or has nothing but shards. Raises InputError: it has, or is a file."""
    if folder.is_file():
        raise InputError(
            f"`out` {folder}: is there already and is no cohort in shards, but a file; name another folder"
        )
    if folder.is_dir() and (foreign := [file.name for file in folder.iterdir() if _foreign(file)]):
        raise InputError(
            f"`out` {folder}: is there already and is no cohort in shards, it has {min(foreign)!r}; name another folder"
        )


def _foreign(file: Path) -> bool:
    return not (file.name == INDEX or _NAME.fullmatch(file.name) or file.name.startswith("."))


def _edges(cohort: Cohort, size: int) -> list[int]:
    """Where shards begin and end: at patients, unless one is larger than a shard."""
    arrays = [*(modality.values for modality in cohort.modalities.values()), *cohort.truth.values()]
    row = sum(math.prod(array.shape[1:]) * array.dtype.itemsize for array in arrays)
    most, edges = max(1, size // row), [0]
    starts = np.flatnonzero(cohort.patient[1:] != cohort.patient[:-1]) + 1
    while len(cohort) - edges[-1] > most:
        there = starts[(starts > edges[-1]) & (starts <= edges[-1] + most)]
        edges.append(int(there[-1]) if len(there) else edges[-1] + most)
    return [*edges, len(cohort)]


# Reading --------------------------------------------------------------------------------------------------


def open_shards(folder: Path) -> list[StoredArrays]:
    """Open the shards of a cohort, of which no content is verified yet.

    Raises:
        CohortError: the index or a shard is missing, a shard is cut short or of another cohort, or the index is
            damaged.
    """
    shards = list(_listed(folder))
    there = sum((folder / name).is_file() for name, _, _ in shards)
    for name, _, _ in shards:
        if not (folder / name).is_file():
            raise CohortError(f"{folder / name}: this shard is missing, {there} of {len(shards)} are there; {REMEDY}")
    return [_opened(folder / name, slices, digest) for name, slices, digest in shards]


def _listed(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Name, slices and digest of each shard that the index names."""
    if not (folder / INDEX).is_file():
        raise CohortError(
            f"{folder}: has no {INDEX}, so it was not written to its end, or not copied whole; write or copy it again"
        )
    try:
        document = read_document(folder / INDEX, FORMAT, REMEDY, ())
    except InputError as error:
        raise CohortError(str(error)) from error
    shards = document.get("shards")
    if not isinstance(shards, list) or not shards or not all(map(_is_entry, shards)):
        raise CohortError(f"{folder / INDEX}: names no shards; {REMEDY}")
    yield from ((shard["file"], shard["slices"], shard["digest"]) for shard in shards)


def _is_entry(shard: Any) -> bool:
    return (
        isinstance(shard, dict)
        and isinstance(name := shard.get("file"), str)
        and _NAME.fullmatch(name) is not None
        and isinstance(shard.get("slices"), int)
        and isinstance(shard.get("digest"), str)
    )


def _opened(path: Path, slices: int, digest: str) -> StoredArrays:
    try:
        stored = open_file(path)
    except CohortError as error:
        raise CohortError(f"{error} from where the cohort was made") from error
    if (found := stored.header.get(KEY)) != digest:
        raise CohortError(
            f"{path}: is a shard of another cohort, its digest is {shown(found)}, {INDEX} says {digest!r}; {REMEDY}"
        )
    if "patient" in stored.pieces and stored.pieces["patient"].shape != (slices,):
        raise CohortError(f"{path}: has not the {slices} slices that {INDEX} says; {REMEDY}")
    return stored
