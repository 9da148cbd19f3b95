"""Whose an image is: by its header, or where ids were removed by its study or folder."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import attrs

from gankit_dicom._headers import Header

NO_ID = "no patient id in the header; `patient_from` folder or study tells patients apart without it"
NO_FOLDER = "in no folder below the one given, where `patient_from` folder looks for patients"
SEVERAL_PEOPLE = (
    "in a folder with images of several people by sex or birth date; `patient_from` folder needs a folder for each,"
    " straight below the one given"
)


def with_patients(headers: Iterable[Header], patient_from: str, folder: Path) -> tuple[list[Header], dict[Path, str]]:
    """Images with what tells their patient, one of ``PATIENT_FROM``; and why files are nobody's."""
    if patient_from == "header":
        return _named(headers, lambda header: header.patient, NO_ID)
    if patient_from == "study":
        return _named(headers, lambda header: _study_name(header.study), NO_ID)
    named, refused = _named(headers, lambda header: _folder_name(header.file, folder), NO_FOLDER)
    mixed = _shared(named)
    refused |= {header.file: SEVERAL_PEOPLE for header in named if header.patient in mixed}
    return [header for header in named if header.patient not in mixed], refused


def patient_warnings(headers: Iterable[Header], refused: Mapping[Path, str]) -> list[str]:
    """What the terminal says of ids that are missing or shared."""
    warnings = [f"{count} files were left out: {why}." for why, count in Counter(refused.values()).items()]
    if shared := len(_shared(headers)):
        who = "1 patient id stands" if shared == 1 else f"{shared} patient ids stand"
        warnings.append(
            f"{who} for several people by sex or birth date, and counts as one patient; `patient_from` folder or study"
            " tells them apart."
        )
    return warnings


def _named(headers: Iterable[Header], name: Callable[[Header], str], why: str) -> tuple[list[Header], dict[Path, str]]:
    named, refused = [], {}
    for header in headers:
        if patient := name(header):
            named.append(attrs.evolve(header, patient=patient))
        else:
            refused[header.file] = why
    return named, refused


def _study_name(study: str) -> str:
    """A name that is as unique as the study's UID, and does not repeat it."""
    return "study-" + hashlib.blake2b(study.encode(), digest_size=6).hexdigest()


def _folder_name(file: Path, folder: Path) -> str:
    first, *below = file.relative_to(folder).parts
    return first if below else ""


def _shared(headers: Iterable[Header]) -> set[str]:
    """Names of patients who differ in sex or birth date."""
    by_patient: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        by_patient[header.patient].append(header)
    return {patient for patient, images in by_patient.items() if differ(images)}


def differ(headers: Sequence[Header]) -> bool:
    """Whether images are of several people by sex or birth date, where these are known."""
    sexes, dates = {header.sex for header in headers}, {header.birth_date for header in headers}
    return len(sexes - {"", "O"}) > 1 or len(dates - {""}) > 1
