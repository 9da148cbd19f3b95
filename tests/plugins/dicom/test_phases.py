"""Which images of dynamic series make a phase, and when it was."""

import attrs
import numpy as np
import pytest

from gankit_dicom._dicom.headers import read_headers
from gankit_dicom._refused import Refused
from gankit_dicom._series.phases import Dynamic, Phase, rounds, timed, times_of
from gankit_dicom._series.series import group
from tests.plugins.dicom.scans import DYNAMIC, Grid, change, dynamic_values, write_adc, write_series, write_t2w

TIMES_S = (0, 10, 20, 30, 45, 60, 200)
SMALL = Grid(size=24, pixel_mm=4.0, slices=4, gap_mm=6.0)
KIND = {"ScanningSequence": "GR", "EchoTime": 1.4, "SeriesDescription": "planted dynamic"}


def clock(seconds):
    seconds %= 86400
    return f"{int(seconds) // 3600:02}{int(seconds) // 60 % 60:02}{seconds % 60:06.3f}"


def still(time_s, phase):
    return {"AcquisitionTime": "103000"}


WAYS = {
    "times of day": lambda time_s, phase: {"AcquisitionTime": clock(37800 + time_s)},
    "times of day with colons": lambda time_s, phase: {
        "AcquisitionTime": f"10:{30 + time_s // 60}:{time_s % 60:02}"
    },
    "date times": lambda time_s, phase: {"AcquisitionDateTime": f"20200102{clock(37800 + time_s)}"},
    "content times": lambda time_s, phase: {"ContentTime": clock(37800 + time_s)},
    "trigger times from 0": lambda time_s, phase: {**still(time_s, phase), "TriggerTime": 1000 * time_s},
    "trigger times alone": lambda time_s, phase: {"TriggerTime": 1000 * time_s},
    "past midnight": lambda time_s, phase: {"AcquisitionTime": clock(86370 + time_s)},
    "past midnight, with the day": lambda time_s, phase: {
        "AcquisitionTime": clock(86370 + time_s), "AcquisitionDate": f"2020010{2 + (time_s >= 30)}"
    },
    "past midnight, the day hidden": lambda time_s, phase: {
        "AcquisitionTime": clock(86370 + time_s), "AcquisitionDate": "19000101"
    },
    "past midnight in contents": lambda time_s, phase: {
        "ContentTime": clock(86370 + time_s), "ContentDate": f"2020010{2 + (time_s >= 30)}"
    },
}  # fmt: skip


def write_phases(folder, tags_of, times_s=TIMES_S, together=True, grid=DYNAMIC, backwards=False):
    """A dynamic scan, in one series or one for each phase; returns the files of each phase."""
    files = []
    for phase, time_s in enumerate(times_s):
        values = dynamic_values(grid.places(), time_s)
        number = 20 if together else 20 + phase
        name = len(times_s) - phase if backwards else phase
        with np.errstate(all="ignore"):
            tags = {**KIND, **tags_of(time_s, phase)}
        files.append(write_series(folder, number, values, grid, phase=name, **tags))
    return files


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_phases_are_told_apart_by_whatever_says_their_time(tmp_path, way, together):
    """In one series, or one series each; in the order of time, whatever their files are called."""
    write_phases(tmp_path, WAYS[way], together=together, grid=SMALL, backwards=True)
    (study,) = group(header for file in sorted(tmp_path.iterdir()) for header in read_headers(file))
    phases = sorted(timed([series.phases("") for series in study.series]), key=lambda phase: phase[0])
    np.testing.assert_allclose(np.diff([time for time, _ in phases]), np.diff(TIMES_S))
    for time_s, (_, volume) in zip(TIMES_S, phases, strict=True):
        np.testing.assert_array_equal(volume.array, np.rint(dynamic_values(SMALL.places(), time_s)))


def test_temporal_positions_and_their_distance_say_times(parts, tmp_path):
    """Where the clock is of the whole series: contrast arrives at 20 s, in the phase that begins at 12 s."""
    write_t2w(tmp_path)
    write_adc(tmp_path)
    for phase in range(18):
        tags = {"TemporalPositionIdentifier": phase + 1, "NumberOfTemporalPositions": 18, "TemporalResolution": 12000}
        values = dynamic_values(DYNAMIC.places(), 12 * phase)
        write_series(tmp_path, 20, values, DYNAMIC, phase=phase, AcquisitionTime="103000", **KIND, **tags)
    (part,) = parts(tmp_path)
    assert part.record["dce"] == {"written": "early", "arrival_s": 12.0, "pre": 2, "early": 3, "late": 4}


def headers(times, places=4):
    """Headers of images by place and phase; ``times(place, phase)`` says what each has, or None for no image."""
    base = BASE.pop() if isinstance(BASE, list) else BASE
    made = {}
    for place in range(places):
        for phase in range(6):
            if (tags := times(place, phase)) is not None:
                made.setdefault((0.0, 0.0, 3.0 * place), []).append(
                    attrs.evolve(base, image_number=len(made), position_mm=(0.0, 0.0, 3.0 * place), **tags)
                )
    return list(made.values())


@pytest.fixture(autouse=True, scope="module")
def _base(tmp_path_factory):
    global BASE
    file = write_series(tmp_path_factory.mktemp("one"), 1, np.zeros((4, 24, 24)), SMALL)[0]
    (BASE,) = read_headers(file)


BASE = None


@pytest.mark.parametrize("slice_s", [0.0, 0.7, 2.4])
def test_slices_of_a_phase_may_be_of_different_times(slice_s):
    """Interleaved slices share a phase, not a time."""
    made = headers(lambda place, phase: {"time_s": 100 + 10.0 * phase + slice_s * (3 * place % 4)})
    found, notes = rounds(made)
    assert [len(images) for images in found] == [4] * 6
    assert not notes
    np.testing.assert_allclose(np.diff([times["clock"] for times in times_of(found)]), 10)


@pytest.mark.parametrize("tags", [
    lambda place, phase: {"time_s": 10.0 * phase},
    lambda place, phase: {"time_s": 10.0 * phase + 2.0 * place},
    lambda place, phase: {"trigger_s": 10.0 * phase, "time_s": 5.0},
    lambda place, phase: {"phase": phase + 1, "phase_s": 10.0, "time_s": 5.0},
])  # fmt: skip
@pytest.mark.parametrize(
    "missing",
    [lambda place, phase: phase == 5 and place >= 2, lambda place, phase: phase == 3 and place == 1],
    ids=["the last is unfinished", "an image is lost"],
)
def test_an_unfinished_phase_is_left_out_and_said(tags, missing):
    """The others keep their images and their times."""
    found, notes = rounds(headers(lambda place, phase: None if missing(place, phase) else tags(place, phase)))
    assert [len(images) for images in found] == [4] * 5
    assert notes == ["1 of 6 phases are unfinished: left out"]
    for images in found:
        assert len({header.position_mm for header in images}) == 4
        assert np.ptp([header.time_s for header in images]) <= 6
    gone = 5 if missing(3, 5) else 3
    way = next(way for way in ("position", "trigger", "clock") if way in times_of(found)[0])
    times = [each[way] for each in times_of(found)]
    np.testing.assert_allclose(np.diff(times), np.diff([10 * phase for phase in range(6) if phase != gone]))


def test_images_where_hardly_a_phase_shows_anything_are_left_out():
    """One stray image does not make every phase unfinished."""
    found, notes = rounds(headers(lambda place, phase: {"time_s": 10.0 * phase} if place < 4 or not phase else None, 5))
    assert [len(images) for images in found] == [4] * 6
    assert notes == ["1 images at places that hardly a phase shows: left out"]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (lambda place, phase: {"time_s": None}, "phases without a time"),
        (lambda place, phase: {"time_s": 10.0 * phase + 17.0 * place}, "overlap in time"),
        (lambda place, phase: {"time_s": 7.0}, "two phases at one time"),
        (lambda place, phase: {"time_s": 10.0 * phase} if (phase - place) % 6 > 1 else None, "unequally often"),
        (lambda place, phase: {"phase": phase} if phase % 4 != place else None, "unequally often"),
        (lambda place, phase: {"time_s": 10.0 * phase} if phase % 4 != place else None, "unequally often"),
    ],
)
def test_what_tells_no_phases_apart_is_refused(tags, reason):
    """With the reason."""
    with pytest.raises(Refused, match=reason):
        rounds(headers(tags))


@pytest.mark.parametrize(
    ("first", "second", "times"),
    [
        ([{"clock": 90.0, "trigger": 0.0}], [{"clock": 120.0, "trigger": 0.0}, {"clock": 130.0, "trigger": 10.0}],
         [90, 120, 130]),
        ([{"clock": 7.0, "trigger": 0.0}], [{"clock": 7.0, "trigger": 9.0}], [0, 9]),
        ([{"clock": 86395.0}], [{"clock": 5.0}, {"clock": 15.0}], [86395, 86405, 86415]),
        ([{"text": 0.0, "clock": 3.0}], [{"text": 4.0, "clock": 3.1}], [0, 4]),
        ([{"clock": 7.0, "position": 0.0}], [{"clock": 7.1, "position": 12.0}], [0, 12]),
    ],
)  # fmt: skip
def test_times_of_several_series_are_of_one_clock(first, second, times):
    """Each may count from its own start; so the time of day goes first where it tells them apart."""
    sources = [Dynamic(tuple(Phase(known, None) for known in each)) for each in (first, second)]
    assert [time for time, _ in timed(sources)] == times


def test_a_clock_that_stands_still_is_moved_on_by_the_trigger():
    """A series with one time of day for all, beside another series."""
    found, _ = rounds(headers(lambda place, phase: {"time_s": 500.0, "trigger_s": 10.0 * phase}))
    assert [times["clock"] for times in times_of(found)] == [500 + 10 * phase for phase in range(6)]


def test_the_largest_scan_is_the_dynamic_one(parts, tmp_path):
    """Two single series at another place, as before contrast, do not stand for the series of seven phases."""
    write_t2w(tmp_path)
    write_adc(tmp_path)
    other = Grid(size=44, pixel_mm=1.9, slices=10, gap_mm=3.0, centre_mm=DYNAMIC.centre_mm + 4)
    for number in (14, 15):
        write_series(tmp_path, number, dynamic_values(other.places(), 0), other, AcquisitionTime="102000", **KIND)
    write_phases(tmp_path, WAYS["times of day"])
    (part,) = parts(tmp_path)
    assert part.record["dce"] == {"written": "early", "arrival_s": 20.0, "pre": 3, "early": 3, "late": 1}


def test_a_lost_image_costs_its_phase_alone(parts, tmp_path):
    """The report says so."""
    write_t2w(tmp_path)
    write_adc(tmp_path)
    files = write_phases(tmp_path, WAYS["times of day"])
    files[6][3].unlink()
    change(files[0][0], AcquisitionTime=clock(37800))
    (part,) = parts(tmp_path)
    assert part.record["dce"] == {"written": "early", "arrival_s": 20.0, "pre": 3, "early": 3, "late": 0}
    assert "1 of 7 phases are unfinished: left out" in part.record["series"][-1]["reasons"]


def test_series_before_contrast_of_other_flip_angles_are_no_phases(parts, tmp_path):
    """They map T1; their signal is of another weighting."""
    write_t2w(tmp_path)
    write_adc(tmp_path)
    for number, flip in ((14, 2), (15, 5)):
        values = flip / 12 * dynamic_values(DYNAMIC.places(), 0)
        write_series(tmp_path, number, values, DYNAMIC, AcquisitionTime=clock(37700 + number), FlipAngle=flip, **KIND)
    write_phases(tmp_path, lambda time_s, phase: {"AcquisitionTime": clock(37800 + time_s), "FlipAngle": 12})
    (part,) = parts(tmp_path)
    assert part.record["dce"] == {"written": "early", "arrival_s": 20.0, "pre": 3, "early": 3, "late": 1}
    assert [row["used"] for row in part.record["series"]] == ["T2w", "ADC", "", "", "DCE"]


def test_of_a_scan_that_was_reconstructed_twice_one_reconstruction_is_taken(parts, tmp_path):
    """They are of the same times, and their types differ."""
    write_t2w(tmp_path)
    write_adc(tmp_path)
    for first, kind in ((20, "ND"), (40, "NORM")):
        for phase, time_s in enumerate(TIMES_S):
            tags = {"AcquisitionTime": clock(37800 + time_s), "ImageType": ["ORIGINAL", "PRIMARY", "M", kind]}
            write_series(tmp_path, first + phase, dynamic_values(DYNAMIC.places(), time_s), DYNAMIC, **KIND, **tags)
    (part,) = parts(tmp_path)
    assert part.record["dce"] == {"written": "early", "arrival_s": 20.0, "pre": 3, "early": 3, "late": 1}
    assert [row["used"] for row in part.record["series"]] == ["T2w", "ADC", *7 * ["DCE"], *7 * [""]]


def test_phases_whose_positions_differ_by_rounding_are_at_one_place(parts, tmp_path):
    """Half a hundredth of a mm, about a whole number of mm."""
    write_t2w(tmp_path)
    write_adc(tmp_path)
    for phase, time_s in enumerate(TIMES_S):
        centre = DYNAMIC.centre_mm.round() + 0.5 + (0.005 if phase % 2 else -0.005)
        grid = attrs.evolve(DYNAMIC, centre_mm=centre)
        tags = {"AcquisitionTime": clock(37800 + time_s)}
        write_series(tmp_path, 20 + phase, dynamic_values(grid.places(), time_s), grid, **KIND, **tags)
    (part,) = parts(tmp_path)
    assert part.record["dce"]["pre"] == 3
