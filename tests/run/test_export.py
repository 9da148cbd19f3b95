"""``gankit sample --format``: folders of DICOM, NIfTI and PNG files that say they are synthetic."""

import json
import sys

import attrs
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import gankit
from gankit import InputError, PluginError, RunError, load_model, read_cohort, train
from gankit.cli import main
from gankit.cohort.fit import pixel_sizes
from gankit.run.export import export, find_format, synthetic_slices

pydicom = pytest.importorskip("pydicom")
itk = pytest.importorskip("SimpleITK")

FORMATS = ("dicom", "nifti", "png")


@pytest.fixture(scope="module")
def cohort(tiny_cohort):
    """Pixels of 0.5 mm in patients with cancer, of 9 mm in others, unknown in the first."""
    spacing_mm = np.where(tiny_cohort.labels["cs"] == 1, 0.5, 9).astype(np.float32)
    spacing_mm[0] = np.nan
    return attrs.evolve(tiny_cohort, spacing_mm=spacing_mm)


@pytest.fixture(scope="module")
def run(tiny_recipe, cohort, plugins, tmp_path_factory):
    """A run of two steps on slices whose spacing is known."""
    path = tmp_path_factory.mktemp("export") / "run"
    torch.set_num_threads(1)
    train(tiny_recipe(**{"training.steps": 2}), path, device="cpu", plugins=plugins, cohort=cohort, quiet=True)
    return path


@pytest.fixture(scope="module")
def model(run, plugins):
    return load_model(run, plugins=plugins)


@pytest.fixture(scope="module")
def folders(run, tmp_path_factory):
    """Two slices in each format, seed 3."""
    place = tmp_path_factory.mktemp("exports")
    for name in FORMATS:
        result = command("sample", run, "-n", 2, "-s", 3, "--format", name, "-o", place / name)
        assert result.exit_code == 0, result.output
    return place


def command(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments), "--device", "cpu"])


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# Spacing --------------------------------------------------------------------------------------------------


def test_a_model_knows_the_size_of_its_pixels(model):
    """The median over the slices training approaches, those with cancer, whose spacing is known."""
    assert model.spacing_mm == {"adc": (0.5, 0.5), "t2w": (0.5, 0.5)}


def test_averaged_pixels_are_larger(tiny_recipe, cohort):
    """At half the size a pixel is twice as large, along each axis by its own blocks."""
    recipe = tiny_recipe()
    shapes = {"adc": (1, 8, 8), "t2w": (1, 16, 4)}
    smaller = {name: attrs.evolve(spec, shape=shapes[name]) for name, spec in recipe.modalities.items()}
    assert pixel_sizes(cohort, attrs.evolve(recipe, modalities=smaller)) == {"adc": (1.0, 1.0), "t2w": (0.5, 2.0)}


def test_a_cohort_without_spacing_gives_none(tiny_recipe, tiny_cohort, cohort):
    """Nothing is made up: neither where nothing is known nor where it is known of other slices only."""
    assert pixel_sizes(tiny_cohort, tiny_recipe()) == {}
    others = np.where(cohort.labels["cs"] == 1, np.nan, cohort.spacing_mm)
    assert pixel_sizes(attrs.evolve(cohort, spacing_mm=others), tiny_recipe()) == {}


def test_a_sampled_cohort_has_the_spacing(run, tmp_path):
    """``-o FILE.safetensors`` keeps it for whoever reads the cohort."""
    assert command("sample", run, "-n", 2, "-o", tmp_path / "s.safetensors").exit_code == 0
    assert read_cohort(tmp_path / "s.safetensors").spacing_mm.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("name", ["dicom", "nifti"])
def test_an_unknown_size_of_pixels_is_asked_for(model, plugins, tmp_path, name):
    """A format that needs the size refuses to invent it, and nothing is written; ``spacing_mm`` gives it."""
    blind = attrs.evolve(model, spacing_mm={})
    encode = find_format(name, plugins)
    with pytest.raises(InputError, match=r"adc: the model does not know the size of its pixels.*`spacing_mm` 1.5"):
        export(synthetic_slices(blind, 1, 0, None, print), 1, name, encode, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export(synthetic_slices(blind, 1, 0, 2.5, print), 1, name, encode, tmp_path / "out")
    (file,) = (tmp_path / "out").glob("*/adc.*")
    assert itk.ReadImage(str(file)).GetSpacing()[:2] == (2.5, 2.5)


# What is in the files -------------------------------------------------------------------------------------


def test_each_slice_has_a_folder_with_a_file_for_each_modality(folders):
    """Beside them a note says what the slice is."""
    suffixes = {"dicom": ".dcm", "nifti": ".nii.gz", "png": ".png"}
    for name, suffix in suffixes.items():
        assert sorted(path.name for path in (folders / name).iterdir()) == [
            "export.json",
            "synthetic-000000",
            "synthetic-000001",
        ]
        inside = {path.name for path in (folders / name / "synthetic-000001").iterdir()}
        assert inside == {f"adc{suffix}", f"t2w{suffix}", "synthetic.json"}


def test_dicom_and_nifti_hold_the_values_in_their_units(folders, model):
    """SimpleITK reads them with spacing: NIfTI to the bit, DICOM to half a step of 16 bit."""
    images = model.sample(2, 3)
    for name, high in (("adc", 3000), ("t2w", 700)):
        dicom = itk.ReadImage(str(folders / f"dicom/synthetic-000001/{name}.dcm"))
        nifti = itk.ReadImage(str(folders / f"nifti/synthetic-000001/{name}.nii.gz"))
        assert dicom.GetSpacing()[:2] == nifti.GetSpacing() == (0.5, 0.5)
        assert nifti.GetPixelID() == itk.sitkFloat32
        wanted = images[name][1, 0].numpy()
        np.testing.assert_array_equal(itk.GetArrayFromImage(nifti), wanted)
        np.testing.assert_allclose(itk.GetArrayFromImage(dicom)[0], wanted, atol=0.51 * high / 65535)


def test_oblong_pixels_keep_their_sides(model, plugins, tmp_path):
    """Rows and columns are not swapped: DICOM names the distance of rows first, ITK that of columns."""
    oblong = attrs.evolve(model, spacing_mm={"adc": (2.0, 1.0), "t2w": (2.0, 1.0)})
    for name in ("dicom", "nifti"):
        export(synthetic_slices(oblong, 1, 0, None, print), 1, name, find_format(name, plugins), tmp_path / name)
        (file,) = (tmp_path / name).glob("*/adc.*")
        assert itk.ReadImage(str(file)).GetSpacing()[:2] == (1.0, 2.0)
    assert pydicom.dcmread(tmp_path / "dicom/synthetic-000000/adc.dcm").PixelSpacing == [2.0, 1.0]


def test_a_dicom_file_says_in_words_that_it_is_synthetic(folders, model):
    """A derived secondary MR image without any date, whose attributes name the model."""
    dataset = pydicom.dcmread(folders / "dicom/synthetic-000001/adc.dcm")
    assert dataset.SOPClassUID == dataset.file_meta.MediaStorageSOPClassUID == pydicom.uid.MRImageStorage
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
    assert dataset.Modality == "MR"
    assert list(dataset.ImageType)[:2] == ["DERIVED", "SECONDARY"]
    assert dataset.SyntheticData == "YES"
    assert str(dataset.PatientName).startswith("SYNTHETIC^")
    for text in (dataset.ImageComments, dataset.DerivationDescription):
        assert text.startswith("SYNTHETIC image, no patient was scanned.")
        assert f"model mpmri, 2 training steps, digest {model.digest}, seed 3, index 1" in text
    assert "1e-6 mm2/s" in dataset.ImageComments
    assert dataset.BurnedInAnnotation == "NO"
    assert (dataset.BitsStored, dataset.PixelRepresentation) == (16, 0)
    assert not [element for element in dataset.iterall() if element.VR in ("DA", "TM", "DT") and element.value]


MR_TYPE_1 = """SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality FrameOfReferenceUID ImageType
    SamplesPerPixel PhotometricInterpretation Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation
    PixelSpacing ImageOrientationPatient ImagePositionPatient ScanningSequence SequenceVariant PixelData"""
MR_TYPE_2 = """PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID
    AccessionNumber SeriesNumber PatientPosition PositionReferenceIndicator Manufacturer InstanceNumber SliceThickness
    ScanOptions MRAcquisitionType EchoTime EchoTrainLength RepetitionTime"""


def test_a_dicom_file_is_a_legal_mr_image(folders):
    """PS3.3 A.4: what is type 1 has a value, and what is type 2 is there."""
    dataset = pydicom.dcmread(folders / "dicom/synthetic-000000/t2w.dcm")
    assert [name for name in MR_TYPE_1.split() if name not in dataset or dataset[name].is_empty] == []
    assert [name for name in MR_TYPE_2.split() if name not in dataset] == []


def test_the_modalities_of_a_slice_are_one_study(folders):
    """Registered images share a frame of reference; slices, which are of different patients, do not."""
    adc, t2w = (pydicom.dcmread(folders / f"dicom/synthetic-000000/{name}.dcm") for name in ("adc", "t2w"))
    other = pydicom.dcmread(folders / "dicom/synthetic-000001/adc.dcm")
    for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert adc[name].value == t2w[name].value
        assert adc[name].value != other[name].value
    for name in ("SeriesInstanceUID", "SOPInstanceUID"):
        assert len({each[name].value for each in (adc, t2w, other)}) == 3
        assert all(each[name].value.is_valid for each in (adc, t2w, other))


def test_modalities_of_other_pixel_sizes_are_one_study_and_meet_at_a_corner(model, plugins, tmp_path):
    """Positions are those of the first pixel's middle."""
    unequal = attrs.evolve(model, spacing_mm={"adc": (2.0, 2.0), "t2w": (1.0, 1.0)})
    for name in ("dicom", "nifti"):
        export(synthetic_slices(unequal, 1, 0, None, print), 1, name, find_format(name, plugins), tmp_path / name)
        for modality, corner in (("adc", 1.0), ("t2w", 0.5)):
            (file,) = (tmp_path / name).glob(f"*/{modality}.*")
            assert itk.ReadImage(str(file)).GetOrigin()[:2] == (corner, corner)
    adc, t2w = (pydicom.dcmread(tmp_path / f"dicom/synthetic-000000/{name}.dcm") for name in ("adc", "t2w"))
    assert (adc.StudyInstanceUID, adc.FrameOfReferenceUID) == (t2w.StudyInstanceUID, t2w.FrameOfReferenceUID)


def test_a_png_is_16_bit_in_the_window_that_its_note_names(folders, model):
    """Grey g stands for black + (white - black) g / 65535."""
    folder = folders / "png/synthetic-000001"
    note = json.loads((folder / "synthetic.json").read_text())
    assert note["synthetic"] is True
    assert note["statement"].startswith("SYNTHETIC image")
    assert (note["recipe"], note["digest"], note["seed"], note["index"]) == ("mpmri", model.digest, 3, 1)
    for name in ("adc", "t2w"):
        picture, said = Image.open(folder / f"{name}.png"), note["files"][f"{name}.png"]
        grey = np.array(picture)
        assert grey.dtype == np.uint16
        assert "SYNTHETIC" in picture.text["Comment"]
        values = said["black"] + (said["white"] - said["black"]) * grey / 65535
        np.testing.assert_allclose(values, model.sample(2, 3)[name][1, 0].numpy(), atol=(said["white"]) / 65535)


def test_a_png_clips_what_is_outside_the_window(model, plugins):
    """A window narrower than the range is what a reader wants to look at."""
    narrow = {name: attrs.evolve(spec, window=(200, 201)) for name, spec in model.recipe.modalities.items()}
    (synthetic,) = synthetic_slices(model, 1, 0, None, print)
    files = find_format("png", plugins)(attrs.evolve(synthetic, modalities=narrow))
    assert json.loads(files["synthetic.json"])["files"]["adc.png"]["black"] == 200


@pytest.mark.parametrize("name", FORMATS)
def test_channels_have_files_of_their_own_and_volumes_are_refused(model, plugins, name):
    """What a format cannot hold is one clear line, not a picture of a part of it."""
    encode = find_format(name, plugins)
    (synthetic,) = synthetic_slices(model, 1, 0, None, print)
    adc = synthetic.images["adc"]
    two = attrs.evolve(synthetic, images={"adc": np.concatenate([adc, adc])})
    assert [file.split(".")[0] for file in encode(two)] == ["adc-0", "adc-1", "synthetic"]
    with pytest.raises(InputError, match="adc: is 1 x 1 x 16 x 16; this format takes"):
        encode(attrs.evolve(synthetic, images={"adc": adc[None]}))


# The folder -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_export_gives_the_same_bytes(run, folders, tmp_path, name):
    """Files follow from model, seed and index: no clock, no random UID."""
    assert command("sample", run, "-n", 2, "-s", 3, "--format", name, "-o", tmp_path / "out").exit_code == 0
    assert contents(tmp_path / "out") == contents(folders / name)


def test_an_export_that_was_cut_short_is_completed(run, tmp_path):
    """The same command again writes what is missing, and keeps files of the user's own beside it."""
    words = ("sample", run, "-n", 2, "--format", "png", "-o", tmp_path / "out")
    command(*words)
    whole = contents(tmp_path / "out")
    (tmp_path / "out/synthetic-000001/t2w.png").unlink()
    (tmp_path / "out/synthetic-000001/my-mask.png").write_bytes(b"mine")
    assert command(*words).exit_code == 0
    (tmp_path / "out/synthetic-000001/my-mask.png").unlink()
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("change", [("-s", 1), ("-n", 3), ("--format", "nifti"), ("--spacing-mm", 2)])
def test_another_export_is_not_mixed_into_a_folder(run, tmp_path, change):
    """Slices of two seeds, formats or sizes in one folder could not be told apart."""
    words = ("sample", run, "-n", 2, "--format", "png", "-o", tmp_path / "out")
    command(*words)
    before = contents(tmp_path / "out")
    result = command(*words, *change)
    assert result.exit_code == 2
    assert "holds other files than this export; nothing was written, choose a new one" in result.output
    assert contents(tmp_path / "out") == before


def test_a_folder_of_the_users_is_left_alone(run, tmp_path):
    """Whatever lies there was not made by this export; an empty folder is taken."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("all of it")
    assert command("sample", run, "--format", "png", "-o", tmp_path / "mine").exit_code == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    assert command("sample", run, "-n", 1, "--format", "png", "-o", tmp_path / "empty").exit_code == 0


def test_what_fails_on_the_way_is_a_run_error(model, plugins, tmp_path):
    """A place that cannot be written is the disk's fault, not the user's input."""
    (tmp_path / "file").write_text("")
    slices = synthetic_slices(model, 1, 0, None, print)
    with pytest.raises(RunError, match="cannot be written"):
        export(slices, 1, "png", find_format("png", plugins), tmp_path / "file/out")


WRONG = {
    "--format dcm -o out": "--format dcm: no such format; did you mean 'dicom'?; accepted: dicom, nifti, png",
    "-o out": "-o out: unknown kind of file ''; accepted: .safetensors, .npz, .png; for a folder give --format",
    "-o empty.png": "-o empty.png: is a folder; name a file, or give --format",
    "--format png -o file.png": "-o file.png: is the name of a file; with --format name a new folder",
    "--spacing-mm 1 -o sheet.png": "--spacing-mm: is for --format",
    "--format png --spacing-mm 0 -o out": "Invalid value for '--spacing-mm'",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_options_are_one_line(run, tmp_path, monkeypatch, line):
    """Exit code 2, and not a file more than before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.png").write_text("mine")
    (tmp_path / "empty.png").mkdir()
    result = command("sample", run, *line.split())
    assert result.exit_code == 2
    assert WRONG[line] in result.output
    assert {path.name for path in tmp_path.rglob("*")} == {"file.png", "empty.png"}


@pytest.mark.parametrize(("name", "package"), [("dicom", "pydicom"), ("nifti", "SimpleITK")])
def test_a_missing_package_is_named(run, tmp_path, monkeypatch, name, package):
    """One line with what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    result = command("sample", run, "-n", 1, "--format", name, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert f"--format {name}: needs {package}; pip install 'gankit[dicom]'" in result.output


# A plugin's own format ------------------------------------------------------------------------------------


def test_a_plugin_adds_a_format(model, plugins, tmp_path, monkeypatch):
    """One function from a slice to named bytes is the whole contract."""
    (tmp_path / "their_format.py").write_text("def encode(slice): return {'words.txt': slice.statement().encode()}\n")
    monkeypatch.syspath_prepend(tmp_path)
    theirs = attrs.evolve(plugins, export_formats={"words": "their_format:encode", "broken": "their_format:nothing"})
    encode = find_format("words", theirs)
    export(synthetic_slices(model, 2, 0, None, print), 2, "words", encode, tmp_path / "out")
    assert "index 1" in (tmp_path / "out/synthetic-000001/words.txt").read_text()
    with pytest.raises(PluginError, match=r"format 'broken' cannot be imported from 'their_format:nothing': Attrib"):
        find_format("broken", theirs)


def test_a_slice_says_which_gankit_made_it(model):
    """The statement is plain ASCII, short enough for every field that holds it."""
    (synthetic,) = synthetic_slices(model, 1, 0, None, print)
    assert synthetic.statement().isascii()
    assert gankit.__version__ in synthetic.statement()
    assert len(synthetic.statement()) < 1024


def test_many_slices_show_their_progress(run, tmp_path):
    """More than one batch of latents is worth a line; few are not."""
    assert "sampling" not in command("sample", run, "-n", 4, "-o", tmp_path / "s.npz").output
    assert "sampling 70/70" in command("sample", run, "-n", 70, "-o", tmp_path / "s.npz").output
