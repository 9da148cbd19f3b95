"""Volumes found by their names: PI-CAI's, or a user's pattern."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import attrs

from gankit import InputError
from gankit_dicom._files import ending
from gankit_dicom._protocol import Protocol
from gankit_dicom._sources import FileSource

PATTERNS = ("{patient}_{study}_{name}", "{patient}/{study}/{name}", "{patient}/{name}")
"""Tried in this order when the user gives none; endings are left out."""
FIELD = re.compile(r"\{(\w+)\}")


@attrs.frozen
class Found:
    """Volumes of one study by name."""

    patient: str
    study: str
    sources: tuple[FileSource, ...]


def find_volumes(
    files: Sequence[Path], folder: Path, pattern: str | None, protocol: Protocol
) -> tuple[list[Found], list[tuple[int, str]]]:
    """Find the studies among files. A file that belongs to none is returned by its number, with the reason.

    Without a pattern, the one of ``PATTERNS`` that finds the most T2w volumes is taken. If none finds any, the folder's
    own name is put before each path, so that a user can give one patient's folder.

    Raises:
        InputError: the pattern lacks ``{patient}`` or ``{name}``, or names another field.
    """
    expressions = [expression(text) for text in ((pattern,) if pattern else PATTERNS)]
    best: tuple[list[Found], list[tuple[int, str]]] = [], []
    for root in (folder, folder.absolute().parent):
        best = max((_read(files, root, each, protocol) for each in expressions), key=lambda found: _t2w_count(found[0]))
        if _t2w_count(best[0]):
            break
    return best


def _t2w_count(studies: Sequence[Found]) -> int:
    return sum(any(source.role == "t2w" for source in study.sources) for study in studies)


def _read(
    files: Sequence[Path], root: Path, pattern: re.Pattern[str], protocol: Protocol
) -> tuple[list[Found], list[tuple[int, str]]]:
    studies: dict[tuple[str, str], list[FileSource]] = defaultdict(list)
    refused = []
    for number, file in enumerate(files, start=1):
        if not ending(file):
            refused.append((number, "not a NIfTI, MetaImage or NRRD file"))
            continue
        place = file if root in file.parents else file.absolute()
        found = pattern.search(place.relative_to(root).as_posix()[: -len(ending(file))])
        if found is None:
            refused.append((number, "its name does not fit the pattern"))
            continue
        fields = found.groupdict()
        key = fields["patient"], fields.get("study") or ""
        studies[key].append(_source(number, file, fields["name"].lower(), protocol))
    return [Found(*key, tuple(members)) for key, members in sorted(studies.items())], refused


def _source(number: int, file: Path, name: str, protocol: Protocol) -> FileSource:
    return FileSource(number, file, name, protocol.files.role(name))


def expression(pattern: str) -> re.Pattern[str]:
    """A regular expression that finds ``{patient}``, ``{study}`` and ``{name}`` at the end of a path.

    Raises:
        InputError: the pattern cannot be used.
    """
    fields = FIELD.findall(pattern)
    if (
        not {"patient", "name"} <= set(fields)
        or set(fields) - {"patient", "study", "name"}
        or len(set(fields)) < len(fields)
    ):
        raise InputError(
            f"`pattern` {pattern}: needs {{patient}} and {{name}}, and may have {{study}}, each once;"
            " as in {patient}_{study}_{name} or {patient}/{name}"
        )
    bare = re.sub(r"\.(nii\.gz|nii|mha|mhd|nrrd)$", "", pattern)
    last = fields[-1]
    parts = FIELD.split(bare)
    inner = "[^/_]+" if "_{" in bare else "[^/]+"  # where _ parts the fields, only the last one may hold it
    text = "".join(
        f"(?P<{part}>{'[^/]+' if part == last else inner})" if place % 2 else re.escape(part)
        for place, part in enumerate(parts)
    )
    return re.compile(rf"(?:^|/){text}$")
