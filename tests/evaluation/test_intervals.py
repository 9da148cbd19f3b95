"""Intervals come from patients drawn again, not from slices."""

import numpy as np
import pytest

from gankit import bootstrap, percentiles, resampled

PATIENTS = np.repeat(np.arange(8), 50)
"""Fifty slices each, in the order of the patients."""


def draws(seed=0):
    return np.random.default_rng(seed)


def test_all_slices_of_a_drawn_patient_come_together():
    """Each replicate has eight patients, some twice, each with every one of its slices."""
    for (chosen,) in resampled(PATIENTS, replicates=20, generator=draws()):
        slices, counts = np.unique(chosen, return_counts=True)
        times = {patient: set(counts[PATIENTS[slices] == patient]) for patient in set(PATIENTS[slices])}
        assert all(len(each) == 1 for each in times.values())
        assert sum(each.pop() for each in times.values()) == 8
        assert np.isin(np.flatnonzero(np.isin(PATIENTS, PATIENTS[slices])), slices).all()


def test_an_interval_is_as_wide_as_its_patients_are_few():
    """Slices of a patient are alike here, so 8 patients of 50 slices tell no more than 8 slices: the standard error is
    SD / sqrt(8) and not SD / sqrt(400), and a normal interval is 2 x 1.96 of it wide."""
    means = draws(1).standard_normal(8)
    values = means[PATIENTS]

    def mean(chosen):
        return float(values[chosen].mean())

    low, high = bootstrap(mean, PATIENTS, replicates=2000, generator=draws())
    assert high - low == pytest.approx(2 * 1.96 * means.std() / np.sqrt(8), rel=0.1)
    low, high = bootstrap(mean, np.arange(400), replicates=2000, generator=draws())
    assert high - low == pytest.approx(2 * 1.96 * means.std() / np.sqrt(400), rel=0.1)


def test_draws_without_a_value_are_left_out():
    """Where there is none at all, neither end is a number."""
    values = np.array([np.nan, 1.0, 2.0, 3.0])
    assert percentiles(values) == pytest.approx((1.05, 2.95))
    assert percentiles(np.full(3, np.nan)) is None
    assert np.isnan(bootstrap(lambda chosen: np.nan, PATIENTS, replicates=3, generator=draws())).all()
