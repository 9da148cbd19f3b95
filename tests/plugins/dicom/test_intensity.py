"""T2w has arbitrary units: neither their scale and offset nor a bright coil decides what the gland looks like."""

from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK as sitk

from gankit_dicom._options import Options
from gankit_dicom._part import Part
from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import Volume
from gankit_dicom._slices.intensity import levels, percentile_scale, without_bias
from gankit_dicom._slices.locator import locate
from gankit_dicom._slices.modalities import _checked_t2w
from tests.plugins.dicom.scans import CENTRE_MM, COLUMN, T2W, t2w_values, write_adc, write_series, write_t2w

UNITS = [(0.001, 0.0), (1000.0, 0.0), (1.0, 500.0), (1.0, -2000.0), (0.37, -11.5)]
"""Slope and intercept."""


def noisy() -> np.ndarray:
    """The made-up patient with noise, off the middle of the stack, in whole numbers."""
    values = np.roll(t2w_values(T2W.places()), 5, axis=2)
    return np.rint(values + np.random.default_rng(3).normal(0, 30, values.shape)).clip(0, 4095).astype(np.float32)


def image(values: np.ndarray) -> sitk.Image:
    made = sitk.GetImageFromArray(values.astype(np.float32))
    made.SetSpacing((T2W.pixel_mm, T2W.pixel_mm, T2W.gap_mm))
    return made


@pytest.mark.parametrize(("slope", "intercept"), UNITS)
def test_levels_are_the_same_whatever_slope_and_intercept(slope, intercept):
    """To the bit, and a level leads back to the units."""
    values = noisy()
    one, other = levels(image(values)), levels(image(values * np.float32(slope) + np.float32(intercept)))
    assert sitk.GetArrayFromImage(one.image).tobytes() == sitk.GetArrayFromImage(other.image).tobytes()
    assert one.in_units(100) * slope + intercept == pytest.approx(other.in_units(100), rel=1e-4)


@pytest.mark.parametrize(("slope", "intercept"), UNITS)
def test_values_between_whole_numbers_keep_their_proportions(slope, intercept):
    """As after interpolation: no lattice, so equal but for rounding."""
    values = noisy() + np.random.default_rng(1).random(noisy().shape)
    one, other = (sitk.GetArrayFromImage(levels(image(each)).image) for each in (values, values * slope + intercept))
    assert one.min() == 0
    assert one.max() == pytest.approx(65535)
    np.testing.assert_allclose(one, other, atol=15)


def test_a_volume_of_one_value_is_refused():
    with pytest.raises(Refused, match="do not vary"):
        levels(image(np.full((4, 20, 20), 7.0)))


@pytest.mark.parametrize(("slope", "intercept"), UNITS)
def test_the_locator_and_the_check_of_t2w_see_the_same_in_all_units(slope, intercept):
    values = noisy()
    other = values * np.float32(slope) + np.float32(intercept)
    assert locate(image(values)) == locate(image(other))
    assert _checked_t2w(Volume(image=image(other), frame=""))


@pytest.mark.parametrize(("slope", "intercept"), UNITS)
def test_the_crop_has_the_same_bytes_in_all_units(parts: Callable[..., list[Part]], tmp_path, slope, intercept):
    """Where it is inside of the volume."""
    made = []
    for name, tags in (("plain", {}), ("other", {"RescaleSlope": slope, "RescaleIntercept": intercept})):
        write_series(tmp_path / name, 2, noisy(), T2W, ScanningSequence="SE", EchoTime=104, **tags)
        write_adc(tmp_path / name)
        made += parts(tmp_path / name, options=Options(gland=1.0))
    plain, other = made
    assert plain.record["crop"] == other.record["crop"]
    assert plain.modalities["t2w"].tobytes() == other.modalities["t2w"].tobytes()
    assert plain.record["t2w"]["high"] * slope + intercept == pytest.approx(other.record["t2w"]["high"], rel=1e-4)


@pytest.mark.parametrize("slope", [0.001, 1000.0, 0.37])
def test_there_is_no_signal_beyond_the_volume_whatever_its_scale(parts, tmp_path, slope):
    """The crop is wider than the volume, so its range begins at 0 of the scanner's units."""
    made = []
    for name, tags in (("plain", {}), ("other", {"RescaleSlope": slope, "RescaleIntercept": 0})):
        write_t2w(tmp_path / name, **tags)
        write_adc(tmp_path / name)
        made += parts(tmp_path / name)
    plain, other = made
    np.testing.assert_allclose(plain.modalities["t2w"], other.modalities["t2w"], atol=0.01)
    assert plain.record["t2w"]["low"] == pytest.approx(0, abs=1e-6)
    assert (plain.modalities["t2w"][:, 0] == 0).all()


def test_a_volume_with_values_below_0_has_no_signal_at_its_smallest():
    assert levels(image(noisy() - 2000)).nothing == 0
    assert levels(image(noisy() + 500)).nothing == pytest.approx(-500 - noisy().min())


def bright(places: np.ndarray, where: str) -> np.ndarray:
    """How many times as bright: a coil behind the gland, an implant beside it, or a bladder in front of it."""
    down = (places - CENTRE_MM) @ COLUMN
    if where == "coil":
        return 1 + 12 * np.exp(-(((down - 26) / 9) ** 2))
    if where == "implant":
        return np.where(np.linalg.norm(places - CENTRE_MM - [30, 0, 0], axis=-1) < 10, 12.0, 1.0)
    return np.where((down < -20), 11.0, 1.0)


def write_bright(folder, where: str) -> None:
    places = T2W.places()
    values = (100 + t2w_values(places) / 2) * bright(places, where)
    write_series(folder, 2, values, T2W, ScanningSequence="SE", EchoTime=104)
    write_adc(folder)


@pytest.mark.parametrize(
    ("where", "bias"), [("coil", "none"), ("implant", "none"), ("bladder", "none"), ("coil", "n4"), ("bladder", "n4")]
)
def test_a_bright_neighbour_does_not_press_the_gland_into_the_dark(parts, tmp_path, where, bias):
    """With and without bias correction; the share that is cut is recorded."""
    write_bright(tmp_path / "scans", where)
    (part,) = parts(tmp_path / "scans", options=Options(bias=bias))
    assert np.median(part.modalities["t2w"][4:7, 28:34, 24:30]) > 135
    assert 0.001 < part.record["t2w"]["cut"] <= 0.25
    assert part.record["t2w"]["bias"] == bias


def test_the_mask_says_where_the_gland_is(parts, masks, tmp_path):
    write_bright(tmp_path / "scans", "coil")
    (part,) = parts(tmp_path / "scans", masks=masks)
    assert np.median(part.modalities["t2w"][part.tissue > 0]) > 145


def test_an_ordinary_range_ends_at_its_percentiles():
    """The gland is less than 4.5 times as high below the end; nothing outside of the volume counts."""
    values = np.random.default_rng(2).random((4, 32, 32))
    gland = np.zeros(values.shape, dtype=bool)
    gland[:, 8:24, 8:24] = True
    values[:, 0] = np.nan
    scale = percentile_scale(values, gland, (0.5, 99.5), 4.5, (0, 700))
    assert (scale.low, scale.high) == pytest.approx(tuple(np.nanpercentile(values, [0.5, 99.5])))
    assert (scale.apply(values)[:, 0] == 0).all()


def test_a_dark_middle_cuts_no_more_than_a_quarter():
    values = np.random.default_rng(2).random((4, 32, 32))
    gland = np.zeros(values.shape, dtype=bool)
    gland[:, 12:20, 12:20] = True
    values[gland] /= 100
    scale = percentile_scale(values, gland, (0.5, 99.5), 4.5, (0, 700))
    assert (values > scale.high).mean() == pytest.approx(0.25, abs=0.01)


def test_bias_correction_levels_a_smooth_field_and_is_the_same_each_time():
    field = np.exp(0.8 * np.sin(np.linspace(-1.5, 1.5, T2W.size)))[None, :, None]
    flat = 300 + 0.5 * noisy()
    corrected = [sitk.GetArrayFromImage(without_bias(image(flat * field))) for _ in range(2)]
    assert corrected[0].tobytes() == corrected[1].tobytes()

    def spread(values: np.ndarray) -> float:
        return np.std(np.log(values.mean(axis=(0, 2)) / flat.mean(axis=(0, 2))))

    assert spread(corrected[0]) < 0.4 * spread(flat * field)


def test_bias_correction_is_an_option_of_the_command(gankit_command, tmp_path):
    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans")
    out = tmp_path / "c.safetensors"
    assert gankit_command("import", "dicom", tmp_path / "scans", "--bias", "n4", "-o", out).exit_code == 0
    assert "after N4 bias correction" in (tmp_path / "c.report.html").read_text()
    refused = gankit_command("import", "dicom", tmp_path / "scans", "--bias", "n3", "-o", out)
    assert refused.exit_code == 2


def test_a_crop_without_a_voxel_is_refused():
    """As of a volume of a few rows."""
    with pytest.raises(Refused, match="no voxel"):
        percentile_scale(np.full((1, 4, 4), np.nan), np.ones((1, 4, 4), bool), (1, 99), 2.0, (0, 700))
