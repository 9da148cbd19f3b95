"""Series that are parts of one scan, and series that only look so."""

import numpy as np
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._series.series import group
from tests.plugins.dicom.scans import (
    DIFFUSION,
    NORMAL,
    ROOT,
    Grid,
    adc_values,
    body,
    change,
    write_adc,
    write_series,
    write_t2w,
)

WHOLE = Grid(size=20, pixel_mm=4.0, slices=16, gap_mm=3.0)
EVEN, ODD = range(0, 16, 2), range(1, 16, 2)
T2W_TAGS = {"ScanningSequence": "SE", "EchoTime": 104, "RepetitionTime": 4500, "SeriesDescription": "planted t2 words"}


def write_parts(folder, *parts, **tags):
    """Each part, slices of one scan, as a series of its own."""
    for number, part in enumerate(parts):
        files = write_t2w(folder / str(number), 2 + number, grid=WHOLE, **{"RepetitionTime": 4500, **tags})
        for index, file in enumerate(files):
            if index not in part:
                file.unlink()


def all_series(folder):
    (study,) = group(header for file in sorted(folder.rglob("*")) if file.is_file() for header in read_headers(file))
    return study.series


PARTS = {
    "halves": (range(8), range(8, 16)),
    "halves, the upper first": (range(8, 16), range(8)),
    "unequal": (range(3), range(3, 16)),
    "packages": (EVEN, ODD),
    "three packages": (range(0, 16, 3), range(1, 16, 3), range(2, 16, 3)),
    "overlapping halves": (range(10), range(6, 16)),
    "a series for each slice": tuple(range(n, n + 1) for n in range(16)),
}


@pytest.mark.parametrize("parts", PARTS)
def test_parts_of_one_scan_are_one_series(tmp_path, parts):
    """The volume is the one that was scanned; the report says of how many series."""
    write_parts(tmp_path / "parts", *PARTS[parts])
    write_t2w(tmp_path / "whole", grid=WHOLE)
    (joined,), (whole,) = all_series(tmp_path / "parts"), all_series(tmp_path / "whole")
    np.testing.assert_array_equal(joined.volume().array, whole.volume().array)
    np.testing.assert_allclose(joined.volume().image.GetOrigin(), whole.volume().image.GetOrigin(), atol=1e-5)
    assert joined.notes == (f"joined from {len(PARTS[parts])} series, parts of one scan",)


def test_parts_may_be_counted_in_their_names(tmp_path):
    """As a site does by hand."""
    write_parts(tmp_path, range(8), range(8, 16))
    for file in (tmp_path / "1").iterdir():
        change(file, SeriesDescription="planted t2 words 2")
    for file in (tmp_path / "0").iterdir():
        change(file, SeriesDescription="planted t2 words 1")
    assert [series.places for series in all_series(tmp_path)] == [16]


@pytest.mark.parametrize("said", [{}, {"SliceThickness": None}, {"SpacingBetweenSlices": 6.0}, {"SeriesNumber": 4}])
def test_packages_are_joined_by_thickness_or_spacing(tmp_path, said):
    """Slices are not thicker than they are far apart in one scan."""
    write_parts(tmp_path, EVEN, ODD, **said)
    assert [series.places for series in all_series(tmp_path)] == [16]


APART = {
    "description": {"SeriesDescription": "planted other words"},
    "echo time": {"EchoTime": 80},
    "repetition time": {"RepetitionTime": 3000},
    "frame of reference": {"FrameOfReferenceUID": f"{ROOT}.66"},
    "orientation": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    "pixel spacing": {"PixelSpacing": [4.2, 4.2]},
}


@pytest.mark.parametrize("what", APART)
def test_halves_that_differ_in_anything_are_not_joined(tmp_path, what):
    """They are two scans."""
    write_parts(tmp_path, range(8), range(8, 16))
    for file in (tmp_path / "1").iterdir():
        change(file, **APART[what])
    assert len(all_series(tmp_path)) == 2


@pytest.mark.parametrize(
    ("first", "second"), [(range(16), range(16)), (range(12), range(4, 16)), (range(16), range(4, 12))]
)
def test_two_acquisitions_of_the_same_places_are_not_joined(tmp_path, first, second):
    """Wholly or in part: their pixels differ."""
    for number, (part, brightness) in enumerate(((first, 100), (second, 130))):
        values = brightness * body(WHOLE.places())
        files = write_series(tmp_path / str(number), 2 + number, values, WHOLE, **T2W_TAGS)
        for index, file in enumerate(files):
            if index not in part:
                file.unlink()
    found = all_series(tmp_path)
    assert [series.places for series in found] == [len(first), len(second)]
    assert not any(series.problem for series in found)
    in_part = bool(set(first) - set(second) and set(second) - set(first))
    assert [any("pixels differ" in note for note in series.notes) for series in found] == [in_part, in_part]


def test_a_scan_repeated_half_a_gap_away_is_no_package(tmp_path):
    """Slices of one would lie inside slices of the other."""
    shifted = Grid(size=20, pixel_mm=4.0, slices=16, gap_mm=3.0, centre_mm=WHOLE.centre_mm + 1.5 * NORMAL)
    write_t2w(tmp_path / "a", 2, grid=WHOLE)
    write_t2w(tmp_path / "b", 3, grid=shifted)
    assert [series.places for series in all_series(tmp_path)] == [16, 16]


def test_two_scans_in_two_halves_each_are_two_series(tmp_path):
    """Halves belong to the scan that they follow."""
    write_parts(tmp_path / "a", range(8), range(8, 16))
    for number, part in enumerate((range(8), range(8, 16)), start=8):
        files = write_series(tmp_path / str(number), number, 130 * body(WHOLE.places()), WHOLE,
                             ImageType=["ORIGINAL", "PRIMARY", "M"], **T2W_TAGS)  # fmt: skip
        for index, file in enumerate(files):
            if index not in part:
                file.unlink()
    found = all_series(tmp_path)
    assert [series.places for series in found] == [16, 16]


def test_halves_of_two_scans_in_an_unclear_order_are_refused(tmp_path):
    """Nobody can say which half goes with which."""
    for number, (part, brightness) in enumerate(
        ((range(8), 100), (range(8), 130), (range(8, 16), 100), (range(8, 16), 130)), start=2
    ):
        files = write_series(tmp_path / str(number), number, brightness * body(WHOLE.places()), WHOLE, **T2W_TAGS)
        for index, file in enumerate(files):
            if index not in part:
                file.unlink()
    found = all_series(tmp_path)
    assert [series.problem for series in found] == 4 * [
        "part of a scan that came in several series, and it is unclear of which scan"
    ]


@pytest.mark.parametrize(
    "parts",
    [(range(8), range(9, 16)), (range(7), range(9, 16)), (EVEN, range(1, 9, 2)), ([0, 2, 4, 6, 8, 12, 14], ODD)],
)
def test_parts_with_slices_missing_between_them_are_refused(parts, tmp_path):
    """Alone each would pass as the whole, in a wrong place."""
    write_parts(tmp_path, *parts)
    found = all_series(tmp_path)
    assert [series.problem for series in found] == 2 * [
        "part of a scan that came in several series, and slices between them are missing"
    ]


def test_scans_far_from_each_other_stay_as_they_are(tmp_path):
    """Two stations of one protocol, say."""
    far = Grid(size=20, pixel_mm=4.0, slices=16, gap_mm=3.0, centre_mm=WHOLE.centre_mm + 40 * 3.0 * NORMAL)
    write_t2w(tmp_path / "a", 2, grid=WHOLE)
    write_t2w(tmp_path / "b", 3, grid=far)
    assert [(series.places, series.problem) for series in all_series(tmp_path)] == [(16, ""), (16, "")]


def test_packages_of_a_diffusion_series_are_joined_for_each_b_value(tmp_path):
    """Every b-value has its slices in both."""
    adc = adc_values(DIFFUSION.places())
    for b in (50, 800):
        for number, part in enumerate((range(0, 10, 2), range(1, 10, 2))):
            files = write_series(
                tmp_path / f"{b}-{number}", 3 + number, 3000 * np.exp(-b * 1e-6 * adc), DIFFUSION,
                DiffusionBValue=float(b), ScanningSequence="EP", ImageType=["ORIGINAL", "PRIMARY", "DIFFUSION"],
            )  # fmt: skip
            for index, file in enumerate(files):
                if index not in part:
                    file.unlink()
    (series,) = all_series(tmp_path)
    assert {b: len(volume.array) for b, volume in series.diffusion().by_b.items()} == {50.0: 10, 800.0: 10}


def test_a_study_whose_t2w_came_in_parts_is_imported_as_a_whole(parts, tmp_path):
    """Slices, crop and ADC are the same."""
    write_t2w(tmp_path / "whole")
    write_adc(tmp_path / "whole")
    for number, rest in enumerate((0, 1), start=2):
        for index, file in enumerate(write_t2w(tmp_path / "parts" / str(number), number)):
            if index % 2 != rest:
                file.unlink()
    write_adc(tmp_path / "parts", 7)
    (whole,), (joined,) = parts(tmp_path / "whole"), parts(tmp_path / "parts")
    assert joined.record["crop"] == whole.record["crop"]
    for name in ("t2w", "adc"):
        np.testing.assert_array_equal(joined.modalities[name], whole.modalities[name])
