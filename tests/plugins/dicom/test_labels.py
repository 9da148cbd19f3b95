"""Labels from masks, findings and marksheets: a slice is CS only if its own lesion says so."""

import numpy as np
import pytest

from gankit import InputError
from gankit_dicom._labels import from_case, from_findings, from_lesion
from gankit_dicom._masks import names_it
from gankit_dicom._protocol import FOLDER, FileRules, load_protocol
from gankit_dicom._refused import Refused
from gankit_dicom._series import _seconds
from gankit_dicom._tables import Finding, read_findings, read_marksheet, read_split
from tests.plugins.dicom.scans import CENTRE_MM, NORMAL, T2W, lesion, write_adc, write_t2w, write_volume
from tests.plugins.dicom.test_signals import image

STACK = image(np.zeros((10, 72, 72)))


def at(slice_, cs):
    return Finding(tuple(CENTRE_MM + (slice_ - 4.5) * T2W.gap_mm * NORMAL), cs)


def test_a_lesion_labels_its_own_slices():
    """And no other."""
    assert from_lesion(lesion(T2W.places())).tolist() == [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("findings", "labels"),
    [
        ([at(3, True)], [-1, -1, -1, 1, -1, -1, -1, -1, -1, -1]),
        ([at(3, False), at(5, False)], [0] * 10),
        ([at(3, False), at(5, None)], [-1] * 10),
        ([at(3, True), at(6, True), at(8, False)], [-1, -1, -1, 1, -1, -1, 1, -1, -1, -1]),
        ([at(30, True)], [-1] * 10),
        ([at(9.5, True)], [-1] * 10),
        ([at(-0.5, True)], [1, -1, -1, -1, -1, -1, -1, -1, -1, -1]),
    ],
)
def test_a_significant_finding_labels_the_slice_it_lies_in(findings, labels):
    """A point says nothing of its neighbours; findings without cancer clear the patient."""
    assert from_findings(findings, STACK).tolist() == labels


def test_a_case_with_cancer_does_not_say_where():
    """A case without has none in any slice."""
    assert from_case(True, 3).tolist() == [-1, -1, -1]
    assert from_case(False, 3).tolist() == [0, 0, 0]


def test_findings_of_prostatex_are_read(tmp_path):
    """Positions in mm; ClinSig is TRUE or FALSE; a row without a position is counted."""
    (tmp_path / "f.csv").write_text("ProxID,fid,pos,zone,ClinSig\nA,1,1.5 -2 3,PZ,TRUE\nA,2,,PZ,FALSE\nB,1,0 0 0,TZ,\n")
    found, bad = read_findings(tmp_path / "f.csv")
    assert found == {"A": (Finding((1.5, -2.0, 3.0), True),), "B": (Finding((0.0, 0.0, 0.0), None),)}
    assert bad == 1


def test_a_marksheet_is_read(tmp_path):
    """By patient and study."""
    (tmp_path / "m.csv").write_text("patient_id,study_id,case_csPCa\n1,10,YES\n2,20,NO\n3,30,\n")
    assert read_marksheet(tmp_path / "m.csv") == {("1", "10"): True, ("2", "20"): False}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "no column patient_id"),
        (b"", "no column patient_id"),
        (b"\xff\xfe\x00\x01", "cannot be read"),
        (b'patient_id,split\n"x', "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path, content, reason):
    """In words of our own."""
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(Refused, match=reason):
        read_split(tmp_path / "t.csv")


def test_a_patient_in_two_splits_is_refused(gankit_command, study, tmp_path):
    """Before anything is imported."""
    table = tmp_path / "s.csv"
    table.write_text("patient_id,split\nPlanted-0001,train\nPlanted-0001,test\n")
    result = gankit_command("import", "dicom", study, "--split", table, "-o", tmp_path / "c.safetensors")
    assert result.exit_code == 2
    assert "a patient in two splits" in result.output


def test_a_split_that_lacks_a_patient_is_refused(gankit_command, study, tmp_path):
    """Each imported patient needs one."""
    table = tmp_path / "s.csv"
    table.write_text("patient_id,split\nother,train\n")
    result = gankit_command("import", "dicom", study, "--split", table, "-o", tmp_path / "c.safetensors")
    assert result.exit_code == 2
    assert "1 imported patients are not in the table" in result.output


def test_an_empty_lesion_mask_against_a_finding_makes_the_labels_unknown(parts, tmp_path):
    """Nobody can say which is right, and the report says so."""
    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans")
    write_volume(tmp_path / "masks" / "Planted-0001_lesion.mha", np.zeros((10, 72, 72), dtype=bool))
    x, y, z = CENTRE_MM
    (tmp_path / "f.csv").write_text(f"ProxID,pos,ClinSig\nPlanted-0001,{x} {y} {z},TRUE\n")
    (part,) = parts(tmp_path / "scans", masks=tmp_path / "masks", findings=tmp_path / "f.csv")
    assert set(part.cs.tolist()) == {-1}
    assert part.record["crop"]["by"] == "finding"
    assert "labels are unknown" in part.record["warnings"][0]


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("a/10000_1000000.nii.gz", "10000_1000000", True),
        ("11.nii", "1", False),
        ("x/prostatex-0001_l.mha", "ProstateX-0001", True),
    ],
)
def test_an_id_is_found_in_a_path_as_a_word_of_its_own(text, name, found):
    """1 is not in 11."""
    assert names_it(text, name) is found


def test_a_wrong_protocol_says_all_its_problems(gankit_command, study, tmp_path):
    """With the place of each."""
    text = (FOLDER / "prostatex.toml").read_text()
    wrong = text.replace('prefer = ["earlier"]', 'prefer = ["nicer"]').replace('3 = "cs" }', '3 = "bad" }', 1)
    (tmp_path / "p.toml").write_text(wrong)
    with pytest.raises(
        InputError,
        match="2 problems\n  t2w.prefer: no preference named 'nicer'.*\n  masks.0.values: no meaning named 'bad'",
    ):
        load_protocol(str(tmp_path / "p.toml"))
    (tmp_path / "q.toml").write_text(text.replace("[t2w]", "[t2w]\nsequences = ['SE']"))
    with pytest.raises(
        InputError, match="t2w.sequences: unknown key; did you mean 'sequence'?.*accepted: plane, sequence"
    ):
        load_protocol(str(tmp_path / "q.toml"))
    with pytest.raises(InputError, match="did you mean 'prostatex'?.*shipped protocols: prostatex"):
        load_protocol("prostate")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('t2w = ["t2w"', 'tw2 = ["t2w"', "files.tw2: unknown key; did you mean 't2w'.*accepted: t2w, adc, dwi"),
        ("scale = 1.0 ", "scale = 0 ", "adc.scale: must be > 0, got 0"),
        ('3 = "cs" }', 'three = "cs" }', "masks.0.values: must be whole numbers from 1 to 255.*, got 'three'"),
        ('3 = "cs" }', '256 = "cs" }', "masks.0.values: must be whole numbers from 1 to 255.*, got '256'"),
        ('3 = "cs" }', '0 = "cs" }', "masks.0.values: must be whole numbers from 1 to 255.*, got '0'"),
        ("[t2w]", '[t2w]\nplane = "axail"', "t2w.plane: no plane named 'axail'; did you mean 'axial'"),
        ('words = ["diff"', 'words = ["", "diff"', "dwi.words: has an empty text, which every name contains"),
        ("phases = 3 ", "phases = 1 ", "dce.phases: must be >= 2, got 1"),
        ("finding_mm = 12.0", "finding_mm = -1", "finding_mm: must be >= 0, got -1"),
        (
            "b_range = [0, 1000]",
            "b_range = [1000, 0]",
            r"dwi.b_range: must be two numbers, the smaller first, got \[1000.0, 0.0\]",
        ),
        (
            "t2w_percentiles = [0.5, 99.5]",
            "t2w_percentiles = [1, 101]",
            r"t2w_percentiles: must be within 0 and 100, got \[1.0, 101.0\]",
        ),
        ("gland_mm = 55.0", "gland_mm = 0", r"gland_mm: must be > 0, got 0"),
        ("gland_share = 0.2", "gland_share = 20", r"gland_share: must be <= 1, got 20"),
        ("'tt=(", "'tt=((", r"dce.time_in_text: must be a regular expression.*: missing"),
        (
            r"(\d+(?:\.\d+)?)",
            "seconds",
            r"dce.time_in_text: must have the seconds in its first group.*, which has no group",
        ),
        ('t2w = ["t2w"', 't2w = "t2w" #', r"files.t2w: must be a list, got 't2w'"),
    ],
)
def test_numbers_and_expressions_of_a_protocol_are_checked_before_a_file_is_read(tmp_path, right, wrong, said):
    """What would fail in the middle of a study is said at once."""
    text = (FOLDER / "prostatex.toml").read_text()
    assert right in text
    (tmp_path / "p.toml").write_text(text.replace(right, wrong))
    with pytest.raises(InputError, match=said):
        load_protocol(str(tmp_path / "p.toml"))


def test_words_and_tags_of_a_protocol_are_compared_without_regard_to_case(tmp_path):
    """``adc`` finds a series that is tagged ``ADC``, and ``DIFF`` one that is named ``ep2d_diff``."""
    text = (FOLDER / "prostatex.toml").read_text()
    other = text.replace('types = ["ADC"]', 'types = ["adc"]').replace('words = ["diff"', 'words = ["DIFF"')
    (tmp_path / "p.toml").write_text(other.replace('words = ["gland"', 'words = ["Gland"'))
    assert load_protocol(str(tmp_path / "p.toml")) == load_protocol("prostatex")


@pytest.mark.parametrize(("name", "role"), [("t2w_tra", "t2w"), ("t2w_mask", "mask"), ("other", "")])
def test_the_longest_beginning_says_what_a_file_is(name, role):
    """So a mask may be called as the images that it is for."""
    assert FileRules(t2w=("T2W",), mask=("t2w_mask", "seg")).role(name) == role


def test_a_table_that_is_not_used_and_an_empty_split_are_told_on_the_terminal(gankit_command, study, tmp_path):
    """Slices without labels do not come as a surprise when training starts."""
    result = gankit_command(
        "import", "dicom", study, "--findings", tmp_path / "none.csv", "-o", tmp_path / "c.safetensors"
    )
    assert result.exit_code == 0, result.output
    assert "warning: Table of the findings: not used, no such file" in result.output
    assert "warning: no slice is in split 'test'; change --test-fraction, --seed or --split" in result.output


def test_a_time_that_is_no_number_refuses_the_phase():
    """``time_in_text`` is the user's; what it finds may be anything."""
    assert _seconds("12.5") == 12.5
    for found in ("soon", None):
        with pytest.raises(Refused, match="no number of seconds"):
            _seconds(found)
