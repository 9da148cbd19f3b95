"""Headers that promise what is not there: refused before memory is taken."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._refused import Refused
from gankit_dicom._volumes.files import files_of, read_volume
from tests.plugins.dicom.scans import T2W, t2w_values, write_t2w, write_volume


@pytest.fixture
def least_memory():
    """Fails where a test takes more than 64 MiB at one time."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**26


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_nifti_header_that_promises_a_gigabyte_takes_none(tmp_path, least_memory, ending):
    """The file is a few hundred kilobytes."""
    file = tmp_path / f"t2w{ending}"
    write_volume(file, t2w_values(T2W.places()))
    content = bytearray(gzip.decompress(file.read_bytes()) if ending == ".nii.gz" else file.read_bytes())
    struct.pack_into("<3h", content, 42, 600, 600, 600)
    file.write_bytes(gzip.compress(content) if ending == ".nii.gz" else content)
    with pytest.raises(Refused, match="cut short"):
        read_volume(file)


def test_a_dicom_element_that_promises_gigabytes_takes_none(tmp_path, least_memory):
    """Its length has 32 bits; whatever it says, no more is read than there is."""
    file = write_t2w(tmp_path)[0]
    content = file.read_bytes()
    at = content.index(b"\x08\x00\x08\x00CS")
    long = struct.pack("<HH2sHL", 0x0008, 0x0009, b"UN", 0, 0x7FFFFFF0)
    file.write_bytes(content[:at] + long + content[at:])
    with pytest.raises(Refused):
        read_headers(file)


def test_a_locator_on_a_narrow_image_divides_by_nothing(recwarn):
    """A field narrower than its search has no mirror image there."""
    from gankit_dicom._slices.locator import symmetry_shift

    images = np.random.default_rng(0).random((3, 24, 24))
    assert abs(symmetry_shift(images, 0.5)) < 6
    assert not recwarn.list


@pytest.mark.parametrize("name", ["x" * 5000, "\0", "nowhere.raw"])
def test_a_header_that_names_no_file_is_refused(tmp_path, name):
    """A file system takes names of 255 bytes; what a damaged header holds may be longer."""
    file = tmp_path / "t2w.mha"
    write_volume(file, t2w_values(T2W.places()))
    file.write_bytes(file.read_bytes().replace(b"= LOCAL", b"= " + name.encode(), 1))
    with pytest.raises(Refused):
        read_volume(file)
    assert files_of(file) == (file,)


@pytest.mark.parametrize("number", ["nan", "inf", "1e300"])
@pytest.mark.parametrize("field", ["TransformMatrix", "Offset", "ElementSpacing"])
def test_a_number_that_is_none_is_refused_without_a_word(tmp_path, recwarn, field, number):
    """Of a place in space."""
    file = tmp_path / "t2w.mha"
    write_volume(file, t2w_values(T2W.places()))
    content = file.read_bytes()
    start = content.index(field.encode()) + len(field) + 3
    end = content.index(b" ", start)
    file.write_bytes(content[:start] + number.encode() + content[end:])
    with pytest.raises(Refused, match="not finite"):
        read_volume(file)
    assert not recwarn.list
