"""Every file under a folder, read by its header."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path

import attrs

from gankit import InputError, progress
from gankit_dicom._clutter import CLUTTER, is_clutter
from gankit_dicom._headers import Header, read_headers
from gankit_dicom._modes import lenient_pydicom
from gankit_dicom._refused import Refused

Read = tuple[Header, ...] | str
"""Headers of a file's images, or why there are none."""
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
    files = sorted(file for file in progress(folder.rglob("*"), "finding files") if file.is_file())
    if not files:
        raise InputError(f"{folder}: no file in this folder or below")
    return files


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
    results = chain.from_iterable(run(read_all_headers, _chunks(files)))
    for number, result in enumerate(progress(results, "reading headers", len(files)), start=1):
        if isinstance(result, str):
            refused.append(RefusedFile(number, result))
        else:
            headers += result
    return headers, refused


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
