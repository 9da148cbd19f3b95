"""Splits: by patient, stratified, seeded."""

import numpy as np
import pytest

from gankit import InputError, split_patients

PATIENT_N = np.repeat([f"p{number:02d}" for number in range(50)], 4)
LABEL_N = np.where(np.arange(200) % 4 == 0, np.arange(200) // 4 < 20, 0)
"""20 patients with one positive slice of four, 30 with none."""


def in_test(split_N):
    return set(PATIENT_N[split_N == "test"])


def test_a_patient_is_wholly_in_one_split():
    """No patient's slices are divided."""
    split_N = split_patients(PATIENT_N, LABEL_N, 0.2, seed=0)
    assert in_test(split_N).isdisjoint(PATIENT_N[split_N == "train"])


def test_each_stratum_gives_its_share():
    """A patient counts as positive where any slice is; of 20 and 30 patients, a fifth goes to test."""
    chosen = in_test(split_patients(PATIENT_N, LABEL_N, 0.2, seed=0))
    positive = set(PATIENT_N[LABEL_N == 1])
    assert (len(chosen & positive), len(chosen - positive)) == (4, 6)


def test_the_split_follows_from_the_seed():
    """The same seed draws the same patients, another one others."""
    assert in_test(split_patients(PATIENT_N, LABEL_N, 0.2, 3)) == in_test(split_patients(PATIENT_N, LABEL_N, 0.2, 3))
    assert in_test(split_patients(PATIENT_N, LABEL_N, 0.2, 3)) != in_test(split_patients(PATIENT_N, LABEL_N, 0.2, 4))


def test_the_order_of_slices_does_not_matter():
    """Patients are drawn by id, so a resorted file gives the same split."""
    order = np.random.default_rng(0).permutation(200)
    turned = split_patients(PATIENT_N[order], LABEL_N[order], 0.2, 0)
    assert set(PATIENT_N[order][turned == "test"]) == in_test(split_patients(PATIENT_N, LABEL_N, 0.2, 0))


def test_a_single_patient_of_a_stratum_stays_in_train():
    """A class is never only in test."""
    split_N = split_patients(np.array(["a", "a", "b"]), np.array([1, 0, 0]), 0.9, 0)
    assert list(split_N) == ["train"] * 3


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction):
    """All patients in test would leave none to train on."""
    with pytest.raises(InputError, match="test fraction must be at least 0 and below 1"):
        split_patients(PATIENT_N, LABEL_N, fraction, 0)


def test_no_test_patients_at_fraction_zero():
    """Zero means zero."""
    assert not in_test(split_patients(PATIENT_N, LABEL_N, 0, 0))
