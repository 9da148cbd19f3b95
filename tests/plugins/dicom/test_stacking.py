"""Images to one stack where headers are rounded, wrong about the gap, or scaled image by image."""

import numpy as np
import pydicom
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._refused import Refused
from gankit_dicom._series.series import group
from gankit_dicom._series.volume import corners
from tests.plugins.dicom.scans import COLUMN, NORMAL, ROW, T2W, Grid, change, t2w_values, write_adc, write_t2w

TURN = np.deg2rad(7)
TURNED = np.cos(TURN) * ROW + np.sin(TURN) * COLUMN, np.cos(TURN) * COLUMN - np.sin(TURN) * ROW


def series(files):
    (study,) = group(header for file in files if file.exists() for header in read_headers(file))
    (one,) = study.series
    return one


def round_headers(files, *, position=None, orientation=None):
    for file in files:
        dataset = pydicom.dcmread(file)
        if position is not None:
            dataset.ImagePositionPatient = [round(float(value), position) for value in dataset.ImagePositionPatient]
        if orientation is not None:
            cosines = [round(float(value), orientation) for value in dataset.ImageOrientationPatient]
            dataset.ImageOrientationPatient = cosines
        dataset.save_as(file)


@pytest.mark.parametrize("gap_mm", [3.0, 3.3, 1.25, 0.75])
@pytest.mark.parametrize("rounding", [{"position": 1}, {"orientation": 3}, {"position": 1, "orientation": 3}])
def test_rounded_positions_and_cosines_move_no_corner_by_a_fifth_of_a_millimetre(tmp_path, gap_mm, rounding):
    """Errors of single slices do not add up over the stack."""
    grid = Grid(size=32, pixel_mm=2.0, slices=24, gap_mm=gap_mm, row=TURNED[0], column=TURNED[1])
    files = write_t2w(tmp_path, grid=grid)
    exact = corners(series(files).volume().image)
    round_headers(files, **rounding)
    rounded = series(files).volume()
    assert np.abs(corners(rounded.image) - exact).max() < 0.2
    directions = np.array(rounded.image.GetDirection()).reshape(3, 3)
    np.testing.assert_allclose(directions.T @ directions, np.eye(3), atol=1e-12)


def test_rounded_cosines_are_said(tmp_path):
    """In the report, since what counts is not what the header says."""
    files = write_t2w(tmp_path, grid=Grid(size=32, pixel_mm=2.0, slices=9, gap_mm=3.0, row=TURNED[0], column=TURNED[1]))
    assert series(files).notes == ()
    round_headers(files, orientation=3)
    assert series(files).notes == ("its direction cosines are rounded; the nearest orthonormal ones count",)


@pytest.mark.parametrize("gap_mm", [3.3, 1.25])
def test_a_slice_that_is_missing_among_rounded_positions_is_missed(tmp_path, gap_mm):
    """Rounding is no excuse for a hole."""
    files = write_t2w(tmp_path, grid=Grid(size=32, pixel_mm=2.0, slices=24, gap_mm=gap_mm))
    round_headers(files, position=1, orientation=3)
    files[11].unlink()
    with pytest.raises(Refused, match="1 slice missing inside the stack"):
        series(files).volume()


@pytest.mark.parametrize("said_mm", [0.6, 2.4, 4.5, 30.0, -0.3])
def test_positions_count_where_spacing_between_slices_is_wrong(tmp_path, said_mm):
    """Some scanners write the gap between slices, 0, or what was planned; the report says so."""
    files = write_t2w(tmp_path, SpacingBetweenSlices=said_mm)
    one = series(files)
    assert one.volume().spacing_mm[2] == pytest.approx(3.0, abs=1e-6)
    assert one.notes == (f"its headers say {abs(said_mm):.2f} mm between slices; positions count, 3.00 mm",)


@pytest.mark.parametrize("said_mm", [3.0, -3.0, 0.0, None])
def test_nothing_is_said_of_a_right_or_missing_spacing_between_slices(tmp_path, said_mm):
    """Nor of its sign."""
    assert series(write_t2w(tmp_path, SpacingBetweenSlices=said_mm)).notes == ()


def test_each_image_is_rescaled_by_its_own_slope_and_intercept(tmp_path):
    """Each may use all of its own bits."""
    files = write_t2w(tmp_path)
    for number, file in enumerate(files):
        slope, intercept = 0.25 + 0.03 * number, -2.0 * number
        stored = np.rint((pydicom.dcmread(file).pixel_array - intercept) / slope).astype("<u2")
        change(file, RescaleSlope=slope, RescaleIntercept=intercept, PixelData=stored.tobytes())
    wanted = np.rint(t2w_values(T2W.places()))
    assert np.abs(series(files).volume().array - wanted).max() < 0.3


def test_an_adc_of_many_slopes_is_imported_as_one_of_one_slope(parts, tmp_path):
    """To the rounding of stored values."""
    write_t2w(tmp_path / "one")
    write_adc(tmp_path / "one")
    write_t2w(tmp_path / "many")
    for number, file in enumerate(write_adc(tmp_path / "many")):
        slope = 0.5 + 0.02 * number
        stored = np.rint(pydicom.dcmread(file).pixel_array / slope).astype("<u2")
        change(file, RescaleSlope=slope, RescaleIntercept=0, PixelData=stored.tobytes())
    (one,), (many,) = parts(tmp_path / "one"), parts(tmp_path / "many")
    np.testing.assert_allclose(many.modalities["adc"], one.modalities["adc"], atol=1)


def test_slices_that_drift_are_refused_however_they_are_rounded(tmp_path):
    """As in a stack that is not upright on its plane."""
    files = write_t2w(tmp_path)
    for number, file in enumerate(files):
        position = np.array(pydicom.dcmread(file).ImagePositionPatient, dtype=float) + 0.2 * number * ROW
        change(file, ImagePositionPatient=[round(value, 1) for value in position])
    with pytest.raises(Refused, match="shifted against each other"):
        series(files).volume()


def test_the_normal_of_the_grid_is_the_images_own(tmp_path):
    """Cross product of row and column."""
    image = series(write_t2w(tmp_path)).volume().image
    np.testing.assert_allclose(np.array(image.GetDirection()).reshape(3, 3)[:, 2], NORMAL, atol=1e-6)
