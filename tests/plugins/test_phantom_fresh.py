"""The phantom's fresh patients: like the cohort's, but others."""

import attrs
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


def anatomy_file(path, patients):
    """Label maps of patients with 4 slices each, by turns with a lesion and without."""
    labels = np.zeros((4 * patients, 64, 64), dtype=np.uint8)
    labels[:, 20:44, 18:46], labels[:, 24:36, 24:40] = 2, 1
    cs = np.arange(patients).repeat(4) % 2
    labels[cs == 1, 37:42, 26:32] = 3
    names = np.array([f"patient-{number:02d}" for number in range(patients)]).repeat(4)
    np.savez(path, labels=labels, spacing_mm=np.ones(len(labels)), patient_id=names, is_cs=cs)
    return path


def test_fresh_patients_over_an_anatomy_are_those_whom_the_cohort_leaves(small, tmp_path):
    """40 patients of each class, of whom the cohort takes 10: 16 + 16 slices test, the counts' most, 24 beside."""
    over = attrs.evolve(small, anatomy=anatomy_file(tmp_path / "anatomy.npz", 80))
    cohort, fresh = over.load(), over.fresh()
    assert not set(cohort.patient) & set(fresh.patient)
    assert not set(fresh.patient[fresh.split == "train"]) & set(fresh.patient[fresh.split == "test"])
    assert [count(fresh, *key) for key in (("train", 1), ("test", 1), ("test", 0))] == [24, 16, 16]


def test_a_small_anatomy_gives_what_it_has(small, tmp_path):
    """Of 15 patients of each class the cohort takes 10; half of the other 5 CS patients' 20 slices are for the test."""
    over = attrs.evolve(small, anatomy=anatomy_file(tmp_path / "anatomy.npz", 30))
    fresh = over.fresh()
    assert [count(fresh, *key) for key in (("train", 1), ("test", 1), ("test", 0))] == [8, 10, 10]


def test_an_anatomy_whose_patients_are_all_taken_has_no_fresh_ones(small, tmp_path):
    """What is left must be at least as large as the test split."""
    over = attrs.evolve(small, anatomy=anatomy_file(tmp_path / "anatomy.npz", 22))
    assert over.fresh() is None
