"""Studies of one patient that are one visit, and what is known of their frames of reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import attrs

from gankit_dicom._dicom.headers import Header
from gankit_dicom._series.patients import differ

NO_FRAME = (
    "No image has a frame of reference: the series are taken to lie in one, as if the patient had not been moved."
)
SOME_FRAMES = "Series without a frame of reference are taken to lie in that of the others."
ANOTHER_FRAME = (
    "Another study of this patient on the same day lies in another frame of reference, so they are not joined."
)
JOINED = "Studies of one patient on one day and in one frame of reference are joined."

Key = tuple[str, str, str]
"""Study UID; sex and birth date where the study has images of several people."""


@attrs.frozen
class Visit:
    """Images of one patient at one time; ``keys`` are the studies' UIDs, in order."""

    patient: str
    keys: tuple[str, ...]
    headers: tuple[Header, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """For the report alone."""


def visits(headers: Iterable[Header]) -> list[Visit]:
    """Studies, in order of patient and study UID; those of one patient, day and frame of reference are one. Images of
    people who differ in sex or birth date are never of one study, whatever its UID."""
    by_study: dict[tuple[str, str], list[Header]] = defaultdict(list)
    for header in headers:
        by_study[header.patient, header.study].append(header)
    by_patient: dict[str, dict[Key, list[Header]]] = defaultdict(lambda: defaultdict(list))
    for (patient, study), images in by_study.items():
        several = differ(images)
        for header in images:
            person = (header.sex, header.birth_date) if several else ("", "")
            by_patient[patient][study, *person].append(header)
    return [
        _visit(patient, keys, studies) for patient, studies in sorted(by_patient.items()) for keys in _together(studies)
    ]


def _together(studies: Mapping[Key, list[Header]]) -> list[list[Key]]:
    """Keys of studies, those of one visit together."""
    groups: list[list[Key]] = []
    for key in sorted(studies):
        fitting = [group for group in groups if any(_one_visit(studies[key], studies[other]) for other in group)]
        groups = [group for group in groups if group not in fitting]
        groups.append(sorted([key, *chain.from_iterable(fitting)]))
    return sorted(groups)


def _one_visit(one: Sequence[Header], other: Sequence[Header]) -> bool:
    return _same_day(one, other) and bool(_frames(one) & _frames(other)) and not differ([*one, *other])


def _same_day(one: Sequence[Header], other: Sequence[Header]) -> bool:
    days = _days(one)
    return len(days) == 1 and days == _days(other)


def _days(headers: Iterable[Header]) -> set[str]:
    return {header.date for header in headers} - {""}


def _frames(headers: Iterable[Header]) -> set[str]:
    return {header.frame for header in headers} - {""}


def _visit(patient: str, keys: Sequence[Key], studies: Mapping[Key, list[Header]]) -> Visit:
    headers = [header for key in keys for header in studies[key]]
    uids = tuple(study for study, _, _ in keys)
    warnings = (JOINED,) if len(keys) > 1 else ()
    notes = []
    if any(
        _same_day(headers, studies[key]) and _frames(headers) and _frames(studies[key]) for key in studies.keys() - keys
    ):
        notes.append(ANOTHER_FRAME)
    if not _frames(headers):
        return Visit(patient, uids, tuple(headers), (*warnings, NO_FRAME), tuple(notes))
    if all(header.frame for header in headers):
        return Visit(patient, uids, tuple(headers), warnings, tuple(notes))
    return Visit(patient, uids, tuple(_with_frames(headers)), warnings, (*notes, SOME_FRAMES))


def _with_frames(headers: Sequence[Header]) -> list[Header]:
    """Images with the frame of their series where they have none of their own, or with the study's only one."""
    by_series: dict[str, set[str]] = defaultdict(set)
    for header in headers:
        by_series[header.series] |= {header.frame} - {""}
    of_study = _frames(headers)
    found = []
    for header in headers:
        known = by_series[header.series] or of_study
        found.append(attrs.evolve(header, frame=min(known)) if not header.frame and len(known) == 1 else header)
    return found
