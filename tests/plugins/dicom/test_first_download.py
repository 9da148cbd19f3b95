"""What a newcomer has on the first day, by one command: everything in one folder, and PI-CAI as published."""

import csv
import random
import zipfile

import pytest

from gankit import read_cohort
from tests.plugins.dicom.scans import (
    DIFFUSION,
    T2W,
    adc_values,
    gland,
    lesion,
    t2w_values,
    write_masks,
    write_study,
    write_volume,
)

PATIENTS = ("Planted-0001", "Planted-0002", "Planted-0003")


@pytest.fixture
def one_folder(tmp_path):
    """Images of three patients under random names in one folder, with what else lies in such a folder."""
    mixed = tmp_path / "export"
    mixed.mkdir()
    names = random.Random(0)
    for number, patient in enumerate(PATIENTS, start=1):
        write_study(tmp_path / patient, patient=patient, study=number)
        for file in sorted((tmp_path / patient).rglob("*")):
            if file.is_file():
                file.rename(mixed / f"{names.randrange(16**8):08X}")
    (mixed / "Befund.pdf").write_bytes(b"%PDF-1.7\n%planted report of Planted-0001\n")
    (mixed / "readme.txt").write_text("Planted-0001 was here")
    (mixed / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 32)
    (mixed / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    with zipfile.ZipFile(mixed / "more.zip", "w") as archive:
        archive.writestr("IM0001", b"\0" * 128 + b"DICM")
    return mixed


def test_one_flat_folder_of_random_names_gives_every_patient(gankit_command, one_folder, tmp_path):
    """What is no image is counted by its kind, on the terminal and in the report."""
    out = tmp_path / "c.safetensors"
    result = gankit_command("import", "dicom", one_folder, "--keep-ids", "-o", out)
    assert result.exit_code == 0, result.output
    cohort = read_cohort(out)
    assert set(cohort.patient) == set(PATIENTS)
    assert cohort.modalities["adc"].present.all()
    said = result.output + (tmp_path / "c.report.html").read_text()
    assert "zip archive" in result.output
    assert "Traceback" not in said
    assert "Befund" not in result.output.replace(str(one_folder), "")


@pytest.fixture
def picai(tmp_path):
    """The public images with the labels' repository and its marksheet, laid out as both are published."""
    cases = [("10000", "1000000", "YES"), ("10001", "1000001", "NO"), ("10002", "1000002", "YES")]
    images, labels = tmp_path / "input" / "images", tmp_path / "input" / "picai_labels"
    lesions, anatomy = labels / "csPCa_lesion_delineations", labels / "anatomical_delineations"
    elsewhere, here = gland(T2W.places()) & (T2W.places()[..., 2] < 20), lesion(T2W.places())
    for patient, study, cs in cases:
        stem = f"{patient}_{study}"
        for name, values, grid in (
            ("t2w", t2w_values(T2W.places()), T2W),
            ("adc", adc_values(DIFFUSION.places()), DIFFUSION),
            ("hbv", adc_values(DIFFUSION.places()), DIFFUSION),
            ("cor", t2w_values(T2W.places()), T2W),
        ):
            write_volume(images / patient / f"{stem}_{name}.mha", values, grid)
        write_volume(lesions / "AI" / "Bosma22a" / f"{stem}.nii.gz", elsewhere)
        if patient != "10002":  # PI-CAI's readers outlined all cases without cancer and most of those with it
            graded = 3.0 * here if cs == "YES" else 0.0 * here
            write_volume(lesions / "human_expert" / "resampled" / f"{stem}.nii.gz", graded)
            write_volume(lesions / "human_expert" / "original" / f"{stem}.nii.gz", graded)
        write_volume(anatomy / "whole_gland" / "AI" / "Bosma22b" / f"{stem}.nii.gz", gland(T2W.places()))
    (labels / "clinical_information").mkdir()
    with (labels / "clinical_information" / "marksheet.csv").open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["patient_id", "study_id", "mri_date", "patient_age", "case_ISUP", "case_csPCa", "center"])
        grade = {"YES": 3, "NO": 1}
        rows.writerows([[patient, study, "2019-07-02", 73, grade[cs], cs, "PCNN"] for patient, study, cs in cases])
    return tmp_path / "input"


def test_picai_as_published_is_labelled_by_people_first(gankit_command, picai, tmp_path):
    """A case that people outlined is labelled by them; the network's outlines serve where theirs are missing."""
    out = tmp_path / "c.safetensors"
    result = gankit_command(
        "import", "volumes", picai / "images", "--masks", picai / "picai_labels",
        "--marksheet", picai / "picai_labels" / "clinical_information" / "marksheet.csv", "--keep-ids", "-o", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    cohort = read_cohort(out)
    cs = {patient: cohort.labels["cs"][cohort.patient == patient].tolist() for patient in set(cohort.patient)}
    shown = lesion(T2W.places()).any(axis=(1, 2)).tolist()
    first, last = len(shown) // 2 - len(cs["10000"]) // 2, len(shown) // 2 + len(cs["10000"]) // 2
    assert cs["10000"] == [int(each) for each in shown[first:last]]
    assert set(cs["10001"]) == {0}
    assert 1 in cs["10002"]


def test_a_folder_of_patients_gives_the_same_whoever_looks_first(gankit_command, picai, tmp_path):
    """Two jobs read what one reads."""
    cohorts = []
    for jobs in (1, 2):
        out = tmp_path / f"{jobs}.safetensors"
        asked = ("--masks", picai / "picai_labels", "--keep-ids", "--jobs", jobs, "-o", out)
        assert gankit_command("import", "volumes", picai / "images", *asked).exit_code == 0
        cohorts.append(out.read_bytes())
    assert cohorts[0] == cohorts[1]


def test_masks_of_nobody_leave_the_cohort_and_are_named(gankit_command, picai, tmp_path):
    """As where the labels of another challenge were given."""
    write_masks(tmp_path / "other", "99999_9999999")
    out = tmp_path / "c.safetensors"
    result = gankit_command("import", "volumes", picai / "images", "--masks", tmp_path / "other", "-o", out)
    assert result.exit_code == 0
    assert "masks" in result.output
    assert "99999_9999999_gland.nii.gz" in (tmp_path / "c.report.html").read_text()
