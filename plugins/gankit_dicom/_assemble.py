"""Parts of studies to one cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from gankit import Cohort, InputError, Modality, StoredRows, ZeroPiece, split_patients
from gankit_dicom._labels.delineations import TISSUES
from gankit_dicom._options import MODALITIES, UNITS
from gankit_dicom._part import Kept

TRUTH = ("tissue", "lesion")


def assemble(
    parts: Sequence[Kept],
    patients: Sequence[str],
    given: Mapping[str, str],
    fractions: tuple[float, float],
    seed: int,
    source: str,
    shape: Sequence[int],
) -> Cohort:
    """The cohort of all parts that have items. Its images are in the files of the parts, which must stay until they are
    read.

    Args:
        patients: the real id of each part's patient, by which the split is drawn, so that it does not depend on
            the salt.
        given: the split by real id; patients that it lacks are refused.
        fractions: shares of the patients in test and in validation, where no split is given.
        shape: channels, then space, of a modality of one item.
    """
    kept = [(part, patient) for part, patient in zip(parts, patients, strict=True) if len(part)]
    counts = [len(part) for part, _ in kept]
    real_N = np.repeat([patient for _, patient in kept], counts)
    items = _Items([part for part, _ in kept], tuple(shape))
    return Cohort(
        modalities=items.modalities,
        labels={"cs": items.cs_N},
        patient=np.repeat([part.record["patient"] for part, _ in kept], counts),
        split=_given_split(real_N, given)
        if given
        else split_patients(real_N, items.cs_N, fractions[0], seed, validation_fraction=fractions[1]),
        spacing_mm=items.spacing_N,
        slice_spacing_mm=items.slice_spacing_N if len(shape) == 4 else None,
        truth=items.truth,
        tissues=TISSUES,
        source=source,
    )


def _given_split(real_N: np.ndarray, given: Mapping[str, str]) -> np.ndarray:
    if missing := len(set(real_N) - set(given)):
        raise InputError(
            f"`split`: {missing} imported patients are not in the table; each needs train, test or validation"
        )
    return np.array([given[patient] for patient in real_N])


class _Items:
    """Arrays of all items. Of images, the parts' files are the memory: rows are read when the cohort is written."""

    def __init__(self, parts: Sequence[Kept], shape: tuple[int, ...]) -> None:
        self._files = [part.open() for part in parts]
        self._counts = [len(part) for part in parts]
        self.modalities = {
            name: Modality(values=values, unit=UNITS[name], present=self._rows(f"present.{name}", (), bool)[:])
            for name in MODALITIES
            if (values := self._rows(f"modality.{name}", shape, np.float32)) is not None
        }
        self.truth = {name: values for name in TRUTH if (values := self._rows(name, shape[1:], np.uint8)) is not None}
        self.cs_N = self._rows("cs", (), np.int8)[:]
        self.spacing_N, self.slice_spacing_N = map(self._headers, ("spacing_mm", "slice_spacing_mm"))

    def _rows(self, name: str, shape: tuple[int, ...], kind: type) -> Any:
        """The array of a name of all parts, one below the other, zeros where a part has none; None where no part
        has."""
        if not any(name in file.pieces for file in self._files):
            return None
        counted = zip(self._files, self._counts, strict=True)
        return StoredRows(
            [
                attrs.evolve(file.pieces[name], shape=(count, *shape))
                if name in file.pieces
                else ZeroPiece((count, *shape), np.dtype(kind))
                for file, count in counted
            ]
        )

    def _headers(self, key: str) -> np.ndarray:
        """What the headers of parts say, for each item (N,) float32; NaN where it is not known."""
        said = [np.nan if file.header[key] is None else file.header[key] for file in self._files]
        return np.repeat(np.array(said, dtype=np.float32), self._counts)
