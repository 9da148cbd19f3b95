"""Images that are given more than once, under whatever UIDs."""

import shutil

import numpy as np
import pydicom
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._refused import Refused
from gankit_dicom._series.series import group
from tests.plugins.dicom.scans import (
    Grid,
    body,
    change,
    t2w_values,
    write_diffusion,
    write_enhanced,
    write_series,
    write_t2w,
)

SMALL = Grid(size=20, pixel_mm=4.0, slices=9, gap_mm=3.0)
GRADIENT_ECHO = {"ScanningSequence": "GR", "EchoTime": 1.4}


def the_series(folder):
    (study,) = group(header for file in sorted(folder.rglob("*")) if file.is_file() for header in read_headers(file))
    (series,) = study.series
    return series


def again(files, folder, *, every=1, **tags):
    """Images sent a second time, with other instance UIDs and whatever else an archive changes."""
    folder.mkdir()
    copies = []
    for number, file in enumerate(files[::every]):
        copies.append(shutil.copy(file, folder / f"again-{number}"))
        change(copies[-1], **{"SOPInstanceUID": f"1.2.3.{number}", **tags})
    return copies


LEFT_OUT = "{} images left out, the same pixels at the same place as others"


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"InstanceNumber": 77},
        {"SeriesDescription": "planted other words"},
        {"PatientName": "Planted^Other", "StationName": "PLANTED2"},
    ],
)
def test_images_that_were_sent_twice_are_left_out_and_said(tmp_path, every, tags):
    """All of a series or some; the stack is the one that was sent once."""
    files = write_t2w(tmp_path / "once", grid=SMALL)
    wanted = the_series(tmp_path / "once").volume()
    copies = again(files, tmp_path / "twice", every=every, **tags)
    series = the_series(tmp_path)
    assert series.notes == (LEFT_OUT.format(len(copies)),)
    np.testing.assert_array_equal(series.volume().array, wanted.array)


def test_an_image_under_the_same_uid_with_another_header_is_left_out(tmp_path):
    """As when one archive of two has removed tags. The image whose header says more is kept."""
    files = write_diffusion_files(tmp_path / "once")
    copies = [shutil.copy(file, tmp_path / f"again-{number}") for number, file in enumerate(files)]
    for copy in copies:
        change(copy, DiffusionBValue=None, EchoTime=63, InstitutionName="")
    series = the_series(tmp_path)
    assert len(series.headers) == len(files)
    assert series.b_values == (50.0, 400.0)
    assert set(series.diffusion().by_b) == {50.0, 400.0}


def write_diffusion_files(folder):
    write_diffusion(folder, b_values=(50, 400))
    return sorted(folder.iterdir())


def test_a_series_sent_at_two_times_is_taken_once(tmp_path):
    """Where pixels are the same at every place, changed times make no second phase."""
    files = write_t2w(tmp_path / "once", grid=SMALL, AcquisitionTime="101500")
    again(files, tmp_path / "twice", AcquisitionTime="181500")
    assert len(the_series(tmp_path).headers) == SMALL.slices


def test_phases_with_the_same_pixels_are_phases(tmp_path):
    """Before contrast arrives nothing changes in a made-up patient."""
    for phase, brightness in enumerate((100, 100, 160)):
        values = brightness * body(SMALL.places())
        write_series(tmp_path, 9, values, SMALL, phase=phase, AcquisitionTime=f"12000{phase}", **GRADIENT_ECHO)
    series = the_series(tmp_path)
    assert len(series.headers) == 3 * SMALL.slices
    assert series.notes == ()


def test_different_pixels_at_one_place_are_not_guessed(tmp_path):
    """Nobody can say which is right; no image is left out."""
    files = write_t2w(tmp_path / "once", grid=SMALL)
    (other,) = again(files[4:5], tmp_path / "twice")
    change(other, PixelData=pydicom.dcmread(files[5]).PixelData)
    series = the_series(tmp_path)
    assert len(series.headers) == SMALL.slices + 1
    with pytest.raises(Refused, match="several images at one place, 1 more than there are places"):
        series.volume()


def test_one_uid_for_every_image_is_no_copy(tmp_path):
    """Some anonymisers write the same instance UID everywhere; places tell images apart."""
    files = write_t2w(tmp_path, grid=SMALL)
    wanted = the_series(tmp_path).volume()
    for file in files:
        change(file, SOPInstanceUID="1.2.3")
    np.testing.assert_array_equal(the_series(tmp_path).volume().array, wanted.array)


def test_frames_of_a_file_that_was_sent_twice_are_left_out(tmp_path):
    """One by one, as if each were a file."""
    frames = [(place, image, {}) for place, image in enumerate(t2w_values(SMALL.places()))]
    kind = {"EffectiveEchoTime": 104.0, "FrameType": ["ORIGINAL", "PRIMARY", "T2", "NONE"]}
    file = write_enhanced(tmp_path / "once", 2, frames, SMALL, shared=kind, EchoPulseSequence="SPIN")
    wanted = the_series(tmp_path / "once").volume()
    again([file], tmp_path / "twice")
    series = the_series(tmp_path)
    assert series.notes == (LEFT_OUT.format(SMALL.slices),)
    np.testing.assert_array_equal(series.volume().array, wanted.array)


@pytest.mark.parametrize("timed", [True, False])
def test_a_series_of_many_phases_is_not_read_to_look_for_copies(tmp_path, monkeypatch, timed):
    """Headers that say different times say that images differ; else one place shows it."""
    for phase in range(4):
        values = (100 + 20 * phase) * body(SMALL.places())
        time = {"AcquisitionTime": f"12000{phase}"} if timed else {}
        write_series(tmp_path, 9, values, SMALL, phase=phase, **time, **GRADIENT_ECHO)
    headers = [header for file in tmp_path.iterdir() for header in read_headers(file)]
    read = []
    monkeypatch.setattr(
        "gankit_dicom._series.copies.read_images", lambda images: read.append(images) or [np.array(len(read))]
    )
    group(headers)
    assert len(read) <= 6
