"""Times of day as headers write them, and midnight."""

import numpy as np
import pytest
from pydicom import Dataset

from gankit_dicom._dicom.clock import acquired_s, clock_s, unwrapped


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("103015", 37815.0),
        ("103015.25", 37815.25),
        ("1030", 37800.0),
        ("10", 36000.0),
        ("10:30:15", 37815.0),
        ("10:30:15.25", 37815.25),
        ("000000", 0.0),
        ("000000.000", 0.0),
        ("20200102103015.5", 37815.5),
        ("20200102103015.5+0100", 37815.5),
        (" 103015 ", 37815.0),
        ("", None),
        ("20200102", None),
        ("256199", None),
        ("noon", None),
    ],
)
def test_a_time_of_day_is_read_however_it_is_written(text, seconds):
    """TM, DT and the older form with colons; midnight is a time."""
    assert clock_s(text) == seconds


def test_the_acquisitions_time_goes_before_the_contents():
    """And 0 of it too."""
    dataset = Dataset()
    assert acquired_s(dataset) is None
    dataset.ContentTime = "120000"
    assert acquired_s(dataset) == 43200
    dataset.AcquisitionDateTime = "20200102110000"
    assert acquired_s(dataset) == 39600
    dataset.AcquisitionTime = "000000"
    assert acquired_s(dataset) == 0


@pytest.mark.parametrize("start", [0, 40000, 86399, 86400 - 30])
def test_times_rise_past_midnight(start):
    """Whatever the order they are given in, and with some of them equal."""
    after = np.array([30.0, 0.0, 0.0, 200.0, 10.0])
    rising = unwrapped((start + after) % 86400)
    np.testing.assert_allclose(rising - rising.min(), after)
    assert unwrapped([]).size == 0
    assert unwrapped([5.0]).tolist() == [5.0]
