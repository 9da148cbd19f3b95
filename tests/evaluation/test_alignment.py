"""The nearest slices, however they were moved or mirrored."""

import numpy as np
import pytest
from scipy import ndimage

from gankit import nearest_slices


def textures(count, *shape, seed=0):
    """Smooth textures (N, C, *S)."""
    noise = np.random.default_rng(seed).standard_normal((count, *shape))
    return ndimage.gaussian_filter(noise, [0, 0, *[2] * (len(shape) - 1)], mode="wrap") * 4


def moved(x_NCS, shift, mirrored=False):
    """Slices moved along their last axes; what leaves on one side comes in on the other."""
    return np.roll(x_NCS[..., ::-1] if mirrored else x_NCS, shift, axis=tuple(range(-len(shift), 0)))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("shift", [(0, 0), (1, -1), (2, 3), (-6, 6), (8, -8)])
def test_a_copy_is_found_however_it_was_moved_or_mirrored(shift, mirrored):
    """Among 40 slices, at distance 0, with the move that undoes it."""
    real = textures(40, 2, 64, 64)
    found = nearest_slices(moved(real[:20], shift, mirrored), real)
    assert found.index_N.tolist() == list(range(20))
    assert found.distance_N == pytest.approx(0, abs=1e-6)
    assert (found.mirrored_N == mirrored).all()
    assert (found.shift_NA == shift).all()


@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 16, 24), (3, 8, 8), (1, 64), (1, 8, 32, 32)], ids=str)
def test_slices_of_any_size_and_rank_are_compared(shape):
    """Signals, small slices and volumes too, which are moved along their last two axes."""
    real = textures(12, *shape)
    found = nearest_slices(moved(real[3:5], (1,) * min(2, len(shape) - 1)), real)
    assert found.index_N.tolist() == [3, 4]
    assert found.distance_N == pytest.approx(0, abs=1e-6)


def test_large_slices_are_compared_at_64_pixels():
    """The move is in pixels of the slices that were given."""
    real = textures(6, 1, 256, 256)
    found = nearest_slices(moved(real[:1], (8, -4)), real)
    assert (found.index_N[0], found.shift_NA[0].tolist()) == (0, [8, -4])
    assert found.distance_N[0] == pytest.approx(0, abs=1e-6)


def test_other_slices_are_not_near():
    """Their distance is about that of unrelated textures, in units of pixel values."""
    real, others = textures(40, 1, 64, 64), textures(20, 1, 64, 64, seed=1)
    nearest = nearest_slices(others, real).distance_N
    assert nearest.min() > 0.5 * real.std()
    assert nearest.max() < 2 * real.std()


def test_the_distance_is_the_root_mean_square_of_the_difference():
    """A slice brighter by 0.1 is at distance 0.1."""
    real = textures(5, 1, 32, 32)
    assert nearest_slices(real[2:3] + 0.1, real).distance_N == pytest.approx(0.1, rel=1e-3)


def test_a_single_slice_is_the_nearest():
    """Whatever it is."""
    assert nearest_slices(textures(3, 1, 16, 16), textures(1, 1, 16, 16, seed=2)).index_N.tolist() == [0, 0, 0]
