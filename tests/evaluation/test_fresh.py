"""The phantom's fresh patients: like the cohort's, but others."""

import numpy as np
import pytest

from gankit_phantom import _cohort
from gankit_phantom.source import Phantom


@pytest.fixture
def small(monkeypatch):
    """A phantom of 40 CS slices of 10 patients and 40 others of 5, with a small fresh cohort."""
    monkeypatch.setattr(_cohort, "FRESH_CANDIDATES", 24)
    monkeypatch.setattr(_cohort, "FRESH_TEST", 16)
    return Phantom(size=32, patients_cs=10, patients_noncs=5, train_cs=32, train_noncs=32, test_cs=8, test_noncs=8)


def count(cohort, split, value):
    return int(((cohort.split == split) & (cohort.labels["cs"] == value)).sum())


def test_fresh_patients_are_others(small):
    """No patient and no image is in both; another seed has other fresh patients again."""
    cohort, fresh = small.load(), small.fresh()
    assert not set(cohort.patient) & set(fresh.patient)
    images = {image.tobytes() for image in cohort.modalities["t2w"].values}
    assert not images & {image.tobytes() for image in fresh.modalities["t2w"].values}
    assert fresh.digest() == small.fresh().digest()


def test_fresh_patients_have_as_many_slices_as_the_cohorts(small):
    """4 a CS patient and 8 or 9 another one, in the counts that are named."""
    fresh = small.fresh()
    assert [count(fresh, *key) for key in (("train", 1), ("test", 1), ("test", 0))] == [24, 16, 16]
    cs = fresh.labels["cs"] == 1
    assert len(np.unique(fresh.patient[cs])) == 10
    assert len(np.unique(fresh.patient[~cs & (fresh.split == "test")])) == 1


def test_an_anatomy_has_no_fresh_patients(small, tmp_path):
    """Its patients are all that there are."""
    import attrs

    assert attrs.evolve(small, anatomy=tmp_path / "anatomy.npz").fresh() is None
