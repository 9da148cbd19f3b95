"""Plain files are read quickly, and as pydicom reads them."""

import attrs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from gankit_dicom._dicom import headers
from gankit_dicom._dicom.elements import many
from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._dicom.modes import lenient_pydicom
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._dicom.plain import read_plain
from gankit_dicom._refused import Refused
from tests.plugins.dicom.scans import Grid, change, t2w_values, write_series, write_t2w


def reference():
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    item.ReferencedImageSequence = [Dataset()]
    item.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.4"
    return item


def write_undefined(file):
    """Sequences whose length is left open, one within the other."""
    dataset = pydicom.dcmread(file)
    dataset.ReferencedImageSequence = [reference(), reference()]
    dataset["ReferencedImageSequence"].is_undefined_length = True
    for item in dataset.ReferencedImageSequence:
        item.is_undefined_length_sequence_item = True
        item["ReferencedImageSequence"].is_undefined_length = True
    dataset.save_as(file)


def write_private(file):
    dataset = pydicom.dcmread(file)
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", "800")
    block.add_new(0x0E, "FD", [0.5, 0.25, 1.0])
    dataset.private_block(0x0029, "LONG", create=True).add_new(0x10, "OB", bytes(100_000))
    dataset.save_as(file)


def write_as(syntax):
    def write(file):
        dataset = pydicom.dcmread(file)
        dataset.file_meta.TransferSyntaxUID = syntax
        pydicom.dcmwrite(file, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)

    return write


def without_place(file):
    """Headers as they are where pydicom has to find the pixels."""
    return tuple(attrs.evolve(header, grey=None) for header in read_headers(file))


def plainly(file):
    with file.open("rb") as opened:
        return read_plain(opened)


PLAIN = {
    "explicit VR": lambda file: None,
    "implicit VR": write_as(ImplicitVRLittleEndian),
    "a sequence": lambda file: change(file, ReferencedImageSequence=[reference()]),
    "open sequences": write_undefined,
    "open sequences in implicit VR": lambda file: (write_undefined(file), write_as(ImplicitVRLittleEndian)(file)),
    "private elements and a long header": write_private,
    "private elements in implicit VR": lambda file: (write_private(file), write_as(ImplicitVRLittleEndian)(file)),
    "Latin letters": lambda file: change(file, SpecificCharacterSet="ISO_IR 100", PatientID="Müller-7"),
    "Unicode": lambda file: change(file, SpecificCharacterSet="ISO_IR 192", PatientID="患者-7"),
    "Japanese": lambda file: change(
        file, SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎", PatientID="7"
    ),
    "empty values": lambda file: change(file, EchoTime=None, SeriesDescription="", ScanningSequence=[]),
    "several values": lambda file: change(file, ScanningSequence=["SE", "IR"], ProtocolName=["a", "b"]),
}


@pytest.mark.parametrize("kind", PLAIN)
def test_a_plain_file_has_the_elements_that_pydicom_finds(tmp_path, kind, monkeypatch):
    """Every one, with its value; and the header that an import takes from them is the same."""
    file = write_t2w(tmp_path)[0]
    with lenient_pydicom():
        PLAIN[kind](file)
        plain, whole = plainly(file), pydicom.dcmread(file, stop_before_pixels=True)
        quickly = without_place(file)
        assert [(e.tag, e.VR, e.value) for e in plain] == [(e.tag, e.VR, e.value) for e in whole]
        for element in whole:
            if element.keyword and element.VR != "SQ":
                assert many(plain.get(element.keyword)) == many(element.value)
    monkeypatch.setattr(headers, "read_plain", lambda opened: None)
    assert read_headers(file) == quickly


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_stored_values_of_a_plain_file_are_those_that_pydicom_decodes(tmp_path, monkeypatch, bits, signed, syntax):
    """8 and 16 bit, with sign or without."""
    file = write_t2w(tmp_path)[0]
    dataset = pydicom.dcmread(file)
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, signed
    kind = f"{'i' if signed else 'u'}{bits // 8}"
    values = np.random.default_rng(bits).integers(np.iinfo(kind).min, np.iinfo(kind).max, (72, 72)).astype(kind)
    dataset.PixelData = values.tobytes()
    dataset.save_as(file)
    write_as(syntax)(file)
    (quickly,) = read_images(read_headers(file))
    np.testing.assert_array_equal(quickly, values)
    monkeypatch.setattr(headers, "read_plain", lambda opened: None)
    np.testing.assert_array_equal(quickly, read_images(read_headers(file))[0])


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_padding_behind_the_pixels_of_a_plain_file_is_an_element(tmp_path, syntax):
    """Read as the file is written."""
    file = write_t2w(tmp_path)[0]
    before = read_images(read_headers(file))
    change(file, DataSetTrailingPadding=bytes(64))
    write_as(syntax)(file)
    assert read_headers(file)[0].grey is not None
    np.testing.assert_array_equal(read_images(read_headers(file)), before)


OTHER = {
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "compressed": RLELossless,
}


@pytest.mark.parametrize("kind", OTHER)
def test_what_is_not_plain_is_left_to_pydicom(tmp_path, kind):
    """And read all the same."""
    file = write_t2w(tmp_path)[0]
    before = without_place(file)
    dataset = pydicom.dcmread(file)
    if kind == "compressed":
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(file)
    else:
        dataset.file_meta.TransferSyntaxUID = OTHER[kind]
        pydicom.dcmwrite(file, dataset, implicit_vr=False, little_endian=kind != "big endian")
    assert plainly(file) is None
    assert read_headers(file) == before


def outcome(file):
    try:
        return without_place(file)
    except Refused as why:
        return str(why)


def test_damaged_headers_come_out_as_pydicom_reads_them(tmp_path, monkeypatch):
    """Turned, cut and inserted bytes: the quick way gives what the other gives, or leaves the file to it."""
    numbers = np.random.default_rng(3)
    grid = Grid(size=20, pixel_mm=4.0, slices=3, gap_mm=3.0)
    content = write_series(tmp_path / "good", 1, t2w_values(grid.places()), grid)[0].read_bytes()
    header = len(content) - 2 * grid.size**2
    bad, plain = tmp_path / "bad", 0
    for number in range(400):
        harmed = bytearray(content)
        for place in numbers.integers(132, header, int(numbers.integers(1, 4))):
            harmed[place] ^= 1 << numbers.integers(8)
        if number % 4 == 0:
            del harmed[int(numbers.integers(132, header)) :][: int(numbers.integers(1, 40))]
        bad.write_bytes(harmed)
        with lenient_pydicom():
            plain += plainly(bad) is not None
        quickly = outcome(bad)
        with monkeypatch.context() as slowly:
            slowly.setattr(headers, "read_plain", lambda opened: None)
            assert outcome(bad) == quickly
    assert plain > 100
