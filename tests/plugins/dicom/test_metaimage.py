"""MetaImage files: read as ITK reads what ITK writes, and refused where bytes or files are missing."""

import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from gankit_dicom._refused import Refused
from gankit_dicom._volumes.files import files_of, read_volume, read_volumes
from tests.plugins.dicom.scans import T2W, t2w_values, write_volume

VALUES = np.rint(t2w_values(T2W.places()) / 4)


def header_of(file):
    """The lines of a header, and what is behind them."""
    head, key, rest = file.read_bytes().partition(b"ElementDataFile = ")
    name, _, voxels = rest.partition(b"\n")
    return head.decode(), key.decode() + name.decode() + "\n", voxels


def write(file, kind="<f4", voxels=None, data="LOCAL", element="MET_FLOAT", **fields):
    """A file written by hand: ITK's header of the T2w with other fields, and voxels as they are given."""
    write_volume(file.with_name("itk.mha"), VALUES)
    head, _, _ = header_of(file.with_name("itk.mha"))
    said = dict(line.split(" = ") for line in head.splitlines()) | {"ElementType": element} | fields
    lines = [f"{key} = {value}" for key, value in said.items() if value is not None]
    voxels = VALUES.astype(kind).tobytes() if voxels is None else voxels
    file.write_bytes("\n".join([*lines, f"ElementDataFile = {data}\n"]).encode() + (voxels if data == "LOCAL" else b""))
    return file


def same(file, values=VALUES):
    """A file has the values at the places where ITK has them."""
    write_volume(file.with_name("wanted.mha"), values)
    theirs = sitk.DICOMOrient(sitk.ReadImage(str(file.with_name("wanted.mha"))), "LPS")
    ours = read_volume(file).image
    np.testing.assert_allclose(ours.GetOrigin(), theirs.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(ours.GetDirection(), theirs.GetDirection(), atol=1e-6)
    np.testing.assert_allclose(ours.GetSpacing(), theirs.GetSpacing(), atol=1e-6)
    np.testing.assert_allclose(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs), atol=1e-3)
    return True


KINDS = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "<i2", "MET_USHORT": "<u2", "MET_INT": "<i4", "MET_UINT": "<u4",
    "MET_LONG": "<i4", "MET_ULONG": "<u8", "MET_LONG_LONG": "<i8", "MET_ULONG_LONG": "<u8", "MET_FLOAT": "<f4",
    "MET_DOUBLE": "<f8",
}  # fmt: skip


@pytest.mark.parametrize("element", KINDS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_kind_of_real_number_is_read(tmp_path, element, packed):
    """Packed or not; a long has 4 bytes or 8."""
    values = np.minimum(VALUES, 120)
    voxels = values.astype(KINDS[element]).tobytes()
    packing = {"CompressedData": "True", "CompressedDataSize": len(zlib.compress(voxels))} if packed else {}
    file = write(tmp_path / "a.mha", voxels=zlib.compress(voxels) if packed else voxels, element=element, **packing)
    assert same(file, values)


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": ">f4", "BinaryDataByteOrderMSB": "True"},
        {"kind": ">f4", "BinaryDataByteOrderMSB": None, "ElementByteOrderMSB": "True"},
        {"voxels": b"some words" + VALUES.astype("<f4").tobytes(), "HeaderSize": "10"},
        {"voxels": b"many words" * 9 + VALUES.astype("<f4").tobytes(), "HeaderSize": "-1"},
        {"voxels": " ".join(map(str, VALUES.ravel())).encode(), "BinaryData": "False"},
        {"voxels": zlib.compress(VALUES.astype("<f4").tobytes()), "CompressedData": "True"},
        {"ElementNumberOfChannels": "1", "CenterOfRotation": None, "AnatomicalOrientation": None},
    ],
)
def test_whatever_a_header_says_of_its_voxels_is_heeded(tmp_path, asked):
    """Byte order, bytes to skip, text, and packed voxels without CompressedDataSize."""
    assert same(write(tmp_path / "a.mha", **asked))


@pytest.mark.parametrize(
    ("data", "names"),
    [
        ("v.raw", ["v.raw"]),
        ("name with words.raw", ["name with words.raw"]),
        ("LIST\n" + "\n".join(f"s{n}.raw" for n in range(10)), [f"s{n}.raw" for n in range(10)]),
        ("LIST 2D\n" + "\n".join(f"s{n}.raw" for n in range(10)), [f"s{n}.raw" for n in range(10)]),
        ("s%02d.raw 3 12 1", [f"s{n:02}.raw" for n in range(3, 13)]),
    ],
)
def test_voxels_may_be_in_files_of_their_own(tmp_path, data, names):
    """One, a list or a pattern. One that is missing or short is not made up for."""
    for name, part in zip(names, np.split(VALUES.astype("<f4"), len(names)), strict=True):
        (tmp_path / name).write_bytes(part.tobytes())
    file = write(tmp_path / "a.mhd", data=data)
    assert same(file)
    assert files_of(file) == (file, *(tmp_path / name for name in names))
    (tmp_path / names[-1]).write_bytes((tmp_path / names[-1]).read_bytes()[:-1])
    with pytest.raises(Refused, match="cut short"):
        read_volume(file)
    (tmp_path / names[-1]).unlink()
    with pytest.raises(Refused, match="a file of its voxels is not there"):
        read_volume(file)


def test_a_list_of_too_few_files_is_refused(tmp_path):
    """ITK hands out what lay in memory for the others."""
    for number in range(6):
        (tmp_path / f"s{number}.raw").write_bytes(VALUES[number].astype("<f4").tobytes())
    with pytest.raises(Refused, match="fewer files"):
        read_volume(write(tmp_path / "a.mhd", data="LIST\n" + "\n".join(f"s{n}.raw" for n in range(6))))


@pytest.mark.parametrize(("unit", "scale"), [("um", 1e3), ("cm", 0.1), ("mm", 1)])
def test_the_unit_of_space_is_heeded(tmp_path, unit, scale):
    """DistanceUnits; offsets are in it, too."""
    head, _, _ = header_of(write(tmp_path / "b.mha"))
    said = dict(line.split(" = ") for line in head.splitlines())
    scaled = {
        key: " ".join(str(float(word) * scale) for word in said[key].split()) for key in ("Offset", "ElementSpacing")
    }
    assert same(write(tmp_path / "a.mha", DistanceUnits=unit, **scaled))


def test_several_volumes_in_one_file_are_read(tmp_path):
    """As ITK writes 4 axes."""
    image = sitk.JoinSeries([sitk.GetImageFromArray(VALUES + n) for n in range(3)])
    sitk.WriteImage(image, str(tmp_path / "a.mha"))
    volumes, _ = read_volumes(tmp_path / "a.mha")
    assert [float(volume.array[0, 0, 0] - VALUES[0, 0, 0]) for volume in volumes] == [0, 1, 2]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"NDims": "9999"}, "other counts of numbers than axes"),
        ({"NDims": "2", "DimSize": "72 720"}, "not volumes of 3 axes"),
        ({"DimSize": "72 72 99"}, "cut short"),
        ({"DimSize": "72 72 0"}, "an axis without voxels|absurd size"),
        ({"DimSize": "99999 99999 99999"}, "absurd size"),
        ({"DimSize": "72 72 -10"}, "not volumes of 3 axes"),
        ({"ElementSpacing": "1 1"}, "other counts of numbers"),
        ({"ElementSpacing": "1 1 far"}, "cannot be parsed"),
        ({"ElementSpacing": "1 nan 1"}, "not finite"),
        ({"TransformMatrix": " ".join("0" * 9)}, "no volume"),
        ({"Offset": "1e999 0 0"}, "not finite"),
        ({"ElementNumberOfChannels": "3"}, "one real number each"),
        ({"element": "MET_OTHER"}, "one real number each"),
        ({"HeaderSize": "-7"}, "cannot be parsed"),
        ({"CompressedData": "True"}, "cannot be unpacked"),
        ({"BinaryData": "False"}, "no numbers|fewer numbers"),
        ({"data": ""}, "names no file"),
        ({"data": "a\0b"}, "names no file"),
        ({"data": "LIST"}, "names no file"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_with_its_reason(tmp_path, fields, reason):
    """Never read as something else."""
    with pytest.raises(Refused, match=reason):
        read_volume(write(tmp_path / "a.mha", **fields))


def test_a_file_without_a_header_is_refused(tmp_path):
    """Whatever it is called."""
    (tmp_path / "a.mha").write_bytes(b"\x89PNG" + bytes(900))
    with pytest.raises(Refused, match="not a MetaImage file"):
        read_volume(tmp_path / "a.mha")
