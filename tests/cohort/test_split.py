"""Splits: by patient, stratified, seeded."""

import attrs
import numpy as np
import pytest

from gankit import InputError, empty_strata, split_patients

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
    with pytest.raises(InputError, match="`test_fraction` must be at least 0 and below 1"):
        split_patients(PATIENT_N, LABEL_N, fraction, 0)


def test_no_test_patients_at_fraction_zero():
    """Zero means zero."""
    assert not in_test(split_patients(PATIENT_N, LABEL_N, 0, 0))


def test_a_share_of_each_stratum_validates():
    """Of 20 and 30 patients, a tenth; nobody is in two splits."""
    split_N = split_patients(PATIENT_N, LABEL_N, 0.2, 0, validation_fraction=0.1)
    validates = set(PATIENT_N[split_N == "validation"])
    positive = set(PATIENT_N[LABEL_N == 1])
    assert (len(validates & positive), len(validates - positive)) == (2, 3)
    assert validates.isdisjoint(PATIENT_N[split_N != "validation"])


def test_the_test_patients_do_not_depend_on_validation():
    """So a cohort that gets a validation split can be compared with what was reported before."""
    split_N = split_patients(PATIENT_N, LABEL_N, 0.2, 0, validation_fraction=0.3)
    assert in_test(split_N) == in_test(split_patients(PATIENT_N, LABEL_N, 0.2, 0))


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_a_share_of_validation_out_of_range_is_refused(fraction):
    """It is named."""
    with pytest.raises(InputError, match="`validation_fraction` must be at least 0 and below 1"):
        split_patients(PATIENT_N, LABEL_N, 0.2, 0, fraction)


def test_shares_that_leave_nobody_to_train_are_refused():
    """Together they must be below 1."""
    with pytest.raises(InputError, match="with `test_fraction` 0.5 no patient is left to train on"):
        split_patients(PATIENT_N, LABEL_N, 0.5, 0, 0.5)


def test_a_class_is_never_without_a_train_patient():
    """Rounded shares of three patients could take all of them."""
    split_N = split_patients(np.array(["a", "b", "c"]), np.zeros(3, int), 0.49, 0, 0.5)
    assert sorted(split_N) == ["test", "train", "validation"]


def test_a_cohort_need_not_validate(tiny_cohort):
    """Only a split that is there can lack a class."""
    assert not [said for said in empty_strata(tiny_cohort) if "validation" in said]


def test_a_class_that_validation_lacks_is_told(tiny_cohort):
    """As that of a test split."""
    split = np.where(tiny_cohort.patient == "p4", "validation", tiny_cohort.split)
    assert list(empty_strata(attrs.evolve(tiny_cohort, split=split))) == [
        "no slice of split 'validation' has label 'cs' no"
    ]
