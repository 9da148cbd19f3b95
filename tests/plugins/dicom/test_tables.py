"""Tables of labels and splits, however a spreadsheet or a program saved them."""

import contextlib

import numpy as np
import pytest

from gankit import InputError
from gankit_dicom._labels.given import given_cases, given_findings, given_split
from gankit_dicom._labels.ids import match_ids
from gankit_dicom._labels.tables import Finding, read_findings, read_marksheet, read_split
from gankit_dicom._refused import Refused
from tests.plugins.dicom.test_volumes import write_patient

MARKS = "patient_id,study_id,mri_date,lesion_ISUP,case_csPCa\n1,10,2019-07-02,N/A,NO\n2,20,2020-07-02,3,YES\n3,30,,,\n"
KNOWN = {("1", "10"): {False}, ("2", "20"): {True}, ("3", "30"): set()}


def turned(text):
    rows = [line.split(",") for line in text.splitlines()]
    return "\n".join(",".join(column) for column in zip(*rows, strict=True)) + "\n"


SAVED = {
    "as published": MARKS.encode(),
    "semicolons": MARKS.replace(",", ";").encode(),
    "tabs": MARKS.replace(",", "\t").encode(),
    "mark of UTF-8": MARKS.encode("utf-8-sig"),
    "UTF-16": MARKS.encode("utf-16"),
    "UTF-16 without a mark": MARKS.encode("utf-16-le"),
    "Latin-1": MARKS.replace("\n", ",\xfcber\n", 1).replace("NO", "NO,\xfc").encode("latin-1"),
    "Windows lines": MARKS.replace("\n", "\r\n").encode(),
    "old lines": MARKS.replace("\n", "\r").encode(),
    "upper and padded": MARKS.replace("patient_id", " Patient ID ").replace("case_csPCa", "CASE_CSPCA ").encode(),
    "other order": "\n".join(",".join(reversed(line.split(","))) for line in MARKS.splitlines()).encode(),
    "turned": turned(MARKS).encode(),
    "empty rows": MARKS.replace("\n", "\n,,,,\n\n").encode(),
    "delimiter first": ("sep=;\n" + MARKS.replace(",", ";")).encode(),
    "other words": MARKS.replace("NO", "False").replace("YES", " y").encode(),
    "padded ids": MARKS.replace("\n1,10", "\n 1 , 10").encode(),
}


@pytest.mark.parametrize("name", SAVED)
def test_a_marksheet_is_read_however_it_was_saved(tmp_path, name):
    """By patient and study."""
    (tmp_path / "m.csv").write_bytes(SAVED[name])
    assert read_marksheet(tmp_path / "m.csv").cases == KNOWN


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,10,YES\n1,10,NO\n", {True, False}),
        ("1,10,YES\n1,10,\n", {True}),
        ("1,10,YES\n1,10,YES\n", {True}),
        ("1,10,maybe\n", set()),
    ],
)
def test_rows_of_one_case_are_taken_together(tmp_path, rows, said):
    """Where they contradict each other both is known, and said."""
    (tmp_path / "m.csv").write_text("patient_id,study_id,case_csPCa\n" + rows)
    table = read_marksheet(tmp_path / "m.csv")
    assert table.cases == {("1", "10"): said}
    assert bool(table.warnings) is (len(said) != 1)


def test_a_grade_that_contradicts_the_case_is_known(tmp_path):
    """ISUP 2 or more is significant; several lesions have several grades."""
    rows = '1,10,YES,"0,3"\n2,20,NO,"1,2"\n3,30,,4\n4,40,NO,1.0\n'
    (tmp_path / "m.csv").write_text("patient_id,study_id,case_csPCa,lesion_ISUP\n" + rows)
    said = {patient: results for (patient, _), results in read_marksheet(tmp_path / "m.csv").cases.items()}
    assert said == {"1": {True}, "2": {True, False}, "3": {True}, "4": {False}}


def test_findings_of_prostatex_are_read(tmp_path):
    """Positions in mm; ClinSig is TRUE or FALSE; a finding without a position is one all the same."""
    (tmp_path / "f.csv").write_text("ProxID,fid,pos,zone,ClinSig\nA,1,1.5 -2 3,PZ,TRUE\nA,2,,PZ,FALSE\nB,1,0 0 0,TZ,\n")
    table = read_findings(tmp_path / "f.csv")
    assert table.by_patient == {
        "A": (Finding((1.5, -2.0, 3.0), True), Finding(None, False)),
        "B": (Finding((0.0, 0.0, 0.0), None),),
    }
    assert table.warnings == ("1 row without a position",)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("1.5   -2 3 ", (1.5, -2.0, 3.0)),
        ("1,5 -2,0 3", (1.5, -2.0, 3.0)),
        ('"1.5,-2,3"', (1.5, -2.0, 3.0)),
        ('"[1.5, -2, 3]"', (1.5, -2.0, 3.0)),
        ("1.5\\-2\\3", (1.5, -2.0, 3.0)),
        ("1.5 -2", None),
        ("nan 1 2", None),
        ('"1,2,3,4,5,6"', None),
    ],
)
def test_a_position_is_three_numbers(tmp_path, text, position):
    """Whatever parts them and whatever their decimal sign."""
    (tmp_path / "f.csv").write_text(f"ProxID;pos;ClinSig\nA;{text};TRUE\n")
    assert read_findings(tmp_path / "f.csv").by_patient["A"] == (Finding(position, True),)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("A,1,1 2 3,TRUE\nA,1,1 2  3,TRUE\n", (Finding((1, 2, 3), True),)),
        ("A,1,1 2 3,TRUE\nA,2,1 2 3,FALSE\n", (Finding((1, 2, 3), None),)),
        ("A,1,1 2 3,TRUE\nA,1.0,,FALSE\n", (Finding((1, 2, 3), None),)),
        ("A,1,1 2 3,TRUE\nA,2,4 5 6,FALSE\n", (Finding((1, 2, 3), True), Finding((4, 5, 6), False))),
        ("A,1,1,2,3,TRUE\n", (Finding(None, None),)),
    ],
)
def test_rows_of_one_place_or_one_number_are_one_finding(tmp_path, rows, found):
    """It has no result where they contradict each other, or where its cells cannot be told apart."""
    (tmp_path / "f.csv").write_text("ProxID,fid,pos,ClinSig\n" + rows)
    assert read_findings(tmp_path / "f.csv").by_patient == {"A": found}


def test_findings_without_a_column_of_results_are_places_alone(tmp_path):
    """As those of the test patients; it is said."""
    (tmp_path / "f.csv").write_text("ProxID,pos\nA,1 2 3\n")
    table = read_findings(tmp_path / "f.csv")
    assert table.by_patient == {"A": (Finding((1, 2, 3), None),)}
    assert "no column ClinSig" in table.warnings[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "no column patient_id; needed: patient_id, split"),
        (b"patient_id;b\n1;2\n", "no column split"),
        (b"patient_id,split\n1,tune\n", "a split that is neither train, test nor validation"),
        (b"patient_id,split\n1,train\n1,validation\n", "a patient in two splits; a patient belongs to one"),
        (b"", "no column patient_id"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"\0\0\0\0", "cannot be read"),
        (b'patient_id,split\n"x', "cannot be read"),
        (b"PK\x03\x04 a workbook", "an Excel workbook or a zip archive; save it as CSV"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path, content, reason):
    """In words of our own."""
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(Refused, match=reason):
        read_split(tmp_path / "t.csv")


def test_a_table_may_name_three_splits(tmp_path):
    """In any letters, as the others."""
    (tmp_path / "t.csv").write_text("patient_id,split\n1,train\n2,Validation\n3,test\n")
    assert read_split(tmp_path / "t.csv")[0] == {"1": "train", "2": "validation", "3": "test"}


TABLES = {
    read_marksheet: MARKS,
    read_findings: "ProxID;fid;pos;ClinSig\nA;1;1,5 2 3;TRUE\nA;2;4 5 6;FALSE\n",
    read_split: "patient_id,split\n1,train\n2,test\n",
}


@pytest.mark.parametrize("read", TABLES)
@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
def test_no_damage_of_a_table_is_more_than_a_refusal(tmp_path, read, coding):
    """Bytes changed, cut, doubled and put in."""
    numbers, content = np.random.default_rng(7), TABLES[read].encode(coding)
    for _ in range(200):
        damaged = bytearray(content)
        for at in numbers.integers(0, len(content), numbers.integers(1, 5)):
            damaged[at : at + numbers.integers(0, 3)] = numbers.bytes(int(numbers.integers(0, 4)))
        (tmp_path / "t.csv").write_bytes(bytes(damaged[: numbers.integers(0, 3 * len(content))]))
        with contextlib.suppress(Refused):
            read(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("spelled", "known", "meant"),
    [
        (["10001.0", "2,0"], ["10001", "2"], {"10001.0": "10001", "2,0": "2"}),
        (["field-1 "], ["FIELD-1"], {"field-1 ": "FIELD-1"}),
        (["12"], ["0012"], {"12": "0012"}),
        (["12"], ["0012", "012"], {}),
        (["12", "0012"], ["0012", "12"], {"12": "12", "0012": "0012"}),
        (["a"], ["A", "a"], {"a": "a"}),
        (["A"], ["a", "B"], {"A": "a"}),
        (["12", "12.0", " 12"], ["12"], {"12": "12", "12.0": "12", " 12": "12"}),
        (["12", "012"], ["12"], {"12": "12"}),
        (["1"], ["11", "1.5"], {}),
    ],
)
def test_an_id_is_known_by_the_spellings_that_spreadsheets_give_it(spelled, known, meant):
    """But never two patients by one."""
    assert match_ids(spelled, known) == meant


@pytest.mark.parametrize(
    ("studies", "rows", "cases"),
    [
        ({1: ("1", ("10",))}, "1,10,NO\n", {1: {False}}),
        ({1: ("1", ("10",)), 2: ("1", ("11",))}, "1.0,10.0,NO\n1.0,11.0,YES\n", {1: {False}, 2: {True}}),
        ({1: ("1", ("1.2.840",))}, "1,10,NO\n", {1: {False}}),
        ({1: ("1", ("1.2.840",)), 2: ("1", ("1.2.841",))}, "1,10,NO\n", {1: set(), 2: set()}),
        ({1: ("1", ("1.2.840",)), 2: ("1", ("1.2.841",))}, "1,10,NO\n1,11,NO\n", {1: {False}, 2: {False}}),
        ({1: ("1", ("1.2.840",))}, "1,10,NO\n1,11,YES\n", {1: set()}),
        ({1: ("1", ("11",))}, "1,10,NO\n", {1: set()}),
        ({1: ("1", ("",))}, "1,10,NO\n", {1: {False}}),
        ({1: ("1", ("1.2.840", "1.2.841"))}, "1,1.2.841,YES\n", {1: {True}}),
        ({1: ("1", ("1.2.840", "1.2.841"))}, "1,1.2.840,NO\n1,1.2.841,YES\n", {1: {False, True}}),
        ({1: ("1", ("1.2.840", "1.2.841"))}, "1,10,NO\n", {1: {False}}),
    ],
)
def test_a_row_is_of_the_study_that_it_names_or_of_none(tmp_path, studies, rows, cases):
    """Where the files call a study by a UID, all rows of its patient have to say the same."""
    (tmp_path / "m.csv").write_text("patient_id,study_id,case_csPCa\n" + rows)
    assert given_cases(tmp_path / "m.csv", studies, []) == cases


def test_rows_that_match_nobody_are_counted(tmp_path):
    """Of each table that was given."""
    (tmp_path / "m.csv").write_text(MARKS)
    (tmp_path / "f.csv").write_text("ProxID,pos,ClinSig\nX,1 2 3,TRUE\n")
    (tmp_path / "s.csv").write_text("patient_id,split\n1,train\n9,test\n")
    warnings = []
    studies = {1: ("1", ("10",))}
    given_cases(tmp_path / "m.csv", studies, warnings)
    given_findings(tmp_path / "f.csv", studies, warnings)
    assert given_split(tmp_path / "s.csv", studies, warnings) == {"1": "train"}
    assert warnings == [
        "Table of the marksheet: 2 of 3 rows match no study (m.csv).",
        "Table of the findings: 1 of 1 rows match no patient (f.csv).",
        "Table of the split: 1 of 2 rows match no patient (s.csv).",
    ]


def test_a_split_of_nobody_who_is_here_is_refused(tmp_path):
    """No other split is drawn in its place."""
    (tmp_path / "s.csv").write_text("patient_id,split\nA,train\nB,test\n")
    with pytest.raises(InputError, match="none of its patients is here"):
        given_split(tmp_path / "s.csv", {1: ("1", ("10",))}, [])


def test_exchanged_columns_are_said(tmp_path):
    """And not guessed."""
    (tmp_path / "m.csv").write_text("study_id,patient_id,case_csPCa\n1,10,NO\n")
    warnings = []
    assert given_cases(tmp_path / "m.csv", {1: ("1", "10")}, warnings) == {1: frozenset()}
    assert warnings[0] == "Table of the marksheet: patients stand in study_id, not in patient_id (m.csv)."


def test_a_table_of_which_nothing_matches_is_told_on_the_terminal_and_in_the_report(gankit_command, tmp_path):
    """With its name."""
    write_patient(tmp_path / "scans" / "1_10_")
    (tmp_path / "f.csv").write_text("ProxID,pos,ClinSig\nX,1 2 3,TRUE\n")
    out = tmp_path / "c.safetensors"
    result = gankit_command("import", "volumes", tmp_path / "scans", "--findings", tmp_path / "f.csv", "-o", out)
    said = "Table of the findings: 1 of 1 rows match no patient (f.csv)."
    assert f"warning: {said}\n" in result.output
    assert said in (tmp_path / "c.report.html").read_text()
