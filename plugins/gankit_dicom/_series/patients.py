"""Whose an image is: by its header, or where ids were removed by its study or folder."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from gankit_dicom._dicom.headers import Header
from gankit_dicom._labels.ids import id_key

NO_FOLDER = "in no folder below the one given, where `patient_from` folder looks for patients"
SEVERAL_PEOPLE = (
    "in a folder with images of several people by sex or birth date; `patient_from` folder needs a folder for each,"
    " straight below the one given"
)


def with_patients(headers: Iterable[Header], patient_from: str, folder: Path) -> tuple[list[Header], dict[Path, str]]:
    """Images with what tells their patient, one of ``PATIENT_FROM``; and why files are nobody's.

    By "header", an image without an id is of the patient of its study.
    """
    if patient_from == "header":
        return [_named_by(header, header.patient or _study_name(header.study)) for header in headers], {}
    if patient_from == "study":
        return [_named_by(header, _study_name(header.study)) for header in headers], {}
    named, refused = _by_folder(headers, folder)
    mixed = _shared(named)
    refused |= {header.file: SEVERAL_PEOPLE for header in named if header.patient in mixed}
    return [header for header in named if header.patient not in mixed], refused


def in_one_spelling(headers: Sequence[Header]) -> tuple[list[Header], int]:
    """Images whose ids differ by what ``id_key`` forgives, as case and spaces, under the first of these spellings; and
    how many ids were spelled in several ways. People who differ in sex or birth date keep their own."""
    by_key: dict[str, list[Header]] = defaultdict(list)
    for header in headers:
        by_key[id_key(header.patient)].append(header)
    spellings = {key: sorted({header.patient for header in images}) for key, images in by_key.items()}
    one = {key: found[0] for key, found in spellings.items() if len(found) > 1 and not differ(by_key[key])}
    if not one:
        return list(headers), 0
    named = [attrs.evolve(header, patient=one.get(id_key(header.patient), header.patient)) for header in headers]
    return named, len(one)


def patient_warnings(named: Iterable[Header], unnamed: int, respelled: int) -> list[str]:
    """What the terminal says of ids that are missing, shared or spelled in several ways.

    Args:
        named: images with what tells their patient.
        unnamed: how many of them go by their study, since they have no id.
        respelled: how many ids are spelled in several ways.
    """
    warnings = []
    if unnamed:
        warnings.append(
            f"{unnamed} images have no patient id: each of their studies counts as a patient; where one patient has"
            " several, `patient_from` folder keeps them out of both splits."
        )
    if shared := len(_shared(named)):
        who = "1 patient id stands" if shared == 1 else f"{shared} patient ids stand"
        warnings.append(
            f"{who} for several people by sex or birth date, and counts as one patient; `patient_from` folder or study"
            " tells them apart."
        )
    if respelled:
        what = "1 patient id is" if respelled == 1 else f"{respelled} patient ids are"
        warnings.append(f"{what} spelled in several ways, by case or spaces; each counts as one patient.")
    return warnings


def _named_by(header: Header, patient: str) -> Header:
    return attrs.evolve(header, patient=patient)


def _by_folder(headers: Iterable[Header], folder: Path) -> tuple[list[Header], dict[Path, str]]:
    named, refused = [], {}
    for header in headers:
        if patient := _folder_name(header.file, folder):
            named.append(_named_by(header, patient))
        else:
            refused[header.file] = NO_FOLDER
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
