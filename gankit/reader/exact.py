"""Exact intervals and tests of proportions."""

from __future__ import annotations

from gankit.evaluation.statistics import LEVEL, special


def exact_interval(successes: int, trials: int) -> tuple[float, float]:
    """The 95% interval of a proportion (Clopper and Pearson 1934, Biometrika 26, 404).

    Its ends are the proportions at which so many successes, or more, and so many, or fewer, have a chance of 2.5%:
    quantiles of beta distributions.

    Raises:
        InputError: scipy is not installed.
    """
    tail, failures = (1 - LEVEL) / 2, trials - successes
    quantile = special().betaincinv
    low = float(quantile(successes, failures + 1, tail)) if successes else 0.0
    high = float(quantile(successes + 1, failures, 1 - tail)) if failures else 1.0
    return low, high


def chance_p(successes: int, trials: int) -> float:
    """Two-sided p-value of the exact binomial test against one half.

    Raises:
        InputError: scipy is not installed.
    """
    fewer = min(successes, trials - successes)
    return min(1.0, 2 * float(special().bdtr(fewer, trials, 0.5)))
