"""Nothing that names a patient reaches an output."""

import json
from concurrent.futures import ThreadPoolExecutor

import pydicom
import pytest
import tomli_w
from pydicom.dataset import Dataset

from gankit import InputError, read_cohort
from gankit.recipe.structure import to_document
from gankit_dicom._privacy import alias, read_or_make_salt
from tests.plugins.dicom.scans import (
    DIFFUSION,
    ROOT,
    SECRETS,
    T2W,
    adc_values,
    change,
    lesion,
    t2w_values,
    write_adc,
    write_enhanced,
    write_masks,
    write_study,
    write_t2w,
)
from tests.plugins.dicom.test_segmentation import write_seg

PLANTED = [
    *("planted", "zebediah", "19411207", "20110707", "20110708", "20110709", "20110710", "tt=20.5s"),
    f"{ROOT}.",  # with the dot, since the UIDs that pydicom draws for exports have the same root and may go on with 77
    "secretfolder",
]
ENHANCED = {"FrameComments": "Planted frame", "FrameAcquisitionDateTime": "20110710101500", "EffectiveEchoTime": 104.0}
ENDINGS = {".safetensors", ".html", ".salt", ".png"}


def write_enhanced_study(folder):
    """T2w and ADC of a third patient, each in one file, with texts of the file, of all frames, and of each frame."""
    for number, grid, values, kind in (
        (2, T2W, t2w_values, ["ORIGINAL", "PRIMARY", "M"]),
        (4, DIFFUSION, adc_values, ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]),
    ):
        frames = [(place, image, ENHANCED) for place, image in enumerate(values(grid.places()))]
        shared = {"RepetitionTime": 3000.0, "ScanningSequence": "SE"}
        write_enhanced(folder, number, frames, grid, shared=shared, ImageType=kind, patient="Planted-0004")


def write_thumbnail(file):
    """Put a thumbnail with a text into a file, as archives do."""
    icon = Dataset()
    icon.SamplesPerPixel, icon.PhotometricInterpretation, icon.Rows, icon.Columns = 1, "MONOCHROME2", 4, 16
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 8, 8, 7, 0
    icon.PixelData = b"Planted thumb".ljust(64)
    change(file, IconImageSequence=[icon])


@pytest.fixture(scope="module")
def imported(gankit_command, tmp_path_factory):
    """What an import writes for three patients, one more of whom is refused, with files that cannot be read; and what
    it prints."""
    tmp_path = tmp_path_factory.mktemp("planting")
    scans = tmp_path / "in" / "SecretFolder"
    write_study(scans / "SecretFolder One", dynamic=True)
    write_t2w(scans / "SecretFolder Two", patient="Planted-0002")
    damaged = write_adc(scans / "SecretFolder Two", patient="Planted-0002")
    change(damaged[3], PixelData=b"\0\0")
    (scans / "SecretFolder notes.txt").write_text("Planted words")
    broken = write_t2w(scans / "three", patient="Planted-0003")
    change(broken[2], ImagePositionPatient=None)
    write_enhanced_study(scans / "four")
    for file in (scans / "four").iterdir():
        write_thumbnail(file)
    seg = scans / "four" / "seg"
    write_seg(seg, {"Planted lesion": lesion(T2W.places())}, patient="Planted-0004", study=study_of(scans / "four"))
    change(seg, ContentCreatorName="Planted^Reader", ContentDescription="Planted seg", PatientName="Zebediah^Planted")
    write_masks(tmp_path / "in" / "masks", "Planted-0001")
    write_masks(tmp_path / "in" / "masks", "of-nobody")
    (tmp_path / "in" / "findings.csv").write_text("ProxID,fid,pos,ClinSig\nPlanted-0001,1,Planted words,TRUE\n")
    (tmp_path / "in" / "marks.csv").write_bytes(b"\xff\xfe planted \x00")
    out = tmp_path / "out"
    asked = ("--masks", tmp_path / "in" / "masks", "--findings", tmp_path / "in" / "findings.csv",
             "--marksheet", tmp_path / "in" / "marks.csv", "-o", out / "cohort.safetensors")  # fmt: skip
    result = gankit_command("import", "dicom", scans, *asked)
    assert result.exit_code == 0, result.output
    return out, result.output


@pytest.fixture(scope="module")
def outputs(imported):
    """The folder that the import wrote."""
    return imported[0]


@pytest.fixture(scope="module")
def trained(gankit_command, outputs, plugins, tiny_recipe, tmp_path_factory):
    """A run on the imported cohort that every tracker follows, with report and export; and what all of that prints."""
    folder = tmp_path_factory.mktemp("trained")
    path = {"cohort.path": str(outputs / "cohort.safetensors")}
    recipe = tiny_recipe(**path, **{"training.track": list(plugins.trackers), "training.sample_every": 2})
    (folder / "tiny.toml").write_text(tomli_w.dumps(to_document(recipe, plugins.registry)))
    words = [
        ("train", folder / "tiny.toml", "-o", folder / "run"),
        ("sample", folder / "run", "-n", "2", "--format", "dicom", "-o", folder / "exported"),
        ("cohort", "info", outputs / "cohort.safetensors"),
    ]
    results = [gankit_command(*each) for each in words]
    assert [result.exit_code for result in results] == [0, 0, 0], results[0].output
    return folder, "".join(result.output for result in results)


def study_of(folder):
    """The StudyInstanceUID of a folder's images."""
    return pydicom.dcmread(next(folder.glob("[24]-*")), stop_before_pixels=True).StudyInstanceUID


def found(words, content):
    """Those of the words that a file's bytes hold, whatever the case and the coding."""
    content = content.lower()
    codings = ("utf-8", "utf-16-le", "utf-16-be")
    return [word for word in words if any(word.encode(coding) in content for coding in codings)]


WORDS = [*PLANTED, *(value.lower() for value in SECRETS.values())]


def test_no_output_holds_a_byte_of_what_a_header_a_name_or_a_folder_says(outputs):
    """Searched in every file, whatever the case and the coding; names of files are searched too."""
    files = [file for file in outputs.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == ENDINGS
    for file in files:
        assert found(WORDS, file.read_bytes() + str(file.relative_to(outputs)).encode()) == [], file.name


def test_each_patient_with_a_header_of_its_own_form_was_read(outputs):
    """Files of one frame and of many; what was not read could not leak."""
    assert len(set(read_cohort(outputs / "cohort.safetensors").patient)) == 2


def test_nothing_that_is_printed_names_a_patient(imported):
    """Folders are what the user gave, and are named; headers are not."""
    assert found([word for word in WORDS if word not in ("planted", "secretfolder")], imported[1].encode()) == []


def test_nothing_of_a_run_names_a_patient(trained):
    """Neither its files, pictures and report, nor what trackers keep, nor a printed line."""
    folder, printed = trained
    files = [file for file in folder.rglob("*") if file.is_file()]
    assert {"report.html", "metrics.jsonl", "mlflow.db"} <= {file.name for file in files}
    for file in files:
        assert found(WORDS, file.read_bytes()) == [], file.name
    assert found(WORDS, printed.encode()) == []


def test_the_search_would_find_a_planted_text(outputs):
    """The inputs hold what the outputs do not."""
    content = b"".join(file.read_bytes().lower() for file in (outputs.parent / "in").rglob("*") if file.is_file())
    assert all(word.encode() in content for word in PLANTED if word != "secretfolder")


def test_patients_go_by_salted_hashes(outputs):
    """The name follows from the id and the salt, and from nothing else."""
    salt = (outputs / "cohort.salt").read_bytes()
    patients = {alias("Planted-0001", salt), alias("Planted-0004", salt)}
    assert set(read_cohort(outputs / "cohort.safetensors").patient) == patients
    assert alias("Planted-0001", salt) != alias("Planted-0001", b"another salt of some length")
    assert alias("Planted-0001", salt) != alias("Planted-0002", salt)
    assert (outputs / "cohort.salt").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("harm", ["flipped", "cut", "another file"])
def test_a_damaged_salt_is_refused(tmp_path, harm):
    """It would give patients other names without a word; the line says what to do."""
    file = tmp_path / "c.salt"
    salt = read_or_make_salt(file, users=False)
    assert read_or_make_salt(file, users=True) == salt
    file.write_bytes({"flipped": bytes([salt[0] ^ 1]) + salt[1:], "cut": salt[:70], "another file": b"x" * 100}[harm])
    with pytest.raises(InputError, match="the salt is damaged or not one of gankit's.*restore it, name a secret of"):
        read_or_make_salt(file, users=False)


def test_a_salt_of_the_users_own_or_of_before_is_taken(tmp_path):
    """One that gankit made before has no digits of a check."""
    (tmp_path / "own").write_bytes(b"a sentence that nobody guesses")
    (tmp_path / "before").write_bytes(b"0123456789abcdef" * 4)
    assert read_or_make_salt(tmp_path / "own", users=True) == b"a sentence that nobody guesses"
    assert read_or_make_salt(tmp_path / "before", users=False) == b"0123456789abcdef" * 4


def test_imports_at_once_share_one_salt(tmp_path):
    """Whoever comes first makes it."""
    with ThreadPoolExecutor(8) as pool:
        salts = list(pool.map(lambda _: read_or_make_salt(tmp_path / "salt", users=True), range(8)))
    assert set(salts) == {(tmp_path / "salt").read_bytes()}
    assert [file.name for file in tmp_path.iterdir()] == ["salt"]


def test_ids_are_kept_where_the_user_asks_for_it(gankit_command, study, tmp_path):
    """And no salt is made."""
    assert gankit_command("import", "dicom", study, "--keep-ids", "-o", tmp_path / "c.safetensors").exit_code == 0
    assert set(read_cohort(tmp_path / "c.safetensors").patient) == {"Planted-0001"}
    assert not (tmp_path / "c.salt").exists()


def test_what_is_kept_between_runs_names_nobody_either(parts, study, tmp_path, part):
    """A part is arrays and a record in our own words."""
    text = json.dumps(part.record).lower()
    assert not [word for word in PLANTED if word in text]
