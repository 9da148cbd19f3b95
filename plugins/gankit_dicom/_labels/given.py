"""What the user's tables say of the studies that were found, and which of their rows say nothing of any."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import TypeVar

from gankit import InputError
from gankit_dicom._labels.ids import id_key, match_ids
from gankit_dicom._labels.tables import Finding, Findings, Marksheet, read_findings, read_marksheet, read_split
from gankit_dicom._refused import Refused

Table = TypeVar("Table")
Key = TypeVar("Key")
Studies = Mapping[int, tuple[str, tuple[str, ...]]]
"""Patient and study, as files or headers spell them, by our number of the study; of a visit that came as several
studies, all of them."""


def given_findings(file: Path | None, studies: Studies, warnings: list[str]) -> dict[int, tuple[Finding, ...]]:
    """Findings by number of study; a patient's findings are those of each of the patient's studies."""
    table = _read(file, "findings", read_findings, Findings(), warnings)
    meant = match_ids(table.by_patient, (patient for patient, _ in studies.values()))
    _warn(file, "findings", table.warnings, table.rows, meant.keys(), "patient", warnings)
    by_patient: dict[str, tuple[Finding, ...]] = {}
    for spelled, patient in meant.items():
        by_patient[patient] = by_patient.get(patient, ()) + table.by_patient[spelled]
    return {number: by_patient.get(patient, ()) for number, (patient, _) in studies.items()}


def given_cases(file: Path | None, studies: Studies, warnings: list[str]) -> dict[int, frozenset[bool]]:
    """What the marksheet says of clinically significant cancer by number of study: nothing, one thing, or both.

    A row is of the study that it names. Rows that name none of their patient's studies, as where the files have UIDs,
    say what all of them say of the studies that no row names, unless there are more such studies than rows.
    """
    table = _read(file, "marksheet", read_marksheet, Marksheet(), warnings)
    meant = match_ids((patient for patient, _ in table.cases), (patient for patient, _ in studies.values()))
    said: dict[int, frozenset[bool]] = {}
    used: set[tuple[str, str]] = set()
    for patient in dict.fromkeys(meant.values()):
        own = {number: keys for number, (other, keys) in studies.items() if other == patient}
        rows = {case: results for case, results in table.cases.items() if meant.get(case[0]) == patient}
        named = match_ids((study for _, study in rows), chain.from_iterable(own.values()))
        for case in [case for case in rows if case[1] in named]:
            for number in [number for number, keys in own.items() if named[case[1]] in keys]:
                said[number] = said.get(number, frozenset()) | rows[case]
            used.add(case)
        others = [case for case in rows if case not in used]
        left = [
            number
            for number, keys in own.items()
            if number not in said and not any(_differ(key, other) for key in keys for _, other in others)
        ]
        if left and len(left) <= len(others) and len({rows[case] for case in others}) == 1:
            said |= dict.fromkeys(left, rows[others[0]])
            used |= set(others)
    problems = list(table.warnings)
    if not used and match_ids((study for _, study in table.cases), (patient for patient, _ in studies.values())):
        problems.append("patients stand in study_id, not in patient_id")
    _warn(file, "marksheet", problems, table.rows, used, "study", warnings)
    return {number: said.get(number, frozenset()) for number in studies}


def _differ(one: str, other: str) -> bool:
    """Whether two studies are known to be others: both are called by a number. A UID is no such number."""
    return id_key(one).isdigit() and id_key(other).isdigit()


def given_split(file: Path | None, studies: Studies, warnings: list[str]) -> dict[str, str]:
    """ "train", "test" or "validation" by patient, as files or headers spell the patient.

    Raises:
        InputError: the table cannot be read, has none of the patients, or puts one into two splits.
    """
    without: tuple[dict[str, str], tuple[str, ...]] = {}, ()
    table, problems = _read(file, "split", read_split, without, warnings)
    meant = match_ids(table, (patient for patient, _ in studies.values()))
    _warn(file, "split", problems, dict.fromkeys(table, 1), meant.keys(), "patient", warnings)
    splits: dict[str, str] = {}
    for spelled, patient in meant.items():
        if splits.setdefault(patient, table[spelled]) != table[spelled]:
            raise InputError(f"`split` {file}: a patient in two splits; a patient belongs to one")
    if file is not None and studies and not splits:
        raise InputError(f"`split` {file}: none of its patients is here; spell patient_id as the files or headers do")
    return splits


def _read(file: Path | None, what: str, read: Callable[[Path], Table], without: Table, warnings: list[str]) -> Table:
    """A table, or nothing with a warning where it cannot be read; a split that cannot be read stops the import."""
    if file is None:
        return without
    try:
        return read(file)
    except Refused as why:
        if what == "split":
            raise InputError(f"`split` {file}: {why}") from why
        warnings.append(f"Table of the {what}: not used, {why} ({file.name}).")
        return without


def _warn(
    file: Path | None,
    what: str,
    problems: Iterable[str],
    rows: Mapping[Key, int],
    used: Iterable[Key],
    of: str,
    warnings: list[str],
) -> None:
    """Add a sentence for each problem of a table, and one on the rows that match nothing."""
    if file is None:
        return
    name = f"Table of the {what}"
    warnings += [f"{name}: {problem} ({file.name})." for problem in problems]
    total, matched = sum(rows.values()), sum(rows[key] for key in set(used))
    if matched < total:
        warnings.append(f"{name}: {total - matched} of {total} rows match no {of} ({file.name}).")
