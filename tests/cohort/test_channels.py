"""Where the channels of a plain array are: said, or told by a shape that can be read in one way alone."""

import numpy as np
import pytest

from gankit import CohortError, Modality


def shape_of(shape, channels=None):
    """The shape (N, C, *S) of a modality made of an array of this shape."""
    return Modality.of(np.zeros(shape), channels=channels).values.shape


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ((5, 16), (5, 1, 16)),
        ((5, 16, 20), (5, 1, 16, 20)),
        ((5, 4, 4), (5, 1, 4, 4)),
        ((5, 1, 16, 20), (5, 1, 16, 20)),
        ((5, 3, 16, 20), (5, 3, 16, 20)),
        ((5, 1, 8, 16, 20), (5, 1, 8, 16, 20)),
        ((5, 6, 8, 16, 20), (5, 6, 8, 16, 20)),
    ],
)
def test_a_shape_tells_where_it_can_be_read_in_one_way(given, read):
    """Signals and images without channels, images of up to three channels, volumes with channels."""
    assert shape_of(given) == read


AMBIGUOUS = {
    (5, 16, 20, 24): ("16 channels of 20 x 24 ('first')", "16 x 20 x 24 without channels ('none')"),
    (5, 4, 20, 24): ("4 channels of 20 x 24 ('first')", "4 x 20 x 24 without channels ('none')"),
    (5, 2, 100): ("2 x 100 without channels ('none')", "2 channels of 100 ('first')"),
    (5, 100, 3): ("100 x 3 without channels ('none')", "3 channels of 100, channel-last ('last')"),
    (5, 20, 24, 3): ("20 channels of 24 x 3 ('first')", "3 channels of 20 x 24, channel-last ('last')"),
    (5, 20, 24, 1): ("20 channels of 24 x 1 ('first')", "1 channel of 20 x 24, channel-last ('last')"),
    (5, 20, 24, 4): ("20 x 24 x 4 without channels ('none')", "4 channels of 20 x 24, channel-last ('last')"),
    (5, 8, 20, 24, 1): ("8 channels of 20 x 24 x 1 ('first')", "1 channel of 8 x 20 x 24, channel-last ('last')"),
}


@pytest.mark.parametrize("shape", AMBIGUOUS)
def test_a_shape_that_can_be_read_in_several_ways_is_refused(shape):
    """Above all a volume (N, D, H, W), which is not silently D channels; the readings are said, with their words."""
    with pytest.raises(CohortError, match="say which with `channels`") as refused:
        shape_of(shape)
    assert all(reading in str(refused.value) for reading in AMBIGUOUS[shape])


@pytest.mark.parametrize(
    ("given", "channels", "read"),
    [
        ((5, 16, 20, 24), "none", (5, 1, 16, 20, 24)),
        ((5, 16, 20, 24), "first", (5, 16, 20, 24)),
        ((5, 20, 24, 3), "last", (5, 3, 20, 24)),
        ((5, 2, 100), "first", (5, 2, 100)),
        ((5, 8, 20, 24, 2), "last", (5, 2, 8, 20, 24)),
        ((5, 3), "none", (5, 1, 3)),
    ],
)
def test_what_is_said_is_done(given, channels, read):
    """In one to three spatial axes."""
    assert shape_of(given, channels) == read


def test_channels_that_are_last_are_moved_not_mixed():
    """Channel c of pixel (y, x) stays that."""
    values_NHWC = np.arange(2 * 4 * 5 * 3, dtype=np.float32).reshape(2, 4, 5, 3)
    modality = Modality.of(values_NHWC, channels="last")
    assert modality.values[1, 2, 3, 4] == values_NHWC[1, 3, 4, 2]
    assert modality.values.flags.c_contiguous


@pytest.mark.parametrize(
    ("shape", "channels", "message"),
    [
        ((5, 16), "first", "has 0 spatial axes; accepted: 1 to 3"),
        ((5, 1, 8, 16, 20), "none", "has 4 spatial axes"),
        ((5,), None, "has 0 spatial axes"),
        ((5, 2, 4, 8, 16, 20), None, "has 4 spatial axes"),
        ((5, 16, 20), "frist", "`channels` 'frist'; did you mean 'first'?; accepted: 'none' for"),
    ],
)
def test_what_cannot_be_is_refused(shape, channels, message):
    """No space is left, too many axes of it, or another word."""
    with pytest.raises(CohortError, match="accepted") as refused:
        shape_of(shape, channels)
    assert message in str(refused.value)
