"""Which of several T2w is taken and why, in words; and what is T2w where headers say little."""

import attrs
import numpy as np
import pytest

from gankit_dicom._protocol import FOLDER, Rule, load_protocol
from gankit_dicom._slices.preference import PREFERENCES, Traits, preferred, reason
from tests.plugins.dicom.scans import T2W, Grid, t2w_values, write_adc, write_t2w, write_volume

PELVIS = Grid(size=96, pixel_mm=1.15, slices=20, gap_mm=6.0)
PROSTATE = Grid(size=100, pixel_mm=0.7, slices=18, gap_mm=3.0)
THIN = Grid(size=100, pixel_mm=0.7, slices=50, gap_mm=1.0)
SHORT = attrs.evolve(PROSTATE, slices=8)


def used_as_t2w(part):
    (row,) = [row for row in part.record["series"] if row["used"] == "T2w"]
    return row["number"], "; ".join(row["reasons"])


def chosen(parts, folder):
    write_adc(folder, 90)
    return used_as_t2w(parts(folder)[0])


@pytest.mark.parametrize(
    ("other", "tags", "why"),
    [
        (PELVIS, {}, "smaller field of view, 70 against 110 mm"),
        (THIN, {"SeriesDescription": "t2_spc_tra", "EchoTime": 130}, "slices nearer to 3 mm, 3 against 1 mm"),
        (THIN, {"ImageType": ["DERIVED", "PRIMARY", "MPR"]}, "scanned as it is, not reformatted"),
        (SHORT, {}, "covers more height, 54 against 24 mm"),
        (PROSTATE, {"SeriesDescription": "t2 tra lymph nodes"}, "named for the prostate, not for more of the pelvis"),
        (PROSTATE, {"SeriesDescription": "t2_tse_tra_fs"}, "without fat saturation"),
        (PROSTATE, {"ScanOptions": "FS"}, "without fat saturation"),
        (PROSTATE, {"ScanningSequence": ["SE", "IR"]}, "without fat saturation"),
        (attrs.evolve(PROSTATE, size=70, pixel_mm=1.0), {}, "finer pixels, 0.7 against 1 mm"),
    ],
)
@pytest.mark.parametrize("number", [1, 8])
def test_the_t2w_of_the_prostate_goes_before_others_whichever_comes_first(parts, tmp_path, other, tags, why, number):
    """The report says why in the rows of both."""
    write_t2w(tmp_path / "scans", 4, PROSTATE)
    write_t2w(tmp_path / "scans", number, other, **tags)
    taken, said = chosen(parts, tmp_path / "scans")
    assert taken == (2 if number == 1 else 1)
    assert said == f"preferred to series {3 - taken}: {why}"


def test_what_is_refused_for_a_preferred_one_says_so_too(parts, tmp_path):
    write_t2w(tmp_path / "scans", 2, PELVIS)
    write_t2w(tmp_path / "scans", 4, PROSTATE)
    write_adc(tmp_path / "scans", 90)
    first = parts(tmp_path / "scans")[0].record["series"][0]
    assert first["reasons"][0] == "not T2w: series 2 is preferred: smaller field of view, 70 against 110 mm"


@pytest.mark.parametrize(
    "tags",
    [{"ImageType": ["DERIVED", "PRIMARY", "MPR"]}, {"SeriesDescription": "t2_tse_fs"}, {"SeriesDescription": "pelvis"}],
)
def test_the_only_t2w_is_taken_whatever_it_is(parts, tmp_path, tags):
    write_t2w(tmp_path / "scans", 4, THIN, **tags)
    assert chosen(parts, tmp_path / "scans")[0] == 1


@pytest.mark.parametrize("degrees", [12, 30, 44])
def test_an_oblique_t2w_is_axial_and_neither_before_nor_after_a_straight_one(parts, tmp_path, degrees):
    """All is resampled to its grid, so the earlier is taken."""
    tilt = np.deg2rad(degrees)
    oblique = attrs.evolve(PROSTATE, column=np.array([0.0, np.cos(tilt), -np.sin(tilt)]))
    write_t2w(tmp_path / "scans", 3, oblique)
    write_t2w(tmp_path / "scans", 5, attrs.evolve(PROSTATE, column=np.array([0.0, 1.0, 0.0])))
    assert chosen(parts, tmp_path / "scans") == (1, "preferred to series 2: earlier in the study")


@pytest.mark.parametrize(
    ("between", "later", "taken"),
    [
        (False, {}, 2),
        (True, {}, 1),
        (True, {"SeriesDescription": "t2 tra REPEAT"}, 3),
        (False, {"AcquisitionTime": "120000"}, 1),
        (False, {"ImageType": ["ORIGINAL", "PRIMARY", "M", "DIS2D"]}, 1),
    ],
    ids=["at once", "after diffusion", "named so", "one scan twice", "another reconstruction"],
)
def test_a_t2w_that_was_scanned_again_at_once_replaces_the_first(parts, tmp_path, between, later, taken):
    """Else the first is taken, since diffusion follows it."""
    write_t2w(tmp_path / "scans", 3, AcquisitionTime="120000")
    write_t2w(tmp_path / "scans", 5, noise=1, **{"AcquisitionTime": "120500", **later})
    if between:
        write_adc(tmp_path / "scans", 4)
    number, why = chosen(parts, tmp_path / "scans")
    assert number == taken
    assert ("scanned again, as after motion" in why) == (taken != 1)


def test_a_protocol_of_before_chooses_and_refuses_as_before(parts, tmp_path):
    """Without the keys that are new."""
    shipped = (FOLDER / "prostatex.toml").read_text(encoding="utf-8")
    old = tmp_path / "old.toml"
    before, after = shipped.split("[t2w]")[0], shipped[shipped.index("[adc]") :]
    old.write_text(f'{before}[t2w]\nsequence = ["SE"]\necho_ms = [60, 250]\nprefer = ["earlier"]\n\n{after}')
    write_t2w(tmp_path / "scans", 1, ScanningSequence="RM", SeriesDescription="t2 propeller")
    write_t2w(tmp_path / "scans", 2, PELVIS)
    write_t2w(tmp_path / "scans", 4, PROSTATE)
    write_adc(tmp_path / "scans", 90)
    (part,) = parts(tmp_path / "scans", protocol=str(old))
    assert used_as_t2w(part)[0] == 2


@pytest.mark.parametrize("name", PREFERENCES)
def test_every_preference_is_known_to_a_rule_and_to_the_shipped_protocol(name):
    rule = Rule(prefer=(name,))
    assert rule.prefer == (name,)
    assert name in (FOLDER / "prostatex.toml").read_text(encoding="utf-8") or PREFERENCES[name].of_files


def test_the_first_preference_decides_first():
    def traits(number, field_mm, pixel_mm):
        return Traits(number=number, text="", pixel_mm=(pixel_mm, pixel_mm), field_mm=field_mm, gap_mm=3.0, places=20)

    wide, fine, coarse = traits(1, 400, 0.4), traits(2, 210, 0.5), traits(3, 180, 1.0)
    names = ("smaller field of view", "finer pixels", "earlier")
    assert [each.number for each in preferred([wide, fine, coarse], names)] == [2, 3, 1]
    assert reason(fine, coarse, names) == "finer pixels"
    assert reason(fine, wide, names) == "smaller field of view, 210 against 400 mm"
    assert reason(wide, wide, names) == ""


def test_volumes_are_chosen_by_their_headers_before_their_names(parts, tmp_path):
    """The field of view, then the shorter name."""
    for name, grid in {"t2w": PELVIS, "t2w_small": PROSTATE, "t2w_small_again": PROSTATE}.items():
        write_volume(tmp_path / "v" / "7" / f"{name}.nii.gz", t2w_values(grid.places()), grid)
    write_volume(tmp_path / "v" / "7" / "adc.nii.gz", np.full(T2W.places().shape[:3], 1100.0) + np.arange(72), T2W)
    (part,) = parts(tmp_path / "v", kind="volumes", pattern="{patient}/{name}")
    assert part.record["crop"]["slices"][2] == PROSTATE.slices
    assert "smaller field of view, 70 against 110 mm" in used_as_t2w(part)[1]
    assert "a shorter name" in used_as_t2w(part)[1]


# What is T2w where headers say little ----------------------------------------------------------------------

MISSING = {"ScanningSequence": "", "EchoTime": None}


@pytest.mark.parametrize(
    "words",
    ["AX T2 PROPELLER", "t2_tse_tra", "T2 TSE ax", "Ax FRFSE", "T2W_TSE_ax", "T2 transversal", "\uff34\uff12 axial",
     "\u0422\u0032 \u0430\u043a\u0441", "tse_tra_384", "BLADE tra"],
)  # fmt: skip
@pytest.mark.parametrize(
    "tags",
    [{"ScanningSequence": "RM"}, {"ScanningSequence": ""}, {"EchoTime": None}, MISSING,
     {**MISSING, "ImageType": ""}],
    ids=["research mode", "no sequence", "no echo time", "neither", "no image type"],
)  # fmt: skip
def test_t2w_is_known_by_its_description_where_its_header_says_too_little(parts, tmp_path, words, tags):
    """The report says that it is so."""
    write_t2w(tmp_path / "scans", 3, SpecificCharacterSet="ISO_IR 192", SeriesDescription=words, **tags)
    number, said = chosen(parts, tmp_path / "scans")
    assert number == 1
    assert said.endswith("taken by its description")


@pytest.mark.parametrize(
    "words",
    ["t1_tse_tra", "ep2d_t2_b0", "T2* axial", "t2star_me", "T2 Map", "t2_map_tra", "pd tse", "dwi b0", "localizer t2",
     "t2 flair", "t2 vibe", "axial", ""],
)  # fmt: skip
def test_another_contrast_is_not_t2w_by_its_description(parts, tmp_path, words):
    write_t2w(tmp_path / "scans", 3, SeriesDescription=words, **MISSING)
    write_adc(tmp_path / "scans", 90)
    (part,) = parts(tmp_path / "scans")
    assert part.record["why"] == "no usable axial T2w series"


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({"ScanningSequence": "GR"}, "another kind of sequence"),
        ({"ScanningSequence": ["EP", "SE"]}, "another kind of sequence"),
        ({"ScanningSequence": "", "EchoTime": 12}, "echo time 12 ms"),
        ({**MISSING, "RepetitionTime": 600}, "a repetition time of 600 ms"),
        ({**MISSING, "SeriesDescription": "axial"}, "no kind of sequence and no echo time in its header, and its"),
        ({"DiffusionBValue": 800.0}, "a b-value of 800 s/mm2"),
        ({"ImageType": ["DERIVED", "PRIMARY", "T2 MAP"]}, "tagged as something else"),
    ],
)
def test_what_a_header_does_say_is_not_overruled_by_a_description(parts, tmp_path, tags, why):
    write_t2w(tmp_path / "scans", 3, **{"SeriesDescription": "t2_tse_tra", **tags})
    write_adc(tmp_path / "scans", 90)
    (part,) = parts(tmp_path / "scans")
    assert part.record["items"] == 0
    assert f"not T2w: {why}" in part.record["series"][0]["reasons"][0] or why in part.record["series"][0]["reasons"][0]


def test_a_t2w_that_its_header_tells_goes_by_the_header(parts, tmp_path):
    """No note, and no word needed."""
    write_t2w(tmp_path / "scans", 3, SeriesDescription="")
    assert chosen(parts, tmp_path / "scans") == (1, "")


def test_the_shipped_protocol_names_its_order_of_preference():
    assert load_protocol("prostatex").t2w.prefer[-1] == "earlier"
