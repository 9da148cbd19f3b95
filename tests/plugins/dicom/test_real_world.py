"""What stored values mean: the mapping in the right unit, the rescale slope, a vendor's scaling."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._refused import Refused
from tests.plugins.dicom.scans import DIFFUSION, adc_values, write_adc, write_enhanced, write_t2w

ADC = adc_values(DIFFUSION.places())


def mapping(slope=None, intercept=0.0, unit="mm2/s", meaning="", table=None, first=0):
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", meaning or unit
    item = Dataset()
    item.add_new("RealWorldValueFirstValueMapped", "US", first)
    item.add_new("RealWorldValueLastValueMapped", "US", 65535 if table is None else first + len(table) - 1)
    item.MeasurementUnitsCodeSequence = [code]
    if table is None:
        item.RealWorldValueSlope, item.RealWorldValueIntercept = float(slope), float(intercept)
    else:
        item.RealWorldValueLUTData = [float(value) for value in table]
    return item


def written(folder, mappings, values=ADC, **tags):
    """An ADC series with these mappings."""
    return [add(file, mappings) for file in write_adc(folder, scale=values / ADC, **tags)]


def add(file, mappings):
    dataset = pydicom.dcmread(file)
    dataset.RealWorldValueMappingSequence = mappings
    dataset.save_as(file)
    return file


UNITS = {
    "mm2/s": 0.5e-6,
    "um2/s": 0.5,
    "10*-6.mm2/s": 0.5,
    "10-3mm2/s": 0.5e-3,
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("rescale", [{}, {"RescaleSlope": 3, "RescaleIntercept": 7}])
def test_an_adc_map_is_what_its_mapping_in_a_unit_of_diffusivity_says(tmp_path, unit, rescale):
    """Whatever the rescale slope is for, and beside mappings in other units."""
    others = [mapping(9.0, 1.0, "1", "no units"), mapping(UNITS[unit], 0, unit), mapping(4.0, 0, "ms")]
    file = written(tmp_path, others, 2 * ADC, **rescale)[4]
    (header,) = read_headers(file)
    (image,) = read_images([header])
    np.testing.assert_allclose(image, np.rint(2 * ADC[4]) / 2, rtol=1e-5)
    assert header.meaning.unit == "um2/s"


def test_the_meaning_of_a_unit_serves_where_its_code_does_not(tmp_path):
    """As where a code is a number of some scheme."""
    file = written(tmp_path, [mapping(0.5, 0, "113041", "um2/s")], 2 * ADC)[4]
    np.testing.assert_allclose(read_images(read_headers(file))[0], np.rint(2 * ADC[4]) / 2, rtol=1e-5)


def test_the_only_mapping_serves_where_the_rescale_slope_says_nothing(tmp_path):
    """In any unit; a rescale slope other than 1 goes before it."""
    file = written(tmp_path / "a", [mapping(0.5, 10, "1")], 2 * ADC, RescaleSlope=1, RescaleIntercept=0)[4]
    np.testing.assert_allclose(read_images(read_headers(file))[0], np.rint(2 * ADC[4]) / 2 + 10, rtol=1e-5)
    file = written(tmp_path / "b", [mapping(0.5, 10, "1")], 2 * ADC, RescaleSlope=3, RescaleIntercept=0)[4]
    np.testing.assert_allclose(read_images(read_headers(file))[0], np.rint(2 * ADC[4]) * 3, rtol=1e-5)


def test_a_table_maps_each_stored_value(tmp_path):
    """Values beside it are no measure."""
    table = np.sqrt(np.arange(400)) * 1e-6
    file = written(tmp_path, [mapping(unit="mm2/s", table=table, first=1000)])[4]
    stored = np.rint(ADC[4]).astype(int)
    inside = (stored >= 1000) & (stored < 1400)
    assert 0 < inside.mean() < 1
    expected = np.where(inside, np.sqrt(np.clip(stored - 1000, 0, 399)), np.nan)
    np.testing.assert_allclose(read_images(read_headers(file))[0], expected, rtol=1e-5)


def test_the_mapping_of_a_functional_group_is_read(tmp_path):
    """Shared by all frames, or of each."""
    frames = [(place, 2 * ADC[place], {}) for place in range(10)]
    kind = {"EffectiveEchoTime": 63.0, "FrameType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}
    file = write_enhanced(tmp_path, 4, frames, DIFFUSION, shared=kind)
    dataset = pydicom.dcmread(file)
    dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = [mapping(0.5e-6)]
    dataset.PerFrameFunctionalGroupsSequence[3].RealWorldValueMappingSequence = [mapping(0.25e-6)]
    dataset.save_as(file)
    images = read_images(read_headers(file))
    for place in range(10):
        np.testing.assert_allclose(images[place], np.rint(2 * ADC[place]) / (4 if place == 3 else 2), rtol=1e-5)


PHILIPS = {
    "its own rescale slope": ("Philips MR Imaging DD 005", {0x0A: ("DS", "0.5"), 0x09: ("DS", "3")}, (0.5, 3)),
    "its scale slope": ("Philips MR Imaging DD 001", {0x0E: ("FL", 2.0), 0x0D: ("FL", 4.0)}, (0.5, -2)),
}


@pytest.mark.parametrize("kind", PHILIPS)
@pytest.mark.parametrize("kept", [True, False])
def test_philips_own_scaling_serves_where_the_rescale_slope_is_gone(tmp_path, kind, kept):
    """Beside a rescale slope it is for something else and is not used."""
    creator, elements, (slope, intercept) = PHILIPS[kind]
    rescale = {"RescaleSlope": 0.75, "RescaleIntercept": 1} if kept else {}
    file = write_adc(tmp_path, **rescale)[4]
    dataset = pydicom.dcmread(file)
    block = dataset.private_block(0x2005, creator, create=True)
    for element, (vr, value) in elements.items():
        block.add_new(element, vr, value)
    dataset.save_as(file)
    (image,) = read_images(read_headers(file))
    expected = np.rint(ADC[4]) * (0.75 if kept else slope) + (1 if kept else intercept)
    np.testing.assert_allclose(image, expected, rtol=1e-6)


def test_slopes_of_each_image_make_one_volume(parts, tmp_path):
    """Each image uses all of its bits, and is rescaled by its own slope."""
    for write in (write_t2w, write_adc):
        for index, file in enumerate(write(tmp_path / "scans")):
            dataset = pydicom.dcmread(file)
            slope = round(0.4 + 0.02 * index, 2)
            stored = np.rint(dataset.pixel_array / slope)
            dataset.RescaleSlope, dataset.RescaleIntercept = slope, 0
            dataset.PixelData = stored.astype("<u2").tobytes()
            dataset.save_as(file)
        write(tmp_path / "plain")
    (part,), (plain,) = parts(tmp_path / "scans"), parts(tmp_path / "plain")
    np.testing.assert_allclose(part.modalities["adc"], plain.modalities["adc"], atol=1.0)
    np.testing.assert_allclose(part.modalities["t2w"], plain.modalities["t2w"], atol=5.0)


@pytest.mark.parametrize(("slope", "reason"), [(0.0, "slope of 0"), (-1e-6, "negative"), (float("nan"), "")])
def test_a_mapping_that_hides_or_turns_the_image_is_refused(tmp_path, slope, reason):
    """As a rescale slope that does so; a slope that is no number maps nothing."""
    file = written(tmp_path, [mapping(slope)])[4]
    if not reason:
        np.testing.assert_array_equal(read_images(read_headers(file))[0], np.rint(ADC[4]))
        return
    with pytest.raises(Refused, match=reason):
        read_headers(file)
