"""Counter-based draws: every number follows from (seed, step, stream), whatever else is drawn."""

import numpy as np
import pytest

from gankit import Draws

KINDS = {
    "normal": lambda draws: draws.normal("a", 3, 4),
    "uniform": lambda draws: draws.uniform("a", 5),
    "choose": lambda draws: draws.choose("a", np.arange(10**6), 6),
    "torch_seed": lambda draws: np.array(draws.torch_seed("a")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_place_gives_the_same_numbers(kind):
    """Whatever was drawn before, from the same object or another."""
    draw = KINDS[kind]
    expected = draw(Draws(7, 3))
    busy = Draws(7, 3)
    busy.normal("b", 1000)
    busy.uniform("a", 17)
    np.testing.assert_array_equal(draw(busy), expected)
    np.testing.assert_array_equal(draw(busy), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_another_place_gives_other_numbers(kind):
    """Seed, step and stream each lead to numbers of their own."""
    draw = KINDS[kind]
    drawn = [draw(Draws(7, 3)), draw(Draws(8, 3)), draw(Draws(7, 4)), draw(Draws(73))]
    assert len({numbers.tobytes() for numbers in drawn}) == 4
    assert Draws(7, 3).normal("a", 9).tobytes() != Draws(7, 3).normal("b", 9).tobytes()


def test_a_longer_draw_begins_with_the_shorter():
    """A stream is one sequence."""
    np.testing.assert_array_equal(Draws(0).normal("a", 5), Draws(0).normal("a", 50)[:5])


def test_consecutive_steps_share_no_numbers():
    """However much each draws: a step's numbers are not those of the one before, some places further on."""
    steps = [set(Draws(0, step).generator("a").integers(2**63, size=2000).tolist()) for step in range(4)]
    assert len(set.union(*steps)) == sum(map(len, steps)) == 8000


def test_draws_do_not_touch_the_global_generators():
    """A notebook's own random numbers stay what they were."""
    before = np.random.get_state()[1].copy()
    Draws(0).normal("a", 100)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_normal_draws_are_standard_normal():
    """Mean 0, variance 1 and 95.4% within 2 sigma, each within 4 standard errors; over steps as within one."""
    within = Draws(0, 0).normal("a", 10_000)
    over = np.concatenate([Draws(0, step).normal("a", 1) for step in range(10_000)])
    for numbers in (within, over):
        assert abs(numbers.mean()) < 4 / 100
        assert abs(numbers.var() - 1) < 4 * np.sqrt(2) / 100
        assert abs((np.abs(numbers) < 2).mean() - 0.9545) < 4 * np.sqrt(0.9545 * 0.0455) / 100
    assert abs(np.corrcoef(over[1:], over[:-1])[0, 1]) < 4 / 100


def test_uniform_draws_are_uniform():
    """In [0, 1), each tenth as often as the others within 4 standard errors."""
    numbers = Draws(1).uniform("a", 10_000)
    counts, _ = np.histogram(numbers, bins=10, range=(0, 1))
    assert counts.sum() == 10_000
    assert numbers.max() < 1
    assert np.abs(counts - 1000).max() < 4 * np.sqrt(900)


def test_choosing_takes_only_what_is_there_and_all_of_it():
    """Every index may come, with replacement, and no other."""
    assert set(Draws(0).choose("a", np.array([2, 5, 11]), 100).tolist()) == {2, 5, 11}
