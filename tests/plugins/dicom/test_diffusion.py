"""Diffusion images by b-value: several directions, missing b-values, several series."""

import numpy as np
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._series.diffusion import shells
from gankit_dicom._series.series import group
from tests.plugins.dicom.scans import DIFFUSION, Grid, adc_values, body, write_diffusion, write_series, write_t2w

SMALL = Grid(size=24, pixel_mm=4.0, slices=4, gap_mm=6.0)
KIND = {"ScanningSequence": "EP", "EchoTime": 63, "ImageType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"],
        "SeriesDescription": "planted ep2d_diff"}  # fmt: skip


def signal(b, grid=SMALL, factor=1.0):
    places = grid.places()
    return (1500 + 1500 * body(places)) * np.exp(-b * 1e-6 * factor * adc_values(places))


def write(folder, b, phase, number=3, grid=SMALL, factor=1.0, **tags):
    """Images of one b-value and one direction; ``b`` None leaves the b-value out."""
    values = signal(b or 0, grid, factor)
    given = {} if b is None else {"DiffusionBValue": float(b)}
    return write_series(folder, number, values, grid, phase=phase, **{**KIND, **given, **tags})


def read(folder):
    (study,) = group(header for file in sorted(folder.iterdir()) for header in read_headers(file))
    return study.series[0].diffusion()


def direction(axis):
    return {
        "DiffusionDirectionality": "DIRECTIONAL",
        "DiffusionGradientOrientation": [float(axis == n) for n in range(3)],
    }


def test_directions_of_one_b_value_are_averaged_geometrically(tmp_path):
    """So the fit gives the mean of their ADC."""
    write(tmp_path, 0, 0)
    for axis, factor in enumerate((0.8, 1.0, 1.2)):
        write(tmp_path, 800, 1 + axis, factor=factor, **direction(axis))
    found = read(tmp_path)
    assert list(found.by_b) == [0, 800]
    np.testing.assert_allclose(found.by_b[800].array, signal(800), atol=1.5)
    assert found.notes == ("b 800: geometric mean of 3 images at each place",)


def test_a_signal_of_zero_in_one_direction_is_no_measurement(tmp_path):
    """The mean is 0 there, which the fit leaves out."""
    for axis in range(2):
        write_series(tmp_path, 3, np.where(np.arange(24) < 12 * axis, 0, signal(800)), SMALL, phase=axis,
                     DiffusionBValue=800.0, **KIND)  # fmt: skip
    values = read(tmp_path).by_b[800].array
    assert (values[..., :12] == 0).all()
    assert (values[..., 12:] > 0).all()


@pytest.mark.parametrize(
    "trace",
    [{"DiffusionDirectionality": "ISOTROPIC"}, {"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"]}],
)
def test_trace_images_go_before_single_directions(tmp_path, trace):
    """Where one series has both."""
    for axis in range(3):
        write(tmp_path, 800, axis, factor=1.5, **direction(axis))
    write(tmp_path, 800, 3, **trace)
    found = read(tmp_path)
    np.testing.assert_allclose(found.by_b[800].array, signal(800), atol=1)
    assert found.notes == ("b 800: trace images are taken, single directions left out",)


def test_an_unfinished_direction_is_left_out(tmp_path):
    """The others are averaged at each place."""
    for axis in range(3):
        files = write(tmp_path, 800, axis, InstanceNumber=1 + axis, **direction(axis))
    files[2].unlink()
    found = read(tmp_path)
    np.testing.assert_allclose(found.by_b[800].array, signal(800), atol=1)
    assert found.notes == (
        "b 800: 3 images that not every place has are left out",
        "b 800: geometric mean of 2 images at each place",
    )


def test_images_without_a_b_value_are_those_of_0_if_they_are_the_brightest(tmp_path):
    """As scanners leave it out where no gradient was on."""
    write(tmp_path, None, 0)
    write(tmp_path, 800, 1)
    found = read(tmp_path)
    assert list(found.by_b) == [0, 800]
    np.testing.assert_allclose(found.by_b[0].array, signal(0), atol=1)
    assert found.notes == ("b 0 are 4 images without a b-value, the brightest",)


@pytest.mark.parametrize(
    ("b", "tags"), [(0, {}), (400, direction(1)), (1200, {}), (400, {"phase": 1, "InstanceNumber": 7})]
)
def test_other_images_without_a_b_value_are_left_out(tmp_path, b, tags):
    """Beside those of b = 0, of a direction, darker than the rest, or in one place."""
    write(tmp_path, 0 if b == 0 else 800, 0)
    values = signal(400 if b == 0 else b)
    grid = (
        Grid(size=24, pixel_mm=4.0, slices=4, gap_mm=6.0, centre_mm=SMALL.centre_mm + 3) if "phase" in tags else SMALL
    )
    write_series(tmp_path, 3, values, grid, **{"phase": 2, **KIND, **tags})
    found = read(tmp_path)
    assert list(found.by_b) == [0 if b == 0 else 800]
    assert "4 images without a b-value left out" in found.notes


@pytest.mark.parametrize(("text", "b"), [("planted dwi b=800", 800), ("planted ep2d_diff_b1000", 1000)])
def test_the_description_says_the_b_value_where_nothing_else_does(tmp_path, text, b):
    """The report says that it is known by the description alone."""
    write(tmp_path, None, 0, SeriesDescription=text)
    found = read(tmp_path)
    assert list(found.by_b) == [b]
    assert found.notes == (f"b {b} is said by its description alone",)


def test_b_values_that_differ_by_the_imaging_gradients_are_one():
    """Small ones stay apart."""
    assert shells([995.0, 1000.0, 1005.0, 0.0, 5.0, 10.0]) == {
        0.0: {0.0}, 5.0: {5.0}, 10.0: {10.0}, 1000.0: {995.0, 1000.0, 1005.0}
    }  # fmt: skip


def adc_error(part):
    """Median of the difference from the truth, in 1e-6 mm2/s, where the crop is inside of the body."""
    return abs(np.median(part.modalities["adc"][:, 28:36, 28:36]) - 1520)


def test_a_b_value_that_makes_no_volume_costs_itself_alone(parts, tmp_path):
    """The ADC is computed from the rest, and the report says why."""
    write_t2w(tmp_path)
    write_diffusion(tmp_path, b_values=(50, 400, 800))
    next(tmp_path.glob("3-400-0-005")).unlink()
    (part,) = parts(tmp_path)
    assert part.record["adc"]["made"] == "computed from b 50, 800"
    assert "b 400 left out: 1 slice missing inside the stack" in part.record["series"][1]["reasons"]


def test_b_values_of_several_series_are_one_scan(parts, tmp_path):
    """One series each; the description says the b-value of one of them."""
    write_t2w(tmp_path)
    write(tmp_path, 0, 0, number=3, grid=DIFFUSION)
    write_series(tmp_path, 4, signal(800, DIFFUSION), DIFFUSION, **{**KIND, "SeriesDescription": "planted dwi b800"})
    (part,) = parts(tmp_path)
    assert part.record["adc"]["made"] == "computed from b 0, 800"
    assert adc_error(part) < 60


OTHER = Grid(size=36, pixel_mm=2.2, slices=10, gap_mm=3.0, centre_mm=DIFFUSION.centre_mm)


@pytest.mark.parametrize("other", [{"grid": OTHER}, {"EchoTime": 90}])
def test_series_whose_signals_do_not_compare_are_not_mixed(parts, tmp_path, other):
    """A stopped scan on another grid or with another echo time, before the whole one."""
    write_t2w(tmp_path)
    write(tmp_path, 800, 0, number=3, **{"grid": DIFFUSION, **other})
    write(tmp_path, 0, 0, number=4, grid=DIFFUSION)
    write(tmp_path, 800, 0, number=5, grid=DIFFUSION)
    (part,) = parts(tmp_path)
    used = {row["number"]: row["used"] for row in part.record["series"]}
    assert used == {1: "T2w", 2: "", 3: "diffusion", 4: "diffusion"}
    assert adc_error(part) < 60
