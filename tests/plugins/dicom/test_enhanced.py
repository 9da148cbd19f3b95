"""Enhanced MR: many images in one file by functional groups, as they would be in files of their own."""

import shutil
import tracemalloc

import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._refused import Refused
from tests.plugins.dicom.scans import (
    DIFFUSION,
    DYNAMIC,
    T2W,
    Grid,
    adc_values,
    dynamic_values,
    t2w_values,
    write_adc,
    write_diffusion,
    write_dynamic,
    write_enhanced,
    write_t2w,
)

ORDER = np.random.default_rng(5).permutation(10).tolist()
"""In which the frames of a stack lie in their file."""


def t2w_frames(**own):
    values = t2w_values(T2W.places())
    return [(place, values[place], own) for place in ORDER]


def enhanced_t2w(folder, number=2, shared=(), frames=None, **tags):
    kind = {"EffectiveEchoTime": 104.0, "FrameType": ["ORIGINAL", "PRIMARY", "T2", "NONE"], **dict(shared)}
    return write_enhanced(folder, number, frames or t2w_frames(), T2W, shared=kind, EchoPulseSequence="SPIN", **tags)


def enhanced_adc(folder, number=4, **tags):
    values = 2 * adc_values(DIFFUSION.places())
    kind = {"EffectiveEchoTime": 63.0, "FrameType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"], "RescaleSlope": 0.5}
    frames = [(place, values[place], {}) for place in ORDER]
    kind |= {"RescaleIntercept": 0}
    return write_enhanced(folder, number, frames, DIFFUSION, shared=kind, EchoPlanarPulseSequence="YES", **tags)


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    """The same study as one image a file."""
    from tests.plugins.dicom.conftest import read

    folder = tmp_path_factory.mktemp("classic")
    write_t2w(folder)
    write_adc(folder)
    return read(folder / "out", folder)[0]


def assert_same(part, other):
    assert part.modalities.keys() == other.modalities.keys()
    for name, values in part.modalities.items():
        np.testing.assert_allclose(values, other.modalities[name], atol=1.0)


@pytest.mark.parametrize("syntax", [pydicom.uid.ExplicitVRLittleEndian, RLELossless])
def test_an_enhanced_study_is_read_as_the_same_study_in_classic_files(parts, classic, tmp_path, syntax):
    """Frames lie in any order, compressed or not; the slope is in a functional group."""
    enhanced_t2w(tmp_path / "scans", syntax=syntax)
    enhanced_adc(tmp_path / "scans", syntax=syntax)
    (part,) = parts(tmp_path / "scans")
    assert_same(part, classic)


def test_one_enhanced_file_a_slice_is_read_as_well(parts, classic, tmp_path):
    """As some consoles export it."""
    for frame in t2w_frames():
        file = enhanced_t2w(tmp_path / f"{frame[0]}", frames=[frame], InstanceNumber=frame[0])
        dataset = pydicom.dcmread(file)
        dataset.SOPInstanceUID += f".{frame[0]}"
        dataset.save_as(file)
    enhanced_adc(tmp_path / "scans")
    (part,) = parts(tmp_path)
    assert_same(part, classic)


def test_what_a_frame_says_goes_before_what_all_frames_say(tmp_path):
    """A functional group may be of all frames or of each."""
    frames = [(place, values, {"EffectiveEchoTime": 100.0 + place}) for place, values, _ in t2w_frames()]
    headers = read_headers(enhanced_t2w(tmp_path, shared={"EffectiveEchoTime": 1.0}, frames=frames))
    assert [header.echo_ms for header in headers] == [100.0 + place for place in ORDER]
    assert [header.frame_number for header in headers] == list(range(10))
    assert all(header.sequence == ("SE",) for header in headers)


@pytest.mark.parametrize(
    ("echo", "planar", "sequence"),
    [("SPIN", "NO", ("SE",)), ("SPIN ECHO", "", ("SE",)), ("GRADIENT", "NO", ("GR",)), ("BOTH", "NO", ("SE", "GR")),
     ("SPIN", "YES", ("EP",))],
)  # fmt: skip
def test_the_kind_of_sequence_is_known_by_its_echo(tmp_path, echo, planar, sequence):
    """Enhanced images have no ScanningSequence."""
    values = t2w_values(T2W.places())
    frames = [(place, values[place], {}) for place in ORDER]
    file = write_enhanced(tmp_path, 2, frames, T2W, shared={"EffectiveEchoTime": 104.0}, EchoPulseSequence=echo,
                          EchoPlanarPulseSequence=planar)  # fmt: skip
    assert {header.sequence for header in read_headers(file)} == {sequence}


def test_each_frame_is_rescaled_by_its_own_slope(tmp_path):
    """PixelValueTransformationSequence, of each frame."""
    frames = [(place, values, {"RescaleSlope": 1.0 + place}) for place, values, _ in t2w_frames()]
    images = read_images(read_headers(enhanced_t2w(tmp_path, frames=frames)))
    for image, (place, values, _) in zip(images, frames, strict=True):
        np.testing.assert_allclose(image, np.rint(values) * (1 + place), rtol=1e-6)


def test_attributes_of_converted_classic_images_are_read(tmp_path):
    """Legacy Converted Enhanced MR keeps what no macro holds in a sequence of its own."""
    frames = t2w_frames(ScanningSequence="SE", EchoTime=99.0)
    headers = read_headers(enhanced_t2w(tmp_path, frames=frames))
    assert {(header.sequence, header.echo_ms) for header in headers} == {(("SE",), 99.0)}


def test_an_adc_is_computed_from_the_frames_of_all_b_values(parts, tmp_path):
    """One file, b-values in turn."""
    adc = adc_values(DIFFUSION.places())
    frames = [
        (place, 3000 * np.exp(-b * 1e-6 * adc[place]), {"DiffusionBValue": b})
        for place in ORDER
        for b in (50.0, 400.0, 800.0)
    ]
    kind = {"EffectiveEchoTime": 63.0, "FrameType": ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]}
    enhanced_t2w(tmp_path / "scans")
    write_enhanced(tmp_path / "scans", 3, frames, DIFFUSION, shared=kind, EchoPlanarPulseSequence="YES")
    write_t2w(tmp_path / "classic")
    write_diffusion(tmp_path / "classic")
    (part,), (expected,) = parts(tmp_path / "scans"), parts(tmp_path / "classic")
    assert part.record["adc"]["made"] == "computed from b 50, 400, 800"
    assert_same(part, expected)


TIMES_S = (0, 10, 20, 30, 45, 60, 200)
CLOCK = {
    "acquisition": lambda time_s: {
        "FrameAcquisitionDateTime": f"20200102{10:02}{time_s // 60:02}{time_s % 60:02}.0000"
    },
    "acquisition beside a constant trigger": lambda time_s: {
        **CLOCK["acquisition"](time_s),
        "NominalCardiacTriggerDelayTime": 0.0,
    },
    "offset": lambda time_s: {"TemporalPositionTimeOffset": float(time_s) + 1},
    "trigger": lambda time_s: {"NominalCardiacTriggerDelayTime": 1000.0 * time_s + 1},
}


@pytest.mark.parametrize("clock", CLOCK)
def test_phases_of_one_file_are_told_apart_by_time(parts, tmp_path, clock):
    """By when a frame was taken, or how long after the first."""
    frames = [
        (place, dynamic_values(DYNAMIC.places(), time_s)[place], CLOCK[clock](time_s))
        for time_s in TIMES_S
        for place in ORDER
    ]
    kind = {"EffectiveEchoTime": 1.4, "FrameType": ["ORIGINAL", "PRIMARY", "DYNAMIC", "NONE"]}
    for folder in (tmp_path / "scans", tmp_path / "classic"):
        write_t2w(folder)
        write_adc(folder)
    write_enhanced(tmp_path / "scans", 9, frames, DYNAMIC, shared=kind, EchoPulseSequence="GRADIENT")
    write_dynamic(tmp_path / "classic", times_s=TIMES_S)
    (part,), (expected,) = parts(tmp_path / "scans"), parts(tmp_path / "classic")
    np.testing.assert_allclose(part.modalities["dce"], expected.modalities["dce"], atol=1e-3)


def test_the_texts_of_a_frame_are_read_in_the_files_character_set(tmp_path):
    """Else one patient would be two."""
    tags = {"SpecificCharacterSet": "ISO_IR 192", "PatientID": "Nr/Ü 7"}
    headers = [*read_headers(enhanced_t2w(tmp_path, **tags)), *read_headers(write_t2w(tmp_path / "classic", **tags)[0])]
    assert {header.patient for header in headers} == {"Nr/Ü 7"}


def test_a_copy_of_an_enhanced_file_is_left_out(parts, classic, tmp_path):
    """Frame by frame."""
    shutil.copy(enhanced_t2w(tmp_path / "scans"), tmp_path / "scans" / "copy")
    enhanced_adc(tmp_path / "scans")
    (part,) = parts(tmp_path / "scans")
    assert_same(part, classic)


def test_frames_without_a_place_are_refused_in_words(tmp_path):
    """A multi-frame secondary capture or an ultrasound's film, and a file whose groups are not its frames."""
    (file, *_) = write_t2w(tmp_path, NumberOfFrames=12)
    with pytest.raises(Refused, match="many frames in one file without a place for each"):
        read_headers(file)
    dataset = pydicom.dcmread(enhanced_t2w(tmp_path))
    del dataset.PerFrameFunctionalGroupsSequence[4]
    dataset.save_as(tmp_path / "nine")
    with pytest.raises(Refused, match="10 frames in one file, but a place for 9"):
        read_headers(tmp_path / "nine")


def test_one_frame_of_a_large_file_is_read_in_the_memory_of_a_few(tmp_path):
    """A file of 200 frames of 33 kB; reading one needs far less than all."""
    grid = Grid(size=128, pixel_mm=1.0, slices=10, gap_mm=3.0)
    image = np.arange(128 * 128).reshape(128, 128) % 3800
    frames = [(index % 10, image + index, {}) for index in range(200)]
    headers = read_headers(write_enhanced(tmp_path, 2, frames, grid, shared={"EffectiveEchoTime": 100.0}))
    read_images(headers[:1])
    tracemalloc.start()
    (last,) = read_images(headers[-1:])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(last, image + 199)
    assert peak < 12 * image.size * 4
