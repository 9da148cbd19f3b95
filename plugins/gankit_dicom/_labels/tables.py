"""Tables of labels and splits: PROSTATEx findings, the PI-CAI marksheet and ``--split``, however they were saved."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import attrs

from gankit_dicom._labels.ids import id_key
from gankit_dicom._refused import Refused

DELIMITERS = (",", ";", "\t", "|")
MAX_BYTES = 64_000_000
MAX_COLUMNS = 100
"""Of a table that is turned."""
SAME_MM = 0.01
"""Rows of a patient whose positions are closer are of one finding."""
FOREIGN = {b"PK\x03\x04": "an Excel workbook or a zip archive", b"\xd0\xcf\x11\xe0": "an Excel workbook"}
"""How files begin that are opened as tables, but are no text."""
YES = ("true", "yes", "y", "t", "1", "1.0")
NO = ("false", "no", "n", "f", "0", "0.0")
EMPTY = ("", "na", "n/a", "nan", "none", "null", "-", "?", "unknown", "nd")
CS_ISUP = 2
"""Clinically significant cancer is of this ISUP grade or more."""


@attrs.frozen
class Finding:
    """A place that a radiologist reported, and whether biopsy found clinically significant cancer there."""

    position_mm: tuple[float, float, float] | None
    """None where the table has no position that can be read."""
    cs: bool | None
    """None where the table has no result, or two that contradict each other."""


@attrs.frozen
class Findings:
    """A table of findings."""

    by_patient: dict[str, tuple[Finding, ...]] = attrs.field(factory=dict)
    rows: dict[str, int] = attrs.field(factory=dict)
    """How many rows a patient has."""
    warnings: tuple[str, ...] = ()
    """What of the table cannot be used."""


@attrs.frozen
class Marksheet:
    """A table of cases."""

    cases: dict[tuple[str, str], frozenset[bool]] = attrs.field(factory=dict)
    """By (patient, study), what its rows say of clinically significant cancer: nothing, one thing, or both."""
    rows: dict[tuple[str, str], int] = attrs.field(factory=dict)
    warnings: tuple[str, ...] = ()


@attrs.frozen
class _Rows:
    """Rows of a table by the keys of its columns."""

    rows: list[dict[str, str]]
    columns: frozenset[str]
    warnings: tuple[str, ...]


def read_findings(file: Path) -> Findings:
    """PROSTATEx findings (columns ``ProxID``, ``pos`` in mm and ``ClinSig``; ``fid`` tells findings apart).

    Rows with one position, or with one ``fid``, are one finding. Where they contradict each other it has no result.

    Raises:
        Refused: the file cannot be read or lacks a column.
    """
    table = _read(file, ("ProxID", "pos"))
    warnings = [*table.warnings]
    if _column("ClinSig") not in table.columns:
        warnings.append("no column ClinSig, so its findings have no result")

    # Rows of one finding together: of one place, else of one ``fid``.
    said: dict[str, list[_Said]] = defaultdict(list)
    rows: dict[str, int] = defaultdict(int)
    without_place = unclear = 0
    for row in table.rows:
        patient, place, word = row[_column("ProxID")], _position(row[_column("pos")]), row.get(_column("ClinSig"), "")
        fid, cs = id_key(row.get(_column("fid"), "")), _yes(word)
        rows[patient] += 1
        without_place += place is None
        unclear += cs is None and not _is_empty(word)
        same = next((one for one in said[patient] if one.same(place, fid)), None)
        if same is None:
            said[patient].append(same := _Said(fid))
        same.place = same.place or place
        same.results |= {cs} - {None}

    # What of that is no result.
    if without_place:
        warnings.append(f"{_count(without_place, 'row')} without a position")
    if unclear:
        warnings.append(f"{_count(unclear, 'row')} whose ClinSig is neither yes nor no")
    if disputed := sum(len(one.results) == 2 for findings in said.values() for one in findings):
        warnings.append(f"{_count(disputed, 'finding')} with rows that contradict each other, so without a result")
    by_patient = {patient: tuple(one.finding() for one in findings) for patient, findings in said.items()}
    return Findings(by_patient, dict(rows), tuple(warnings))


@attrs.define
class _Said:
    """What the rows of one finding say."""

    fid: str
    place: tuple[float, float, float] | None = None
    results: set[bool | None] = attrs.field(factory=set)

    def same(self, place: tuple[float, float, float] | None, fid: str) -> bool:
        if place is not None and self.place is not None:
            return math.dist(place, self.place) < SAME_MM
        return bool(fid) and fid == self.fid

    def finding(self) -> Finding:
        return Finding(self.place, next(iter(self.results)) if len(self.results) == 1 else None)


def read_marksheet(file: Path) -> Marksheet:
    """Whether cases have clinically significant cancer (columns as in PI-CAI's marksheet).

    ``case_csPCa`` says it; ISUP grades in ``case_ISUP`` and ``lesion_ISUP`` say it too, and may contradict it. Without
    ``study_id``, rows are of patients.

    Raises:
        Refused: the file cannot be read or lacks a column.
    """
    table = _read(file, ("patient_id", "case_csPCa"))
    warnings = [*table.warnings]
    said: dict[tuple[str, str], set[bool]] = defaultdict(set)
    rows: dict[tuple[str, str], int] = defaultdict(int)
    unclear = 0
    for row in table.rows:
        case = row[_column("patient_id")], row.get(_column("study_id"), "")
        rows[case] += 1
        cs = _yes(word := row[_column("case_csPCa")])
        unclear += cs is None and not _is_empty(word)
        said[case] |= {known for known in (cs, *_graded(row)) if known is not None}
    if unclear:
        warnings.append(f"{_count(unclear, 'row')} whose case_csPCa is neither yes nor no")
    if disputed := sum(len(results) == 2 for results in said.values()):
        warnings.append(f"{_count(disputed, 'case')} with entries that contradict each other, so nothing follows")
    return Marksheet({case: frozenset(results) for case, results in said.items()}, dict(rows), tuple(warnings))


def _graded(row: dict[str, str]) -> list[bool]:
    """What the ISUP grades of a row say."""
    texts = (row.get(_column(name), "") for name in ("case_ISUP", "lesion_ISUP"))
    grades = [[int(grade) for grade in re.findall(r"(?<![\d.])([0-5])(?:\.0+)?(?![\d.])", text)] for text in texts]
    return [max(each) >= CS_ISUP for each in grades if each]


def read_split(file: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """ "train", "test" or "validation" by patient (columns ``patient_id``, ``split``), and what of the table cannot be
    used.

    Raises:
        Refused: the file cannot be read or lacks a column, a split is unknown, or a patient is in two.
    """
    table = _read(file, ("patient_id", "split"))
    splits: dict[str, str] = {}
    for row in table.rows:
        patient, split = row[_column("patient_id")], row[_column("split")].lower()
        if split not in ("train", "test", "validation"):
            raise Refused("a split that is neither train, test nor validation")
        if splits.setdefault(patient, split) != split:
            raise Refused("a patient in two splits; a patient belongs to one")
    return splits, table.warnings


# Text to rows ----------------------------------------------------------------------------------------------


def _read(file: Path, needed: tuple[str, ...]) -> _Rows:
    """Rows of a table that has the columns ``needed``, the first of which is an id; rows without that id are left out.

    The delimiter is the one that finds most of these columns. A table that has them in its first column is turned.
    Columns are compared without regard to case, spaces, hyphens and underscores. A row with more cells than columns
    keeps its id alone: nobody can say which of its cells is which.

    Raises:
        Refused: unreadable, or a column is missing.
    """
    cells = _cells(_text(file), [_column(name) for name in needed])
    columns = [_column(name) for name in (cells[0] if cells else [])]
    if missing := [name for name in needed if _column(name) not in columns]:
        raise Refused(f"no column {missing[0]}; needed: {', '.join(needed)}")
    rows, nameless, long = [], 0, 0
    key = _column(needed[0])
    for line in cells[1:]:
        row = dict.fromkeys(columns, "")
        row |= dict(reversed([(name, text.strip()) for name, text in zip(columns, line, strict=False)]))
        if any(line[len(columns) :]):
            long += 1
            row |= {name: "" for name in columns if name != key}
        if _is_empty(row[key]):
            nameless += 1
        else:
            rows.append(row)
    warnings = [f"{_count(long, 'row')} with more cells than columns"] if long else []
    warnings += [f"{_count(nameless, 'row')} without {needed[0]}"] if nameless else []
    warnings += [] if rows else ["no row"]
    return _Rows(rows, frozenset(columns), tuple(warnings))


def _cells(text: str, needed: Sequence[str]) -> list[list[str]]:
    """Cells by row, empty rows left out, the row with the columns' names first."""
    tables = []
    for delimiter in DELIMITERS:
        try:
            lines = [line for line in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if any(line)]
        except csv.Error:
            continue
        if lines and re.fullmatch("sep=.?", "".join(lines[0])):
            lines = lines[1:]
        turned = [list(line) for line in zip_longest(*lines, fillvalue="")] if len(lines) <= MAX_COLUMNS else []
        tables += [lines, turned]
    if not tables:
        raise Refused("cannot be read as a table of text")
    return max(tables, key=lambda lines: len(set(needed) & {_column(name) for name in (lines[0] if lines else [])}))


def _text(file: Path) -> str:
    """What a file says, whatever its coding: UTF-8 or UTF-16 with a mark or without, else Latin-1."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise Refused(f"larger than {MAX_BYTES // 1_000_000} MB, which no table of labels is")
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise Refused("no such file") from error
    except OSError as error:
        raise Refused("cannot be read") from error
    for start, what in FOREIGN.items():
        if content.startswith(start):
            raise Refused(f"{what}; save it as CSV")
    for coding in _codings(content):
        try:
            text = content.decode(coding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n")
    raise Refused("cannot be read as a table of text")


def _codings(content: bytes) -> tuple[str, ...]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    if 0 in content[:2]:
        return ("utf-16-be",) if content[0] == 0 else ("utf-16-le",)
    return ("utf-8-sig", "latin-1")


def _column(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


# Cells to values -------------------------------------------------------------------------------------------


def _position(text: str) -> tuple[float, float, float] | None:
    """Three finite numbers, parted by spaces, semicolons, backslashes or commas; a comma may be the decimal sign."""
    bare = text.strip("[]() \t")
    for words in (re.split(r",?\s+|\s*[;\\|]\s*", bare), bare.split(",")):
        try:
            x, y, z = (float(word.replace(",", ".")) for word in words)
        except ValueError:
            continue
        if all(map(math.isfinite, (x, y, z))):
            return x, y, z
    return None


def _yes(text: str) -> bool | None:
    word = text.strip().lower()
    if word in YES:
        return True
    return False if word in NO else None


def _is_empty(text: str) -> bool:
    return text.strip().lower() in EMPTY


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
