"""Files of plain arrays: every kind of damage is one line, and no memory is taken for what is not there."""

import io
import zipfile

import numpy as np
import pytest

from gankit import read_npz
from gankit.files.array_files import read_npy

IMAGES = np.random.default_rng(0).random((9, 8, 8), dtype=np.float32)


def npy(array, **how):
    """The bytes of a .npy."""
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asarray(array), **how)
    return content.getvalue()


def header(shape, descr="<f4", order=False):
    """The bytes of a .npy without values, that promises this shape."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": descr, "fortran_order": order, "shape": shape})
    return content.getvalue()


@pytest.fixture
def zipped(tmp_path):
    """``zipped({"adc.npy": bytes}, method)``: a zip archive with these members."""

    def write(members, method=zipfile.ZIP_STORED):
        with zipfile.ZipFile(tmp_path / "pairs.npz", "w", method) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return tmp_path / "pairs.npz"

    return write


@pytest.fixture
def unsound(tmp_path):
    """``unsound(file)``: the one line that says what is wrong with it, a path or the bytes of a file."""

    def said(file):
        if isinstance(file, bytes):
            (tmp_path / "pairs.npz").write_bytes(file)
            file = tmp_path / "pairs.npz"
        with pytest.raises(ValueError, match=".") as refused:
            read_npz(file)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    return said


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize(
    "array",
    [IMAGES, np.asfortranarray(IMAGES), IMAGES.astype(">f8"), np.float32(3), np.zeros((0, 8)), np.array(["a", "bc"])],
    ids=["images", "column-major", "big-endian", "one number", "none", "texts"],
)
def test_what_numpy_writes_is_read(zipped, method, array):
    """With any compression of zip, any order in memory and of bytes, and with no element."""
    read = read_npz(zipped({"adc.npy": npy(array)}, method))["adc"]
    assert (read.dtype, read.shape) == (np.asarray(array).dtype, np.shape(array))
    np.testing.assert_array_equal(read, array)


def test_savez_and_version_2_are_read(tmp_path, zipped):
    """As numpy itself writes a file."""
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "both.npz", adc=IMAGES, p=np.arange(9))
        assert list(read_npz(tmp_path / "both.npz")) == ["adc", "p"]
    np.testing.assert_array_equal(read_npz(zipped({"adc.npy": npy(IMAGES, version=(2, 0))}))["adc"], IMAGES)


def test_only_the_arrays_that_are_wanted_are_read(zipped):
    """A damaged one that nobody wants does no harm."""
    file = zipped({"adc.npy": npy(IMAGES), "other.npy": b"no array"})
    assert list(read_npz(file, ["adc", "absent"])) == ["adc"]


def test_members_that_are_no_arrays_are_left_out(zipped):
    """As a text beside them, or what Finder adds to an archive."""
    file = zipped({"adc.npy": npy(IMAGES), "README.txt": b"words", "__MACOSX/._adc.npy": b"\0\5\x16\7"})
    assert list(read_npz(file)) == ["adc"]


def test_a_file_is_read_to_memory_that_may_be_written(zipped):
    """Callers set what is absent to 0."""
    read_npz(zipped({"adc.npy": npy(IMAGES)}))["adc"][:] = 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (header((10**6, 10**6)), "array 'adc' has 0 bytes, but (1000000, 1000000) of float32 needs 4000000000000"),
        (header((10**18, 10**18)), "array 'adc' has 0 bytes"),
        (header((-1, 8)), "array 'adc' has 0 bytes"),
        (header((9, 8, 8)) + bytes(100), "array 'adc' has 100 bytes, but (9, 8, 8) of float32 needs 2304"),
        (npy(IMAGES) + b"more", "array 'adc' has 2308 bytes"),
        (npy(np.array([{"a": 1}], dtype=object), allow_pickle=True), "array 'adc' holds Python objects"),
        (header((3,), [("a", "O")]), "array 'adc' holds Python objects"),
        (npy(np.zeros(3, [("adc", "f4"), ("t2w", "f4")])), "array 'adc' holds records"),
        (npy(np.zeros(3, "V8")), "array 'adc' holds records"),
        (npy(np.zeros(3, [("\u03b1", "f4")]), version=(3, 0)), "array 'adc' is of version 3.0, accepted: 1.0 and 2.0"),
        (b"", "array 'adc' cannot be read: "),
        (b"\x93NUMPY", "array 'adc' cannot be read: "),
        (b"\x93NUMPY\x01\x00\xff\xff{", "array 'adc' cannot be read: "),
        (npy(IMAGES)[:10] + b"(" * 100 + npy(IMAGES)[110:], "array 'adc' cannot be read: "),
        (npy(IMAGES).replace(b"<f4", b"<x4"), "array 'adc' cannot be read: "),
        (npy(IMAGES).replace(b"shape", b"shope"), "array 'adc' cannot be read: "),
        (b"PK\x03\x04 a zip in a zip", "array 'adc' cannot be read: "),
    ],
)
def test_an_unsound_array_is_said_on_one_line(zipped, unsound, content, said):
    """The header promises what is not there, is no header, or promises what is not read."""
    assert unsound(zipped({"adc.npy": content})).startswith(said)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bytes_that_changed_on_the_way_are_noticed(zipped, unsound, method):
    """By the decompressor, or by the checksum."""
    file = zipped({"adc.npy": npy(IMAGES)}, method)
    content = bytearray(file.read_bytes())
    content[400:420] = bytes(20)
    assert unsound(bytes(content)).startswith("array 'adc' cannot be read: ")


@pytest.mark.parametrize(
    ("offset", "change", "said"),
    [
        (8, 0x01, "array 'adc' is encrypted; store it without a password"),
        (8, 0x20, "array 'adc' cannot be read: "),
        (10, 0x63, "array 'adc' cannot be read: "),
        (24, 0xFF, "array 'adc' "),
        (42, 0xFF, ""),
    ],
)
def test_altered_entries_of_the_directory_are_said_on_one_line(zipped, unsound, offset, change, said):
    """Flags, the method, the size and the place of a member (PKWARE APPNOTE, section 4.3.12)."""
    content = bytearray(zipped({"adc.npy": npy(IMAGES)}).read_bytes())
    content[content.rindex(b"PK\x01\x02") + offset] |= change
    assert unsound(bytes(content)).startswith(said)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "it cannot be read: File is not a zip file"),
        (b"words", "it cannot be read: File is not a zip file"),
        (b"PK\x03\x04 cut short", "it cannot be read: File is not a zip file"),
        (npy(IMAGES), "it is one array without a name, as in .npy"),
    ],
)
def test_what_is_no_npz_is_said(unsound, file, said):
    """Another file by mistake."""
    assert unsound(file) == said


def test_an_archive_without_arrays_is_said(zipped, unsound):
    """As any other zip."""
    assert unsound(zipped({})) == unsound(zipped({"inner.npz": b"PK"})) == "it has no arrays"


def test_files_that_cannot_be_opened_are_said(unsound, tmp_path):
    """A folder, or none."""
    assert unsound(tmp_path).startswith("it cannot be read: ")
    assert unsound(tmp_path / "none.npz").startswith("it cannot be read: ")


@pytest.mark.parametrize("seed", range(200))
def test_any_altered_byte_gives_arrays_or_one_line(zipped, tmp_path, seed):
    """Never another error, and never more memory than the file has use for."""
    numbers = np.random.default_rng(seed)
    method = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)[seed % 4]
    content = bytearray(zipped({"adc.npy": npy(IMAGES), "p.npy": npy(np.arange(9))}, method).read_bytes())
    for place in numbers.integers(len(content), size=1 + seed % 5):
        content[place] = numbers.integers(256)
    cut = int(numbers.integers(len(content))) if seed % 7 == 0 else len(content)
    (tmp_path / "altered.npz").write_bytes(content[:cut])
    said = ""
    try:
        read_npz(tmp_path / "altered.npz")
    except ValueError as error:
        said = str(error)
    assert "\n" not in said


def test_a_single_array_is_read_and_checked(tmp_path):
    """A .npy has the same checks."""
    file = tmp_path / "one.npy"
    file.write_bytes(npy(IMAGES))
    np.testing.assert_array_equal(read_npy(file), IMAGES)
    file.write_bytes(header((10**9, 10**9)))
    with pytest.raises(ValueError, match="it has 0 bytes"):
        read_npy(file)
