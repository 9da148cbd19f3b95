"""Labels from masks, findings and marksheets: a slice is CS only if its own lesion says so."""

import numpy as np
import pytest

from gankit import InputError
from gankit_dicom._labels.labels import Lesions, from_findings, labels_of
from gankit_dicom._labels.tables import Finding
from gankit_dicom._protocol import FOLDER, FileRules, load_protocol
from gankit_dicom._refused import Refused
from gankit_dicom._series.series import _seconds
from tests.plugins.dicom.scans import CENTRE_MM, NORMAL, T2W, write_adc, write_t2w, write_volume
from tests.plugins.dicom.test_signals import image

STACK = image(np.zeros((10, 72, 72)))


def at(slice_, cs):
    return Finding(tuple(CENTRE_MM + (slice_ - 4.5) * T2W.gap_mm * NORMAL), cs)


@pytest.mark.parametrize(
    ("findings", "labels"),
    [
        ([at(3, True)], [-1, -1, -1, 1, -1, -1, -1, -1, -1, -1]),
        ([at(3, False), at(5, False)], [0] * 10),
        ([at(3, False), at(5, None)], [-1] * 10),
        ([at(3, True), at(6, True), at(8, False)], [-1, -1, -1, 1, -1, -1, 1, -1, -1, -1]),
        ([at(30, True)], [-1] * 10),
        ([Finding(None, True), at(3, False)], [-1] * 10),
        ([Finding(None, False), at(3, False)], [0] * 10),
        ([at(9.5, True)], [-1] * 10),
        ([at(-0.5, True)], [1, -1, -1, -1, -1, -1, -1, -1, -1, -1]),
    ],
)
def test_a_significant_finding_labels_the_slice_it_lies_in(findings, labels):
    """A point says nothing of its neighbours; findings without cancer clear the patient."""
    assert from_findings(findings, STACK).tolist() == labels


def lesions(graded=(), cleared=(), ungraded=(), by=""):
    """Lesions of 2 x 2 pixels on some slices, each kind at its own place."""
    kinds = []
    for column, slices in zip((10, 30, 50), (graded, cleared, ungraded), strict=True):
        kinds.append(voxels := np.zeros((10, 72, 72), dtype=bool))
        for slice_ in slices:
            voxels[slice_, 40:42, column : column + 2] = True
    return Lesions(*kinds, by)


def beside(slice_, column, cs):
    """A finding in the lesions of a kind."""
    return Finding(STACK.TransformIndexToPhysicalPoint((column, 40, slice_)), cs)


UNGRADED = [0, 0, 0, -1, -1, 0, 0, 0, 0, 0]
ONES = [0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
NOTHING, ALL = [0] * 10, [-1] * 10


@pytest.mark.parametrize(
    ("outlines", "findings", "case", "labels"),
    [
        (lesions(graded=[3, 4]), [], (), ONES),
        (lesions(), [], (), NOTHING),
        (lesions(cleared=[3, 4]), [], (), NOTHING),
        (lesions(ungraded=[3, 4]), [], (), UNGRADED),
        (lesions(graded=[3, 4], ungraded=[4, 5]), [], (), [0, 0, 0, 1, 1, -1, 0, 0, 0, 0]),
        # A case that is cleared has no significant lesion; one with cancer has it in its only lesion.
        (lesions(ungraded=[3, 4]), [], (False,), NOTHING),
        (lesions(ungraded=[3, 4]), [], (True,), ONES),
        (lesions(ungraded=[3, 4, 7]), [], (True,), [0, 0, 0, -1, -1, 0, 0, -1, 0, 0]),
        (lesions(ungraded=[3, 4], cleared=[7]), [], (True,), UNGRADED),
        # Findings grade the lesions that they lie in.
        (lesions(ungraded=[3, 4]), [beside(3, 50, True)], (), ONES),
        (lesions(ungraded=[3, 4, 7]), [beside(3, 50, True), beside(7, 50, False)], (), ONES),
        (lesions(ungraded=[3, 4, 7]), [beside(3, 50, True)], (), [0, 0, 0, 1, 1, 0, 0, -1, 0, 0]),
        (lesions(ungraded=[3, 4]), [beside(3, 50, None)], (), UNGRADED),
        (lesions(ungraded=[3, 4]), [beside(3, 50, False)], (), NOTHING),
        (lesions(ungraded=[3, 4]), [beside(3, 50, False)], (True,), ALL),
        # A significant finding that no outline shows takes away what was known to be without cancer.
        (lesions(graded=[3, 4]), [beside(8, 10, True)], (), [-1, -1, -1, 1, 1, -1, -1, -1, -1, -1]),
        (lesions(ungraded=[3, 4]), [beside(8, 10, True)], (), ALL),
        (lesions(graded=[3, 4]), [Finding(None, True)], (), ONES),
        (lesions(graded=[3, 4]), [Finding(None, True), beside(3, 10, True)], (), [-1, -1, -1, 1, 1] + [-1] * 5),
        (lesions(ungraded=[3, 4]), [at(30, True)], (), ONES),
        # Who contradicts whom.
        (lesions(), [], (True,), ALL),
        (lesions(cleared=[3]), [], (True,), ALL),
        (lesions(graded=[3, 4]), [], (False,), ALL),
        (lesions(graded=[3, 4], by="AI"), [], (False,), NOTHING),
        (lesions(graded=[3, 4]), [], (False, True), ALL),
        (lesions(ungraded=[3, 4]), [], (False, True), UNGRADED),
        (lesions(), [], (False, True), ALL),
        (None, [at(3, True)], (False,), ALL),
        (None, [at(3, False)], (True,), ALL),
        # Tables alone.
        (None, [], (True,), ALL),
        (None, [], (False,), NOTHING),
        (None, [], (False, True), ALL),
        (None, [at(3, None)], (False,), NOTHING),
        (None, [Finding(None, True), at(3, False)], (), ALL),
        (None, [], (), ALL),
    ],
)
def test_labels_are_what_follows_from_outlines_and_tables(outlines, findings, case, labels):
    """And unknown where nothing follows."""
    assert labels_of(STACK, outlines, findings, case).cs_Z.tolist() == labels


def test_an_outline_that_cannot_be_used_leaves_no_slice_without_cancer():
    """Unless a table says so."""
    some = lesions(graded=[3, 4])
    assert labels_of(STACK, some, [], (), complete=False).cs_Z.tolist() == [-1, -1, -1, 1, 1] + [-1] * 5
    assert labels_of(STACK, None, [], (False,), complete=False).cs_Z.tolist() == NOTHING


def test_the_user_can_say_what_a_lesion_without_a_grade_is():
    """Its slices are CS then, but for what a table clears."""
    some = lesions(ungraded=[3, 4, 7])
    assert labels_of(STACK, some, [], (), ungraded_is_cs=True).cs_Z.tolist() == [0, 0, 0, 1, 1, 0, 0, 1, 0, 0]
    assert labels_of(STACK, some, [], (False,), ungraded_is_cs=True).cs_Z.tolist() == NOTHING


@pytest.mark.parametrize(
    ("outlines", "findings", "case", "word"),
    [
        (lesions(ungraded=[3]), [], (), "has no grade"),
        (lesions(), [], (True,), "a table says clinically significant cancer"),
        (lesions(graded=[3]), [], (False,), "a table says there is none"),
        (None, [at(3, True)], (False,), "Tables contradict each other"),
        (None, [], (False, True), "both yes and no"),
        (None, [at(30, True)], (), "in no place of the T2w volume"),
        (None, [Finding(None, True), at(3, False)], (), "in no place of the T2w volume"),
        (lesions(graded=[3]), [beside(8, 50, True)], (), "in no outlined lesion"),
    ],
)
def test_what_makes_labels_unknown_is_said(outlines, findings, case, word):
    """In a sentence that is the same for every study."""
    (warning,) = labels_of(STACK, outlines, findings, case).warnings
    assert word in warning


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


def test_a_wrong_protocol_says_all_its_problems(gankit_command, study, tmp_path):
    """With the place of each."""
    text = (FOLDER / "prostatex.toml").read_text()
    wrong = text.replace('    "repeat",', '    "nicer",').replace('3 = "cs" }', '3 = "bad" }', 1)
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
    with pytest.raises(InputError, match="did you mean 'prostatex'?.*shipped protocols: .*prostatex"):
        load_protocol("prostate")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('t2w = ["t2w"', 'tw2 = ["t2w"', "files.tw2: unknown key; did you mean 't2w'.*accepted: .*t2w, adc, dwi"),
        ("outside = 0.1 ", "scale = 0 #", "adc.scale: must be > 0, got 0"),
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
    assert (
        "warning: no slice is in split 'test'; change --test-fraction, --validation-fraction, --seed or --split"
        in result.output
    )


def test_a_time_that_is_no_number_refuses_the_phase():
    """``time_in_text`` is the user's; what it finds may be anything."""
    assert _seconds("12.5") == 12.5
    for found in ("soon", None):
        with pytest.raises(Refused, match="no number of seconds"):
            _seconds(found)
