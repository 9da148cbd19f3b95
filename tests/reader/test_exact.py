"""Exact intervals and tests."""

import numpy as np
import pytest

from gankit.reader.exact import chance_p, exact_interval


def test_the_interval_is_that_of_clopper_and_pearson():
    """Known values, as of 8 in 10."""
    assert exact_interval(8, 10) == pytest.approx((0.4439, 0.9748), abs=1e-4)
    assert exact_interval(0, 10) == pytest.approx((0, 1 - 0.025 ** (1 / 10)))
    assert exact_interval(10, 10) == pytest.approx((0.025 ** (1 / 10), 1))


@pytest.mark.parametrize("rate", [0.5, 0.75, 0.95])
def test_the_interval_holds_the_rate_at_least_95_times_in_100(rate):
    """Exact means never less."""
    intervals = {count: exact_interval(count, 30) for count in range(31)}
    counts = np.random.default_rng(0).binomial(30, rate, size=20_000)
    held = [low <= rate <= high for low, high in map(intervals.__getitem__, counts)]
    assert np.mean(held) >= 0.95


def test_the_test_against_chance_is_the_binomial_one():
    """8 or more of 10, and 2 or fewer: 112 of 1024 outcomes."""
    assert chance_p(8, 10) == pytest.approx(112 / 1024)
    assert chance_p(2, 10) == pytest.approx(112 / 1024)
    assert chance_p(5, 10) == 1
