"""Every file under a folder, read by its header."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import attrs

from gankit import InputError, progress
from gankit_dicom._clutter import CLUTTER, is_clutter
from gankit_dicom._dicom.headers import Header, read_headers
from gankit_dicom._dicom.modes import lenient_pydicom
from gankit_dicom._refused import Refused

Read = tuple[Header, ...] | str
"""Headers of a file's images, or why there are none."""
COMMON = (
    "patient", "study", "series", "frame", "text", "types", "sequence", "spacing_mm", "orientation", "meaning", "date",
    "birth_date", "sex", "grey",
)  # fmt: skip
"""What images of a series, or of a study, have in common."""
CHUNK = 64
"""Files a worker reads at a time."""


@attrs.frozen
class RefusedFile:
    """A file that is not used. ``number`` is its place in the order of paths under the folder."""

    number: int
    why: str


def files_under(folder: Path) -> list[Path]:
    """Every file under a folder, in order of paths.

    Raises:
        InputError: no such folder, or no file in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    files = sorted(progress(walked(folder), "finding files"))
    if not files:
        raise InputError(f"{folder}: no file in this folder or below")
    return files


def walked(folder: Path) -> Iterator[Path]:
    """Every file under a folder, in any order. Links to folders are followed, each folder once and under its own path
    where it has one; a link to what holds the folder leads nowhere."""
    root = folder.resolve()
    seen = {root, *root.parents}
    pending = [folder]
    while pending:
        links = []
        for path, names, files in os.walk(pending.pop(0)):
            yield from (file for name in files if (file := Path(path, name)).is_file())
            inner = [Path(path, name) for name in sorted(names)]
            links += [each for each in inner if each.is_symlink()]
            seen.update(each.resolve() for each in inner if not each.is_symlink())
        for link in links:
            if (target := link.resolve()) not in seen:
                seen.add(target)
                pending.append(link)


def read_all_headers(files: Sequence[Path]) -> list[Read]:
    """The headers of each file's images, or why there are none."""
    with lenient_pydicom():
        return [_read(file) for file in files]


def _read(file: Path) -> Read:
    if is_clutter(file):
        return CLUTTER
    try:
        return read_headers(file)
    except Refused as why:
        return str(why)


def scan(
    files: Sequence[Path], run: Callable[[Callable[..., list[Read]], Iterable[Sequence[Path]]], Iterable[list[Read]]]
) -> tuple[list[Header], list[RefusedFile]]:
    """Headers of all images among files; ``run`` maps a function over chunks, in order."""
    headers: list[Header] = []
    refused = []
    known: dict[tuple[str, Any], Any] = {}
    results = chain.from_iterable(run(read_all_headers, _chunks(files)))
    for number, result in enumerate(progress(results, "reading headers", len(files)), start=1):
        if isinstance(result, str):
            refused.append(RefusedFile(number, result))
        else:
            headers += [_sharing(header, known) for header in result]
    return headers, refused


def _sharing(header: Header, known: dict[tuple[str, Any], Any]) -> Header:
    """The header with what many have in common held once, for an archive has a million of them."""
    own = ((name, getattr(header, name)) for name in COMMON)
    return attrs.evolve(header, **{key[0]: known.setdefault(key, key[1]) for key in own})


def _chunks(files: Sequence[Path]) -> Iterable[Sequence[Path]]:
    for start in range(0, len(files), CHUNK):
        yield files[start : start + CHUNK]


def summary(refused: Iterable[RefusedFile]) -> list[tuple[str, int, list[int]]]:
    """Reasons with how many files have them and the numbers of the first few."""
    refused = list(refused)
    counts = Counter(file.why for file in refused)
    return [
        (why, count, [file.number for file in refused if file.why == why][:8]) for why, count in counts.most_common()
    ]
