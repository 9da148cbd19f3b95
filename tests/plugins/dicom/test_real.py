"""Real patients, where the folder beside the repository has them."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from gankit import read_cohort
from gankit_dicom._options import Options

DATA = Path(__file__).parents[3].parent / "shared" / "data"
pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(not (DATA / "dicom").is_dir(), reason=f"no real patients in {DATA}"),
]


@pytest.fixture(scope="module")
def cohort(gankit_command, tmp_path_factory):
    out = tmp_path_factory.mktemp("real") / "real.safetensors"
    result = gankit_command("import", "dicom", DATA / "dicom", "--masks", DATA / "masks", "--keep-ids", "-o", out)
    assert result.exit_code == 0, result.output
    return read_cohort(out)


def test_the_three_patients_are_imported(cohort):
    """0218 alone has DCE, and no label."""
    assert set(cohort.patient) == {"ProstateX-0000", "ProstateX-0001", "ProstateX-0218"}
    assert set(cohort.patient[cohort.modalities["dce"].present]) == {"ProstateX-0218"}
    assert set(cohort.labels["cs"][cohort.patient == "ProstateX-0218"]) == {-1}


@pytest.mark.parametrize("patient", ["ProstateX-0000", "ProstateX-0001"])
def test_crops_agree_with_pairs_made_another_way(cohort, patient):
    """Same slices, labels and pixel size; correlation in the gland above 0.95 in every slice."""
    pairs = np.load(DATA / "pairs_64.npz")
    theirs, ours = pairs["patient_id"] == patient, cohort.patient == patient
    assert cohort.labels["cs"][ours].tolist() == pairs["is_cs"][theirs].tolist()
    np.testing.assert_allclose(cohort.spacing_mm[ours], pairs["spacing_mm"][theirs], rtol=1e-4)
    for name in ("t2w", "adc"):
        for mine, other, label in zip(
            cohort.modalities[name].values[ours, 0], pairs[name][theirs], pairs["label"][theirs], strict=True
        ):
            assert np.corrcoef(mine[label > 0], other[label > 0])[0, 1] > 0.95
    adc, other = cohort.modalities["adc"].values[ours, 0], pairs["adc"][theirs]
    assert np.median(adc[pairs["label"][theirs] > 0]) == pytest.approx(
        np.median(other[pairs["label"][theirs] > 0]), rel=0.02
    )


def test_a_computed_adc_agrees_with_the_scanners(parts, tmp_path):
    """Patient 0000 has both; the computed map sees the T2w grid and the same tissue."""
    (tmp_path / "scans").mkdir()
    for series in (DATA / "dicom" / "ProstateX-0000").glob("*/[46].*"):
        (tmp_path / "scans" / series.name).symlink_to(series)
    files = [file for folder in (tmp_path / "scans").iterdir() for file in folder.iterdir()]
    links = tmp_path / "links"
    links.mkdir()
    for number, file in enumerate(files):
        (links / str(number)).symlink_to(file.resolve())
    (computed,) = parts(links, masks=DATA / "masks")
    (scanner,) = parts(DATA / "dicom" / "ProstateX-0000", masks=DATA / "masks")
    assert computed.record["adc"]["made"] == "computed from b 50, 400, 800"
    gland = (scanner.tissue > 0) & (scanner.modalities["adc"] > 300)
    both = scanner.modalities["adc"][gland], computed.modalities["adc"][gland]
    assert np.corrcoef(*both)[0, 1] > 0.95
    assert np.median(both[1]) == pytest.approx(np.median(both[0]), rel=0.05)


@pytest.mark.parametrize(("size", "slice_spacing"), [((16, 64, 64), None), ((24, 48, 64), 2.0)])
def test_a_volume_is_what_simpleitk_samples_around_the_gland(parts, size, slice_spacing):
    """On a grid along the T2w's axes by arithmetic of the test's own: equal but for rounding."""
    scans = DATA / "dicom" / "ProstateX-0000"
    options = Options(items="volumes", size=size, slice_spacing=slice_spacing)
    (part,) = parts(scans, masks=DATA / "masks", options=options)
    (folder,) = scans.glob("*/7.*")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    adc = sitk.Cast(sitk.DICOMOrient(reader.Execute(), "LPS"), sitk.sitkFloat32)
    mask = sitk.DICOMOrient(sitk.ReadImage(str(DATA / "masks" / "11373_1001396_Yuan23.nii.gz")), "LPS")

    # The middle of the gland's box; at the T2w's own distance, planes are slices.
    middle = [float(at.min() + at.max()) / 2 for at in np.nonzero(sitk.GetArrayFromImage(mask))[::-1]]
    if slice_spacing is None:
        middle[2] = np.ceil(middle[2] - size[0] / 2) + (size[0] - 1) / 2
    spacing = np.array([part.spacing_mm, part.spacing_mm, slice_spacing or mask.GetSpacing()[2]])
    axes = np.array(mask.GetDirection()).reshape(3, 3)
    origin = mask.TransformContinuousIndexToPhysicalPoint(middle) - axes @ (spacing * (np.array(size[::-1]) - 1) / 2)
    grid = (size[::-1], sitk.Transform(), sitk.sitkLinear, origin.tolist(), spacing.tolist(), mask.GetDirection())
    expected = sitk.GetArrayFromImage(sitk.Resample(adc, *grid))
    np.testing.assert_allclose(part.modalities["adc"][0], expected, atol=0.1)


@pytest.mark.parametrize("given", ["nifti", "nifti/ProstateX-0003"])
def test_the_nifti_patient_is_imported(parts, given):
    """T2w, ADC and a map of zones and lesion; no slice is CS."""
    (part,) = parts(DATA / given, "volumes")
    assert len(part) == 18
    assert set(part.cs.tolist()) == {0}
    pairs = np.load(DATA / "pairs_64.npz")
    theirs = pairs["patient_id"] == "ProstateX-0003"
    gland = pairs["label"][theirs] > 0
    for name in ("t2w", "adc"):
        assert np.corrcoef(part.modalities[name][gland], pairs[name][theirs][gland])[0, 1] > 0.95
