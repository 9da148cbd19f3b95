"""``gankit import dicom`` on made-up studies: what is chosen, where it lies, what it is worth."""

import numpy as np
import pytest

from gankit import read_cohort
from gankit_dicom._options import Options
from tests.plugins.dicom.scans import (
    CENTRE_MM,
    COLUMN,
    ROW,
    T2W,
    adc_values,
    change,
    dynamic_values,
    t2w_values,
    write_adc,
    write_diffusion,
    write_masks,
    write_series,
    write_t2w,
    write_volume,
)


def rows(part):
    return {row["number"]: row for row in part.record["series"]}


def crop_places(part):
    """Patient coordinates of every pixel of a crop around the gland's centre, by arithmetic of the test's own."""
    size = part.modalities["t2w"].shape[-1]
    step = (np.arange(size) - (size - 1) / 2) * part.spacing_mm
    x, y = np.meshgrid(step, step)
    first, last, count = part.record["crop"]["slices"]
    up = (np.arange(first, last + 1) - 1 - (count - 1) / 2) * T2W.gap_mm
    return (
        CENTRE_MM
        + x[None, ..., None] * ROW
        + y[None, ..., None] * COLUMN
        + up[:, None, None, None] * np.cross(ROW, COLUMN)
    )


def test_each_series_is_chosen_or_refused_by_its_header(part):
    """Ours to number, in the order of series numbers as numbers: localizer, T2w, diffusion, ADC, sagittal, T2w."""
    used = {number: row["used"] for number, row in rows(part).items()}
    assert used == {1: "", 2: "T2w", 3: "", 4: "ADC", 5: "", 6: "", **dict.fromkeys(range(7, 14), "DCE")}
    why = {number: " ".join(row["reasons"]) for number, row in rows(part).items()}
    assert "named as something else" in why[1]
    assert "sagittal, not axial" in why[5]
    assert "at the same place, series 2 is preferred" in why[6]


def test_crops_show_at_each_pixel_what_is_at_that_place_of_the_patient(part):
    """Oblique grids of three kinds are sampled by physical coordinates."""
    inner = (slice(1, -1), slice(8, -8), slice(8, -8))

    def agreement(name, values, shift):
        truth = values(crop_places(part) + shift)
        return np.corrcoef(part.modalities[name][inner].ravel(), truth[inner].ravel())[0, 1]

    for name, values in {"adc": adc_values, "t2w": t2w_values}.items():
        here = agreement(name, values, 0 * ROW)
        assert here > 0.95, name
        for axis in (ROW, COLUMN, np.cross(ROW, COLUMN)):
            assert here > max(agreement(name, values, 1.0 * axis), agreement(name, values, -1.0 * axis)), name
    assert np.median(np.abs(part.modalities["adc"] - adc_values(crop_places(part)))[inner]) < 15


def test_a_shift_of_the_adc_grid_does_not_move_the_tissue(parts, study, masks, part, tmp_path):
    """The same patient on two ADC grids gives the same crop, but for interpolation."""
    from tests.plugins.dicom.scans import DIFFUSION, Grid

    moved = Grid(
        size=44, pixel_mm=2.0, slices=12, gap_mm=3.0, centre_mm=DIFFUSION.centre_mm + np.array([3.3, -2.1, 1.0])
    )
    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans", grid=moved)
    again = parts(tmp_path / "scans", masks=masks)[0]
    both = again.modalities["adc"][1:-1, 8:-8, 8:-8], part.modalities["adc"][1:-1, 8:-8, 8:-8]
    assert np.corrcoef(both[0].ravel(), both[1].ravel())[0, 1] > 0.97


def test_the_gland_has_its_part_of_the_width(parts, study, masks):
    """40 mm of gland are 60% of 66.7 mm, or what is asked; pixels follow."""
    part = parts(study, masks=masks)[0]
    assert part.record["crop"]["width_mm"] == pytest.approx(40 / 0.6, rel=0.06)
    wider = parts(study, masks=masks, options=Options(gland=0.4, size=128))[0]
    assert wider.modalities["t2w"].shape[1:] == (128, 128)
    assert wider.spacing_mm * 128 == pytest.approx(40 / 0.4, rel=0.06)


def test_a_slice_is_cs_only_if_its_own_lesion_says_so(part):
    """The lesion is 10 mm high and the gland 25 mm."""
    assert part.cs.tolist() == [int(lesion.any()) for lesion in part.lesion]
    assert 2 <= part.cs.sum() <= 4 < len(part)
    assert part.record["labels"]["by"] == "lesion mask"


def test_without_a_label_a_slice_is_unknown(parts, study):
    """-1, so in no pool."""
    assert set(parts(study)[0].cs.tolist()) == {-1}


def test_t2w_percentiles_are_put_at_the_ends_of_the_range_and_recorded(part):
    """A linear scale: undoing it gives back scanner units."""
    values, scale = part.modalities["t2w"], part.record["t2w"]
    assert values.min() == 0
    assert values.max() == 700
    inner = (slice(None), slice(6, -6), slice(6, -6))
    raw = values / 700 * (scale["high"] - scale["low"]) + scale["low"]
    assert np.median(np.abs(raw - t2w_values(crop_places(part)))[inner]) < 12


def test_adc_is_computed_from_mixed_b_values_where_there_is_no_map(parts, masks, tmp_path):
    """One series with three images at each place."""
    write_t2w(tmp_path / "scans")
    write_diffusion(tmp_path / "scans")
    part = parts(tmp_path / "scans", masks=masks)[0]
    assert part.record["adc"]["made"] == "computed from b 50, 400, 800"
    error = np.abs(part.modalities["adc"] - adc_values(crop_places(part)))[1:-1, 8:-8, 8:-8]
    assert np.median(error) < 15


def test_dce_is_early_signal_over_baseline_minus_one(part):
    """Contrast arrives at 20 s; the early window holds the phases of 30, 45 and 60 s."""
    places = crop_places(part)
    pre = np.mean([dynamic_values(places, time) for time in (0, 10, 20)], axis=0)
    early = np.mean([dynamic_values(places, time) for time in (30, 45, 60)], axis=0) / pre - 1
    assert part.record["dce"] == {"written": "early", "arrival_s": 20.0, "pre": 3, "early": 3, "late": 1}
    inner = (slice(1, -1), slice(8, -8), slice(8, -8))
    assert np.corrcoef(part.modalities["dce"][inner].ravel(), early[inner].ravel())[0, 1] > 0.95
    assert part.modalities["dce"][inner].max() == pytest.approx(early[inner].max(), rel=0.1)


def test_late_enhancement_is_written_instead_if_asked_for(parts, study, masks, part):
    """The phase of 200 s: what takes up early is still bright."""
    late = parts(study, masks=masks, options=Options(dce="late"))[0].modalities["dce"]
    places = crop_places(part)
    pre = np.mean([dynamic_values(places, time) for time in (0, 10, 20)], axis=0)
    assert late.max() == pytest.approx((dynamic_values(places, 200) / pre - 1).max(), rel=0.1)


def test_phases_of_one_series_are_split_by_time(parts, masks, tmp_path):
    """The same seven phases as one series with acquisition times."""
    from tests.plugins.dicom.scans import DYNAMIC

    write_t2w(tmp_path / "scans")
    write_adc(tmp_path / "scans")
    for phase, time_s in enumerate((0, 10, 20, 30, 45, 60, 200)):
        tags = {"ScanningSequence": "GR", "EchoTime": 1.4, "AcquisitionTime": f"12{time_s // 60:02}{time_s % 60:02}.0"}
        values = dynamic_values(DYNAMIC.places(), time_s)
        write_series(tmp_path / "scans", 20, values, DYNAMIC, phase=phase, **tags)
    (part,) = parts(tmp_path / "scans", masks=masks)
    assert part.record["dce"] == {"written": "early", "arrival_s": 20.0, "pre": 3, "early": 3, "late": 1}


@pytest.mark.parametrize(("zeros", "share_of_zeros"), [("mark", 0.03), ("exclude", 0.03), ("inpaint", 0.0)])
def test_unmeasured_adc_voxels_are_marked_or_filled_and_counted(parts, masks, tmp_path, zeros, share_of_zeros):
    """A scanner writes 0 where noise hid the signal."""
    write_t2w(tmp_path / "scans")
    files = write_adc(tmp_path / "scans")
    for file in files:
        import pydicom

        pixels = pydicom.dcmread(file).pixel_array.copy()
        pixels[16:24, 10:18] = 0
        change(file, PixelData=pixels.tobytes())
    part = parts(tmp_path / "scans", masks=masks, options=Options(zeros=zeros))[0]
    assert part.record["adc"]["unmeasured"] == pytest.approx(0.045, abs=0.02)
    assert ((part.modalities["adc"] == 0).mean() > share_of_zeros) == (share_of_zeros > 0)
    if zeros == "exclude":
        measured = part.modalities["adc"][part.modalities["adc"] > 0]
        assert measured.min() > 400


def test_masks_on_the_adc_grid_are_taken_to_the_t2w_grid(parts, study, tmp_path, part):
    """By nearest neighbour in physical coordinates."""
    from tests.plugins.dicom.scans import DIFFUSION

    write_masks(tmp_path / "masks", "Planted-0001", DIFFUSION)
    again = parts(study, masks=tmp_path / "masks")[0]
    assert again.record["crop"]["by"] == "gland mask"
    assert again.record["crop"]["width_mm"] == pytest.approx(part.record["crop"]["width_mm"], abs=6)


def test_a_mask_on_another_grid_is_refused_with_its_reason(parts, study, tmp_path):
    """Same size, another place."""
    from tests.plugins.dicom.scans import Grid, gland

    elsewhere = Grid(size=72, pixel_mm=1.1, slices=10, gap_mm=3.0, centre_mm=CENTRE_MM + 5)
    write_volume(tmp_path / "masks" / "Planted-0001_gland.nii.gz", gland(elsewhere.places()), elsewhere)
    part = parts(study, masks=tmp_path / "masks")[0]
    assert part.record["crop"]["by"] == "locator"
    assert part.record["masks"][0]["reasons"] == ["its grid is neither the T2w's nor the ADC's"]


def test_the_locator_is_judged_where_there_is_a_mask(part):
    """The made-up stack is planned on the gland, so its middle is right."""
    assert abs(part.record["locator"]["sideways_mm"]) <= 2
    assert abs(part.record["locator"]["down_mm"]) <= 2
    assert part.record["locator"]["holds_gland"]


def test_several_processes_give_the_same_cohort(gankit_command, tmp_path):
    """And a patient-level split, drawn from real ids, so it does not depend on the salt."""
    for number in range(3):
        write_t2w(tmp_path / "scans" / str(number), patient=f"Planted-{number}")
        write_adc(tmp_path / "scans" / str(number), patient=f"Planted-{number}")
    asked = ("import", "dicom", tmp_path / "scans", "--test-fraction", 0.5, "--keep-ids")
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    assert gankit_command(*asked, "-o", one).exit_code == 0
    assert gankit_command(*asked, "-o", two, "--jobs", 2).exit_code == 0
    assert read_cohort(one).digest() == read_cohort(two).digest()
    hashed = tmp_path / "hashed.safetensors"
    assert gankit_command(*asked[:-1], "-o", hashed).exit_code == 0
    assert read_cohort(hashed).split.tolist() == read_cohort(one).split.tolist()
    assert set(read_cohort(one).split) == {"train", "test"}
