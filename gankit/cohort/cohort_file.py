"""A cohort in one file: safetensors with one metadata entry, ``gankit``, a JSON object.

The tensors are ``modality.NAME`` (N, C, *S) float32, ``present.NAME`` (N,) uint8, ``made.NAME`` (N,) uint8 where a
model made some, ``label.NAME`` (N,) int8, ``truth.NAME``, ``patient`` (N,) int32, an index into the header's
``patients``, ``split`` (N,) uint8, an index into ("train", "test", "validation"), and, where the cohort has them,
``spacing_mm`` and ``slice_spacing_mm`` (N,) float32. The JSON object has the rest. Its ``format`` is gankit-cohort-2
where there are validation slices, else gankit-cohort-1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from gankit._errors import CohortError, shown
from gankit.cohort.cohort import SPACINGS, SPLITS, VALIDATION, Cohort, Modality
from gankit.files.digest import Altered
from gankit.files.rows import Rows, StoredRows
from gankit.files.stored_arrays import StoredArrays

FORMAT = "gankit-cohort-1"
WITH_VALIDATION = "gankit-cohort-2"
"""The format of a file that has a validation split, which earlier versions of gankit cannot read."""
FORMATS = (FORMAT, WITH_VALIDATION)
KEYS = ("format", "modalities", "patients", "tissues", "synthetic", "source")
"""What a header has, besides its digest."""
AGAIN = "make or copy it again"
LARGE = ("modality.", "truth.")
"""How the names of arrays begin that have pixels."""


def stored_form(cohort: Cohort) -> tuple[dict[str, Rows], dict[str, Any]]:
    """The arrays and the header of a cohort's file. Images that are still to be read are not read."""
    # The arrays
    patients, index_N = np.unique(cohort.patient, return_inverse=True)
    arrays: dict[str, Rows] = {
        "patient": index_N.astype(np.int32),
        "split": np.array([SPLITS.index(split) for split in cohort.split], dtype=np.uint8),
    }
    for name, modality in cohort.modalities.items():
        arrays[f"modality.{name}"] = _as_float32(modality.values)
        arrays[f"present.{name}"] = modality.present.astype(np.uint8)
        if modality.made is not None:
            arrays[f"made.{name}"] = modality.made.astype(np.uint8)
    arrays |= {f"label.{name}": values.astype(np.int8) for name, values in cohort.labels.items()}
    arrays |= {f"truth.{name}": values for name, values in cohort.truth.items()}
    for part in SPACINGS:
        if (spacing_mm_N := getattr(cohort, part)) is not None:
            arrays[part] = np.ascontiguousarray(spacing_mm_N, dtype=np.float32)

    # What is not an array
    header = {
        "format": WITH_VALIDATION if VALIDATION in cohort.split else FORMAT,
        "modalities": [[name, modality.unit] for name, modality in cohort.modalities.items()],
        "patients": patients.tolist(),
        "tissues": list(cohort.tissues),
        "synthetic": cohort.synthetic,
        "source": cohort.source,
    }
    return arrays, header


def _as_float32(values: Rows) -> Rows:
    return np.asarray(values, dtype=np.float32) if isinstance(values, np.ndarray) else values


def open_file(path: Path) -> StoredArrays:
    """Open a cohort file, of which nothing is verified yet. Raises CohortError: it is none, or cannot be read."""
    try:
        stored = StoredArrays.open(path)
    except (ValueError, OSError) as error:
        raise CohortError(f"{path}: not a readable cohort file, perhaps cut short ({error}); {AGAIN}") from error
    if (found := stored.header.get("format")) not in FORMATS:
        accepted = " and ".join(map(repr, FORMATS))
        raise CohortError(f"{path}: not a cohort file (format {shown(found)}, accepted: {accepted})")
    return stored


def verify(stored: StoredArrays) -> None:
    """Read a cohort file once, and make sure that it is what was written.

    Warns with ``FileWarning`` of a file of an earlier version, which has no digest.

    Raises:
        CohortError: it is not, or cannot be read.
    """
    try:
        stored.verified(KEYS)
    except (Altered, OSError) as error:
        raise CohortError(f"{stored.path}: {error}; {AGAIN}") from error


def cohort_in(stored: StoredArrays) -> Cohort:
    """The cohort of an open file; its arrays are read where they are looked at. Raises CohortError: it is incomplete,
    or its content breaks the rules of ``Cohort``."""
    with _fitting(stored.path):
        return _assembled(stored.header, stored.arrays())


def cohort_across(files: Sequence[StoredArrays], whole: Path) -> Cohort:
    """The cohort of open files, one after the other, whose images are still to be read.

    Args:
        files: one or more.
        whole: what messages name.

    Raises:
        CohortError: they are incomplete, or do not fit together.
    """
    with _fitting(whole):
        first = files[0].pieces
        arrays: dict[str, Any] = {name: _joined([file.pieces[name] for file in files], name) for name in first}
        patients = [list(file.header["patients"]) for file in files]
        before_N = np.repeat(
            np.cumsum([0, *map(len, patients)])[:-1], [file.pieces["patient"].shape[0] for file in files]
        )
        arrays["patient"] = arrays["patient"] + before_N
        return _assembled({**files[0].header, "patients": list(chain(*patients))}, arrays)


def _joined(pieces: Sequence[Any], name: str) -> Rows:
    """Arrays of one name, one below the other. Raises ValueError: they differ in shape or type."""
    if len({(piece.shape[1:], piece.dtype) for piece in pieces}) > 1:
        raise ValueError(f"{name} has several shapes")
    rows = StoredRows(pieces)
    return rows if name.startswith(LARGE) else np.asarray(rows)


@contextmanager
def _fitting(path: Path) -> Iterator[None]:
    """Say of what a file lacks or breaks which file it is."""
    try:
        yield
    except CohortError as error:
        raise CohortError(f"{path}: {error}") from error
    except KeyError as error:
        raise CohortError(f"{path}: cohort file is incomplete (it lacks {shown(error.args[0])}); {AGAIN}") from error
    except (IndexError, TypeError, ValueError) as error:
        raise CohortError(
            f"{path}: cohort file is damaged, its arrays and its header do not fit together; {AGAIN}"
        ) from error


def _assembled(header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Cohort:
    def named(prefix: str) -> dict[str, Any]:
        return {name[len(prefix) :]: values for name, values in arrays.items() if name.startswith(prefix)}

    return Cohort(
        modalities={
            name: Modality(
                values=arrays[f"modality.{name}"],
                unit=unit,
                present=arrays[f"present.{name}"].astype(bool),
                made=arrays[f"made.{name}"].astype(bool) if f"made.{name}" in arrays else None,
            )
            for name, unit in header["modalities"]
        },
        labels=named("label."),
        patient=np.array(header["patients"], dtype=str)[arrays["patient"]],
        split=np.array(SPLITS)[arrays["split"]],
        **{part: arrays.get(part) for part in SPACINGS},
        truth=named("truth."),
        tissues=tuple(tissues) if isinstance(tissues := header.get("tissues", []), list) else tissues,
        synthetic=header.get("synthetic", False),
        source=header.get("source", ""),
    )
