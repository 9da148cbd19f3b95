"""ADC maps: their unit, told for each by itself, and values that no ADC has."""

import attrs
import numpy as np
import pytest
import SimpleITK as sitk

from gankit_dicom._dicom.units import mm2_per_s
from gankit_dicom._protocol import FOLDER, load_protocol
from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import Volume
from gankit_dicom._slices.adc import WRONG_UNIT, checked_adc, computed_adc
from tests.plugins.dicom.scans import (
    DIFFUSION,
    T2W,
    adc_values,
    t2w_values,
    write_adc,
    write_series,
    write_t2w,
    write_volume,
)

PROTOCOL = load_protocol("prostatex")
RULE = PROTOCOL.adc


def volume(values):
    return Volume(image=sitk.GetImageFromArray(np.asarray(values, dtype=np.float32)), frame="")


def times(factor, by):
    """What the report says of a map that was multiplied."""
    return "a map as given" if factor == 1 else f"a map as given, times {factor:.10g} to 1e-6 mm2/s by {by}"


def adc(median=1300.0, size=8):
    """Values around a median, which is in their middle too."""
    return median * (1 + 0.1 * np.sin(np.arange(size**3) + 0.5)).reshape(size, size, size)


@pytest.mark.parametrize("others", [slice(1, None, 2), slice(0, 1), slice(0, 4)])
@pytest.mark.parametrize("times_as_much", [1e3, 1e-3])
def test_a_map_whose_slices_are_in_several_units_is_refused(others, times_as_much):
    """Whichever unit most are in: the median of the whole would fit, and some slices would be wrong in silence."""
    values = adc()
    values[others] *= times_as_much
    with pytest.raises(Refused, match="its slices are in several units: their medians are .* to .*; export it anew"):
        checked_adc(volume(values), RULE)


@pytest.mark.parametrize("empty", [slice(0, 2), slice(7, 8)])
def test_slices_that_show_nothing_are_of_no_unit(empty):
    """As those above and below what was scanned."""
    values = adc()
    values[empty] = 0
    values[empty, 4, 4] = 1
    assert checked_adc(volume(values), RULE).made == "a map as given"


@pytest.mark.parametrize(
    ("unit", "of_one"),
    [
        ("mm2/s", 1),
        ("mm²/s", 1),
        ("MM^2/S", 1),
        ("mm2.s-1", 1),
        ("10-3 mm2/s", 1e-3),
        ("10^-3 mm^2/s", 1e-3),
        ("1e-3mm2/s", 1e-3),
        ("x10⁻³ mm²/s", 1e-3),
        ("[10^-3 mm2/s]", 1e-3),
        ("0.001 mm2/s", 1e-3),
        ("um2/ms", 1e-3),
        ("10-6 mm2/s", 1e-6),
        ("*10-6 mm2/s", 1e-6),
        ("10*-6.mm2/s", 1e-6),
        ("mm2/s x 10^-6", 1e-6),
        ("1E-06 mm2/s", 1e-6),
        ("µm2/s", 1e-6),
        ("um^2/s", 1e-6),
        ("10-9 mm2/s", 1e-9),
        ("10-9 m2/s", 1e-3),
        ("1000 mm2/s", 1e3),
    ],
)
def test_units_of_diffusivity_are_read_as_scanners_spell_them(unit, of_one):
    """By UCUM and by habit."""
    assert mm2_per_s(unit) == pytest.approx(of_one)


@pytest.mark.parametrize("unit", ["", "US", "HU", "normalized", "s/mm2", "mm2", "mm/s", "ms", "10-3"])
def test_other_units_are_none_of_diffusivity(unit):
    """So the values decide."""
    assert mm2_per_s(unit) is None


@pytest.mark.parametrize(
    ("unit", "stored"),
    [("mm2/s", 1e-6), ("10-3 mm2/s", 1e-3), ("um2/s", 1), ("10-6 mm2/s", 1), ("10-9 mm2/s", 1e3), ("10-5 mm2/s", 0.1)],
)
def test_a_map_is_taken_in_the_unit_of_its_header(unit, stored):
    """Also in one that values alone would not tell."""
    found = checked_adc(volume(stored * adc()), RULE, unit)
    assert np.median(found.array) == pytest.approx(1300, rel=0.02)
    assert found.made == times(1 / stored, "its header's unit")
    assert not found.notes


@pytest.mark.parametrize("median", [450.0, 1300.0, 2900.0])
@pytest.mark.parametrize("factor", [1, 1e3, 1e-3, 0.1, 1e6])
def test_a_map_without_a_unit_is_taken_in_the_unit_that_its_values_fit(factor, median):
    """What it was multiplied by is said."""
    stored = adc(median) / factor
    found = checked_adc(volume(stored), RULE)
    np.testing.assert_allclose(found.array, adc(median), rtol=1e-5)
    assert found.made == times(factor, "its values")


def test_a_header_whose_unit_does_not_fit_is_not_believed():
    """The values decide, and a warning says so."""
    found = checked_adc(volume(adc()), RULE, "10-3 mm2/s")
    assert np.median(found.array) == pytest.approx(1300, rel=0.02)
    assert found.notes == (WRONG_UNIT,)


@pytest.mark.parametrize("median", [5.0, 60.0, 5e4, 1e5, 2e7, 1e-5])
def test_a_map_that_fits_no_unit_is_refused_with_those_that_were_tried(median):
    """And with what an ADC has."""
    with pytest.raises(Refused, match="300 to 3500 1e-6 mm2/s; factors tried: 1, 1000, 0.001, 0.1, 1000000; "):
        checked_adc(volume(adc(median)), RULE)


def test_the_protocols_scale_goes_before_everything():
    """Where the result is an ADC's."""
    rule = attrs.evolve(RULE, scale=20.0)
    found = checked_adc(volume(adc(65)), rule, "10-3 mm2/s")
    assert np.median(found.array) == pytest.approx(1300, rel=0.02)
    assert found.made == "a map as given, times 20 to 1e-6 mm2/s by the protocol's scale"
    with pytest.raises(Refused, match="times the protocol's scale of 20 is 2.603e"):
        checked_adc(volume(adc()), rule)


@pytest.mark.parametrize("wrong", [-5.0, -1500.0, 4095.0])
def test_voxels_that_no_adc_has_are_counted_and_cut(wrong):
    """Up to the protocol's share."""
    values = adc()
    values[2:4, 2, 2:4] = wrong
    found = checked_adc(volume(values), RULE)
    assert found.outside == pytest.approx(4 / 64)
    assert found.array.min() >= 0
    assert found.array.max() <= 4000
    values[2:4, 2:4, 2:4] = wrong
    with pytest.raises(Refused, match="12% of its voxels are negative or above 4000e-6 mm2/s; accepted: 10%"):
        checked_adc(volume(values), RULE)
    assert checked_adc(volume(values), attrs.evolve(RULE, outside=0.2)).outside == pytest.approx(8 / 64)


def test_voxels_without_a_measurement_are_not_counted():
    """A scanner's 0 is no negative value."""
    values = adc()
    values[2:4] = 0
    assert checked_adc(volume(values), RULE).outside == 0


def test_padding_is_no_measurement():
    """Though it is stored as the lowest, perhaps negative, value."""
    values, padding = adc(), np.zeros((8, 8, 8))
    padding[:, 4:] = 1
    values[:, 4:], values[0, 0, 0] = -40, -40
    found = checked_adc(attrs.evolve(volume(values), padding=volume(padding).image), RULE)
    assert found.outside == 0
    assert (found.array[:, 4:] == 0).all()


def test_a_signal_that_rises_with_b_is_refused():
    """As where b-values are confused."""
    signal = {b: volume(1000 * np.exp(-b * 1e-6 * adc())) for b in (0.0, 800.0)}
    assert computed_adc(signal, PROTOCOL.dwi, RULE)[0].made == "computed from b 0, 800"
    with pytest.raises(Refused, match="zero in its middle"):
        computed_adc({0.0: signal[800.0], 800.0: signal[0.0]}, PROTOCOL.dwi, RULE)


def write_mine(file, key):
    file.write_text((FOLDER / "prostatex.toml").read_text().replace("outside = 0.1 ", f"{key} #"))
    return str(file)


def test_each_study_of_an_import_has_its_own_unit(parts, tmp_path):
    """Two sites, three ways to store a map; the report says what was done."""
    forms = {
        "Planted-1": {},
        "Planted-2": {"RescaleSlope": "0.001", "RescaleIntercept": "0"},
        "Planted-3": {"RescaleSlope": "1000", "RescaleIntercept": "0", "RescaleType": "10-9 mm2/s"},
        "Planted-4": {"RescaleSlope": "10", "RescaleIntercept": "0"},
    }
    for patient, tags in forms.items():
        write_t2w(tmp_path / patient, patient=patient)
        write_adc(tmp_path / patient, patient=patient, **tags)
    found = parts(tmp_path)
    for part in found[1:]:
        np.testing.assert_allclose(part.modalities["adc"], found[0].modalities["adc"], rtol=1e-4, atol=0.01)
    assert [part.record["adc"]["made"].removeprefix("a map as given") for part in found] == [
        "",
        ", times 1000 to 1e-6 mm2/s by its values",
        ", times 0.001 to 1e-6 mm2/s by its header's unit",
        ", times 0.1 to 1e-6 mm2/s by its values",
    ]


def test_a_unit_that_the_values_do_not_tell_is_taken_if_the_protocol_says_so(parts, tmp_path):
    """``[adc] scale``, in a copy of the shipped protocol."""
    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans", RescaleSlope="0.05", RescaleIntercept="0")
    (refused,) = parts(tmp_path / "scans")
    assert "factors tried" in " ".join(refused.record["series"][-1]["reasons"])
    (part,) = parts(tmp_path / "scans", protocol=write_mine(tmp_path / "mine.toml", "scale = 20"))
    assert 1000 < np.median(part.modalities["adc"][:, 20:-20, 20:-20]) < 1700


@pytest.mark.parametrize("stored", [1, 1e-3, 1e3, 10])
def test_a_file_of_a_volume_is_taken_in_the_unit_that_its_values_fit(parts, tmp_path, stored):
    """Files do not say it."""
    write_volume(tmp_path / "P_1_t2w.mha", t2w_values(T2W.places()))
    write_volume(tmp_path / "P_1_adc.mha", stored * adc_values(DIFFUSION.places()), DIFFUSION)
    (part,) = parts(tmp_path, "volumes")
    assert 1000 < np.median(part.modalities["adc"][:, 20:-20, 20:-20]) < 1700


def test_the_share_of_impossible_voxels_is_in_the_report(gankit_command, tmp_path):
    """One block of a signed map is negative."""
    write_t2w(tmp_path / "scans")
    values = adc_values(DIFFUSION.places())
    values[:, 18:22, 16:20] = 0
    tags = {"RescaleSlope": "1", "RescaleIntercept": "-201", "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}
    write_series(tmp_path / "scans", 4, values + 200, DIFFUSION, ScanningSequence="EP", EchoTime=63, **tags)
    result = gankit_command("import", "dicom", tmp_path / "scans", "-o", tmp_path / "c.safetensors")
    assert result.exit_code == 0, result.output
    assert "4.0% of the map's middle were negative or above 4000" in (tmp_path / "c.report.html").read_text()


NAMES = {
    "ADC": True,
    "adc": True,
    "ADC (10^-6 mm2/s)": True,
    "ADC_map": True,
    "ADCmap": True,
    "tra-ADC": True,
    "DWI/ADC": True,
    "ep2d_diff_ADC": True,
    "Reg - [ADC] b50-800": True,
    "dADC": True,
    "Apparent Diffusion Coefficient": True,
    "eADC": False,
    "e-ADC": False,
    "E ADC": False,
    "exponential ADC": False,
    "Exp. ADC": False,
    "exp_ADC": False,
    "expADC_map": False,
    "ADC (exponential)": False,
    "DWI_noADC": False,
    "DWI no ADC": False,
    "ep2d_diff": False,
    "head": False,
}


@pytest.mark.parametrize("name", NAMES)
def test_a_map_may_be_known_by_its_name_alone(parts, tmp_path, name):
    """Whatever parts its words; the exponential map and a scan without a map have the word in them, too."""
    write_t2w(tmp_path)
    write_adc(tmp_path, ImageType=["DERIVED", "SECONDARY", "PROCESSED"], SeriesDescription=name)
    (part,) = parts(tmp_path)
    assert (len(part) > 0) == NAMES[name]


@pytest.mark.parametrize(
    "tags", [{"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"]}, {"phase": 1, "DiffusionBValue": 800.0}]
)
def test_a_name_alone_makes_no_map_of_diffusion_images(parts, tmp_path, tags):
    """Trace images and images of several b-values, whose description names the map that is made of them."""
    write_t2w(tmp_path)
    kind = {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER"], "SeriesDescription": "planted DWI and ADC"}
    write_adc(tmp_path, **{**kind, "DiffusionBValue": 50.0})
    write_adc(tmp_path, **{**kind, "DiffusionBValue": 50.0, **tags})
    (part,) = parts(tmp_path)
    assert part.record["series"][1]["used"] != "ADC"
