"""Patients whose ids were removed, or are the same for several people."""

import shutil

import pytest

from gankit import InputError, read_cohort
from gankit_dicom import import_dicom
from tests.plugins.dicom.scans import write_adc, write_t2w


def write_people(folder, *people, **tags):
    """A folder and a study for each; ``people`` are tags of each, ``tags`` of all."""
    for number, own in enumerate(people, start=1):
        for write in (write_t2w, write_adc):
            write(folder / f"person-{number}", study=number, **{"PatientID": "", **tags, **own})


@pytest.fixture
def imported(gankit_command, tmp_path):
    """``imported("--patient-from", "study")``: what came of ``tmp_path / "in"``, the output and the cohort if any."""

    def run(*asked):
        out = tmp_path / "c.safetensors"
        result = gankit_command("import", "dicom", tmp_path / "in", "-o", out, "--keep-ids", *asked)
        return result.output, read_cohort(out) if result.exit_code == 0 else None

    return run


@pytest.mark.parametrize("tags", [{}, {"PatientID": None}, {"PatientID": "  "}])
def test_images_without_an_id_are_of_the_patient_of_their_study(imported, tmp_path, tags):
    """Said with the option that joins studies of one patient; nobody's images must not become one patient."""
    write_people(tmp_path / "in", {}, {}, {"PatientID": "Known"}, **tags)
    said, cohort = imported("--test-fraction", 0.5)
    assert len(set(cohort.patient)) == 3
    assert "Known" in cohort.patient
    assert "warning: 40 images have no patient id: each of their studies counts as a patient" in said
    assert "--patient-from folder" in said


@pytest.mark.parametrize("patient_from", ["study", "folder"])
@pytest.mark.parametrize("tags", [{}, {"PatientID": None}, {"PatientID": "ANONYMOUS"}])
def test_people_without_ids_of_their_own_are_told_apart(imported, tmp_path, patient_from, tags):
    """And no one is in both splits."""
    write_people(tmp_path / "in", {}, {}, **tags)
    _, cohort = imported("--patient-from", patient_from, "--test-fraction", 0.5)
    assert len(set(cohort.patient)) == 2
    assert set(cohort.split) == {"train", "test"}
    for patient in set(cohort.patient):
        assert len(set(cohort.split[cohort.patient == patient])) == 1


def test_a_share_of_patients_validates(imported, tmp_path):
    """Whole patients, and the report counts their split."""
    write_people(tmp_path / "in", {"PatientID": "A"}, {"PatientID": "B"}, {"PatientID": "C"})
    _, cohort = imported("--test-fraction", 0.3, "--validation-fraction", 0.3)
    assert set(cohort.split) == {"train", "test", "validation"}
    for patient in set(cohort.patient):
        assert len(set(cohort.split[cohort.patient == patient])) == 1
    (report,) = tmp_path.rglob("*.report.html")
    assert ">validation<" in report.read_text()


def test_two_studies_in_one_folder_are_one_patient(imported, tmp_path):
    """Whatever ids their headers have: the folder tells."""
    write_people(tmp_path / "in", {}, {"PatientID": "Other"})
    shutil.move(tmp_path / "in" / "person-2", tmp_path / "in" / "person-1" / "later")
    write_t2w(tmp_path / "in" / "person-3", study=3, PatientID="")
    write_adc(tmp_path / "in" / "person-3", study=3, PatientID="")
    _, cohort = imported("--patient-from", "folder", "--test-fraction", 0.5)
    assert set(cohort.patient) == {"person-1", "person-3"}


def test_a_study_stands_for_its_patient_without_its_uid(imported, tmp_path):
    """Even where ids are kept."""
    write_people(tmp_path / "in", {}, {})
    _, cohort = imported("--patient-from", "study")
    assert all(name.startswith("study-") and "." not in name for name in cohort.patient)


def test_images_in_no_folder_are_refused_where_folders_tell(imported, tmp_path):
    """The folder of everything is no patient."""
    write_people(tmp_path / "in", {})
    write_t2w(tmp_path / "in", study=2, PatientID="")
    write_adc(tmp_path / "in", study=2, PatientID="")
    said, cohort = imported("--patient-from", "folder")
    assert set(cohort.patient) == {"person-1"}
    assert "20 files not used: in no folder below the one given" in said


@pytest.mark.parametrize("other", [{"PatientSex": "F"}, {"PatientBirthDate": "19500505"}])
def test_a_folder_of_several_people_is_refused(imported, tmp_path, other):
    """As where folders are sites."""
    write_people(tmp_path / "in", {"PatientSex": "M"}, {"PatientSex": "M", **other})
    shutil.move(tmp_path / "in" / "person-2", tmp_path / "in" / "person-1")
    said, cohort = imported("--patient-from", "folder")
    assert cohort is None
    assert "40 files not used: in a folder with images of several people by sex or birth date" in said


@pytest.mark.parametrize("other", [{"PatientSex": "F"}, {"PatientBirthDate": "19500505"}])
def test_an_id_of_several_people_is_warned_of(imported, tmp_path, other):
    """They count as one patient, so none is in both splits."""
    write_people(tmp_path / "in", {"PatientSex": "M"}, {"PatientSex": "M", **other}, PatientID="ANONYMOUS")
    said, cohort = imported()
    assert set(cohort.patient) == {"ANONYMOUS"}
    assert "warning: 1 patient id stands for several people by sex or birth date" in said
    assert "--patient-from folder or study" in said


@pytest.mark.parametrize("other", [{}, {"PatientSex": ""}, {"PatientBirthDate": None}])
def test_one_person_in_two_studies_is_not_warned_of(imported, tmp_path, other):
    """Unknown is no contradiction."""
    write_people(tmp_path / "in", {"PatientSex": "M"}, {"PatientSex": "M", **other}, PatientID="Planted-0001")
    said, _ = imported()
    assert "several people" not in said


SPELLINGS = [("Planted 7", "PLANTED  7"), ("planted-7", "Planted-7"), ("70007", "70007.0")]


@pytest.mark.parametrize("ids", SPELLINGS)
def test_one_id_in_several_spellings_is_one_patient(imported, tmp_path, ids):
    """As where someone typed it at each visit; else one visit could train and the other test."""
    write_people(tmp_path / "in", *({"PatientID": spelled} for spelled in ids))
    said, cohort = imported()
    assert set(cohort.patient) == {min(ids)}
    assert "1 patient id is spelled in several ways, by case or spaces; each counts as one patient" in said


def test_a_study_whose_series_spell_the_id_differently_is_one_study(imported, tmp_path):
    """As where the map was made on a workstation."""
    write_t2w(tmp_path / "in", PatientID="Planted 7")
    write_adc(tmp_path / "in", PatientID="PLANTED 7")
    _, cohort = imported()
    assert set(cohort.patient) == {"PLANTED 7"}


@pytest.mark.parametrize("other", [{"PatientSex": "F"}, {"PatientBirthDate": "19500505"}])
def test_people_whose_ids_differ_by_case_stay_two(imported, tmp_path, other):
    """By sex or birth date they are."""
    own = {"PatientSex": "M", "PatientID": "planted-7"}
    write_people(tmp_path / "in", own, {**own, "PatientID": "PLANTED-7", **other})
    said, cohort = imported()
    assert set(cohort.patient) == {"planted-7", "PLANTED-7"}
    assert "several ways" not in said


def test_the_option_takes_names_that_are_known(tmp_path):
    """With the nearest."""
    write_people(tmp_path, {})
    with pytest.raises(InputError, match="`patient_from` 'folders'.*folder.*accepted: header, study, folder"):
        import_dicom(tmp_path, patient_from="folders")


def test_python_takes_the_option_as_the_command_does(tmp_path):
    """Without a file of the cohort."""
    write_people(tmp_path, {}, {})
    assert len(set(import_dicom(tmp_path, patient_from="folder", quiet=True).patient)) == 2
