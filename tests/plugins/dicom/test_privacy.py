"""Nothing that names a patient reaches an output."""

import json

import pytest

from gankit import read_cohort
from gankit_dicom._privacy import alias
from tests.plugins.dicom.scans import ROOT, SECRETS, change, write_adc, write_masks, write_study, write_t2w

PLANTED = ["planted", "zebediah", "19411207", "20110707", "20110708", "20110709", ROOT, "tt=20.5s", "secretfolder"]


@pytest.fixture(scope="module")
def outputs(gankit_command, tmp_path_factory):
    """Everything an import writes for two patients, one of whom is refused, with files that cannot be read."""
    tmp_path = tmp_path_factory.mktemp("planting")
    scans = tmp_path / "in" / "SecretFolder"
    write_study(scans / "SecretFolder One", dynamic=True)
    write_t2w(scans / "SecretFolder Two", patient="Planted-0002")
    damaged = write_adc(scans / "SecretFolder Two", patient="Planted-0002")
    change(damaged[3], PixelData=b"\0\0")
    (scans / "SecretFolder notes.txt").write_text("Planted words")
    broken = write_t2w(scans / "three", patient="Planted-0003")
    change(broken[2], ImagePositionPatient=None)
    write_masks(tmp_path / "in" / "masks", "Planted-0001")
    write_masks(tmp_path / "in" / "masks", "of-nobody")
    (tmp_path / "in" / "findings.csv").write_text("ProxID,fid,pos,ClinSig\nPlanted-0001,1,Planted words,TRUE\n")
    (tmp_path / "in" / "marks.csv").write_bytes(b"\xff\xfe planted \x00")
    out = tmp_path / "out"
    asked = ("--masks", tmp_path / "in" / "masks", "--findings", tmp_path / "in" / "findings.csv",
             "--marksheet", tmp_path / "in" / "marks.csv", "-o", out / "cohort.safetensors")  # fmt: skip
    result = gankit_command("import", "dicom", scans, *asked)
    assert result.exit_code == 0, result.output
    return out


def test_no_output_holds_a_byte_of_what_a_header_a_name_or_a_folder_says(outputs):
    """Searched in every file, whatever the case and the coding; names of files are searched too."""
    files = [file for file in outputs.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".safetensors", ".html", ".salt", ".png"}
    words = [*PLANTED, *(value.lower() for value in SECRETS.values())]
    for file in files:
        content = file.read_bytes().lower()
        for word in words:
            for coded in (word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be")):
                assert coded not in content, (file.name, word)
            assert word not in str(file.relative_to(outputs)).lower()


def test_the_search_would_find_a_planted_text(outputs):
    """The inputs hold what the outputs do not."""
    content = b"".join(file.read_bytes().lower() for file in (outputs.parent / "in").rglob("*") if file.is_file())
    assert all(word.encode() in content for word in PLANTED if word != "secretfolder")


def test_patients_go_by_salted_hashes(outputs):
    """The name follows from the id and the salt, and from nothing else."""
    salt = (outputs / "cohort.salt").read_bytes()
    assert set(read_cohort(outputs / "cohort.safetensors").patient) == {alias("Planted-0001", salt)}
    assert alias("Planted-0001", salt) != alias("Planted-0001", b"another salt of some length")
    assert alias("Planted-0001", salt) != alias("Planted-0002", salt)
    assert (outputs / "cohort.salt").stat().st_mode & 0o077 == 0


def test_ids_are_kept_where_the_user_asks_for_it(gankit_command, study, tmp_path):
    """And no salt is made."""
    assert gankit_command("import", "dicom", study, "--keep-ids", "-o", tmp_path / "c.safetensors").exit_code == 0
    assert set(read_cohort(tmp_path / "c.safetensors").patient) == {"Planted-0001"}
    assert not (tmp_path / "c.salt").exists()


def test_what_is_kept_between_runs_names_nobody_either(parts, study, tmp_path, part):
    """A part is arrays and a record in our own words."""
    text = json.dumps(part.record).lower()
    assert not [word for word in PLANTED if word in text]
