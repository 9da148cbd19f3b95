"""Tables of labels: PROSTATEx findings and the PI-CAI marksheet."""

from __future__ import annotations

import csv
from pathlib import Path

import attrs

from gankit_dicom._refused import Refused


@attrs.frozen
class Finding:
    """A place that a radiologist reported, and whether biopsy found clinically significant cancer there."""

    position_mm: tuple[float, float, float]
    cs: bool | None


def read_findings(file: Path) -> tuple[dict[str, tuple[Finding, ...]], int]:
    """PROSTATEx findings by patient (columns ``ProxID``, ``pos``, ``ClinSig``), and how many rows cannot be used.

    Raises:
        Refused: the file cannot be read or lacks a column.
    """
    findings: dict[str, list[Finding]] = {}
    bad = 0
    for row in _rows(file, ("ProxID", "pos")):
        try:
            x, y, z = (float(value) for value in (row["pos"] or "").split())
        except ValueError:
            bad += 1
            continue
        findings.setdefault((row["ProxID"] or "").strip(), []).append(Finding((x, y, z), _yes(row.get("ClinSig"))))
    return {patient: tuple(found) for patient, found in findings.items()}, bad


def read_marksheet(file: Path) -> dict[tuple[str, str], bool]:
    """Whether a case has clinically significant cancer, by (patient, study) (columns as in PI-CAI's marksheet).

    Raises:
        Refused: the file cannot be read or lacks a column.
    """
    cases = {}
    for row in _rows(file, ("patient_id", "study_id", "case_csPCa")):
        if (cs := _yes(row["case_csPCa"])) is not None:
            cases[(row["patient_id"] or "").strip(), (row["study_id"] or "").strip()] = cs
    return cases


def read_split(file: Path) -> dict[str, str]:
    """ "train" or "test" by patient (columns ``patient_id``, ``split``).

    Raises:
        Refused: the file cannot be read or lacks a column, a split is unknown, or a patient is in two.
    """
    splits: dict[str, str] = {}
    for row in _rows(file, ("patient_id", "split")):
        patient, split = (row["patient_id"] or "").strip(), (row["split"] or "").strip().lower()
        if split not in ("train", "test"):
            raise Refused("a split that is neither train nor test")
        if splits.setdefault(patient, split) != split:
            raise Refused("a patient in two splits; a patient belongs to one")
    return splits


def _rows(file: Path, columns: tuple[str, ...]) -> list[dict[str, str | None]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened, strict=True)
            columns_there, rows = reader.fieldnames or (), list(reader)
    except FileNotFoundError as error:
        raise Refused("no such file") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Refused("cannot be read as a table of UTF-8 text") from error
    if missing := [name for name in columns if name not in columns_there]:
        raise Refused(f"no column {missing[0]}; needed: {', '.join(columns)}")
    return rows


def _yes(text: str | None) -> bool | None:
    word = (text or "").strip().lower()
    if word in ("true", "yes", "1"):
        return True
    return False if word in ("false", "no", "0") else None
