"""Synthetic volumes as NIfTI, DICOM, arrays and sheets, opened again by other programs."""

import shutil
import subprocess

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from gankit import InputError, interpolate, load_model, load_recipe, read_cohort, train
from gankit.cli import main
from gankit.run.export import export, find_format, synthetic_slices

itk = pytest.importorskip("SimpleITK")
pydicom = pytest.importorskip("pydicom")

RECIPE = """
name = "thick"
cohort = { use = "phantom", depth = 8, size = 32, patients_cs = 4, patients_noncs = 4, train_cs = 4, train_noncs = 4, \
test_cs = 2, test_noncs = 2 }
pools.cs = { label = "cs" }
latent.dim = 8
training = { steps = 2, batch = 2, sample_every = 2, checkpoint_every = 2 }

[modalities]
adc = { shape = [1, 8, 16, 16], range = [0, 3000], unit = "1e-6 mm2/s" }
t2w = { shape = [1, 8, 16, 16], range = [0, 700] }
lesion = { shape = [1, 8, 16, 16], range = [0, 1], mask = "lesion" }

[networks]
encoder = { use = "conv-encoder", width = 2 }
decoder = { use = "stitch-decoder", width = 2, factor = [1, 2, 2], start = [2, 2, 2] }
mask_decoder = { use = "stitch-decoder", width = 2, factor = 1, start = [2, 4, 4] }
translator = { use = "unet", width = 2, depth = [1, 2, 2] }
critic = { use = "conv-critic", width = 2 }

[synthesizer]
adc = { network = "decoder", from = "latent" }
lesion = { network = "mask_decoder", from = "latent" }
t2w = { network = "translator", from = "adc" }

[[phases]]
use = "reconstruct"
encode = { network = "encoder", from = "adc" }
pool = "cs"
terms = [{ use = "l2", on = "adc" }]

[[phases]]
use = "synthesize"
terms = [{ use = "wgan-gp", on = ["adc", "t2w", "lesion"], critic = "critic", against = "cs" }]
"""
"""Volumes of 8 planes 9 mm apart, of 32 x 32 pixels of 70 / 32 mm, of which four become one."""
PIXEL_MM, APART_MM = 70 / 16, 9.0


@pytest.fixture(scope="module")
def run(tmp_path_factory, plugins):
    file = tmp_path_factory.mktemp("thick") / "thick.toml"
    file.write_text(RECIPE)
    return train(load_recipe(file, {}, plugins), file.with_suffix(""), device="cpu", plugins=plugins, quiet=True).path


@pytest.fixture(scope="module")
def model(run, plugins):
    return load_model(run, plugins=plugins)


@pytest.fixture(scope="module")
def folders(run, tmp_path_factory):
    place = tmp_path_factory.mktemp("exports")
    for name in ("dicom", "nifti"):
        result = command("sample", run, "-n", 2, "-s", 3, "--format", name, "-o", place / name)
        assert result.exit_code == 0, result.output
    return place


def command(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments), "--device", "cpu"])


def test_a_model_of_volumes_knows_its_voxels(model, run, tmp_path):
    """The pixels, averaged four to one, and the distance of planes; a sampled cohort has both."""
    assert model.spacing_mm == dict.fromkeys(("adc", "t2w", "lesion"), (PIXEL_MM, PIXEL_MM))
    assert model.slice_spacing_mm == dict.fromkeys(("adc", "t2w", "lesion"), APART_MM)
    command("sample", run, "-n", 2, "-o", tmp_path / "s.safetensors")
    cohort = read_cohort(tmp_path / "s.safetensors")
    assert cohort.slice_spacing_mm.tolist() == [APART_MM] * 2
    assert cohort.truth["lesion"].shape == (2, 8, 16, 16)


def test_nifti_volumes_open_with_spacing_and_axes(folders, model):
    """SimpleITK and nibabel: values to the bit, mm of three axes; columns go to the left, rows to the back, planes to
    the head."""
    wanted = model.sample(2, 3)
    for name in ("adc", "t2w", "lesion"):
        image = itk.ReadImage(str(folders / f"nifti/synthetic-000001/{name}.nii.gz"))
        np.testing.assert_allclose(image.GetSpacing(), (PIXEL_MM, PIXEL_MM, APART_MM), rtol=1e-6)
        assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
        np.testing.assert_array_equal(itk.GetArrayFromImage(image), wanted[name][1, 0].numpy())
    nibabel = pytest.importorskip("nibabel")
    affine = nibabel.load(folders / "nifti/synthetic-000001/adc.nii.gz").affine
    np.testing.assert_allclose(affine[:3, :3], np.diag([-PIXEL_MM, -PIXEL_MM, APART_MM]), rtol=1e-6)  # RAS


def test_dicom_volumes_are_axial_series_in_one_frame_of_reference(folders, model):
    """Each modality of each sample is a series, which ITK stacks to the volume with its spacing."""
    wanted = model.sample(2, 3)
    reader = itk.ImageSeriesReader()
    frames, series = set(), set()
    for index in range(2):
        folder = folders / f"dicom/synthetic-{index:06d}"
        found = reader.GetGDCMSeriesIDs(str(folder))
        assert len(found) == 3
        headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in sorted(folder.glob("*.dcm"))]
        assert len({header.FrameOfReferenceUID for header in headers}) == 1
        assert len({header.SOPInstanceUID for header in headers}) == 24
        frames |= {header.FrameOfReferenceUID for header in headers}
        series |= set(found)
        for name, high in (("adc", 3000), ("t2w", 700)):
            own = [header for header in headers if header.SeriesDescription == f"SYNTHETIC {name}"]
            assert [header.InstanceNumber for header in own] == list(range(1, 9))
            assert {header.SpacingBetweenSlices for header in own} == {APART_MM}
            assert [header.ImagePositionPatient[2] for header in own] == [4.5 + 9 * k for k in range(8)]
            assert all(header.ImageOrientationPatient == [1, 0, 0, 0, 1, 0] for header in own)
            reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), own[0].SeriesInstanceUID))
            image = reader.Execute()
            np.testing.assert_allclose(image.GetSpacing(), (PIXEL_MM, PIXEL_MM, APART_MM), rtol=1e-5)
            values = wanted[name][index, 0].numpy()
            np.testing.assert_allclose(itk.GetArrayFromImage(image), values, atol=0.51 * high / 65535)
    assert len(frames) == 2
    assert len(series) == 6


def test_dicom_volumes_are_valid(folders):
    """The validator of dicom3tools finds no error but in Synthetic Data, which is younger than it."""
    if (dciodvfy := shutil.which("dciodvfy")) is None:
        pytest.skip("dciodvfy of Debian's dicom3tools is not installed")
    for file in sorted(folders.glob("dicom/*000/*plane-00[07].dcm")):
        said = subprocess.run([dciodvfy, file], capture_output=True, text=True).stderr
        wrong = [line for line in said.splitlines() if "Error" in line and "(0x0008,0x001c)" not in line]
        assert "MRImage" in said
        assert not wrong


def test_the_distance_of_planes_may_be_given_and_is_asked_for(model, plugins, tmp_path):
    """A format does not invent it."""
    blind = attrs.evolve(model, slice_spacing_mm={})
    for name in ("nifti", "dicom"):
        encode = find_format(name, plugins)
        with pytest.raises(InputError, match=r"adc: the model does not know the distance of its planes.*_mm` 3"):
            export(synthetic_slices(blind, 1, 0, None, print), 1, name, encode, tmp_path / name, "export")
        assert not (tmp_path / name).exists()
    slices = synthetic_slices(blind, 1, 0, 1.0, print, slice_spacing_mm=2.5)
    export(slices, 1, "nifti", find_format("nifti", plugins), tmp_path / "out", "export")
    assert itk.ReadImage(str(tmp_path / "out/synthetic-000000/adc.nii.gz")).GetSpacing() == (1, 1, 2.5)


def test_pictures_of_volumes_are_refused_as_files_of_slices(run, tmp_path):
    """PNG holds planes; the message says what it takes."""
    result = command("sample", run, "-n", 1, "--format", "png", "-o", tmp_path / "png")
    assert result.exit_code == 2
    assert "adc: is 1 x 8 x 16 x 16; this format takes (channels, height, width)" in result.output


def test_a_distance_of_planes_is_for_volumes_in_files(spaced_run, run, tmp_path):
    """A model of slices has none, and a cohort file has that of the training volumes."""
    result = command("sample", spaced_run, "-n", 1, "--format", "nifti", "--slice-spacing-mm", 3, "-o", tmp_path / "a")
    assert "--slice-spacing-mm: is of volumes, and the model makes none" in result.output
    result = command("sample", run, "-n", 1, "--slice-spacing-mm", 3, "-o", tmp_path / "a.npz")
    assert "--slice-spacing-mm: is for --format" in result.output


def test_arrays_and_sheets_of_volumes(run, tmp_path):
    """.npz has (n, C, D, H, W); a sheet is a picture with room for three planes of each volume."""
    command("sample", run, "-n", 3, "-o", tmp_path / "s.npz")
    assert np.load(tmp_path / "s.npz")["t2w"].shape == (3, 1, 8, 16, 16)
    command("sample", run, "-n", 3, "-o", tmp_path / "s.png")
    assert Image.open(tmp_path / "s.png").width > 3 * 90
    assert list((run / "samples").glob("*.png"))


def test_strips_between_two_volumes_show_planes_as_far_apart_as_they_are(model, tmp_path):
    """Planes that lie four times as far apart make a taller picture, as on every other sheet."""
    tall = []
    for apart in (APART_MM, 4 * APART_MM):
        far = attrs.evolve(model, slice_spacing_mm=dict.fromkeys(model.slice_spacing_mm, apart))
        interpolate(far, tmp_path / f"{apart:g}.png", between=1)
        tall.append(Image.open(tmp_path / f"{apart:g}.png").height)
    assert tall[1] > 1.5 * tall[0]
