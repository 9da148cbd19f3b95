"""``--as volumes`` and ``--as slabs``: where their planes lie, what they are worth, and what is left out."""

import attrs
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

import gankit
from gankit import InputError, read_cohort
from gankit_dicom._options import Options
from tests.plugins.dicom.scans import (
    CENTRE_MM,
    COLUMN,
    DIFFUSION,
    NORMAL,
    ROW,
    T2W,
    Grid,
    adc_values,
    gland,
    lesion,
    t2w_values,
    write_adc,
    write_masks,
    write_series,
    write_t2w,
    write_volume,
)

SMALL = "8x32x32"
INNER = (slice(1, -1), slice(4, -4), slice(4, -4))


def volumes(size=SMALL, **asked):
    return Options(items="volumes", size=size, **asked)


def slabs(**asked):
    return Options(items="slabs", size=32, **asked)


def places_of(part):
    """Patient coordinates of every voxel of a volume around the gland's centre, by arithmetic of the test's own."""
    depth, height, width = part.modalities["t2w"].shape[1:]
    z, y, x = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in (depth, height, width)), indexing="ij")
    across = x[..., None] * ROW + y[..., None] * COLUMN
    return CENTRE_MM + part.spacing_mm * across + part.slice_spacing_mm * z[..., None] * NORMAL


@pytest.fixture(scope="module")
def tall(tmp_path_factory):
    """A study whose T2w and ADC reach far beyond the gland, and its masks."""
    folder = tmp_path_factory.mktemp("tall")
    t2w, diffusion = attrs.evolve(T2W, slices=20), attrs.evolve(DIFFUSION, slices=22)
    write_t2w(folder / "scans", grid=t2w)
    write_adc(folder / "scans", grid=diffusion)
    write_masks(folder / "masks", "some", t2w)
    return folder


# Volumes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slice_spacing", [None, 2.0, 4.5])
def test_a_volume_shows_at_each_voxel_what_is_at_that_place_of_the_patient(parts, tall, slice_spacing):
    """Oblique grids are sampled by physical coordinates, from feet to head, at their own distance of planes or not."""
    (part,) = parts(tall / "scans", masks=tall / "masks", options=volumes(slice_spacing=slice_spacing))
    assert part.slice_spacing_mm == pytest.approx(slice_spacing or T2W.gap_mm)
    places = places_of(part)
    inner = np.abs(part.modalities["adc"][0] - adc_values(places))[INNER]
    assert np.median(inner) < 20

    def agreement(shift):
        return np.corrcoef(part.modalities["adc"][0][INNER].ravel(), adc_values(places + shift)[INNER].ravel())[0, 1]

    here = agreement(0 * ROW)
    for axis in (ROW, COLUMN, NORMAL):
        assert here > max(agreement(1.5 * axis), agreement(-1.5 * axis))


def test_planes_of_the_t2w_are_its_slices(parts, tall):
    """At the T2w's own distance nothing is interpolated along the slices: a plane is what the slice's crop is, but for
    the range of T2w."""
    (sliced,) = parts(tall / "scans", masks=tall / "masks", options=Options(size=32))
    (part,) = parts(tall / "scans", masks=tall / "masks", options=volumes("9x32x32"))
    first = sliced.record["crop"]["slices"][0] - part.record["crop"]["slices"][0]
    own = slice(first, first + len(sliced))
    np.testing.assert_array_equal(part.modalities["adc"][0, own], sliced.modalities["adc"])
    np.testing.assert_array_equal(part.lesion[0, own], sliced.lesion)
    np.testing.assert_array_equal(part.tissue[0, own], sliced.tissue)
    both = [
        values * (scale["high"] - scale["low"]) / 700 + scale["low"]
        for values, scale in (
            (part.modalities["t2w"][0, own], part.record["t2w"]),
            (sliced.modalities["t2w"], sliced.record["t2w"]),
        )
    ]
    unclipped = (sliced.modalities["t2w"] % 700 > 0) & (part.modalities["t2w"][0, own] % 700 > 0)
    np.testing.assert_allclose(both[0][unclipped], both[1][unclipped], rtol=1e-3, atol=0.1)


def test_planes_that_are_farther_apart_are_means_over_their_thickness(parts, tall):
    """Three slices make one plane, so a plane of 9 mm is the mean of the three of 3 mm."""
    (fine,) = parts(tall / "scans", masks=tall / "masks", options=volumes("6x32x32"))
    (coarse,) = parts(tall / "scans", masks=tall / "masks", options=volumes("2x32x32", slice_spacing=9))
    means = fine.modalities["adc"][0].reshape(2, 3, 32, 32).mean(axis=1)
    np.testing.assert_allclose(coarse.modalities["adc"][0], means, atol=12)
    assert np.abs(coarse.modalities["adc"][0] - fine.modalities["adc"][0, 1::3]).max() > 40


def test_volumes_are_what_simpleitk_samples_on_their_grid(parts, tmp_path):
    """One linear interpolation on the grid that the conventions and the two spacings describe; pixels are those of T2w,
    so nothing is averaged."""
    flat = Grid(size=80, pixel_mm=1.0, slices=24, gap_mm=3.0, column=np.array([0, 1.0, 0]))
    write_t2w(tmp_path / "scans", grid=flat)
    write_adc(tmp_path / "scans", grid=attrs.evolve(flat, size=60, pixel_mm=1.5))
    mask = np.zeros((24, 80, 80), dtype=bool)
    mask[6:18, 20:60, 20:60] = True
    write_volume(tmp_path / "masks" / "some_gland.nii.gz", mask, flat)
    asked = volumes("16x64x64", gland=0.625, slice_spacing=2.0)
    (part,) = parts(tmp_path / "scans", masks=tmp_path / "masks", options=asked)
    assert part.spacing_mm == pytest.approx(1.0)
    image = sitk.GetImageFromArray(np.rint(adc_values(attrs.evolve(flat, size=60, pixel_mm=1.5).places())))
    image.SetSpacing((1.5, 1.5, 3.0))
    image.SetOrigin((CENTRE_MM - [29.5 * 1.5, 29.5 * 1.5, 11.5 * 3.0]).tolist())
    grid = sitk.Image((64, 64, 16), sitk.sitkFloat32)
    grid.SetSpacing((1.0, 1.0, 2.0))
    grid.SetOrigin((CENTRE_MM - [31.5, 31.5, 7.5 * 2]).tolist())
    expected = sitk.GetArrayFromImage(sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0.0))
    np.testing.assert_allclose(part.modalities["adc"][0], expected, atol=0.1)


@pytest.mark.parametrize("axes", [(-1, 1), (1, -1), (-1, -1)])
def test_images_that_are_stored_flipped_give_the_same_volume(parts, tall, tmp_path, axes):
    """Coordinates decide what is left, front and up, not the order of rows, columns and slices."""
    t2w, diffusion = attrs.evolve(T2W, slices=20), attrs.evolve(DIFFUSION, slices=22)
    turned = [attrs.evolve(grid, row=axes[0] * ROW, column=axes[1] * COLUMN) for grid in (t2w, diffusion)]
    write_t2w(tmp_path, grid=turned[0])
    write_adc(tmp_path, grid=turned[1])
    (part,) = parts(tall / "scans", masks=tall / "masks", options=volumes())
    (again,) = parts(tmp_path, masks=tall / "masks", options=volumes())
    for name in ("t2w", "adc"):
        np.testing.assert_allclose(again.modalities[name], part.modalities[name], atol=0.5)
    np.testing.assert_array_equal(again.lesion, part.lesion)


def test_the_gland_is_in_the_middle_of_the_volume_along_three_axes(parts, tall):
    """By its mask; what the volume holds of it is said."""
    (part,) = parts(tall / "scans", masks=tall / "masks", options=volumes("12x32x32"))
    for axis, margin in ((1, 1), (2, 1), (3, 1)):
        others = tuple({0, 1, 2, 3} - {axis})
        shown = np.flatnonzero((part.tissue > 0).any(axis=others))
        assert abs(shown[0] + shown[-1] - (part.tissue.shape[axis] - 1)) <= margin
    assert part.record["crop"]["holds_gland"] is True
    assert (part.tissue > 0).any()


def test_near_an_end_of_the_t2w_the_planes_move_to_lie_within_it(parts, tmp_path):
    """As far as they must, and the gland stays in the volume."""
    low = attrs.evolve(T2W, slices=14, centre_mm=CENTRE_MM + 9 * NORMAL)
    write_t2w(tmp_path / "scans", grid=low)
    write_adc(tmp_path / "scans", grid=attrs.evolve(DIFFUSION, slices=24))
    write_masks(tmp_path / "masks", "some", low)
    (part,) = parts(tmp_path / "scans", masks=tmp_path / "masks", options=volumes("12x32x32"))
    assert part.record["crop"]["slices"] == [1, 12, 14]
    assert part.record["crop"]["padded"] == 0
    assert part.record["crop"]["holds_gland"] is True


def test_a_study_with_too_few_slices_is_refused_or_padded(parts, study, masks):
    """10 slices are no 12 planes; padded planes show nothing, and have no truth and no part in the range."""
    (refused,) = parts(study, masks=masks, options=volumes("12x32x32"))
    assert len(refused) == 0
    assert "10 slices of 3 mm, fewer than 12 planes of 3 mm" in refused.record["why"]
    (padded,) = parts(study, masks=masks, options=volumes("12x32x32", missing_planes="pad"))
    (whole,) = parts(study, masks=masks, options=volumes("10x32x32"))
    assert padded.record["crop"]["padded"] == 2
    assert not padded.modalities["t2w"][0, [0, -1]].any()
    assert not padded.tissue[0, [0, -1]].any()
    np.testing.assert_array_equal(padded.modalities["t2w"][0, 1:-1], whole.modalities["t2w"][0])


def test_a_modality_that_covers_less_than_half_of_a_volume_is_absent(parts, tall, tmp_path):
    """Else it is present, and 0 where it was not acquired; the record says how much it covers."""
    for slices in (8, 14):
        write_t2w(tmp_path / str(slices), grid=attrs.evolve(T2W, slices=20))
        write_adc(tmp_path / str(slices), grid=attrs.evolve(DIFFUSION, slices=slices))
    asked = {"masks": tall / "masks", "options": volumes("20x32x32")}
    few, more = (parts(tmp_path / str(slices), **asked)[0] for slices in (8, 14))
    assert few.present["adc"].tolist() == [False]
    assert not few.modalities["adc"].any()
    assert more.present["adc"].tolist() == [True]
    assert more.record["adc"]["covered"] == pytest.approx(14 / 20, abs=0.04)
    blank = ~more.modalities["adc"][0].any(axis=(1, 2))
    assert blank.tolist() == [True] * 3 + [False] * 14 + [True] * 3


def test_one_lesion_that_counts_makes_the_volume_cs(parts, tall, tmp_path):
    """Outlined and significant: 1; outlined without any: 0; nothing known: -1."""
    (part,) = parts(tall / "scans", masks=tall / "masks", options=volumes())
    assert part.cs.tolist() == [1]
    tall_grid = attrs.evolve(T2W, slices=20)
    write_volume(tmp_path / "clear" / "some_gland.nii.gz", gland(tall_grid.places()), tall_grid)
    (unknown,) = parts(tall / "scans", masks=tmp_path / "clear", options=volumes())
    assert unknown.cs.tolist() == [-1]
    write_volume(tmp_path / "clear" / "some_lesion.nii.gz", 0.0 * lesion(tall_grid.places()), tall_grid)
    (clear,) = parts(tall / "scans", masks=tmp_path / "clear", options=volumes())
    assert clear.cs.tolist() == [0]


@pytest.mark.parametrize(("size", "label"), [("12x32x32", 1), ("4x32x32", -1)])
def test_a_case_with_cancer_makes_the_volume_cs_that_holds_the_whole_gland(parts, tall, tmp_path, size, label):
    """Where in the gland it is need not be known. A volume that cuts the gland may not show it."""
    grid = attrs.evolve(T2W, slices=20)
    write_volume(tmp_path / "masks" / "some_gland.nii.gz", gland(grid.places()), grid)
    sheet = tmp_path / "cases.csv"
    uid = pydicom.dcmread(next(file for file in (tall / "scans").iterdir())).StudyInstanceUID
    sheet.write_text(f"patient_id,study_id,case_csPCa\nPlanted-0001,{uid},YES\n")
    (part,) = parts(tall / "scans", masks=tmp_path / "masks", marksheet=sheet, options=volumes(size))
    assert part.record["crop"]["holds_gland"] is (label == 1)
    assert part.cs.tolist() == [label]
    assert ("The volume cuts the gland" in " ".join(part.record["warnings"])) is (label == -1)


# Slabs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("neighbours", [1, 2])
def test_a_slab_has_its_slice_in_the_middle_and_the_neighbours_in_order(parts, tall, neighbours):
    """From feet to head, at one place of the plane; slices, labels and outlines are those of ``--as slices``."""
    (sliced,) = parts(tall / "scans", masks=tall / "masks", options=Options(size=32))
    (part,) = parts(tall / "scans", masks=tall / "masks", options=slabs(neighbours=neighbours))
    assert part.modalities["t2w"].shape == (len(sliced), 2 * neighbours + 1, 32, 32)
    for name in ("t2w", "adc"):
        images = part.modalities[name]
        np.testing.assert_array_equal(images[:, neighbours], sliced.modalities[name])
        np.testing.assert_array_equal(images[:-1, neighbours + 1], images[1:, neighbours])
        np.testing.assert_array_equal(images[1:, neighbours - 1], images[:-1, neighbours])
    np.testing.assert_array_equal(part.cs, sliced.cs)
    np.testing.assert_array_equal(part.lesion, sliced.lesion)


def test_a_slice_that_lacks_a_neighbour_is_left_out_and_counted(parts, tmp_path):
    """Nothing is made up at an end of the T2w."""
    short = attrs.evolve(T2W, slices=8)
    write_t2w(tmp_path / "scans", grid=short)
    write_adc(tmp_path / "scans")
    write_masks(tmp_path / "masks", "some", short)
    (sliced,) = parts(tmp_path / "scans", masks=tmp_path / "masks", options=Options(size=32))
    (part,) = parts(tmp_path / "scans", masks=tmp_path / "masks", options=slabs(neighbours=2))
    first, last, count = part.record["crop"]["slices"]
    assert first >= 3
    assert last <= count - 2
    assert part.record["crop"]["without_neighbours"] == len(sliced) - len(part) > 0
    (none,) = parts(tmp_path / "scans", masks=tmp_path / "masks", options=slabs(neighbours=8))
    assert none.record["why"] == "no slice around the gland has 8 neighbours below and above"


def test_a_slab_lacks_a_modality_that_one_of_its_slices_lacks(parts, tall, tmp_path):
    """The ADC ends in the gland."""
    write_t2w(tmp_path, grid=attrs.evolve(T2W, slices=20))
    write_adc(tmp_path, grid=attrs.evolve(DIFFUSION, slices=10, centre_mm=CENTRE_MM + 13 * NORMAL))
    (sliced,) = parts(tmp_path, masks=tall / "masks", options=Options(size=32))
    (part,) = parts(tmp_path, masks=tall / "masks", options=slabs())
    have = sliced.present["adc"]
    expected = have[:-2] & have[1:-1] & have[2:]
    assert len(part) == len(sliced)
    assert part.present["adc"][1:-1].tolist() == expected.tolist()
    assert 0 < part.present["adc"].sum() < have.sum()
    assert not part.modalities["adc"][~part.present["adc"]].any()


# The command ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--size", "24x64x64"), "--size 24x64x64: slices have rows and columns"),
        (("--as", "slabs", "--size", "24x64x64"), "--size 24x64x64: slabs have rows and columns"),
        (("--as", "volumes"), "--size 64 is one of slices: volumes have planes, rows and columns"),
        (
            ("--as", "volumes", "--size", "64x64"),
            "--size 64x64 is one of slices: volumes have planes",
        ),
        (("--as", "volumes", "--size", "1x64x64"), "--size 1x64x64: accepted: 2 to 512 planes"),
        (("--as", "volumes", "--size", "8x64x8"), "--size 8x64x8: accepted: sides of 16 to 1024 pixels"),
        (("--size", "big"), "--size 'big': must be a whole number, or several"),
        (("--neighbours", "1"), "--neighbours 1: slices have none; give --as slabs"),
        (("--as", "volumes", "--size", SMALL, "--neighbours", "1"), "--neighbours 1: volumes have none"),
        (("--slice-spacing", "3"), "--slice-spacing 3: slices are those of the T2w; give --as volumes"),
        (("--as", "slabs", "--missing-planes", "pad"), "--missing-planes pad: slabs miss none; give --as volumes"),
    ],
)
def test_what_does_not_go_together_is_one_line_before_any_work(gankit_command, tmp_path, words, said):
    result = gankit_command("import", "dicom", tmp_path / "none", "-o", tmp_path / "c.safetensors", *words)
    assert result.exit_code != 0
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_volumes_of_several_studies_become_one_cohort(gankit_command, tmp_path):
    """With both spacings; the report and the terminal speak of volumes; a second run takes over what the first made."""
    for number in range(2):
        write_t2w(tmp_path / "scans" / str(number), patient=f"Planted-{number}")
        write_adc(tmp_path / "scans" / str(number), patient=f"Planted-{number}")
    short = attrs.evolve(T2W, slices=9)
    write_series(tmp_path / "scans" / "s", 2, t2w_values(short.places()), short, patient="Planted-short",
                 ScanningSequence="SE", EchoTime=104, SeriesDescription="t2")  # fmt: skip
    write_adc(tmp_path / "scans" / "s", patient="Planted-short")
    out = tmp_path / "v.safetensors"
    asked = ("import", "dicom", tmp_path / "scans", "-o", out, "--as", "volumes", "--size", "10x32x32", "--keep-ids")
    result = gankit_command(*asked)
    assert result.exit_code == 0, result.output
    assert "2 volumes of 2 patients; 1 of 3 studies refused" in result.output
    cohort = read_cohort(out)
    assert cohort.modalities["t2w"].values.shape == (2, 1, 10, 32, 32)
    np.testing.assert_allclose(cohort.slice_spacing_mm, [3, 3], rtol=1e-5)
    page = (tmp_path / "v.report.html").read_text()
    assert "(2 volumes of 2 patients)" in page
    assert "9 slices of 3 mm, fewer than 10 planes of 3 mm" in page
    assert "10 planes of 3.000 mm over slices 1 to 10 of 10" in page


def test_volumes_and_slabs_come_from_python_and_from_files_of_volumes(tmp_path):
    """``gankit.imports.volumes`` takes the same options; a size may be a list."""
    grid = attrs.evolve(T2W, slices=16)
    write_volume(tmp_path / "scans" / "p1_1_t2w.nii.gz", np.rint(t2w_values(grid.places())), grid)
    write_volume(tmp_path / "scans" / "p1_1_adc.nii.gz", adc_values(grid.places()), grid)
    volume = gankit.imports.volumes(tmp_path / "scans", items="volumes", size=[8, 32, 24], quiet=True)
    assert volume.modalities["adc"].values.shape == (1, 1, 8, 32, 24)
    slab = gankit.imports.volumes(tmp_path / "scans", items="slabs", size=32, quiet=True)
    assert slab.modalities["adc"].values.shape[1:] == (3, 32, 32)
    assert slab.slice_spacing_mm is None
    with pytest.raises(InputError, match="`size` \\[8.5, 32, 32\\]: must be a whole number, or several"):
        gankit.imports.volumes(tmp_path / "scans", items="volumes", size=[8.5, 32, 32])
