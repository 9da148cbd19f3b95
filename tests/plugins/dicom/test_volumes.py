"""``gankit import volumes``: files by their names."""

import numpy as np
import pytest

from gankit import read_cohort
from gankit_dicom._inputs import Request, find
from gankit_dicom._options import Options
from gankit_dicom._volumes.pattern import expression
from tests.plugins.dicom.scans import (
    DIFFUSION,
    DYNAMIC,
    T2W,
    adc_values,
    dynamic_values,
    gland,
    lesion,
    t2w_values,
    write_masks,
    write_volume,
)


def write_patient(stem, ending=".mha", t2w="t2w", adc="adc"):
    """T2w and ADC of the made-up patient, in files that begin with ``stem``."""
    write_volume(stem.with_name(stem.name + t2w + ending), t2w_values(T2W.places()))
    write_volume(stem.with_name(stem.name + adc + ending), adc_values(DIFFUSION.places()), DIFFUSION)


def test_picai_names_say_patient_study_and_modality(gankit_command, tmp_path):
    """``10000_1000000_t2w.mha`` with masks, and a marksheet for a case without."""
    for patient, study in (("10000", "1000000"), ("10000", "1000001"), ("10001", "1000002")):
        write_patient(tmp_path / "scans" / patient / f"{patient}_{study}_")
    write_masks(tmp_path / "masks", "10000_1000000")
    (tmp_path / "marks.csv").write_text(
        "patient_id,study_id,case_csPCa\n10000,1000000,YES\n10000,1000001,YES\n10001,1000002,NO\n"
    )
    out = tmp_path / "c.safetensors"
    result = gankit_command("import", "volumes", tmp_path / "scans", "--masks", tmp_path / "masks", "--marksheet",
                    tmp_path / "marks.csv", "--keep-ids", "-o", out)  # fmt: skip
    assert result.exit_code == 0, result.output
    cohort = read_cohort(out)
    assert set(cohort.patient) == {"10000", "10001"}
    assert set(cohort.labels["cs"][cohort.patient == "10001"]) == {0}
    assert set(cohort.labels["cs"][cohort.patient == "10000"]) == {-1, 0, 1}
    assert cohort.modalities["adc"].unit == "1e-6 mm2/s"


@pytest.mark.parametrize("given", ["scans", "scans/Someone"])
def test_a_folder_of_patients_or_one_patients_folder_can_be_given(parts, tmp_path, given):
    """``{patient}/{name}``, with zones and lesion in one map beside the images."""
    write_patient(tmp_path / "scans" / "Someone" / "x", ".nii.gz", "t2w", "adc")
    for file in list((tmp_path / "scans" / "Someone").iterdir()):
        file.rename(file.with_name(file.name[1:]))
    places = T2W.places()
    combined = 2.0 * gland(places) + 1.0 * lesion(places)
    write_volume(tmp_path / "scans" / "Someone" / "label_1TZ_2PZ_3csPCa.nii.gz", combined)
    (part,) = parts(tmp_path / given, "volumes")
    assert part.record["crop"]["by"] == "gland mask"
    assert part.cs.tolist() == [int(found.any()) for found in part.lesion]
    assert set(np.unique(part.tissue)) <= {0, 1, 2}


def test_a_pattern_of_the_users_own(tmp_path):
    """Three fields in any order; the ending is left out."""
    write_patient(tmp_path / "scans" / "visit7" / "A12-")
    asked = {"protocol": "prostatex", "out": tmp_path / "c.safetensors", "options": Options(keep_ids=True)}
    request = Request(kind="volumes", folder=tmp_path / "scans", pattern="{study}/{patient}-{name}.mha", **asked)
    inputs = find(request, map)
    assert inputs.patients == ["A12"]
    assert [source.role for source in inputs.tasks[0].sources] == ["adc", "t2w"]


def test_links_to_volumes_are_named_by_the_links(tmp_path):
    """As a data manager lays them, and though the folder's own name has to say whose they are."""
    write_patient(tmp_path / "store" / "x_")
    (links := tmp_path / "P1").mkdir()
    for name in ("t2w", "adc"):
        (links / f"{name}.mha").symlink_to(tmp_path / "store" / f"x_{name}.mha")
    asked = {"protocol": "prostatex", "out": tmp_path / "c.safetensors", "options": Options(keep_ids=True)}
    inputs = find(Request(kind="volumes", folder=links, pattern=None, **asked), map)
    assert inputs.patients == ["P1"]


@pytest.mark.parametrize("pattern", ["{patient}", "{name}/x", "{patient}_{who}_{name}", "{patient}_{name}_{name}"])
def test_a_pattern_that_cannot_be_used_is_refused(pattern):
    """It says what a pattern needs."""
    with pytest.raises(ValueError, match=r"needs \{patient\} and \{name\}"):
        expression(pattern)


def test_phases_of_files_are_ordered_by_the_times_in_their_names(parts, tmp_path):
    """As numbers: 9.5 before 10."""
    write_patient(tmp_path / "scans" / "P" / "P_1_")
    for time in (0, 9.5, 10, 30, 45, 60, 200):
        write_volume(tmp_path / "scans" / "P" / f"P_1_dce-{time}s.mha", dynamic_values(DYNAMIC.places(), time), DYNAMIC)
    (part,) = parts(tmp_path / "scans", "volumes")
    assert part.record["dce"] == {"written": "early", "arrival_s": 10.0, "pre": 3, "early": 2, "late": 1}
    assert part.present["dce"].all()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((10, 72, 72), np.nan), "NaN or infinite"),
        (np.zeros((10, 72, 72)), "hardly vary"),
        (np.zeros((1, 1, 72)), "hardly vary|cannot"),
    ],
)
def test_a_volume_without_an_image_is_refused(parts, tmp_path, values, reason):
    """Its patient is refused with the reason."""
    import re

    write_volume(tmp_path / "scans" / "P_1_t2w.mha", values)
    (part,) = parts(tmp_path / "scans", "volumes")
    assert len(part) == 0
    assert re.search(reason, part.record["series"][0]["reasons"][0])


def test_a_file_cut_short_is_refused(parts, tmp_path):
    """And nothing of its patient imported."""
    write_patient(tmp_path / "scans" / "P_1_")
    file = tmp_path / "scans" / "P_1_t2w.mha"
    file.write_bytes(file.read_bytes()[:2000])
    (part,) = parts(tmp_path / "scans", "volumes")
    assert len(part) == 0
    assert "cut short" in part.record["series"][1]["reasons"][0]


def write_blank(folder, t2w=(), adc=()):
    """The made-up patient with slices that show nothing."""
    for name, values, grid, blank in (
        ("t2w", t2w_values(T2W.places()), T2W, t2w),
        ("adc", adc_values(DIFFUSION.places()), DIFFUSION, adc),
    ):
        values[list(blank)] = 0
        write_volume(folder / f"P_1_{name}.nii.gz", values, grid)


@pytest.mark.parametrize("blank", [(0,), (8, 9), (0, 1, 9)])
def test_blank_slices_at_an_end_are_not_imported(parts, tmp_path, blank):
    """As padding and a half-written file leave them; the report and the terminal say it."""
    write_blank(tmp_path / "scans", t2w=blank)
    (part,) = parts(tmp_path / "scans", "volumes")
    assert (part.modalities["t2w"].max(axis=(1, 2)) > 1).all()
    assert len(part) <= 10 - len(blank)
    assert "Slices at an end of the T2w are blank; they were left out." in part.record["warnings"]


def test_a_blank_slice_inside_of_the_t2w_is_refused(parts, tmp_path):
    """What should be there is lost."""
    write_blank(tmp_path / "scans", t2w=(4, 5))
    (part,) = parts(tmp_path / "scans", "volumes")
    assert len(part) == 0
    assert "2 blank images inside the stack" in str(part.record["series"])


def test_a_slice_of_adc_without_a_measurement_is_not_there(parts, tmp_path):
    """Not an image of zeros."""
    write_blank(tmp_path / "scans", adc=(0, 1, 2, 3))
    (part,) = parts(tmp_path / "scans", "volumes")
    present = part.present["adc"]
    assert not present.all()
    assert (part.modalities["adc"][present].max(axis=(1, 2)) > 0).all()
    assert present.sum() >= 5
