"""Slices, slabs or the volume of one study, and the file that keeps them until the whole import is done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gankit import RunError, StoredArrays, verified_arrays, write_arrays

FORMAT = 3
"""Raised when the same input would give other items."""
GONE = "{}: was removed or damaged while the import ran; run the same import again"


@attrs.frozen(eq=False, kw_only=True)
class Part:
    """What one study gives to the cohort, and its record for the report. Arrays are empty where it was refused."""

    record: dict[str, Any]
    modalities: dict[str, np.ndarray] = attrs.field(factory=dict)
    """float32, 0 where absent: slices (n, rows, columns), slabs (n, slices, rows, columns), volumes (n, planes, rows,
    columns)."""
    present: dict[str, np.ndarray] = attrs.field(factory=dict)
    """(n,) bool."""
    cs: np.ndarray = attrs.field(factory=lambda: np.zeros(0, dtype=np.int8))
    tissue: np.ndarray | None = None
    """(n, rows, columns) or, of volumes, (n, planes, rows, columns) uint8; none without a gland mask."""
    lesion: np.ndarray | None = None
    spacing_mm: float = 0.0
    slice_spacing_mm: float | None = None
    """Of volumes."""

    def __len__(self) -> int:
        return len(self.cs)


@attrs.frozen(eq=False)
class Kept:
    """A part whose arrays are in its file; in memory is the record alone."""

    file: Path
    record: dict[str, Any]

    def __len__(self) -> int:
        return int(self.record["items"])

    def open(self) -> StoredArrays:
        """The file, verified, of which arrays are still to be read. Raises RunError: it is gone or damaged since."""
        try:
            stored = StoredArrays.open(self.file)
            stored.verified()
        except (ValueError, OSError) as error:
            raise RunError(GONE.format(self.file)) from error
        return stored


def key_of(files: Iterable[Path], words: str) -> str:
    """Hash of the bytes of some files and of everything else that a part depends on."""
    digest = hashlib.blake2b(f"{FORMAT}\n{words}".encode(), digest_size=16)
    for file in files:
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "blake2b").digest())
    return digest.hexdigest()


def write_part(part: Part, file: Path) -> None:
    """Keep a part."""
    arrays = {f"modality.{name}": values for name, values in part.modalities.items()}
    arrays |= {f"present.{name}": values for name, values in part.present.items()}
    arrays |= {name: value for name in ("cs", "tissue", "lesion") if (value := getattr(part, name)) is not None}
    header = {
        "key": file.stem,
        "record": part.record,
        "spacing_mm": part.spacing_mm,
        "slice_spacing_mm": part.slice_spacing_mm,
    }
    write_arrays(file, {name: np.ascontiguousarray(array) for name, array in arrays.items()}, header)


def read_part(file: Path) -> Part | None:
    """A kept part; None if there is none, it is damaged, or it is the part of something else."""
    try:
        arrays, header = verified_arrays(file)
    except (ValueError, OSError):
        return None
    if header["key"] != file.stem:
        return None

    def named(prefix: str) -> dict[str, np.ndarray]:
        return {name[len(prefix) :]: values for name, values in arrays.items() if name.startswith(prefix)}

    return Part(
        record=header["record"],
        modalities=named("modality."),
        present=named("present."),
        cs=arrays["cs"],
        tissue=arrays.get("tissue"),
        lesion=arrays.get("lesion"),
        spacing_mm=header["spacing_mm"],
        slice_spacing_mm=header["slice_spacing_mm"],
    )


def written_part(file: Path) -> Part:
    """A part that this import has written. Raises RunError: it is gone or damaged since."""
    part = read_part(file)
    if part is None:
        raise RunError(GONE.format(file))
    return part
