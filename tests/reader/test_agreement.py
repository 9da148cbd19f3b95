"""Kappas against their published examples and their limits."""

import math

import numpy as np
import pytest

from gankit.reader.agreement import cohen_kappa, fleiss_kappa


def test_cohens_kappa_of_the_textbook_table():
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: 0.70 agree, 0.50 by chance, so (0.70 - 0.50) / 0.50."""
    one = np.repeat([1, 1, 0, 0], [20, 5, 10, 15])
    other = np.repeat([1, 0, 1, 0], [20, 5, 10, 15])
    assert cohen_kappa(one, other, 2) == pytest.approx(0.40)


def test_fleiss_kappa_of_his_example():
    """10 cases, 14 readers, 5 categories: 0.210 (Fleiss 1971)."""
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    answers = np.array([np.repeat(np.arange(5), row) for row in counts]).T
    assert fleiss_kappa(answers, 5) == pytest.approx(0.210, abs=5e-4)


def test_weighted_kappa_forgives_a_level_more_than_three():
    """Squares weigh a disagreement of three levels nine times one of a single level."""
    one = np.array([0, 1, 2, 3] * 5)
    near, far = one.copy(), one.copy()
    near[0], far[0] = 1, 3
    assert cohen_kappa(one, near, 4, weighted=True) > cohen_kappa(one, far, 4, weighted=True)
    assert cohen_kappa(one, near, 4) == pytest.approx(cohen_kappa(one, far, 4), abs=0.01)


def test_weighted_kappa_of_two_categories_is_kappa():
    """All disagreements are of one level."""
    one, other = np.random.default_rng(0).integers(2, size=(2, 50))
    assert cohen_kappa(one, other, 2, weighted=True) == pytest.approx(cohen_kappa(one, other, 2))


def test_kappa_is_one_for_equal_answers_and_about_zero_for_independent_ones():
    """The two ends of the scale."""
    answers = np.random.default_rng(0).integers(2, size=(3, 5000))
    assert cohen_kappa(answers[0], answers[0], 2) == 1
    assert fleiss_kappa(answers[[0, 0, 0]], 2) == 1
    assert abs(cohen_kappa(answers[0], answers[1], 2)) < 0.05
    assert abs(fleiss_kappa(answers, 2)) < 0.05


def test_kappa_of_answers_that_are_all_the_same_is_not_defined():
    """Chance alone would give the agreement."""
    same = np.zeros((3, 10), dtype=int)
    assert math.isnan(cohen_kappa(same[0], same[1], 2))
    assert math.isnan(fleiss_kappa(same, 2))
