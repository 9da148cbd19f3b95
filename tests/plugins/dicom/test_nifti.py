"""NIfTI files: where their voxels are and what their values are, as other tools read them."""

import gzip
import random
import shutil

import nibabel
import numpy as np
import pytest

from gankit_dicom._refused import Refused
from gankit_dicom._volumes.files import file_place, files_of, read_volume, read_volumes
from tests.plugins.dicom.scans import DIFFUSION, T2W, adc_values, t2w_values, write_volume

VALUES = t2w_values(T2W.places())
WANTED = np.array([T2W.places()[z, y, x] for z in (0, -1) for y in (0, -1) for x in (0, -1)])
"""Corners of the T2w grid."""


def affine_of(grid):
    """Voxel numbers to right, anterior, superior."""
    affine = np.eye(4)
    steps = [grid.pixel_mm * grid.row, grid.pixel_mm * grid.column, grid.gap_mm * np.cross(grid.row, grid.column)]
    affine[:3, :3], affine[:3, 3] = np.stack(steps, axis=1), grid.places()[0, 0, 0]
    return np.diag([-1, -1, 1, 1]) @ affine


def write(file, values=VALUES, affine=None, kind=nibabel.Nifti1Image, sform=1, qform=1, unit="mm", grid=T2W, **fields):
    """A NIfTI file of a grid; ``fields`` overwrites fields of its header as they are stored."""
    affine = affine_of(grid) if affine is None else affine
    stored = values if np.iscomplexobj(values) or values.dtype.names else values.astype(values.dtype.newbyteorder("="))
    image = kind(stored.T if stored.ndim == 3 else stored, affine, dtype=values.dtype)
    image.header.set_xyzt_units(unit, "sec")
    image.set_qform(affine, qform)
    image.set_sform(affine, sform)
    file.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, file)
    if fields:
        change(file, kind, **fields)
    return file


def change(file, kind=nibabel.Nifti1Image, **fields):
    """Overwrite fields of a header that is neither packed nor a pair."""
    content = file.read_bytes()
    header = kind.header_class(content[: kind.header_class.template_dtype.itemsize], check=False)
    for name, value in fields.items():
        header[name] = value
    file.write_bytes(header.binaryblock + content[len(header.binaryblock) :])


def same_image(volume, values=VALUES, atol=0.01):
    """The volume has the values at the places of the T2w grid."""
    image = volume.image
    for z, y, x in ((0, 0, 0), (3, 20, 50), (9, 71, 10)):
        index = image.TransformPhysicalPointToIndex(T2W.places()[z, y, x].tolist())
        if abs(image[index] - values[z, y, x]) > atol:
            return False
    return True


# Place ----------------------------------------------------------------------------------------------------

OTHER = affine_of(T2W) @ np.array([[1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
"""Nine voxels off."""


@pytest.mark.parametrize(
    ("sform", "qform", "true", "warned"),
    [
        ((1, None), (1, None), "both", ""),
        ((2, None), (1, OTHER), "sform", "sform and qform say different places"),
        ((4, None), (0, OTHER), "sform", ""),
        ((0, OTHER), (1, None), "qform", ""),
        ((1, np.zeros((4, 4))), (1, None), "qform", "its qform was taken"),
    ],
)
def test_sform_is_taken_where_its_code_is_above_0_and_qform_else(tmp_path, sform, qform, true, warned):
    """As nibabel, FSL and SPM do; where they disagree, it is said."""
    file = write(tmp_path / "t2w.nii")
    image = nibabel.load(file)
    image = nibabel.Nifti1Image(np.asarray(image.dataobj), None, image.header)
    image.header.set_sform(affine_of(T2W) if sform[1] is None else sform[1], sform[0])
    image.header.set_qform(affine_of(T2W) if qform[1] is None else qform[1], qform[0])
    nibabel.save(image, tmp_path / "other.nii.gz")
    volume = read_volume(tmp_path / "other.nii.gz")
    assert same_image(volume)
    assert warned in " ".join(volume.notes)
    assert bool(warned) == bool(volume.notes)


def test_a_file_without_a_place_is_centred_with_a_warning(tmp_path):
    """sform_code and qform_code 0: as nibabel does."""
    volume = read_volume(write(tmp_path / "t2w.nii", sform_code=0, qform_code=0))
    middle = [(size - 1) / 2 for size in volume.image.GetSize()]
    np.testing.assert_allclose(volume.image.TransformContinuousIndexToPhysicalPoint(middle), 0, atol=1e-4)
    assert "no place in space" in volume.notes[0]


@pytest.mark.parametrize("by", [1e-5, 1e-4, 1e-3])
def test_axes_nearly_at_right_angles_are_put_at_right_angles(tmp_path, by):
    """What rounding through several tools leaves; no corner moves by more than half a millimetre."""
    off = affine_of(T2W) + by * np.array([[0, 1, 0, 0], [0, 0, 2, 0], [-1, 0, 0, 0], [0, 0, 0, 0]])
    file = write(tmp_path / "t2w.nii.gz", affine=off, qform=0)
    place = file_place(file)
    np.testing.assert_allclose(place.direction.T @ place.direction, np.eye(3), atol=1e-12)
    distances = np.linalg.norm(place.corners()[:, None] - WANTED[None], axis=2)
    assert distances.min(axis=1).max() < 0.5
    assert read_volume(file).array.shape == (10, 72, 72)


@pytest.mark.parametrize("ending", [".nii.gz", ".mha", ".nrrd"])
def test_a_sheared_grid_is_refused_by_that_word(tmp_path, ending):
    """As a tilted gantry gives it; in every kind of file."""
    shear = affine_of(T2W) @ np.array([[1, 0, 0.3, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    file = tmp_path / f"t2w{ending}"
    if ending == ".nii.gz":
        write(file, affine=shear, qform=0)
    else:
        write_volume(file, VALUES)
        content = file.read_bytes()
        for start in (b"TransformMatrix = 1 0 0", b"space directions: (1.1"):
            content = content.replace(start, start.replace(b"1 0 0", b"1 0.2 0").replace(b"(1.1", b"(1.1,0.2,0) (1.1"))
        if ending == ".nrrd":
            head, _, tail = content.partition(b"space directions: ")
            line, _, tail = tail.partition(b"\n")
            content = head + b"space directions: " + line.replace(b",0,0)", b",0.4,0)", 1) + b"\n" + tail
            content = content.replace(b"(1.1,0.2,0) (1.1", b"(1.1")
        file.write_bytes(content)
    with pytest.raises(Refused, match="sheared"):
        file_place(file)
    with pytest.raises(Refused, match="sheared"):
        read_volume(file)


@pytest.mark.parametrize("flips", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_left_handed_file_is_the_same_image(tmp_path, flips):
    """Axes that run the other way, and voxels with them."""
    affine, values = affine_of(T2W), VALUES
    for axis in flips:
        size = VALUES.shape[2 - axis]
        affine = affine @ np.diag([-1.0 if other == axis else 1.0 for other in range(4)])
        affine[:3, 3] -= affine[:3, axis] * (size - 1)
        values = np.flip(values, 2 - axis)
    assert same_image(read_volume(write(tmp_path / "t2w.nii.gz", values, affine)))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 2, 1)])
def test_axes_in_any_order_are_the_same_image(tmp_path, order):
    """As sagittal or coronal files store an axial stack."""
    affine = affine_of(T2W)[:, [*order, 3]]
    values = VALUES.transpose(*(2 - axis for axis in order[::-1]))
    assert same_image(read_volume(write(tmp_path / "t2w.nii.gz", values, affine)))


@pytest.mark.parametrize(
    ("unit", "scale", "warned"),
    [("meter", 1e-3, False), ("micron", 1e3, False), ("meter", 1, True), ("unknown", 1, False)],
)
def test_the_unit_of_space_is_heeded_unless_it_cannot_be_true(tmp_path, unit, scale, warned):
    """Metres and microns; a file in mm that says metres is taken in mm with a warning."""
    affine = affine_of(T2W)
    affine[:3] *= scale
    volume = read_volume(write(tmp_path / "t2w.nii.gz", affine=affine, unit=unit))
    assert same_image(volume, atol=0.5)
    assert bool(volume.notes) == warned


# Files ----------------------------------------------------------------------------------------------------


def test_nifti_2_is_read(tmp_path):
    """By its header, whatever the name says."""
    assert same_image(read_volume(write(tmp_path / "t2w.nii.gz", kind=nibabel.Nifti2Image)))


@pytest.mark.parametrize(("header", "voxels"), [("t.hdr", "t.img"), ("T.HDR", "T.IMG"), ("t.hdr", "t.img.gz")])
def test_a_pair_of_files_is_one_volume(tmp_path, header, voxels):
    """Header and voxels; both belong to what is hashed."""
    write(tmp_path / "in" / "t.img", kind=nibabel.Nifti1Pair)
    content = (tmp_path / "in" / "t.img").read_bytes()
    (tmp_path / header).write_bytes((tmp_path / "in" / "t.hdr").read_bytes())
    (tmp_path / voxels).write_bytes(gzip.compress(content) if voxels.endswith("gz") else content)
    assert same_image(read_volume(tmp_path / header))
    assert files_of(tmp_path / header) == (tmp_path / header, tmp_path / voxels)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr"])
def test_an_ending_may_be_in_upper_case(tmp_path, ending):
    """As some file systems and some tools leave it."""
    write_volume(tmp_path / f"t2w{ending}", VALUES)
    (tmp_path / f"t2w{ending}").rename(tmp_path / f"T2W{ending.upper()}")
    assert same_image(read_volume(tmp_path / f"T2W{ending.upper()}"))


def test_gzip_is_known_by_its_bytes(tmp_path):
    """A .nii that is packed, and a .nii.gz that is not."""
    plain = write(tmp_path / "a.nii")
    shutil.copy(plain, tmp_path / "b.nii.gz")
    (tmp_path / "c.nii").write_bytes(gzip.compress(plain.read_bytes()))
    assert same_image(read_volume(tmp_path / "b.nii.gz"))
    assert same_image(read_volume(tmp_path / "c.nii"))


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_bytes_are_read_in_either_order(tmp_path, byte_order):
    """The header says which."""
    header = nibabel.Nifti1Header(endianness=byte_order)
    header.set_data_dtype(np.int16)
    image = nibabel.Nifti1Image(np.rint(VALUES).astype(np.int16).T, affine_of(T2W), header)
    nibabel.save(image, tmp_path / "t2w.nii.gz")
    assert same_image(read_volume(tmp_path / "t2w.nii.gz"), atol=0.51)


# Values ---------------------------------------------------------------------------------------------------

STORED = np.rint(VALUES * 10).astype(np.int16)


@pytest.mark.parametrize(
    ("slope", "intercept", "wanted"),
    [(0.1, 0, VALUES), (0.1, 5, VALUES + 5), (0, 0, VALUES * 10), (0, 7, VALUES * 10), (np.nan, np.nan, VALUES * 10)],
)
def test_slope_and_intercept_are_applied_unless_the_slope_is_0_or_missing(tmp_path, slope, intercept, wanted):
    """As the standard has it for scl_slope."""
    file = write(tmp_path / "t2w.nii", STORED, scl_slope=slope, scl_inter=intercept)
    assert same_image(read_volume(file), wanted, atol=0.6)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"scl_slope": -1.0}, "negative"),
        ({"scl_slope": np.inf}, "not finite"),
        ({"scl_slope": 1.0, "scl_inter": np.nan}, "not finite"),
        ({"sform_code": 1, "srow_x": [np.nan] * 4, "qform_code": 0}, "no volume"),
        ({"sizeof_hdr": 7}, "not a NIfTI file"),
        ({"magic": b"dcm"}, "header cannot be parsed"),
        ({"datatype": 4711}, "header cannot be parsed"),
        ({"datatype": 1536}, "one real number each|header cannot be parsed|cut short"),
        ({"datatype": 1}, "header cannot be parsed"),
        ({"dim": [3, 72, 72, 0, 1, 1, 1, 1]}, "an axis without voxels"),
        ({"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]}, "absurd size"),
        ({"dim": [3, 72, 72, 11, 1, 1, 1, 1]}, "cut short"),
        ({"dim": [5, 72, 72, 2, 1, 5, 1, 1]}, "more than 4 axes"),
    ],
)
def test_a_header_that_cannot_be_used_is_refused_with_its_reason(tmp_path, fields, reason):
    """Never read as something else."""
    file = write(tmp_path / "t2w.nii", STORED, **fields)
    with pytest.raises(Refused, match=reason):
        read_volume(file)


COLOUR = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


@pytest.mark.parametrize("kind", ["c8", "c16", COLOUR])
def test_complex_and_coloured_voxels_are_refused(tmp_path, kind):
    """There is no one number at a place."""
    with pytest.raises(Refused, match="one real number each"):
        read_volume(write(tmp_path / "t2w.nii", np.zeros((10, 72, 72), kind)))


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i4", "u4", "i8", "u8", "f8"])
def test_every_kind_of_real_number_is_read(tmp_path, kind):
    """Whole numbers and floats of any size."""
    values = np.rint(VALUES / 5).astype(kind)
    assert same_image(read_volume(write(tmp_path / "t2w.nii.gz", values)), values.astype(float))


@pytest.mark.parametrize("more", [(1,), (1, 1), (1, 1, 1, 1)])
def test_further_axes_of_one_place_are_left_out(tmp_path, more):
    """As many tools write them."""
    values = VALUES.T.reshape(*VALUES.T.shape, *more)
    assert same_image(read_volume(write(tmp_path / "t2w.nii.gz", values)))


def test_several_volumes_in_one_file_are_read_where_several_are_wanted(tmp_path):
    """With the time between them; one volume is not taken from them by chance."""
    file = write(tmp_path / "dce.nii", np.stack([VALUES.T, 2 * VALUES.T], axis=-1), pixdim=[1, 1.1, 1.1, 3, 7, 0, 0, 0])
    volumes, step_s = read_volumes(file)
    assert [same_image(volumes[0]), same_image(volumes[1], 2 * VALUES)] == [True, True]
    assert step_s == 7
    with pytest.raises(Refused, match="2 volumes in one file"):
        read_volume(file)


# Damage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".img"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("left", [0.99, 0.5, 0.02])
def test_a_file_cut_short_is_refused(tmp_path, ending, packed, left):
    """Never a volume with blank slices at its end."""
    import SimpleITK as sitk

    file = tmp_path / f"t2w{ending}"
    write_volume(file, VALUES)
    sitk.WriteImage(sitk.ReadImage(str(file)), str(file), packed)
    header = file.with_suffix(".hdr") if ending == ".img" else file
    voxels = files_of(header)[-1]
    content = voxels.read_bytes()
    voxels.write_bytes(content[: max(int(left * len(content)), 600 if voxels == header else 0)])
    with pytest.raises(Refused, match="cut short|cannot be read"):
        read_volume(header)


@pytest.mark.parametrize("ending", [".nii.gz", ".mha", ".nrrd"])
def test_a_packed_file_with_a_changed_byte_is_refused(tmp_path, ending):
    """Its checksum says so."""
    import SimpleITK as sitk

    file = tmp_path / f"t2w{ending}"
    write_volume(file, VALUES)
    sitk.WriteImage(sitk.ReadImage(str(file)), str(file), True)
    content = bytearray(file.read_bytes())
    content[-2000] ^= 0x10
    file.write_bytes(content)
    with pytest.raises(Refused, match="damaged|cut short"):
        read_volume(file)


@pytest.mark.parametrize("ending", [".nii.gz", ".mha"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_voxels_without_a_number_outside_of_the_middle_are_background(tmp_path, ending, value):
    """Some tools write NaN outside of the body. In the middle they are refused, but for an ADC map."""
    values = VALUES.copy()
    values[:, :9] = value
    write_volume(tmp_path / f"t2w{ending}", values)
    volume = read_volume(tmp_path / f"t2w{ending}")
    assert same_image(volume, np.where(np.isfinite(values), values, 0))
    assert "taken as background" in volume.notes[0]
    values[5, 36, 36] = value
    write_volume(tmp_path / f"t2w{ending}", values)
    with pytest.raises(Refused, match="in its middle"):
        read_volume(tmp_path / f"t2w{ending}")
    assert read_volume(tmp_path / f"t2w{ending}", holes=True).array.min() == 0


BAD = {
    "complex": lambda file: write(file, np.zeros((10, 72, 72), "c8")),
    "colours": lambda file: write(file, np.zeros((10, 72, 72), COLOUR)),
    "no NIfTI": lambda file: file.write_bytes(b"\x89PNG" + bytes(900)),
    "empty": lambda file: file.write_bytes(b""),
    "a folder": lambda file: file.mkdir(),
}


@pytest.mark.parametrize("what", BAD)
def test_one_bad_file_ends_no_import(parts, tmp_path, what):
    """Its patient is refused, the other is imported."""
    for patient in ("A", "B"):
        write_volume(tmp_path / "in" / f"{patient}_1_adc.nii.gz", adc_values(DIFFUSION.places()), DIFFUSION)
    write(tmp_path / "in" / "A_1_t2w.nii.gz")
    BAD[what](tmp_path / "in" / "B_1_t2w.nii")
    good, bad = parts(tmp_path / "in", "volumes")
    assert len(good) > 0
    assert len(bad) == 0


def test_a_sagittal_file_is_not_taken_for_an_axial_one(parts, tmp_path):
    """Its thickest side says its plane."""
    write_volume(tmp_path / "in" / "A_1_adc.nii.gz", adc_values(DIFFUSION.places()), DIFFUSION)
    affine = affine_of(T2W)
    affine[:3, :3] = affine[:3, [1, 2, 0]] / [1.1, 3.0, 1.1] * [1.1, 1.1, 3.0]
    write(tmp_path / "in" / "A_1_t2w.nii.gz", affine=affine)
    (part,) = parts(tmp_path / "in", "volumes")
    assert len(part) == 0
    assert "sagittal, not axial" in str(part.record["series"])


def test_what_was_odd_of_a_file_is_warned_of(parts, tmp_path):
    """Once a study, without a number of it."""
    for name, values, grid in (("t2w", VALUES, T2W), ("adc", adc_values(DIFFUSION.places()), DIFFUSION)):
        write(tmp_path / "in" / f"A_1_{name}.nii", values, affine_of(grid), sform_code=0, qform_code=0)
    (part,) = parts(tmp_path / "in", "volumes")
    assert len(part) > 0
    assert [warning.split(";")[0] for warning in part.record["warnings"]] == [
        "A file says no place in space (sform_code and qform_code are 0)"
    ]


@pytest.mark.parametrize("ending", [".nii", ".mha", ".mhd", ".nrrd", ".hdr"])
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path, ending):
    """Headers above all; never another error, nor a warning of numpy."""
    draw = random.Random(ending)
    file = tmp_path / f"t2w{ending}"
    write_volume(file.with_suffix(".img") if ending == ".hdr" else file, VALUES[:4, :20, :20])
    content = file.read_bytes()
    refused = 0
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(draw.randint(1, 6)):
            place = draw.randrange(min(len(changed), 500))
            changed[place : place + draw.randint(0, 4)] = draw.randbytes(draw.randint(0, 4))
        file.write_bytes(changed)
        for read in (read_volumes, file_place, files_of):
            try:
                read(file)
            except Refused:
                refused += 1
    assert refused
