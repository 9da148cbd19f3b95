"""What an import sets for the whole process is put back: modes of pydicom, of ITK and of Python's warnings."""

import logging
import threading
import warnings

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import config

from gankit_dicom import _study
from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._dicom.modes import lenient_pydicom, silent_itk, single_threaded_itk
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._inputs import Request, find
from gankit_dicom._options import Options
from gankit_dicom._refused import Refused
from gankit_dicom._study import import_study
from gankit_dicom._volumes.files import file_place, read_volume
from tests.plugins.dicom.scans import T2W, write_t2w, write_volume


def modes():
    """Every mode that the plugin changes, as it is now."""
    return {
        "validation": (config.settings.reading_validation_mode, config.settings.writing_validation_mode),
        "log": logging.getLogger("pydicom").level,
        "warnings": list(warnings.filters),
        "ITK's warnings": sitk.ProcessObject.GetGlobalWarningDisplay(),
        "ITK's threads": sitk.ProcessObject.GetGlobalDefaultNumberOfThreads(),
    }


@pytest.fixture(autouse=True)
def of_the_user():
    """Modes that a user chose, none of them as the plugin wants it; they must be the same afterwards."""
    before = modes()
    config.settings.reading_validation_mode = config.RAISE
    logging.getLogger("pydicom").setLevel(logging.INFO)
    sitk.ProcessObject.SetGlobalWarningDisplay(True)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(2)
    chosen = modes()
    yield
    found = modes()
    config.settings.reading_validation_mode, config.settings.writing_validation_mode = before["validation"]
    logging.getLogger("pydicom").setLevel(before["log"])
    sitk.ProcessObject.SetGlobalWarningDisplay(before["ITK's warnings"])
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before["ITK's threads"])
    assert found == chosen


def test_reading_an_image_leaves_the_modes(tmp_path):
    """Its header, then its pixels."""
    assert read_images(read_headers(write_t2w(tmp_path)[0]))[0].shape == (72, 72)


def test_reading_a_volume_leaves_the_modes(tmp_path):
    """All of it, or its place in space alone."""
    write_volume(tmp_path / "t2w.mha", np.ones((10, 72, 72)))
    assert read_volume(tmp_path / "t2w.mha").array.shape == (10, 72, 72)
    np.testing.assert_allclose(file_place(tmp_path / "t2w.mha").corners()[0], T2W.places()[0, 0, 0], atol=1e-3)


@pytest.mark.parametrize("read", [read_headers, read_volume, file_place])
def test_a_refused_file_leaves_the_modes(read, tmp_path):
    """A file of DICOM without its header, and no volume either."""
    (tmp_path / "damaged").write_bytes(bytes(128) + b"DICM" + b"\x08\x00\x05\x00CS\xff\xff" * 3)
    with pytest.raises(Refused):
        read(tmp_path / "damaged")


@pytest.mark.parametrize("fails", [False, True])
def test_importing_a_study_leaves_the_modes(study, tmp_path, monkeypatch, fails):
    """One thread inside; as before outside, also where an import fails."""
    asked = Request(
        kind="DICOM", folder=study, out=tmp_path / "c.safetensors", protocol="prostatex", options=Options(size=32)
    )
    (task,) = find(asked, map).tasks
    inside = []

    def imported(task, whole=_study.study_part):
        inside.append(modes()["ITK's threads"])
        return whole(task) if not fails else 1 / 0

    monkeypatch.setattr(_study, "study_part", imported)
    if fails:
        with pytest.raises(ZeroDivisionError):
            import_study(task)
    else:
        import_study(task)
    assert inside == [1]


@pytest.mark.parametrize("context", [lenient_pydicom, silent_itk, single_threaded_itk])
def test_the_last_thread_out_puts_the_modes_back(context):
    """Two are inside at a time, and the one that entered first leaves first: the other keeps its modes."""
    before, entered, leave = modes(), threading.Event(), threading.Event()

    def second():
        with context():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=second)
    with context():
        thread.start()
        assert entered.wait(10)
        inside = modes()
    assert modes() == inside != before
    leave.set()
    thread.join()
    assert modes() == before
