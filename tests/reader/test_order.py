"""The order in which a reader sees the cases tells nothing of them."""

import numpy as np
import pytest

from gankit.reader.order import reading_order


@pytest.mark.parametrize("which", ["first cases of the key", "repeated cases"])
def test_no_group_of_cases_comes_earlier_than_another(which):
    """In the first half, over 300 readers: the mean place of a group is the middle, within four standard errors."""
    group = set(range(10)) if which.startswith("first") else {0, 7, 13, 22, 31, 39}
    again = [0, 7, 13, 22, 31, 39]
    places = []
    for seed in range(300):
        half = reading_order(40, again, np.random.default_rng(seed))[:23]
        places += [place for place, case in enumerate(half) if case in group]
    error = np.std(places) / np.sqrt(len(places))
    assert abs(np.mean(places) - 11) < 4 * error


def test_a_repeated_case_comes_again_after_many_others():
    """Once in each half; every case is there."""
    again = [1, 2, 3]
    order = reading_order(20, again, np.random.default_rng(0))
    assert sorted(order) == sorted([*range(20), *again])
    assert all(case in order[:11] and case in order[11:] for case in again)
