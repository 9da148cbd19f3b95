"""The formats of gankit_export: DICOM, NIfTI and PNG files that say they are synthetic."""

import io
import json
import shutil
import subprocess
import sys

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from gankit import InputError, load_model
from gankit.cli import main
from gankit.run.export import export, find_format, synthetic_slices

itk = pytest.importorskip("SimpleITK")


pydicom = pytest.importorskip("pydicom")


FORMATS = ("dicom", "nifti", "png")


@pytest.fixture(scope="module")
def model(spaced_run, plugins):
    return load_model(spaced_run, plugins=plugins)


@pytest.fixture(scope="module")
def folders(spaced_run, tmp_path_factory):
    """Two slices in each format, seed 3."""
    place = tmp_path_factory.mktemp("exports")
    for name in FORMATS:
        result = command("sample", spaced_run, "-n", 2, "-s", 3, "--format", name, "-o", place / name)
        assert result.exit_code == 0, result.output
    return place


def command(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments), "--device", "cpu"])


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", ["dicom", "nifti"])
def test_an_unknown_size_of_pixels_is_asked_for(model, plugins, tmp_path, name):
    """A format that needs the size refuses to invent it, and nothing is written; ``spacing_mm`` gives it."""
    blind = attrs.evolve(model, spacing_mm={})
    encode = find_format(name, plugins)
    with pytest.raises(InputError, match=r"adc: the model does not know the size of its pixels.*`spacing_mm` 1.5"):
        export(synthetic_slices(blind, 1, 0, None, print), 1, name, encode, tmp_path / "out", "export")
    assert not (tmp_path / "out").exists()
    export(synthetic_slices(blind, 1, 0, 2.5, print), 1, name, encode, tmp_path / "out", "export")
    (file,) = (tmp_path / "out").glob("*/adc.*")
    assert itk.ReadImage(str(file)).GetSpacing()[:2] == (2.5, 2.5)


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
        slices = synthetic_slices(oblong, 1, 0, None, print)
        export(slices, 1, name, find_format(name, plugins), tmp_path / name, "export")
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
        assert f"model mpmri-paper, 2 training steps, digest {model.digest}, seed 3, index 1" in text
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


TOO_NEW = "(0x0008,0x001c)"
"""SyntheticData, of 2023, which older verifiers do not know."""


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="needs dciodvfy of dicom3tools")
def test_a_verifier_finds_no_error_in_a_dicom_file(folders):
    """Clunie's dciodvfy, which knows every attribute of the MR Image IOD, and dcentvfy, which compares the files."""
    files = sorted((folders / "dicom").rglob("*.dcm"))
    for file in files:
        said = subprocess.run(["dciodvfy", file], capture_output=True, text=True)
        lines = (said.stdout + said.stderr).splitlines()
        assert "MRImage" in lines
        assert [line for line in lines if line.startswith("Error") and TOO_NEW not in line] == []
    said = subprocess.run(["dcentvfy", *files], capture_output=True, text=True)
    assert "Error" not in said.stdout + said.stderr


@pytest.mark.parametrize(
    ("unit", "times"), [("1e-6 mm2/s", 1e-6), ("1e-3 mm2/s", 1e-3), ("mm2/s", 1), ("1", None), ("ms", None)]
)
def test_a_diffusion_coefficient_is_mapped_to_real_world_values(model, plugins, unit, times):
    """In mm2/s, coded by UCUM, whatever power of ten the modality's unit has; other units have no mapping."""
    (synthetic,) = synthetic_slices(model, 1, 0, None, print)
    modalities = {name: attrs.evolve(spec, unit=unit) for name, spec in model.recipe.modalities.items()}
    content = find_format("dicom", plugins)(attrs.evolve(synthetic, modalities=modalities))["adc.dcm"]
    dataset = pydicom.dcmread(io.BytesIO(content))
    if times is None:
        assert "RealWorldValueMappingSequence" not in dataset
        return
    (mapping,) = dataset.RealWorldValueMappingSequence
    (code,) = mapping.MeasurementUnitsCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("mm2/s", "UCUM")
    assert (mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped) == (0, 65535)
    real = dataset.pixel_array * mapping.RealWorldValueSlope + mapping.RealWorldValueIntercept
    rescaled = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    np.testing.assert_allclose(real, rescaled * times, rtol=1e-6)


def test_what_is_exported_as_dicom_is_imported_with_its_values(folders, model):
    """One image of an import is what the model made, to half a step of 16 bit."""
    from gankit_dicom._dicom.headers import read_headers
    from gankit_dicom._dicom.pixels import read_images

    images = model.sample(2, 3)
    for name, high in (("adc", 3000), ("t2w", 700)):
        headers = read_headers(folders / f"dicom/synthetic-000001/{name}.dcm")
        assert headers[0].spacing_mm == (0.5, 0.5)
        np.testing.assert_allclose(read_images(headers)[0], images[name][1, 0].numpy(), atol=0.51 * high / 65535)


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
        slices = synthetic_slices(unequal, 1, 0, None, print)
        export(slices, 1, name, find_format(name, plugins), tmp_path / name, "export")
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
    assert (note["recipe"], note["digest"], note["seed"], note["index"]) == ("mpmri-paper", model.digest, 3, 1)
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
def test_channels_have_files_of_their_own_and_signals_are_refused(model, plugins, name):
    """What a format cannot hold is one clear line, not a picture of a part of it."""
    encode = find_format(name, plugins)
    (synthetic,) = synthetic_slices(model, 1, 0, None, print)
    adc = synthetic.images["adc"]
    two = attrs.evolve(synthetic, images={"adc": np.concatenate([adc, adc])})
    assert [file.split(".")[0] for file in encode(two)] == ["adc-0", "adc-1", "synthetic"]
    with pytest.raises(InputError, match="adc: is 16 x 16; this format takes"):
        encode(attrs.evolve(synthetic, images={"adc": adc[0]}))


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_export_gives_the_same_bytes(spaced_run, folders, tmp_path, name):
    """Files follow from model, seed and index: no clock, no random UID."""
    assert command("sample", spaced_run, "-n", 2, "-s", 3, "--format", name, "-o", tmp_path / "out").exit_code == 0
    assert contents(tmp_path / "out") == contents(folders / name)


@pytest.mark.parametrize(("name", "package"), [("dicom", "pydicom"), ("nifti", "SimpleITK")])
def test_a_missing_package_is_named(spaced_run, tmp_path, monkeypatch, name, package):
    """One line with what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    result = command("sample", spaced_run, "-n", 1, "--format", name, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert f"--format {name}: needs {package}; pip install 'gankit[dicom]'" in result.output


def test_dicom_tells_apart_what_was_given(model, plugins):
    """Two slices of one seed with other labels are two instances, and an image that was given is not synthetic."""
    plain = next(synthetic_slices(model, 1, 0, 1.5, print))
    encode = find_format("dicom", plugins)

    def read(synthetic):
        return pydicom.dcmread(io.BytesIO(encode(synthetic)["adc.dcm"]))

    images = [read(attrs.evolve(plain, given={"cs": cs})) for cs in ("0", "1")] + [read(plain)]
    for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert len({image[name].value for image in images}) == 3
    given = read(attrs.evolve(plain, unmade=("adc",)))
    assert "SyntheticData" not in given
    assert (given.SeriesDescription, given.ImageType[3]) == ("GIVEN adc", "GIVEN")
    assert images[0].SyntheticData == "YES"
