"""Student's t, Welch's test and Holm's correction against scipy and against numbers worked out by hand."""

import math
import sys

import numpy as np
import pytest
from scipy import stats

from gankit import InputError
from gankit.evaluation.statistics import (
    Known,
    holm,
    mean_and_sd,
    nearer,
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


# Which is nearer to a value -------------------------------------------------------------------------------


def test_of_two_means_on_one_side_the_nearer_one_is_found_as_welch_finds_the_difference():
    """Both above the real value, so their distances differ as they do."""
    first, second = [0.80, 0.82, 0.81], [0.90, 0.95, 0.91]
    found, plain = nearer(first, second, Known(0.5)), welch(first, second)
    assert (found.difference, found.p, found.df) == pytest.approx((plain.difference, plain.p, plain.df))
    assert found.interval == pytest.approx(plain.interval)


def test_means_that_are_as_far_from_the_value_on_either_side_do_not_differ():
    """However surely one mean is above the other."""
    first, second = [0.60, 0.61, 0.62], [0.78, 0.79, 0.80]
    assert welch(first, second).p < 0.001
    found = nearer(first, second, Known(0.70))
    assert found.difference == pytest.approx(0)
    assert found.p == pytest.approx(1)
    assert found.interval[0] < 0 < found.interval[1]


def test_a_distance_by_hand():
    """Means 2 and 7 about 4: distances 2 and 3, D = -5, S = 1, variances 1/3 each, so t = -1 / sqrt(2/3) on 4."""
    found = nearer([1, 2, 3], [6, 7, 8], Known(4))
    assert found.difference == -1
    assert (found.t, found.df) == pytest.approx((-1 / math.sqrt(2 / 3), 4))
    assert found.p == pytest.approx(two_sided(1 / math.sqrt(2 / 3), 4))
    assert found.p_alike is None


def test_a_value_that_is_uncertain_itself_makes_less_sure_which_is_nearer():
    """Only where it may be between the means: on one side of both, its error counts for nothing."""
    between = [nearer([1, 2, 3], [16, 17, 18], Known(7, interval)).p for interval in (None, (4.0, 10.0))]
    assert between[0] < 0.05 < between[1]
    beyond = [nearer([1, 2, 3], [16, 17, 18], Known(90, interval)).p for interval in (None, (88.0, 92.0))]
    assert beyond[0] == pytest.approx(beyond[1])


def test_distances_that_differ_by_less_than_the_value_is_known_are_alike():
    """The interval of the difference, 0 ± 0.02, within half of the value's, 0.05, and not within 0.01."""
    first, second = [0.80, 0.81, 0.80, 0.81], [0.81, 0.80, 0.81, 0.80]
    assert nearer(first, second, Known(0.7, (0.65, 0.75))).p_alike < 0.001
    assert nearer(first, second, Known(0.7, (0.6999, 0.7001))).p_alike == pytest.approx(1, abs=0.05)
    far = nearer(first, [value + 0.2 for value in second], Known(0.7, (0.65, 0.75)))
    assert far.p_alike == 1


@pytest.mark.parametrize(
    ("means", "sds", "error"),
    [((0, 1), (1, 1), 0), ((0, 0), (1, 1), 0), ((1, -1), (0.2, 0.2), 0.3), ((1, 0.9), (0.1, 0.5), 0.5)],
)
def test_intervals_of_a_difference_of_distances_cover_as_often_as_they_say(means, sds, error):
    """At least 95% of 1,000 trials of five and five values (less 2 SD), also where a method is as real as can be; and
    at most 5% find a difference where there is none."""
    numbers = np.random.default_rng(1)
    true, covered, found = abs(means[0]) - abs(means[1]), 0, 0
    for _ in range(1000):
        first, second = (numbers.normal(mean, sd, 5).tolist() for mean, sd in zip(means, sds, strict=True))
        value = numbers.normal(0, error) if error else 0.0
        test = nearer(first, second, Known(value, (value - 1.96 * error, value + 1.96 * error)))
        covered += test.interval[0] <= true <= test.interval[1]
        found += test.p < 0.05
    assert covered >= 936
    assert true or found <= 64


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0, 2.0]), ([0.7] * 5, [0.1] * 5), ([], [1.0, 2.0])])
def test_distances_are_not_tested_without_spread_or_with_one_value(first, second):
    """As means are not."""
    assert nearer(first, second, Known(0.5)) is None


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
