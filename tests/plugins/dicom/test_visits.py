"""Studies that are one visit, and studies whose frames of reference are unknown."""

import numpy as np
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._series.series import group
from tests.plugins.dicom.scans import ROOT, change, write_adc, write_t2w

FRAME = {"FrameOfReferenceUID": f"{ROOT}.8"}
DAYS = ("StudyDate", "SeriesDate", "AcquisitionDate")


def studies(folder):
    return group(header for file in sorted(folder.rglob("*")) if file.is_file() for header in read_headers(file))


def write_two(folder, first, second):
    """T2w in one study, ADC in another."""
    write_t2w(folder / "a", study=1, **first)
    write_adc(folder / "b", study=2, **second)


def test_two_studies_of_one_visit_in_one_frame_are_one(parts, tmp_path):
    """As when a worklist has two procedures; the same as if they had come in one."""
    write_two(tmp_path / "two", FRAME, FRAME)
    write_t2w(tmp_path / "one")
    write_adc(tmp_path / "one")
    (joined,), (one,) = parts(tmp_path / "two"), parts(tmp_path / "one")
    np.testing.assert_array_equal(joined.modalities["adc"], one.modalities["adc"])
    assert joined.record["warnings"] == ["Studies of one patient on one day and in one frame of reference are joined."]


def test_the_day_is_known_from_any_date(tmp_path):
    """Not every archive keeps the study's."""
    tags = {**FRAME, "StudyDate": None, "SeriesDate": ""}
    write_two(tmp_path, tags, tags)
    assert len(studies(tmp_path)) == 1


APART = {
    "frames": (FRAME, {"FrameOfReferenceUID": f"{ROOT}.88"}),
    "days": (FRAME, {**FRAME, "StudyDate": "20120101"}),
    "unknown days": ({**FRAME, **dict.fromkeys(DAYS)}, {**FRAME, **dict.fromkeys(DAYS)}),
    "unknown frames": ({"FrameOfReferenceUID": None}, {"FrameOfReferenceUID": None}),
    "patients": (FRAME, {**FRAME, "patient": "Planted-0002"}),
    "sexes": ({**FRAME, "PatientSex": "M"}, {**FRAME, "PatientSex": "F"}),
    "birth dates": (FRAME, {**FRAME, "PatientBirthDate": "19500505"}),
}


@pytest.mark.parametrize("what", APART)
def test_studies_are_not_joined_over_different_or_unknown(tmp_path, what):
    """A follow-up is not the same visit, and images in two frames have no common place."""
    write_two(tmp_path, *APART[what])
    assert len(studies(tmp_path)) == 2


@pytest.mark.parametrize("other", [{"PatientSex": "F"}, {"PatientBirthDate": "19500505"}])
def test_people_under_one_id_and_one_study_are_not_mixed(tmp_path, other):
    """As after an anonymiser that wrote the same everywhere."""
    write_t2w(tmp_path / "a", PatientSex="M")
    write_adc(tmp_path / "b", **{"PatientSex": "M", **other})
    assert [len(study.series) for study in studies(tmp_path)] == [1, 1]


def test_the_report_says_why_studies_of_one_day_are_not_joined(parts, tmp_path):
    """In both."""
    write_two(tmp_path / "scans", *APART["frames"])
    for part in parts(tmp_path / "scans"):
        assert part.record["notes"] == [
            "Another study of this patient on the same day lies in another frame of reference, so they are not joined."
        ]


def test_a_study_without_any_frame_is_taken_as_one_with_a_warning(gankit_command, tmp_path):
    """On the terminal too."""
    for name in ("a", "b"):
        write_t2w(tmp_path / "in" / name, patient=name, FrameOfReferenceUID=None)
        write_adc(tmp_path / "in" / name, patient=name, FrameOfReferenceUID="")
    result = gankit_command("import", "dicom", tmp_path / "in", "-o", tmp_path / "c.safetensors")
    assert result.exit_code == 0, result.output
    assert "2 studies: No image has a frame of reference: the series are taken to lie in one" in result.output


def test_series_without_a_frame_beside_others_are_taken_with_a_note(parts, tmp_path):
    """The rest of the study has one."""
    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans", FrameOfReferenceUID=None)
    (part,) = parts(tmp_path / "scans")
    assert len(part) > 0
    assert part.record["notes"] == ["Series without a frame of reference are taken to lie in that of the others."]
    assert part.record["warnings"] == []


def test_images_without_a_frame_are_taken_with_the_rest_of_their_series(tmp_path):
    """Though the study has several."""
    for number, file in enumerate(write_t2w(tmp_path)):
        if number % 3 == 0:
            change(file, FrameOfReferenceUID=None)
    write_adc(tmp_path, FrameOfReferenceUID=f"{ROOT}.88")
    (study,) = studies(tmp_path)
    assert [len(series.headers) for series in study.series] == [10, 10]
    assert len({header.frame for header in study.series[0].headers}) == 1
