"""Stored pixels to values: bits, signs, padding, inverted images, compression, and what may stand around them."""

import struct
from base64 import b85decode

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
)

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._options import Options
from gankit_dicom._refused import Refused
from tests.plugins.dicom.scans import (
    DIFFUSION,
    T2W,
    adc_values,
    change,
    t2w_values,
    write_adc,
    write_enhanced,
    write_series,
    write_t2w,
)

VALUES = np.rint(t2w_values(T2W.places()))
IMAGE = VALUES[3]


def one(folder, stored=IMAGE, dtype="<u2", **tags):
    """A file of one image with these stored pixels."""
    file = write_t2w(folder)[3]
    change(file, PixelData=np.ascontiguousarray(stored).astype(dtype).tobytes(), **tags)
    return file


def image_of(file):
    (image,) = read_images(read_headers(file))
    return image


# What stands around the pixels ----------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("keeps_meta", [True, False])
def test_a_file_without_preamble_is_read(tmp_path, syntax, keeps_meta):
    """The bare data set, or with its meta elements, as archives and consoles leave it."""
    file = one(tmp_path, IMAGE, dtype=">u2" if syntax == ExplicitVRBigEndian else "<u2")
    read, dataset = pydicom.dcmread(file), Dataset()
    dataset.update(read)
    dataset.file_meta = read.file_meta
    dataset.file_meta.TransferSyntaxUID = syntax
    little, implicit = syntax.is_little_endian, syntax.is_implicit_VR
    dataset.save_as(file, little_endian=little, implicit_vr=implicit, enforce_file_format=True)
    content = file.read_bytes()
    start = 132 if keeps_meta else 144 + pydicom.dcmread(file).file_meta.FileMetaInformationGroupLength
    file.write_bytes(content[start:])
    np.testing.assert_array_equal(image_of(file), IMAGE)


@pytest.mark.parametrize("content", [b"\x08\x00\x05\x00 and so on", b"\x02\x00", b"\x08\x00\x08\x00CS\x04\x00ABCD"])
def test_a_file_that_only_starts_like_a_data_set_is_refused(tmp_path, content):
    """Nothing in it is an image."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Refused):
        read_headers(tmp_path / "file")


def signature():
    signed = Dataset()
    signed.MACIDNumber, signed.DigitalSignatureDateTime = 1, "20200102101500"
    return [signed]


def sign(dataset, undefined_length):
    dataset.DigitalSignaturesSequence = signature()
    dataset["DigitalSignaturesSequence"].is_undefined_length = undefined_length


TRAILING = {
    "digital signatures": lambda dataset: sign(dataset, False),
    "digital signatures that a delimiter ends": lambda dataset: sign(dataset, True),
    "padding": lambda dataset: setattr(dataset, "DataSetTrailingPadding", bytes(126)),
    "a vendor's elements": lambda dataset: dataset.private_block(0x7FE1, "SOME VENDOR", create=True).add_new(
        0x10, "OB", b"more than is said" * 10
    ),
}


@pytest.mark.parametrize("what", TRAILING)
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_elements_after_the_pixels_are_legal(tmp_path, what, syntax):
    """PS3.5 puts no end to a data set."""
    file = one(tmp_path)
    dataset = pydicom.dcmread(file)
    TRAILING[what](dataset)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(file, implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=True)
    np.testing.assert_array_equal(image_of(file), IMAGE)


@pytest.mark.parametrize(
    "junk",
    [
        b"more" + bytes(100),
        bytes(6),
        IMAGE.astype("<u2").tobytes()[:200],
        struct.pack("<HH2sHL", 0x7FE1, 0x1010, b"OB", 0, 9) + b"short",
        struct.pack("<HH2sHL", 0x7FE2, 0x0010, b"OB", 0, 4) + b"even",
        struct.pack("<HH2sHL", 0x7FE1, 0x1010, b"OB", 0, 4) + b"good" + b"\x01\x02",
    ],
)
def test_bytes_after_the_pixels_that_are_no_elements_are_refused(tmp_path, junk):
    """They mean bytes among the pixels, so that every pixel would be shifted."""
    file = one(tmp_path)
    file.write_bytes(file.read_bytes() + junk)
    with pytest.raises(Refused, match="more bytes than its header says"):
        image_of(file)


# Bits -----------------------------------------------------------------------------------------------------


def test_overlays_in_high_bits_are_no_values(tmp_path):
    """Bits above those stored that Overlay Bit Position explains; others are refused."""
    overlay = np.zeros(IMAGE.shape, dtype=np.uint16)
    overlay[10:20, 30:40] = 1
    packed = IMAGE.astype(np.uint16) | overlay << 12 | overlay.T << 15
    file = one(tmp_path, packed)
    with pytest.raises(Refused, match="12 stored bits"):
        image_of(file)
    dataset = pydicom.dcmread(file)
    for group, bit in ((0x6000, 12), (0x6002, 15)):
        dataset.add_new((group, 0x0100), "US", 16)
        dataset.add_new((group, 0x0102), "US", bit)
    dataset.save_as(file)
    np.testing.assert_array_equal(image_of(file), IMAGE)


@pytest.mark.parametrize("sign", [1, -1])
def test_values_may_lie_in_the_upper_bits_of_a_pixel(tmp_path, sign):
    """High Bit 15 of 12 stored bits, as ACR-NEMA had it."""
    values = sign * IMAGE
    stored = (values.astype(np.int64) << 4) & 0xFFFF
    file = one(tmp_path, stored, HighBit=15, PixelRepresentation=0 if sign > 0 else 1)
    np.testing.assert_array_equal(image_of(file), values)


@pytest.mark.parametrize("extended", [True, False])
def test_signed_values_are_negative_by_their_stored_bits(tmp_path, extended):
    """Whether a writer filled the bits above them with the sign or with 0."""
    values = np.where(IMAGE > 300, IMAGE, IMAGE - 400)
    stored = values.astype(np.int64) & (0xFFFF if extended else 0x0FFF)
    np.testing.assert_array_equal(image_of(one(tmp_path, stored, PixelRepresentation=1)), values)


@pytest.mark.parametrize("dtype", ["u1", "<u4", "<f4", "<f8"])
def test_pixels_of_other_sizes_are_read(tmp_path, dtype):
    """Bytes, and the floats of parametric maps."""
    values = np.minimum(IMAGE, 255) if dtype == "u1" else IMAGE * 1.5 if "f" in dtype else IMAGE
    file = one(tmp_path, values, dtype)
    dataset = pydicom.dcmread(file)
    dataset.BitsAllocated = dataset.BitsStored = 8 * np.dtype(dtype).itemsize
    dataset.HighBit = dataset.BitsStored - 1
    if "f" in dtype:
        content = dataset.PixelData
        del dataset.PixelData
        setattr(dataset, "FloatPixelData" if dtype == "<f4" else "DoubleFloatPixelData", content)
    dataset.save_as(file)
    np.testing.assert_allclose(image_of(file), values, rtol=1e-6)


# Padding --------------------------------------------------------------------------------------------------

OUTSIDE = np.hypot(*(np.mgrid[:72, :72] - 35.5)) > 34
PADDINGS = {
    "one value": (0, {"PixelPaddingValue": 0}),
    "a range": (np.arange(72 * 72).reshape(72, 72) % 5, {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 4}),
    "signed": (-32768, {"PixelPaddingValue": -32768, "PixelRepresentation": 1}),
    "a value that the stored bits cannot hold": (65535, {"PixelPaddingValue": 65535}),
}


@pytest.mark.parametrize("kind", PADDINGS)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
def test_padding_is_no_intensity(tmp_path, kind, syntax):
    """Pixel Padding Value, alone or with its Range Limit."""
    value, tags = PADDINGS[kind]
    stored = np.where(OUTSIDE, value, IMAGE).astype(np.int64) & 0xFFFF
    file = one(tmp_path, stored, RescaleSlope=2, RescaleIntercept=5, **tags)
    dataset = pydicom.dcmread(file)
    if syntax == RLELossless:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(file, implicit_vr=syntax.is_implicit_VR, little_endian=True, enforce_file_format=True)
    np.testing.assert_array_equal(image_of(file), np.where(OUTSIDE, np.nan, 2 * IMAGE + 5))


def test_padding_written_without_its_sign_is_known_by_its_bits(tmp_path):
    """Value 63536 of VR US beside signed pixels is -2000."""
    file = one(tmp_path, np.where(OUTSIDE, -2000, IMAGE), "<i2", PixelRepresentation=1, BitsStored=16, HighBit=15)
    dataset = pydicom.dcmread(file)
    dataset.add_new(0x00280120, "US", 63536)
    dataset.save_as(file)
    np.testing.assert_array_equal(np.isnan(image_of(file)), OUTSIDE)


def padded(folder, write, values, grid):
    files = write(folder)
    y, x = np.mgrid[: grid.size, : grid.size] - (grid.size - 1) / 2
    for file, image in zip(files, values, strict=True):
        stored = np.where(np.hypot(x, y) * grid.pixel_mm > 30, -32768, np.rint(image))
        change(file, PixelData=stored.astype("<i2").tobytes(), PixelRepresentation=1, PixelPaddingValue=-32768)


def test_padding_neither_moves_the_scale_nor_is_a_measure(parts, tmp_path):
    """T2w as without it, but for the lowest value where it is; ADC is unmeasured there."""
    values = t2w_values(T2W.places())
    values[:, 36, 36] = 1
    padded(tmp_path / "scans", write_t2w, values, T2W)
    padded(tmp_path / "scans", write_adc, adc_values(DIFFUSION.places()), DIFFUSION)
    write_t2w(tmp_path / "whole")
    write_adc(tmp_path / "whole")
    asked = {"options": Options(gland=0.65)}
    (part,), (whole,) = parts(tmp_path / "scans", **asked), parts(tmp_path / "whole", **asked)
    t2w, expected = part.modalities["t2w"], whole.modalities["t2w"]
    middle = (slice(None), slice(16, -16), slice(16, -16))
    np.testing.assert_allclose(np.median(t2w[middle]), np.median(expected[middle]), rtol=0.1)
    np.testing.assert_allclose(part.record["t2w"]["low"], whole.record["t2w"]["low"], rtol=0.2)
    assert (t2w[:, 0, 0] == t2w.min()).all()
    assert (part.modalities["adc"][:, 0, 0] == 0).all()
    adc, expected = part.modalities["adc"][middle], whole.modalities["adc"][middle]
    np.testing.assert_allclose(np.median(adc), np.median(expected), rtol=0.05)


# Inverted images and slopes -------------------------------------------------------------------------------


def test_inverted_t2w_is_shown_as_any_other(parts, tmp_path):
    """MONOCHROME1: the lowest value is white."""
    write_series(tmp_path / "scans", 2, 4095 - VALUES, T2W, ScanningSequence="SE", EchoTime=104,
                 PhotometricInterpretation="MONOCHROME1", BitsStored=16, HighBit=15)  # fmt: skip
    write_adc(tmp_path / "scans")
    write_t2w(tmp_path / "whole")
    write_adc(tmp_path / "whole")
    (part,), (whole,) = parts(tmp_path / "scans"), parts(tmp_path / "whole")
    np.testing.assert_allclose(part.modalities["t2w"], whole.modalities["t2w"], atol=1e-3)
    assert "stored as MONOCHROME1, inverted" in part.record["series"][0]["reasons"]


def test_an_inverted_adc_map_is_refused_by_that_word(parts, tmp_path):
    """Nobody says whether what is stored or what is shown is the measure."""
    write_t2w(tmp_path)
    write_adc(tmp_path, PhotometricInterpretation="MONOCHROME1")
    (part,) = parts(tmp_path)
    assert any("MONOCHROME1" in reason for row in part.record["series"] for reason in row["reasons"])


@pytest.mark.parametrize(("slope", "reason"), [(0, "slope of 0"), (-1.5, "negative rescale slope")])
def test_a_slope_that_is_not_above_0_is_refused(tmp_path, slope, reason):
    """It would hide or turn the image."""
    with pytest.raises(Refused, match=reason):
        read_headers(one(tmp_path, RescaleSlope=slope, RescaleIntercept=0))


@pytest.mark.parametrize("modality", ["mr", "Mr ", "", None])
def test_an_mr_image_whose_modality_is_missing_or_spelled_otherwise_is_read(tmp_path, modality):
    """Its kind says what it is."""
    np.testing.assert_array_equal(image_of(one(tmp_path, Modality=modality)), IMAGE)


@pytest.mark.parametrize(
    ("modality", "kind"), [("CT", "1.2.840.10008.5.1.4.1.1.4"), (None, "1.2.840.10008.5.1.4.1.1.2"), ("sr", "1.2.3")]
)
def test_what_is_no_mr_image_is_refused(tmp_path, modality, kind):
    """By its modality, else by its kind."""
    with pytest.raises(Refused, match="not a magnetic resonance image"):
        read_headers(one(tmp_path, Modality=modality, SOPClassUID=kind))


# Compression ----------------------------------------------------------------------------------------------

CODECS = {"JPEG lossless": ("JPEG", JPEGLosslessSV1), "JPEG 2000": ("JPEG2000", JPEG2000Lossless)}


def encoded(folder, stored, codec):
    """The compressed bytes of an image, made by ITK."""
    folder.mkdir(exist_ok=True)
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(folder / "encoded.dcm"))
    writer.SetUseCompression(True)
    writer.SetCompressor(codec)
    writer.Execute(sitk.GetImageFromArray(stored[None]))
    return next(generate_frames(pydicom.dcmread(folder / "encoded.dcm").PixelData, number_of_frames=1))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("signed", [False, True])
def test_a_compressed_image_has_the_values_of_the_uncompressed_one(tmp_path, codec, signed):
    """Slope, intercept and padding are the header's, whoever decodes it."""
    compressor, syntax = CODECS[codec]
    stored = np.where(OUTSIDE, 0, IMAGE).astype(np.int16 if signed else np.uint16)
    if signed:
        stored[20:30, 20:30] -= 500
    tags = {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": int(signed), "RescaleSlope": "0.25",
            "RescaleIntercept": "-100", "PixelPaddingValue": 0}  # fmt: skip
    file = one(tmp_path, stored, stored.dtype, **tags)
    plain = image_of(file)
    dataset = pydicom.dcmread(file)
    dataset.PixelData = encapsulate([encoded(tmp_path / "itk", stored, compressor)])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(file)
    np.testing.assert_array_equal(image_of(file), plain)


STEPS = np.add.outer(np.arange(16) // 4 * 300, np.arange(16) // 4 * 100)
ENCODED_STEPS = {
    "1.2.840.10008.1.2.4.80": (
        b"|JeWN03cIPNk&Eh0ssI30000G0000G3J?YX0003j0003j|L6b+00001|JeWc01FTR5C9MX0TBTI_y7$7|Nj6I07C&306_oR00;pA"
        b"00000@?*dV0s!N{pinL>0DvG3fEEC-2apQ@unwRT0WcWK@CXC|nGgsB0WqK;APW)#0s;U`1i(xO5Do%hIDp_x3?+C72nB@!0s&w^"
        b"fdJn?fdT-S69Qmy0l=6XKyW4o61)fy4de(A8>kQ<HxM8|fF=aMm>fWGOdLSqm@xm@"
    ),
    "1.2.840.10008.1.2.4.201": (
        b"|4;u>04YEK0000G0000G00000000000000G0000G0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?kdTm&"
        b"kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00000&Hw@blfVEbfBgjqbN~Rr0206e69BjYhjaie{Q`${0Kfnh"
        b"5C8>8iG<nw0D`mtBWR64>j4I|0KfniqyPbIfbV-ej-zG0@9{W}mh}K=m*i2m08cBQt~{+gt*jtfL0UmtLHYo9X9z$sxB$QaE|LHN"
        b"bztK-j^j9v<MDVrj^puoJdWe>c>EEal<}RE@tu_606!pdZ~-e<R#sM4R#sN7T)A@P%9Sfuu3Wit<;s;S01ldZZRw|`(1Z$U2tcP%"
        b"0sq+"
    ),
}
"""JPEG-LS and High-Throughput JPEG 2000, in base 85."""


@pytest.mark.parametrize("syntax", ENCODED_STEPS)
def test_images_that_few_encoders_make_are_decoded(tmp_path, syntax):
    """Without loss."""
    file = one(tmp_path, STEPS, Rows=16, Columns=16, BitsStored=16, HighBit=15)
    dataset = pydicom.dcmread(file)
    dataset.PixelData = encapsulate([b85decode(ENCODED_STEPS[syntax])])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(file)
    np.testing.assert_array_equal(image_of(file), STEPS)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("table", [True, False])
def test_frames_are_decoded_each_from_its_own_bytes(tmp_path, codec, table):
    """With a table of where they lie, or without."""
    compressor, syntax = CODECS[codec]
    frames = [(place, VALUES[place], {}) for place in (4, 0, 7)]
    file = write_enhanced(tmp_path, 2, frames, T2W, shared={"EffectiveEchoTime": 100.0}, BitsStored=16, HighBit=15)
    dataset = pydicom.dcmread(file)
    content = [encoded(tmp_path / "itk", image.astype(np.uint16), compressor) for _, image, _ in frames]
    dataset.PixelData = encapsulate(content, has_bot=table)
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(file)
    headers = read_headers(file)
    for image, (_, expected, _) in zip(read_images(headers[::-1]), frames[::-1], strict=True):
        np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, RLELossless])
def test_deflated_and_run_length_encoded_images_are_read(tmp_path, syntax):
    """Without further packages."""
    file = one(tmp_path)
    dataset = pydicom.dcmread(file)
    if syntax == RLELossless:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.save_as(file)
    np.testing.assert_array_equal(image_of(file), IMAGE)
