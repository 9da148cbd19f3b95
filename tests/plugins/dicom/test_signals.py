"""ADC fits, enhancement, registration and the locator, on numbers whose answer is known."""

import numpy as np
import pytest
import SimpleITK as sitk

from gankit_dicom._protocol import load_protocol
from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import Volume
from gankit_dicom._slices.adc import computed_adc, decay
from gankit_dicom._slices.dce import enhancement, relative
from gankit_dicom._slices.locator import locate
from gankit_dicom._slices.registration import mutual_information, refine
from tests.plugins.dicom.scans import T2W, body, dynamic_values, gland, lesion, t2w_values

PROTOCOL = load_protocol("prostatex")
WHOLE = (slice(0, 10), slice(0, 72), slice(0, 72))


def image(values, grid=T2W):
    made = sitk.GetImageFromArray(values.astype(np.float32))
    made.SetSpacing((grid.pixel_mm, grid.pixel_mm, grid.gap_mm))
    made.SetOrigin(grid.places()[0, 0, 0].tolist())
    made.SetDirection(np.stack([grid.row, grid.column, np.cross(grid.row, grid.column)], axis=1).ravel().tolist())
    return made


def volume(values):
    return Volume(image=image(values), frame="")


@pytest.mark.parametrize("b", [(0, 1000), (50, 400, 800), (0, 100, 500, 900)])
def test_a_mono_exponential_decay_gives_back_its_adc(b):
    """ln S = ln S0 - b ADC, whatever S0."""
    adc = np.linspace(300, 3000, 24).reshape(2, 3, 4)
    signal = np.stack([(100 + adc) * np.exp(-value * 1e-6 * adc) for value in b])
    np.testing.assert_allclose(decay(np.array(b, dtype=float), signal), adc, rtol=1e-4)


def test_voxels_without_a_signal_are_marked_by_zero():
    """As scanners do; where the signal rises, the ADC is negative."""
    signal = np.array([[[[100.0, 100.0, 0.0]]], [[[120.0, 50.0, 10.0]]]])
    fitted = decay(np.array([0.0, 1000.0]), signal)
    assert fitted[0, 0].tolist() == pytest.approx([-182.3, 693.1, 0.0], abs=0.1)


def test_b_values_beyond_the_range_and_of_perfusion_are_left_out():
    """b 0 is dropped where 50 to 800 suffice, 1400 always."""
    adc = np.full((3, 4, 4), 1200.0)
    by_b = {b: volume(1000 * np.exp(-b * 1e-6 * adc)) for b in (0.0, 50.0, 400.0, 800.0, 1400.0)}
    assert computed_adc(by_b, PROTOCOL.dwi, PROTOCOL.adc)[1] == (50.0, 400.0, 800.0)
    assert computed_adc({b: by_b[b] for b in (0.0, 800.0)}, PROTOCOL.dwi, PROTOCOL.adc)[1] == (0.0, 800.0)
    with pytest.raises(Refused, match="an ADC needs two"):
        computed_adc({b: by_b[b] for b in (0.0, 1400.0)}, PROTOCOL.dwi, PROTOCOL.adc)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ((0, 100, 400), (100, 400)),
        ((0, 100, 399), (0, 100, 399)),
        ((0, 100, 200, 300), (100, 200, 300)),
        ((0, 800), (0, 800)),
        ((0, 1005), (0, 1005)),
        ((0, 1000, 1021), (0, 1000)),
    ],
)
def test_b_values_of_perfusion_are_left_out_where_enough_remain(given, used):
    """Three others, or two that are 300 s/mm2 apart: closer ones would make noise of the slope."""
    by_b = {float(b): volume(np.full((3, 4, 4), 1000 * np.exp(-b / 1000))) for b in given}
    assert computed_adc(by_b, PROTOCOL.dwi, PROTOCOL.adc)[1] == used


def test_enhancement_is_signal_over_baseline_minus_one():
    """Never below 0, and 0 where the baseline is noise."""
    values = relative(np.array([300.0, 90.0, 100.0, 8.0]), np.array([100.0, 100.0, 100.0, 1.0]))
    np.testing.assert_allclose(values, [2.0, 0.0, 0.0, 0.0])


def test_phases_are_put_in_order_of_time_before_anything_else():
    """The order they were given in changes nothing."""
    places = T2W.places()
    phases = [(time, volume(dynamic_values(places, time))) for time in (0.0, 10.0, 20.0, 30.0, 45.0, 60.0, 200.0)]
    found, shuffled = enhancement(phases, PROTOCOL.dce), enhancement(phases[::-1], PROTOCOL.dce)
    np.testing.assert_array_equal(found.early.array, shuffled.early.array)
    assert found.arrival_s == 20.0
    assert found.early.array[lesion(places)].mean() > found.early.array[gland(places) & ~lesion(places)].mean() > 0.4


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        ((0, 10), "2 phases"),
        ((0, 10, 10, 40), "two phases at one time"),
        ((0, 5, 10), "no enhancement"),
        ((0, 20, 90), "no phase 10 to 40 s"),
    ],
)
def test_phases_that_show_no_early_enhancement_are_refused(times, reason):
    """With the reason."""
    places = T2W.places()
    with pytest.raises(Refused, match=reason):
        enhancement([(float(time), volume(dynamic_values(places, time))) for time in times], PROTOCOL.dce)


def test_refinement_finds_a_known_shift_and_keeps_it():
    """3 mm sideways: the mutual information rises, and places move by about as much."""
    fixed = image(t2w_values(T2W.places()))
    shifted = image(1500 - t2w_values(T2W.places() + np.array([3.0, 0, 0])))
    found = refine(fixed, shifted, WHOLE, "rigid", seed=0)
    assert found.kept == "rigid"
    assert dict(found.figures)["rigid"] > dict(found.figures)["header"]
    moved = found.transform.TransformPoint(fixed.TransformContinuousIndexToPhysicalPoint((36, 36, 5)))
    np.testing.assert_allclose(
        np.subtract(moved, fixed.TransformContinuousIndexToPhysicalPoint((36, 36, 5))), [-3, 0, 0], atol=0.7
    )


def test_refinement_keeps_the_header_where_nothing_improves():
    """An image on itself cannot get better."""
    fixed = image(t2w_values(T2W.places()) + np.random.default_rng(0).normal(0, 30, (10, 72, 72)))
    found = refine(fixed, fixed, WHOLE, "rigid", seed=0)
    assert found.kept == "header"
    assert found.transform is None
    assert dict(found.figures)["header"] == pytest.approx(mutual_information(fixed, fixed, sitk.Transform()))


@pytest.mark.parametrize("shift_mm", [-9, 0, 12])
def test_the_locator_finds_the_plane_of_symmetry(shift_mm):
    """Of a body that lies off the middle of the stack."""
    places = T2W.places() - [shift_mm, 0, 0]
    sideways = np.abs((places - T2W.centre_mm) @ [1.0, 0, 0])
    place = locate(image(100 * body(places) + 300 * np.exp(-(((sideways - 25) / 6) ** 2))))
    assert (place.centre[0] - 35.5) * T2W.pixel_mm == pytest.approx(shift_mm, abs=1.6)
    assert place.centre[1] == 35.5
