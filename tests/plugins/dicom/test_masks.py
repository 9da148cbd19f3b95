"""Masks: of whom they are, on which voxels they lie, and what several of one study say together."""

import numpy as np
import pytest
import SimpleITK as sitk

from gankit_dicom._labels.lattice import on_lattice, place_of
from gankit_dicom._labels.masks import Named, assign, mask_files, reader_of, rule_of
from gankit_dicom._options import Options
from gankit_dicom._protocol import load_protocol, plain
from gankit_dicom._refused import Refused
from tests.plugins.dicom.scans import DIFFUSION, T2W, Grid, gland, lesion, write_adc, write_t2w, write_volume
from tests.plugins.dicom.test_signals import image
from tests.plugins.dicom.test_volumes import write_patient

PROTOCOL = load_protocol("prostatex")
PLACES = T2W.places()
GLAND, LESION, NOTHING = gland(PLACES), lesion(PLACES), np.zeros((10, 72, 72), dtype=bool)
ROWS = np.arange(72)[None, :, None]
HERE = [0, 0, 0, 1, 1, 1, 1, 0, 0, 0]
"""Slices with the lesion."""


def higher(slices):
    """The lesion on other slices."""
    return np.roll(LESION, slices, axis=0)


def imported(parts, tmp_path, kind="volumes", **asked):
    (part,) = parts(tmp_path / "scans", kind, masks=tmp_path / "masks", **asked)
    return part


@pytest.fixture
def scans(tmp_path):
    """PI-CAI's names: patient P7, study 1000001."""
    write_patient(tmp_path / "scans" / "P7_1000001_")
    return tmp_path


def on_all_slices(part):
    """Labels by slice of the volume; None outside of the crop."""
    first, last, count = part.record["crop"]["slices"]
    return [None] * (first - 1) + part.cs.tolist() + [None] * (count - last)


# Of whom -------------------------------------------------------------------------------------------------


STUDIES = [("10001", "1000001"), ("10001", "1000002"), ("10002", "1000003")]


@pytest.mark.parametrize(
    ("studies", "path", "owner"),
    [
        (STUDIES, "human/10001_1000002.nii.gz", 1),
        (STUDIES, "10001/1000002/lesion.nii.gz", 1),
        (STUDIES, "10002_lesion.nii.gz", 2),
        (STUDIES, "10002_1000009.nii.gz", None),
        (STUDIES, "10001_lesion.nii.gz", None),
        (STUDIES, "lesion.nii.gz", None),
        ([("P-1", ""), ("P-1-2", ""), ("P", "")], "p_1_2_lesion.nii.gz", 1),
        ([("P-1", ""), ("P-1-2", "")], "P-1.lesion.mha", 0),
        ([("1", ""), ("2", "")], "2/lesion_1.nii.gz", 1),
        ([("1", ""), ("2", "")], "lesion_1/2.nii.gz", 1),
        ([("1", ""), ("2", "")], "1/2.nii.gz", None),
        ([("1", "1"), ("2", "1")], "2_1_lesion.nii.gz", 1),
        ([("1", "")], "11.nii.gz", None),
        ([("A", "1.2.840.1"), ("A", "1.2.840.2")], "1.2.840.2/lesion.nii.gz", 1),
        ([("A", "1.2.840.1")], "A_1000009.nii.gz", 0),
        ([("10001", "1000001")], "10001_1000009_lesion.nii.gz", None),
        ([("10001", "1000001")], "10001/1000009/lesion.nii.gz", None),
        ([("10001", "1000001")], "10001/10001_1000001/lesion.nii.gz", 0),
    ],
)
def test_a_mask_is_of_the_one_study_that_its_path_names_or_of_none(tmp_path, studies, path, owner):
    """A number where the study's would be names another study; an id inside of a longer one does not count."""
    write_volume(tmp_path / path, LESION)
    masks, others = mask_files(tmp_path, [tmp_path / path])
    assert others == []
    named = [
        Named(number, patient, study, (), (study,) if "." in study else ())
        for number, (patient, study) in enumerate(studies)
    ]
    assigned, refused = assign(masks, named)
    assert [number for number, found in assigned.items() if found] == ([] if owner is None else [owner])
    assert len(refused) == (owner is None)


@pytest.mark.parametrize("name", ["P7_1000002_lesion", "P7/1000002/lesion", "P7/1000002_lesion"])
def test_a_mask_of_another_study_is_of_none_wherever_it_lies(parts, scans, name):
    """Follow-ups are often scanned on one grid."""
    write_volume(scans / "masks" / f"{name}.nii.gz", 3.0 * LESION)
    assert set(imported(parts, scans).cs) == {-1}


@pytest.mark.parametrize("moved", [True, False])
def test_a_mask_named_by_a_patient_with_two_studies_is_of_the_one_it_lies_on(parts, tmp_path, moved):
    """Where it lies on both, it is of none, and that is said."""
    later = (
        Grid(size=72, pixel_mm=1.1, slices=10, gap_mm=3.0, centre_mm=T2W.centre_mm + np.array([0, 0, 1.3]))
        if moved
        else T2W
    )
    for study, grid in ((1, T2W), (2, later)):
        write_t2w(tmp_path / "scans" / str(study), grid=grid, study=study)
        write_adc(tmp_path / "scans" / str(study), study=study)
    write_volume(tmp_path / "masks" / "Planted-0001_lesion.nii.gz", 3.0 * lesion(later.places()), later)
    first, second = parts(tmp_path / "scans", masks=tmp_path / "masks")
    assert set(first.cs.tolist()) == {-1}
    assert (1 in second.cs) is moved


@pytest.mark.parametrize("named", [True, False])
def test_place_alone_counts_where_no_mask_names_a_patient(parts, scans, named):
    """Among masks with names, one without a name that fits is of somebody who is not here."""
    write_volume(scans / "masks" / "P9_1000001_lesion.nii.gz", 3.0 * LESION)
    if named:
        write_volume(scans / "masks" / "P7_1000001_gland.nii.gz", GLAND)
    assert (1 in imported(parts, scans).cs) is not named


def test_what_in_the_folder_of_masks_is_no_mask_is_counted_and_named(gankit_command, scans):
    """In the report by its path; patients go by their aliases there, and hidden files are passed over."""
    write_volume(scans / "masks" / "P7_1000001_gland.nii.gz", GLAND)
    write_volume(scans / "masks" / "P9_1000001_lesion.nii.gz", np.zeros((3, 16, 16), dtype=bool))
    np.save(scans / "masks" / "deep.npy", LESION)
    (scans / "masks" / "P7_1000001_lesion.npy").write_bytes(b"x")
    (scans / "masks" / "all.zip").write_bytes(b"PK\x03\x04")
    (scans / "masks" / ".git").mkdir()
    (scans / "masks" / ".git" / "object").write_bytes(b"x")
    out = scans / "c.safetensors"
    result = gankit_command("import", "volumes", scans / "scans", "--masks", scans / "masks", "-o", out)
    said = "warning: --masks: 2 files not used: not a NIfTI, MetaImage, NRRD or DICOM segmentation file."
    assert said in result.output
    assert "warning: --masks: 1 file not used: a zip archive; unpack it first." in result.output
    assert "warning: --masks: 1 file not used: no patient who is here in its name." in result.output
    report = (scans / "c.report.html").read_text()
    assert all(path in report for path in ("deep.npy", "all.zip", "P9_1000001_lesion.nii.gz", "_1000001_lesion.npy"))
    assert "P7_1000001" not in report
    assert ".git" not in report


def test_a_folder_of_masks_without_any_is_said(gankit_command, scans):
    """Nothing is imported from it, but the images are."""
    (scans / "masks").mkdir()
    out = scans / "c.safetensors"
    result = gankit_command("import", "volumes", scans / "scans", "--masks", scans / "masks", "-o", out)
    assert result.exit_code == 0
    assert "warning: --masks: no file of it is a mask." in result.output


def test_links_to_folders_of_masks_are_followed(parts, scans):
    """As a data manager lays them."""
    write_volume(scans / "store" / "P7_1000001_gland.nii.gz", GLAND)
    (scans / "masks").mkdir()
    (scans / "masks" / "glands").symlink_to(scans / "store")
    assert imported(parts, scans).record["crop"]["by"] == "gland mask"


def test_masks_and_images_may_be_in_one_folder(parts, scans):
    """An image is no mask that could not be used."""
    write_volume(scans / "scans" / "P7_1000001_lesion.nii.gz", 3.0 * LESION)
    (part,) = parts(scans / "scans", "volumes", masks=scans / "scans")
    assert 1 in part.cs
    assert part.record["warnings"] == []


def test_masks_are_named_also_where_no_study_is(gankit_command, tmp_path):
    """The import ends with its own message."""
    write_volume(tmp_path / "masks" / "P7_lesion.nii.gz", LESION)
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.txt").write_text("nothing")
    words = ("import", "dicom", tmp_path / "scans", "--masks", tmp_path / "masks", "-o", tmp_path / "c.safetensors")
    result = gankit_command(*words)
    assert result.exit_code == 2
    assert "nothing could be imported" in result.output
    assert "P7_lesion.nii.gz" in (tmp_path / "c.report.html").read_text()


def test_files_that_are_no_images_are_counted_on_the_terminal(gankit_command, tmp_path):
    """By reason."""
    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans")
    for name in ("a.pdf", "b.pdf"):
        (tmp_path / "scans" / name).write_bytes(b"%PDF of a letter" * 20)
    (tmp_path / "scans" / "c").write_bytes(b"PK\x03\x04")
    result = gankit_command("import", "dicom", tmp_path / "scans", "-o", tmp_path / "c.safetensors")
    assert "warning: 2 files not used: not a DICOM file." in result.output
    assert "warning: 1 file not used: a zip archive; unpack it first." in result.output


# What a path says ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "meaning"),
    [
        ("csPCa_lesion_delineations/human_expert/resampled/x", {1: "cs", 2: "cs", 3: "cs", 4: "cs", 5: "cs"}),
        ("csPCa_lesion_delineations/AI/Bosma22a/x", {1: "cs", 2: "cs", 3: "cs", 4: "cs", 5: "cs"}),
        ("anatomical_delineations/whole_gland/AI/Bosma22b/x", {1: "gland"}),
        ("anatomical_delineations/whole_gland/AI/Guerbet23/x", {1: "gland"}),
        ("anatomical_delineations/zonal_pz_tz/AI/Yuan23/x", {1: "peripheral zone", 2: "transition zone"}),
        ("anatomical_delineations/zonal_pz_tz/AI/HeviAI23/x", {1: "peripheral zone", 2: "transition zone"}),
        ("prostate/mask_prostate/x", {1: "gland"}),
        ("prostate/mask_pz/x", {1: "peripheral zone"}),
        ("prostate/mask_tz/x", {1: "transition zone"}),
        ("zones/TZ/x", {1: "transition zone"}),
        ("zones/x", {1: "peripheral zone", 2: "transition zone"}),
        ("lesions/Masks/T2/x-Finding1-t2_tse_tra_ROI", {1: "lesion", 2: "cs", 3: "cs", 4: "cs", 5: "cs"}),
        ("lesion_study/gland/x", {1: "gland"}),
        ("lesions/x_PI-RADS", dict.fromkeys(range(1, 6), "lesion")),
        ("PIRADS lesions/x", dict.fromkeys(range(1, 6), "lesion")),
        ("x_non-csPCa", {1: "not cs"}),
    ],
)
def test_the_deepest_part_of_a_path_says_what_values_are(path, meaning):
    """A folder far above may be called anything."""
    assert rule_of([plain(part) for part in path.split("/")], PROTOCOL.masks).meaning() == meaning


def test_a_patient_s_id_does_not_say_what_a_mask_shows(tmp_path):
    """As in ``ProstateX-0001``."""
    write_volume(tmp_path / "ProstateX-0001_seg.nii.gz", LESION)
    masks, _ = mask_files(tmp_path, [tmp_path / "ProstateX-0001_seg.nii.gz"])
    assigned, _ = assign(masks, [Named(1, "ProstateX-0001", "", ())])
    with pytest.raises(Refused, match="no rule of the protocol"):
        rule_of(assigned[1][0].parts, PROTOCOL.masks)


@pytest.mark.parametrize(
    ("path", "reader"),
    [
        ("csPCa_lesion_delineations/AI/Bosma22a/x", "AI"),
        ("csPCa_lesion_delineations/human_expert/original/x", "human"),
        ("picai_labels/lesions/x", ""),
        ("AI/human/x", "human"),
        ("expert/nnUNet/x", "AI"),
        ("PAI_7/x", ""),
        ("lesions/nnU-Net/x", "AI"),
        ("lesions/U-Net/x", "AI"),
        ("lesion_pred/x", "AI"),
        ("lesions/model_output/x", "AI"),
        ("lesions/auto/x", "AI"),
        ("lesions/deep learning/x", "AI"),
        ("lesions/inference/x", "AI"),
        ("lesions/ground_truth/x", "human"),
        ("nnUNet_raw/Dataset105/labelsTr/x", "human"),
        ("Dataset105/labelsPr/x", "AI"),
    ],
)
def test_a_path_says_who_drew_a_mask(path, reader):
    """By its deepest part that does."""
    assert reader_of([plain(part) for part in path.split("/")], PROTOCOL) == reader


# On which voxels -----------------------------------------------------------------------------------------


BOXES = {
    "as it is": lambda mask: mask,
    "a box": lambda mask: mask[10:60, 5:70, 1:9],
    "flipped": lambda mask: sitk.Flip(mask, [True, False, True]),
    "other axes": lambda mask: sitk.PermuteAxes(mask, [2, 0, 1]),
    "a box of other axes": lambda mask: sitk.PermuteAxes(mask[4:60, 5:70, 1:9], [1, 2, 0]),
    "larger": lambda mask: sitk.ConstantPad(mask, [3, 0, 2], [0, 4, 1]),
    "one slice": lambda mask: mask[:, :, 4:5],
}


@pytest.mark.parametrize("name", BOXES)
def test_a_mask_may_be_a_box_of_the_image_s_voxels_with_its_axes_in_any_order(name):
    """As programs crop and save them."""
    assert on_lattice(place_of(BOXES[name](image(GLAND))), place_of(image(GLAND)))


def shifted(mask, voxels):
    mask = sitk.Image(mask)
    mask.SetOrigin(mask.TransformContinuousIndexToPhysicalPoint(voxels))
    return mask


OTHERS = {
    "half a voxel off": lambda mask: shifted(mask[10:60, 5:70, 1:9], (0.5, 0, 0)),
    "half a slice off": lambda mask: shifted(mask, (0, 0, 0.5)),
    "every other voxel": lambda mask: mask[::2, ::2, :],
    "finer": lambda mask: sitk.Expand(mask, [2, 2, 1]),
    "beside it": lambda mask: shifted(mask, (100.0, 0, 0)),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_mask_on_other_voxels_is_refused(name):
    """Nobody resamples a label in silence."""
    assert not on_lattice(place_of(OTHERS[name](image(GLAND))), place_of(image(GLAND)))


def test_a_box_is_put_where_it_belongs(parts, scans):
    """The crop is that of the whole mask."""
    write_volume(scans / "masks" / "P7_1000001_gland.nii.gz", GLAND)
    whole = imported(parts, scans)
    mask = sitk.ReadImage(str(scans / "masks" / "P7_1000001_gland.nii.gz"))
    box = sitk.PermuteAxes(sitk.Flip(mask[10:65, 5:70, 0:9], [True, False, False]), [2, 0, 1])
    sitk.WriteImage(box, str(scans / "masks" / "P7_1000001_gland.nii.gz"))
    part = imported(parts, scans)
    assert part.record["crop"] == whole.record["crop"]
    np.testing.assert_array_equal(part.tissue, whole.tissue)


@pytest.mark.parametrize("value", [1, 0.99998, 1.0001, 255])
def test_a_value_that_is_nearly_whole_is_whole_and_full_scale_is_one(parts, scans, value):
    """As tools that resample or paint leave them."""
    write_volume(scans / "masks" / "P7_1000001_gland.nii.gz", np.float32(value) * GLAND)
    assert imported(parts, scans).record["crop"]["by"] == "gland mask"


@pytest.mark.parametrize("value", [0.4, 7, -1, 300])
def test_a_value_without_a_meaning_is_refused_and_said(parts, scans, value):
    """The study is imported without the mask."""
    write_volume(scans / "masks" / "P7_1000001_gland.nii.gz", np.float32(value) * GLAND)
    part = imported(parts, scans)
    assert part.record["crop"]["by"] == "locator"
    assert f"it has the value {value:g}" in part.record["warnings"][0]


def test_an_empty_gland_mask_does_not_lose_the_study(parts, scans):
    """The locator finds the gland, and that is said."""
    write_volume(scans / "masks" / "P7_1000001_gland.nii.gz", NOTHING)
    part = imported(parts, scans)
    assert part.record["crop"]["by"] == "locator"
    assert "A mask of the gland or its zones is empty." in part.record["warnings"]


@pytest.mark.parametrize("boxed", [False, True])
def test_of_two_t2w_the_one_that_the_masks_are_drawn_on_is_taken(parts, tmp_path, boxed):
    """Though the first would be."""
    later = Grid(size=80, pixel_mm=1.0, slices=12, gap_mm=3.0, centre_mm=T2W.centre_mm + np.array([0.3, 0.4, 0]))
    write_t2w(tmp_path / "scans", number=2)
    write_t2w(tmp_path / "scans", number=9, grid=later)
    write_adc(tmp_path / "scans")
    file = tmp_path / "masks" / "Planted-0001_gland.nii.gz"
    write_volume(file, gland(later.places()), later)
    if boxed:
        sitk.WriteImage(sitk.ReadImage(str(file))[10:70, 12:66, 1:11], str(file))
    part = imported(parts, tmp_path, "DICOM")
    assert part.record["crop"]["by"] == "gland mask"
    (row,) = [row for row in part.record["series"] if row["used"] == "T2w"]
    assert row["number"] == 3
    assert row["reasons"] == ["preferred to series 1: masks are drawn on it"]


# All masks of a study together ---------------------------------------------------------------------------


PICAI = "csPCa_lesion_delineations"
HUMAN, AI = f"{PICAI}/human_expert", f"{PICAI}/AI/Bosma22a"


@pytest.mark.parametrize(
    ("given", "labels", "by"),
    [
        ({f"{HUMAN}/resampled": 3.0 * LESION, AI: NOTHING}, HERE, "human lesion mask"),
        ({f"{HUMAN}/resampled": 3.0 * LESION, AI: higher(2)}, HERE, "human lesion mask"),
        ({f"{HUMAN}/resampled": NOTHING, AI: LESION}, [0] * 10, "human lesion mask"),
        ({f"{HUMAN}/Pooch25": LESION, AI: NOTHING}, HERE, "human lesion mask"),
        ({AI: LESION}, HERE, "AI lesion mask"),
        ({f"{HUMAN}/resampled": 3.0 * LESION, f"{HUMAN}/original": 3.0 * LESION}, HERE, "human lesion mask"),
    ],
)
def test_a_human_s_lesions_go_before_an_ai_s(parts, scans, given, labels, by):
    """In PI-CAI's published folders, where an AI's are there for all and a human's for most."""
    for folder, values in given.items():
        write_volume(scans / "masks" / folder / "P7_1000001.nii.gz", values)
    part = imported(parts, scans)
    first, last, _ = part.record["crop"]["slices"]
    assert part.cs.tolist() == labels[first - 1 : last]
    assert part.record["labels"]["by"] == by


@pytest.mark.parametrize(
    ("values", "lower", "upper"), [((1, 2), -1, -1), ((2, 1), -1, -1), ((3, 2), 1, 1), ((1, 3), -1, 1)]
)
def test_values_that_may_number_lesions_are_no_grades(parts, scans, values, lower, upper):
    """A first and a second lesion are 1 and 2, whatever their grades."""
    below, above = higher(-3), higher(2)
    write_volume(scans / "masks" / "P7_1000001_lesion.nii.gz", values[0] * below + values[1] * above)
    part = imported(parts, scans)
    first, last, _ = part.record["crop"]["slices"]
    for where, label in ((below, lower), (above, upper)):
        assert set(part.cs[where.any(axis=(1, 2))[first - 1 : last]]) == {label}


def test_of_copies_on_two_grids_the_t2w_s_is_taken(parts, scans):
    """PI-CAI's originals are on the grid that they were drawn on."""
    write_volume(
        scans / "masks" / HUMAN / "original" / "P7_1000001.nii.gz", 3.0 * lesion(DIFFUSION.places()), DIFFUSION
    )
    original = imported(parts, scans)
    write_volume(scans / "masks" / HUMAN / "resampled" / "P7_1000001.nii.gz", 3.0 * LESION)
    part = imported(parts, scans)
    assert 1 in original.cs
    used = {row["number"]: row["used"] for row in part.record["masks"]}
    assert used == {1: "", 2: "labels"}
    assert [found.any() for found in part.lesion] == [bool(here) for here in HERE]


def test_of_copies_of_which_one_cannot_be_used_the_other_is_taken(parts, scans):
    """And nothing is missing."""
    other = Grid(size=33, pixel_mm=3.1, slices=10, gap_mm=3.0)
    write_volume(scans / "masks" / HUMAN / "original" / "P7_1000001.nii.gz", 3.0 * lesion(other.places()), other)
    write_volume(scans / "masks" / HUMAN / "resampled" / "P7_1000001.nii.gz", 3.0 * LESION)
    assert imported(parts, scans).cs.tolist() == HERE


def test_all_lesions_of_a_patient_count_whatever_file_and_grid_they_are_in(parts, scans):
    """One file each or several, as PROSTATEx has them."""
    write_volume(scans / "masks" / "T2" / "P7_1000001-Finding1-t2_ROI.nii.gz", LESION)
    write_volume(scans / "masks" / "T2" / "P7_1000001-Finding2-t2_ROI.nii.gz", 3.0 * higher(3))
    write_volume(scans / "masks" / "ADC" / "P7_1000001-Finding3-ADC_ROI.nii.gz", lesion(DIFFUSION.places()), DIFFUSION)
    part = imported(parts, scans)
    assert part.cs.tolist() == [0, 0, 0, -1, -1, -1, 1, 1, 1, 1]
    assert all(row["used"] == "labels" for row in part.record["masks"])


def test_a_lesion_that_cannot_be_read_leaves_no_slice_without_cancer(parts, scans):
    """What the others show is known; this is said."""
    write_volume(scans / "masks" / "P7_1000001_lesion1.nii.gz", 3.0 * LESION)
    write_volume(scans / "masks" / "P7_1000001_lesion2.nii.gz", 9.0 * higher(3))
    part = imported(parts, scans)
    assert part.cs.tolist() == [-1, -1, -1, 1, 1, 1, 1, -1, -1, -1]
    assert any("cannot be used" in sentence for sentence in part.record["warnings"])


def test_an_ai_s_lesions_do_not_stand_in_for_a_human_s_that_cannot_be_read(parts, scans):
    """Nobody knows what the human saw."""
    write_volume(scans / "masks" / HUMAN / "resampled" / "P7_1000001.nii.gz", 9.0 * LESION)
    write_volume(scans / "masks" / AI / "P7_1000001.nii.gz", LESION)
    assert set(imported(parts, scans).cs.tolist()) == {-1}


def test_an_image_in_the_place_of_a_mask_says_nothing_of_lesions(parts, scans):
    """As where images and masks are in one folder."""
    write_volume(scans / "masks" / "lesions" / "P7_1000001_t2.nii.gz", np.arange(10 * 72 * 72).reshape(10, 72, 72) / 7)
    write_volume(scans / "masks" / "lesions" / "P7_1000001.nii.gz", 3.0 * LESION)
    assert imported(parts, scans).cs.tolist() == HERE


@pytest.mark.parametrize(
    ("options", "marks", "labels"),
    [
        ({}, "", [-here for here in HERE]),
        ({"lesion_means": "cs"}, "", HERE),
        ({}, "YES", HERE),
        ({}, "NO", [0] * 10),
    ],
)
def test_a_lesion_without_a_grade_is_known_by_the_option_or_by_a_table(parts, scans, options, marks, labels):
    """Else its slices are unknown, and the others are without cancer."""
    write_volume(scans / "masks" / "P7_1000001_lesion.nii.gz", LESION)
    (scans / "m.csv").write_text(f"patient_id,study_id,case_csPCa\nP7,1000001,{marks}\n")
    part = imported(parts, scans, options=Options(**options), marksheet=scans / "m.csv")
    assert part.cs.tolist() == labels
    assert any("has no grade" in sentence for sentence in part.record["warnings"]) is (-1 in labels)


BACK = PLACES[..., 1] > PLACES[..., 1].mean()


@pytest.mark.parametrize(
    ("given", "tissues"),
    [
        ({"P7_1000001_pz": GLAND & BACK, "P7_1000001_tz": GLAND & ~BACK}, {0, 2, 3}),
        ({"zones/PZ/P7_1000001": GLAND & BACK, "zones/TZ/P7_1000001": GLAND & ~BACK}, {0, 2, 3}),
        ({"pz/P7_1000001": GLAND & BACK, "gland/P7_1000001": GLAND}, {0, 1, 2}),
        ({"gland/P7_1000001": GLAND, "zones/P7_1000001": 1.0 * GLAND + 1.0 * (GLAND & BACK)}, {0, 2, 3}),
        ({"AI/zones/P7_1000001": 1.0 * GLAND, "human/gland/P7_1000001": GLAND}, {0, 1}),
    ],
)
def test_zones_of_several_files_are_joined(parts, scans, given, tissues):
    """The gland is added where a zone is missing, and a human's outline goes before an AI's zones."""
    for name, values in given.items():
        write_volume(scans / "masks" / f"{name}.nii.gz", values)
    part = imported(parts, scans)
    assert part.record["crop"]["by"] == "gland mask"
    assert set(np.unique(part.tissue)) == tissues
    np.testing.assert_array_equal(part.tissue > 0, part.tissue >= min(tissues - {0}))


def test_picai_as_published_is_imported_by_one_command(gankit_command, tmp_path):
    """Images, labels of all kinds and the marksheet, in their own folders."""
    for number, patient in enumerate(("10000", "10001"), start=1000000):
        write_patient(tmp_path / "images" / patient / f"{patient}_{number}_")
    labels = tmp_path / "picai_labels"
    for name in ("10000_1000000", "10001_1000001"):
        write_volume(labels / AI / f"{name}.nii.gz", higher(-3))
        write_volume(labels / f"anatomical_delineations/whole_gland/AI/Bosma22b/{name}.nii.gz", GLAND)
        write_volume(
            labels / f"anatomical_delineations/zonal_pz_tz/AI/Yuan23/{name}.nii.gz", 1.0 * GLAND + (GLAND & BACK)
        )
    for copy in ("original", "resampled"):
        write_volume(labels / HUMAN / copy / "10000_1000000.nii.gz", 3.0 * LESION)
    marks = labels / "clinical_information" / "marksheet.csv"
    marks.parent.mkdir()
    rows = '10000,1000000,"0,3",3,YES\n10001,1000001,2,2,YES\n10005,1000005,N/A,,NO\n'
    marks.write_text("patient_id,study_id,lesion_ISUP,case_ISUP,case_csPCa\n" + rows)
    (labels / "README.md").write_text("# Labels")
    result = gankit_command("import", "volumes", tmp_path / "images", "--masks", labels, "--marksheet", marks,
                    "--keep-ids", "-o", tmp_path / "c.safetensors")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Table of the marksheet: 1 of 3 rows match no study (marksheet.csv)." in result.output
    from gankit import read_cohort

    cohort = read_cohort(tmp_path / "c.safetensors")
    by = {patient: cohort.labels["cs"][cohort.patient == patient].tolist() for patient in ("10000", "10001")}
    assert by["10000"] != by["10001"]
    assert set(np.unique(cohort.truth["tissue"])) == {0, 2, 3}
    report = (tmp_path / "c.report.html").read_text()
    assert "by human lesion mask" in report
    assert "by AI lesion mask" in report
