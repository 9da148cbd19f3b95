"""The b-value of one image: the standard's element, three vendors' own, a sequence's name, a description."""

import io
import struct

import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gankit_dicom._dicom.bvalues import b_value, b_value_in_text, has_direction, is_trace
from gankit_dicom._dicom.csa import csa_values
from tests.plugins.dicom.scans import csa_header

SIEMENS = (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", 800)
GE = (0x0043, "GEMS_PARM_01", 0x39, "IS", [1000000800, 8, 0, 0])
GE_EARLIER = (0x0043, "GEMS_PARM_01", 0x39, "IS", [800, 8, 0, 0])
PHILIPS = (0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0)
VENDORS = {"Siemens": SIEMENS, "GE": GE, "GE before": GE_EARLIER, "Philips": PHILIPS}
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def read_back(dataset, syntax=ImplicitVRLittleEndian):
    """The data set as a file gives it."""
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return dcmread(io.BytesIO(file.getvalue()))


def private(group, creator, element, vr, value, block=0x10):
    dataset = Dataset()
    dataset.add_new(group << 16 | block, "LO", creator)
    dataset.add_new(group << 16 | block << 8 | element, vr, value)
    return dataset


@pytest.mark.parametrize("block", [0x10, 0x11, 0xE1])
@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendors_own_element_is_read_in_every_syntax_and_block(vendor, syntax, block):
    """Implicit VR does not say how its bytes are meant; the vendor does."""
    assert b_value(read_back(private(*VENDORS[vendor], block=block), syntax)) == 800


@pytest.mark.parametrize(
    ("vendor", "stored"),
    [("Siemens", b"800 "), ("GE", b"1000000800\\8\\0\\0 "), ("Philips", struct.pack("<f", 800))],
)
@pytest.mark.parametrize("vr", ["UN", "OB"])
def test_an_element_whose_kind_a_tool_lost_is_read_as_the_vendor_wrote_it(vendor, stored, vr):
    """UN and OB in explicit VR, as archives leave them."""
    group, creator, element, _, _ = VENDORS[vendor]
    assert b_value(read_back(private(group, creator, element, vr, stored), ExplicitVRLittleEndian)) == 800


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_element_of_another_creator_is_not_read(vendor):
    """The same number in another's block means something else; the right block is found beside it."""
    group, creator, element, vr, value = VENDORS[vendor]
    other = private(group, "SOMEBODY ELSE", element, vr, value)
    assert b_value(read_back(other)) is None
    other.add_new(group << 16 | 0x12, "LO", creator)
    other.add_new(group << 16 | 0x12 << 8 | element, "IS" if vr == "IS" else vr, 50)
    assert b_value(read_back(other)) == 50


def test_the_standards_element_goes_before_a_vendors():
    """And 0 is a b-value."""
    dataset = private(*SIEMENS)
    dataset.DiffusionBValue = 0.0
    assert b_value(read_back(dataset)) == 0


@pytest.mark.parametrize("wrong", [float("nan"), -1.0, 1e8])
def test_what_cannot_be_a_b_value_is_passed_over(wrong):
    """The next place that says it is taken."""
    dataset = private(*SIEMENS)
    dataset.DiffusionBValue = wrong
    assert b_value(read_back(dataset)) == 800


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("form", [1, 2])
def test_siemens_csa_header_says_the_b_value(form, syntax):
    """Where the element for it was not yet, or is gone."""
    content = csa_header(form, EchoLinePosition=["31"], NumberOfImagesInMosaic=[], B_value=["800"])
    assert csa_values(content, "EchoLinePosition") == ("31",)
    dataset = private(0x0029, "SIEMENS CSA HEADER", 0x10, "OB", content + bytes(len(content) % 2), block=0x11)
    assert b_value(read_back(dataset, syntax)) == 800


@pytest.mark.parametrize("length", range(0, 300, 7))
def test_a_csa_header_cut_short_says_nothing(length):
    """And raises nothing."""
    assert csa_values(csa_header(2, A=["1"], B_value=["800"])[:length], "B_value") in ((), ("800",))
    assert csa_values(b"SV10" + b"\xff" * length, "B_value") == ()


@pytest.mark.parametrize(
    ("name", "b"), [("*ep_b1000#1", 1000), ("*ep_b50t", 50), ("ep_b0", 0), ("*ep_b50_800", None), ("epse2d1_128", None)]
)
def test_a_sequences_name_says_the_b_value(name, b):
    """Siemens' way for single images; two in one name say none."""
    dataset = Dataset()
    dataset.SequenceName = name
    assert b_value(dataset) == b


@pytest.mark.parametrize(
    ("text", "b"),
    [
        ("dwi b=800", 800),
        ("ep2d_diff_b800", 800),
        ("b 50 tra", 50),
        ("b0", 0),
        ("dwi_b1000_2.5mm", 1000),
        ("b-1400 p2", 1400),
        ("ax dwi b=50-800", None),
        ("dwi b50_400_800", None),
        ("b 0, 500, 1000", None),
        ("b0b800", None),
        ("b50 b800", None),
        ("dwi 3b", None),
        ("b1 map", None),
        ("tab800", None),
    ],
)
def test_a_description_says_a_b_value_if_it_says_one_alone(text, b):
    """Several in one description say nothing of an image."""
    assert b_value_in_text(text) == b


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("group", "creator", "element", "word"),
    [(0x0019, "SIEMENS MR HEADER", 0x0D, "ISOTROPIC"), (0x2001, "Philips Imaging DD 001", 0x04, "I")],
)
def test_a_vendor_tells_trace_images_from_single_directions(group, creator, element, word, syntax):
    """As the standard's directionality and the type do."""
    assert is_trace(read_back(private(group, creator, element, "CS", word), syntax), ())
    assert not is_trace(read_back(private(group, creator, element, "CS", "DIRECTIONAL"), syntax), ())
    assert is_trace(Dataset(), ("DERIVED", "TRACEW"))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_direction_is_known_by_its_vector(syntax):
    """One of zeros is none."""
    vectors = {(0.0, 1.0, 0.0): True, (0.0, 0.0, 0.0): False}
    for vector, directed in vectors.items():
        own = private(0x0019, "SIEMENS MR HEADER", 0x0E, "FD", list(vector))
        assert has_direction(read_back(own, syntax)) == directed
        standard = Dataset()
        standard.DiffusionGradientOrientation = list(vector)
        assert has_direction(read_back(standard, syntax)) == directed
