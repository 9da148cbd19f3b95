"""Student's t, Welch's test and Holm's correction against scipy and against numbers worked out by hand."""

import math
import sys

import numpy as np
import pytest
from scipy import stats

from gankit import InputError
from gankit.evaluation.statistics import (
    holm,
    mean_and_sd,
    require_scipy,
    student_interval,
    t_quantile,
    two_sided,
    welch,
)


def test_students_t_by_hand():
    """On one degree of freedom it is Cauchy's, whose tails beyond 1 hold half; tables give 2.776 for .975 on four."""
    assert two_sided(1.0, 1) == two_sided(-1.0, 1) == pytest.approx(0.5)
    assert (two_sided(0.0, 3), two_sided(math.inf, 3)) == (1, 0)
    assert t_quantile(0.975, 4) == pytest.approx(2.776445, abs=1e-6)


def test_without_scipy_one_line_says_what_to_install(monkeypatch):
    """Before any work."""
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(InputError, match=r"pip install 'gankit\[metrics\]'"):
        require_scipy()


@pytest.mark.parametrize("seed", range(5))
def test_welch_is_scipys_test_with_unequal_variances(seed):
    """For samples of different sizes and spreads."""
    numbers = np.random.default_rng(seed)
    first, second = numbers.normal(0, 1, 5), numbers.normal(1, 3, 8)
    found, expected = welch(first, second), stats.ttest_ind(first, second, equal_var=False)
    assert (found.t, found.df, found.p) == pytest.approx((expected.statistic, expected.df, expected.pvalue), rel=1e-9)
    assert found.difference == pytest.approx(first.mean() - second.mean())


def test_welch_by_hand():
    """1, 2, 3 against 2, 4, 6, 8: means 2 and 5, squared errors 1/3 and 5/3, so t = -3 / sqrt(2) and
    df = 4 / (1/18 + 25/27) = 216 / 53."""
    found = welch([1, 2, 3], [2, 4, 6, 8])
    assert found.difference == -3
    assert found.t == pytest.approx(-3 / math.sqrt(2))
    assert found.df == pytest.approx(216 / 53)


def test_welch_does_not_depend_on_the_unit():
    """Spreads whose squares underflow give the p of larger ones."""
    first, second = [1.0, 2.0, 4.0], [2.0, 3.0, 7.0]
    small = welch([value * 1e-100 for value in first], [value * 1e-100 for value in second])
    assert small.p == pytest.approx(welch(first, second).p)


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0, 2.0]), ([0.7] * 5, [0.1] * 5), ([], [1.0, 2.0])])
def test_welch_is_not_defined_without_spread_or_with_one_value(first, second):
    """No p is better than a wrong one."""
    assert welch(first, second) is None


@pytest.mark.parametrize("count", [2, 3, 5, 7])
def test_equal_values_have_no_spread_at_all(count):
    """The sum of five 0.7, over five, is another number than 0.7."""
    for value in np.random.default_rng(0).random(100).tolist():
        assert mean_and_sd([value] * count) == (value, 0.0)


def test_holm_by_hand():
    """.01 .04 .03 .005: sorted and times 4, 3, 2, 1 they are .02 .03 .06 .04, and never fall below one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_intervals_of_a_mean_cover_as_often_as_they_say():
    """Student's interval of 4 normal values holds the true mean in 95% of 4,000 trials (± 1% is 3 SD)."""
    trials = np.random.default_rng(0).normal(3, 2, (4000, 4))
    covered = [low <= 3 <= high for low, high in map(student_interval, trials.tolist())]
    assert abs(np.mean(covered) - 0.95) < 0.0105


def test_one_value_has_no_spread_and_no_interval():
    """They are unknown, not zero."""
    assert mean_and_sd([2.0]) == (2.0, None)
    assert student_interval([2.0]) is None
    assert mean_and_sd([1.0, 3.0]) == pytest.approx((2.0, math.sqrt(2)))
