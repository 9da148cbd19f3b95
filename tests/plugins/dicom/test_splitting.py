"""Images under one series UID that are several series, or of which some do not belong to the rest."""

import numpy as np
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._refused import Refused
from gankit_dicom._series.series import group
from tests.plugins.dicom.scans import (
    CENTRE_MM,
    ROOT,
    ROW,
    Grid,
    body,
    change,
    t2w_values,
    write_adc,
    write_diffusion,
    write_localizer,
    write_series,
    write_t2w,
)

SMALL = Grid(size=20, pixel_mm=4.0, slices=9, gap_mm=3.0)
SAGITTAL = {"row": np.array([0, 1.0, 0]), "column": np.array([0, 0, -1.0])}
CORONAL = {"row": np.array([1.0, 0, 0]), "column": np.array([0, 0, -1.0])}
ONE = {"SeriesInstanceUID": f"{ROOT}.5"}
T2W_TAGS = {"ScanningSequence": "SE", "EchoTime": 104, "ImageType": ["ORIGINAL", "PRIMARY", "M"],
            "SeriesDescription": "planted t2 words"}  # fmt: skip


def all_series(folder):
    (study,) = group(header for file in sorted(folder.rglob("*")) if file.is_file() for header in read_headers(file))
    return study.series


def slices(folder):
    """How many slices each series that is one volume has."""
    return sorted(len(series.volume().array) for series in all_series(folder))


def grid(slices, **how):
    return Grid(**{"size": 20, "pixel_mm": 4.0, "gap_mm": 3.0, "slices": slices, **how})


def write_in(folder, number, shape, **tags):
    write_series(folder, number, t2w_values(shape.places()), shape, **{**T2W_TAGS, **ONE, **tags})


def odd_image(folder, number, shape, **tags):
    write_in(folder, 2, shape, SOPInstanceUID=f"1.2.{number}", **tags)


ODD = {
    "a sagittal": [grid(1, **SAGITTAL)],
    "a sagittal and a coronal": [grid(1, **SAGITTAL), grid(1, **CORONAL)],
    "three sagittals": [grid(3, **SAGITTAL)],
    "another size": [grid(1, size=32)],
    "another spacing": [grid(1, pixel_mm=2.0)],
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("kind", [{}, {"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}])
def test_odd_images_are_left_out_of_a_regular_stack_and_said(tmp_path, what, kind):
    """As the image with the lines of the slices that a scanner puts into the series."""
    write_in(tmp_path / "stack", 2, grid(12))
    for number, shape in enumerate(ODD[what]):
        odd_image(tmp_path / str(number), number, shape, **kind) if shape.slices == 1 else write_in(
            tmp_path / str(number), 2, shape, **kind
        )
    (series,) = all_series(tmp_path)
    assert len(series.volume().array) == 12
    count = sum(shape.slices for shape in ODD[what])
    images = "1 image" if count == 1 else f"{count} images"
    assert series.notes == (f"{images} of another size, spacing, orientation or kind left out",)


@pytest.mark.parametrize("tags", [{"Rows": 19, "PixelData": bytes(2 * 19 * 20)}, {"PixelSpacing": [4.4, 4.4]}])
def test_an_odd_image_in_place_of_a_slice_leaves_a_hole_that_is_refused(tmp_path, tags):
    """Leaving it out does not make the stack whole."""
    files = write_t2w(tmp_path, grid=SMALL)
    change(files[4], **tags)
    (series,) = all_series(tmp_path)
    with pytest.raises(Refused, match="1 slice missing inside the stack"):
        series.volume()
    assert "1 image of another" in series.notes[0]


@pytest.mark.parametrize("count", [1, 4, 12])
def test_three_planes_in_one_series_stay_a_localizer(tmp_path, count):
    """However many images it has; alike in all but the plane."""
    for number, planes in enumerate(({}, SAGITTAL, CORONAL)):
        shape = grid(count, **planes)
        write_series(tmp_path / str(number), 1, t2w_values(shape.places()), shape, phase=number, **T2W_TAGS)
    (series,) = all_series(tmp_path)
    assert series.plane == "mixed planes"
    with pytest.raises(Refused, match="several orientations"):
        series.volume()


def test_a_localizer_of_the_usual_kind_is_one_series(tmp_path):
    """Its frame of reference is its own."""
    write_localizer(tmp_path)
    assert [series.plane for series in all_series(tmp_path)] == ["mixed planes"]


def two_fields(folder, **tags):
    write_in(folder / "a", 2, grid(9), **tags)
    write_in(folder / "b", 3, grid(12, pixel_mm=3.0), **tags)


def two_planes(folder, **tags):
    write_in(folder / "a", 2, grid(9), **tags)
    write_in(folder / "b", 3, grid(12, **SAGITTAL, centre_mm=CENTRE_MM + ROW), **tags)


def two_echoes(folder, **tags):
    write_in(folder / "a", 2, grid(9), EchoTime=20, **tags)
    write_in(folder / "b", 3, grid(9), EchoTime=104, **tags)


def two_kinds(folder, **tags):
    write_in(folder / "a", 2, grid(9), ImageType=["ORIGINAL", "PRIMARY", "M"], **tags)
    write_in(folder / "b", 3, grid(9), ImageType=["ORIGINAL", "PRIMARY", "P"], **tags)


def two_sequences(folder, **tags):
    write_in(folder / "a", 2, grid(9), **tags)
    write_in(folder / "b", 3, grid(9), ScanningSequence="GR", **tags)


def two_frames(folder, **tags):
    write_in(folder / "a", 2, grid(9), **tags)
    write_in(folder / "b", 3, grid(9, centre_mm=CENTRE_MM + 7 * ROW), FrameOfReferenceUID=f"{ROOT}.6", **tags)


@pytest.mark.parametrize("number", [{}, {"SeriesNumber": 1}, {"SeriesNumber": None}])
@pytest.mark.parametrize("write", [two_fields, two_planes, two_echoes, two_kinds, two_sequences, two_frames])
def test_series_under_one_uid_are_told_apart(tmp_path, write, number):
    """As after an anonymiser that wrote one UID everywhere, with series numbers and without."""
    write(tmp_path, **number)
    found = all_series(tmp_path)
    assert len(found) == 2
    assert all("its images share a series UID with 1 other series" in series.notes for series in found)
    assert len(slices(tmp_path)) == 2


def test_three_planes_with_names_of_their_own_are_three_series(tmp_path):
    """What a localizer has not."""
    for number, (name, planes) in enumerate({"tra": {}, "sag": SAGITTAL, "cor": CORONAL}.items()):
        write_in(
            tmp_path / name, 2 + number, grid(9 + number, **planes), SeriesNumber=1, SeriesDescription=f"t2 {name}"
        )
    assert sorted(series.plane for series in all_series(tmp_path)) == ["axial", "coronal", "sagittal"]


@pytest.mark.parametrize("number", [{}, {"SeriesNumber": 1}])
def test_a_study_of_one_series_uid_is_imported_as_one_of_many(parts, tmp_path, number):
    """Localizer, diffusion and ADC map with it."""
    tags = {**ONE, **number}
    write_t2w(tmp_path / "scans" / "a", **tags)
    write_localizer(tmp_path / "scans" / "b", **tags)
    write_diffusion(tmp_path / "scans" / "c", **tags)
    write_adc(tmp_path / "scans" / "d", **tags)
    (part,) = parts(tmp_path / "scans")
    assert sorted(row["used"] for row in part.record["series"] if row["used"]) == ["ADC", "T2w"]
    write_t2w(tmp_path / "apart")
    write_adc(tmp_path / "apart")
    (apart,) = parts(tmp_path / "apart")
    np.testing.assert_array_equal(part.modalities["adc"], apart.modalities["adc"])


TWICE = {
    "acquisition numbers": ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}),
    "times": ({"AcquisitionTime": "101500"}, {"AcquisitionTime": "102000"}),
    "series numbers": ({"SeriesNumber": 2}, {"SeriesNumber": 3}),
}


def write_twice(folder, first, second):
    for phase, (tags, brightness) in enumerate(((first, 100), (second, 130))):
        write_series(folder, 2, brightness * body(SMALL.places()), SMALL, phase=phase, **{**T2W_TAGS, **tags})


@pytest.mark.parametrize("by", TWICE)
def test_two_acquisitions_under_one_uid_are_two_series(tmp_path, by):
    """Of which the first is preferred as always."""
    write_twice(tmp_path, *TWICE[by])
    first, second = all_series(tmp_path)
    assert first.volume().array.mean() < second.volume().array.mean()


def test_two_acquisitions_that_nothing_tells_apart_are_refused(tmp_path):
    """Nobody can say which images belong together."""
    write_twice(tmp_path, {}, {})
    (series,) = all_series(tmp_path)
    with pytest.raises(Refused, match="several images at one place"):
        series.volume()


@pytest.mark.parametrize("kind", ["NORM", "DIS2D", "SUB"])
def test_a_stack_and_what_the_scanner_made_of_it_are_two_series(tmp_path, kind):
    """Evened out for the coils, corrected for distortion or subtracted, under the UID of the original."""
    write_in(tmp_path / "stack", 2, grid(9))
    made = {"ImageType": ["DERIVED", "PRIMARY", "M", kind], "phase": 1}
    write_series(tmp_path / "made", 2, 300 - t2w_values(grid(9).places()) / 2, grid(9), **{**T2W_TAGS, **ONE, **made})
    assert slices(tmp_path) == [9, 9]
