"""Damaged and foreign files: each is refused with its reason, the rest is imported, and nothing is wrong in silence."""

import gzip
import shutil
import zipfile

import numpy as np
import pydicom
import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._options import Options
from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import stack
from tests.plugins.dicom.scans import (
    NORMAL,
    ROW,
    T2W,
    Grid,
    change,
    t2w_values,
    write_adc,
    write_diffusion,
    write_localizer,
    write_series,
    write_t2w,
)


def why(part):
    return " ".join([part.record["why"], *(reason for row in part.record["series"] for reason in row["reasons"])])


def moved(files, step_mm):
    position = np.array(pydicom.dcmread(files[4]).ImagePositionPatient, dtype=float)
    change(files[4], ImagePositionPatient=[round(value, 6) for value in position + step_mm])


def pixels(files, make):
    change(files[3], PixelData=make(pydicom.dcmread(files[3]).PixelData))


WHOLE = 2 * 72 * 72
T2W_DAMAGE = {
    "1 slice missing inside the stack": lambda files: files[4].unlink(),
    "several images at one place": lambda files: moved(files, 3.0 * NORMAL),
    "unevenly spaced": lambda files: moved(files, 1.0 * NORMAL),
    "shifted against each other": lambda files: moved(files, 4.0 * ROW),
    "several sizes": lambda files: change(files[3], Rows=71, PixelData=b"\0" * 2 * 71 * 72),
    "several pixel spacings": lambda files: change(files[3], PixelSpacing=[1.0, 1.0]),
    "several orientations": lambda files: change(files[3], ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
    "several frames": lambda files: change(files[3], FrameOfReferenceUID="1.2.3"),
    "more pixels": lambda files: pixels(files, lambda content: content + bytes(100)),
    "1 blank image": lambda files: pixels(files, lambda content: bytes(WHOLE)),
    "12 stored bits": lambda files: pixels(files, lambda content: b"\x01\x7f" * (WHOLE // 2)),
    "the same pixels": lambda files: pixels(files, lambda content: pydicom.dcmread(files[4]).PixelData),
    "follow an image's pixels": lambda files: files[3].write_bytes(files[3].read_bytes()[:-100] + b"more" + bytes(100)),
}


@pytest.mark.parametrize("reason", T2W_DAMAGE)
def test_images_that_are_not_one_sound_stack_are_refused_with_their_reason(tmp_path, reason):
    """Any one image can spoil it."""
    files = write_t2w(tmp_path, 2)
    T2W_DAMAGE[reason](files)
    headers = [header for file in files if file.exists() for header in read_headers(file)]
    with pytest.raises(Refused, match=reason):
        stack(headers)


def test_of_a_damaged_series_and_another_the_other_is_taken(parts, tmp_path):
    """The reason is in the report; the second T2w series serves."""
    write_t2w(tmp_path / "scans", 2)[4].unlink()
    write_t2w(tmp_path / "scans", 7, noise=1)
    write_adc(tmp_path / "scans")
    (part,) = parts(tmp_path / "scans")
    assert {row["number"]: row["used"] for row in part.record["series"]} == {1: "", 2: "ADC", 3: "T2w"}
    assert "not T2w: 1 slice missing inside the stack" in why(part)
    assert len(part) > 0


FILES = {
    "a zip archive": lambda file, source: zipfile.ZipFile(file, "w").write(source),
    "a gzip archive": lambda file, source: file.write_bytes(gzip.compress(source.read_bytes())),
    "an empty file": lambda file, source: file.write_bytes(b""),
    "not a DICOM file": lambda file, source: file.write_text("notes of the day " * 20),
    "DICOM without an image": lambda file, source: file.write_bytes(source.read_bytes()[:400]),
    "fewer pixels": lambda file, source: file.write_bytes(source.read_bytes()[:-400]),
}


@pytest.mark.parametrize("reason", FILES)
def test_a_foreign_or_broken_file_is_refused_with_its_reason(study, tmp_path, reason):
    """Whatever it is called."""
    source = next(file for file in study.rglob("*") if file.is_file())
    FILES[reason](tmp_path / "image.dcm", source)
    with pytest.raises(Refused, match=reason):
        read_headers(tmp_path / "image.dcm")


def cut(file):
    file.write_bytes(file.read_bytes()[:-400])


def few_pixels(file):
    change(file, PixelData=pydicom.dcmread(file).PixelData[: WHOLE // 2])


@pytest.mark.parametrize("shorten", [cut, few_pixels])
@pytest.mark.parametrize("tags", [{}, {"PixelPaddingValue": 0}])
def test_of_a_stack_whose_last_image_is_cut_short_the_others_are_taken(parts, tmp_path, tags, shorten):
    """The file is named as any that is not used; one in the middle would be missing."""
    files = write_t2w(tmp_path / "scans", 2, **tags)
    write_adc(tmp_path / "scans")
    shorten(files[-1])
    with pytest.raises(Refused, match="cut short: an image has fewer pixels than its header says"):
        read_headers(files[-1])
    (part,) = parts(tmp_path / "scans")
    assert f"x {len(files) - 1}, " in part.record["series"][0]["grid"]
    assert part.record["series"][0]["used"] == "T2w"


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("preamble", [True, False])
def test_one_byte_too_few_is_cut_short_however_elements_are_written(tmp_path, syntax, preamble):
    """And the whole image is not."""
    file = write_t2w(tmp_path, 2)[0]
    dataset = pydicom.dcmread(file)
    implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
    dataset.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(file, dataset, implicit_vr=implicit, little_endian=little, force_encoding=True)
    content = file.read_bytes()[0 if preamble else 132 :]
    file.write_bytes(content)
    assert len(read_headers(file)) == 1
    file.write_bytes(content[:-1])
    with pytest.raises(Refused, match="cut short: an image has fewer pixels than its header says"):
        read_headers(file)


def test_of_an_image_and_a_copy_that_was_cut_short_the_image_is_taken(parts, tmp_path):
    """As when a transfer was broken off and begun again."""
    files = write_t2w(tmp_path / "scans", 2)
    write_adc(tmp_path / "scans")
    (expected,) = parts(tmp_path / "scans")
    for file in files[2:5]:
        cut(shutil.copy(file, file.with_name(f"0-{file.name}")))
    (part,) = parts(tmp_path / "scans")
    np.testing.assert_array_equal(part.modalities["t2w"], expected.modalities["t2w"])


FAR = Grid(size=40, pixel_mm=2.0, slices=10, gap_mm=3.0, centre_mm=np.array([400.0, 0, 0]))
SCALED = {"RescaleIntercept": 0}


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda folder: write_adc(folder, scale=0.0), "blank"),
        (lambda folder: write_adc(folder, RescaleSlope=60, **SCALED), "an ADC map has 300 to 3500"),
        (lambda folder: write_adc(folder, FrameOfReferenceUID="1.2.3"), "another frame of reference than the T2w's"),
        (lambda folder: write_adc(folder, grid=FAR), "does not reach the middle of the T2w"),
        (lambda folder: write_diffusion(folder, 3, (800,)), "1 b-values"),
        (lambda folder: write_localizer(folder), "no ADC that can be used"),
    ],
)
def test_a_patient_without_a_usable_adc_is_refused(parts, tmp_path, write, reason):
    """Or taken without, if the user says so."""
    write_t2w(tmp_path / "scans")
    write(tmp_path / "scans")
    (part,) = parts(tmp_path / "scans")
    assert len(part) == 0
    assert reason in why(part)
    (alone,) = parts(tmp_path / "scans", options=Options(need=("t2w",)))
    assert len(alone) > 0
    assert "adc" not in alone.modalities


def test_exact_copies_of_files_are_left_out_and_said(parts, study, tmp_path):
    """As when a folder was copied into another."""
    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans")
    shutil.copytree(tmp_path / "scans", tmp_path / "scans" / "copy")
    (part,) = parts(tmp_path / "scans")
    assert part.record["series"][0]["reasons"] == ["10 exact copies of its files left out"]


def test_two_files_that_claim_to_be_one_image_spoil_their_series(parts, tmp_path):
    """Nobody can say which is right."""
    files = write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans")
    shutil.copy(files[2], tmp_path / "scans" / "other")
    change(tmp_path / "scans" / "other", PixelData=pydicom.dcmread(files[3]).PixelData)
    assert "two different files claim to be one image" in why(parts(tmp_path / "scans")[0])


def test_nothing_to_import_is_an_error_with_a_report(gankit_command, tmp_path):
    """The exit code says that nothing was imported."""
    write_localizer(tmp_path / "scans")
    result = gankit_command("import", "dicom", tmp_path / "scans", "-o", tmp_path / "c.safetensors")
    assert result.exit_code == 2
    assert "nothing could be imported" in result.output
    assert "no usable axial T2w series" in (tmp_path / "c.report.html").read_text()
    (tmp_path / "empty").mkdir()
    assert gankit_command("import", "dicom", tmp_path / "empty", "-o", tmp_path / "c.safetensors").exit_code == 2
    assert gankit_command("import", "dicom", tmp_path / "nowhere", "-o", tmp_path / "c.safetensors").exit_code == 2


SMALL = Grid(size=20, pixel_mm=4.0, slices=5, gap_mm=3.0)


def harmed(content, numbers):
    """Some bytes of a file cut off, overwritten, turned or inserted."""
    harm = numbers.integers(5)
    at = int(numbers.integers(132, len(content)))
    if harm == 0:
        return content[:at]
    if harm == 1:
        return content[:at] + numbers.bytes(int(numbers.integers(1, 40))) + content[at:]
    if harm == 2:
        return content[:at] + content[at + int(numbers.integers(1, 40)) :]
    changed = bytearray(content)
    header = len(content) - 2 * SMALL.size**2
    for place in numbers.integers(132, header, int(numbers.integers(1, 12))):
        changed[place] = numbers.integers(256) if harm == 3 else changed[place] ^ (1 << numbers.integers(8))
    return bytes(changed)


def test_a_thousand_damaged_files_raise_nothing_and_put_nothing_in_a_wrong_place(tmp_path):
    """Each takes one slice's place in a good series: the stack is refused, or lies and looks as before.

    Turned bytes among the pixels cannot be told from an image; so headers are turned, and pixels cut, grown or shifted.
    """
    numbers = np.random.default_rng(7)
    values = t2w_values(SMALL.places())
    files = write_series(tmp_path / "good", 1, values, SMALL, ScanningSequence="SE", EchoTime=104)
    good = [header for file in files for header in read_headers(file)]
    whole = stack(good)
    contents = [file.read_bytes() for file in files]
    outcomes = {"header refused": 0, "series refused": 0, "other series": 0, "unchanged": 0}
    bad = tmp_path / "bad"
    for _ in range(1000):
        index = int(numbers.integers(len(files)))
        bad.write_bytes(harmed(contents[index], numbers))
        try:
            (header,) = read_headers(bad)
        except Refused:
            outcomes["header refused"] += 1
            continue
        if (header.patient, header.study, header.series) != (good[0].patient, good[0].study, good[0].series):
            outcomes["other series"] += 1
            continue
        try:
            volume = stack([*good[:index], header, *good[index + 1 :]])
        except Refused:
            outcomes["series refused"] += 1
            continue
        assert np.allclose(volume.image.GetOrigin(), whole.image.GetOrigin(), atol=0.2)
        assert np.allclose(volume.spacing_mm, whole.spacing_mm, rtol=0.02)
        assert np.array_equal(volume.array, whole.array), outcomes
        outcomes["unchanged"] += 1
    assert sum(outcomes.values()) == 1000
    assert min(outcomes.values()) > 0, outcomes


def test_pixels_are_read_as_they_were_written(tmp_path):
    """The check above compares with something true."""
    values = t2w_values(T2W.places())
    (image,) = read_images(read_headers(write_t2w(tmp_path)[3]))
    np.testing.assert_array_equal(image, np.rint(values[3]))
