"""The cohort on which settings are chosen has validation slices where test slices stand, and no test slice."""

import attrs
import numpy as np
import pytest

from gankit import CohortError, InputError
from gankit.cohort.held_out import held_out


@pytest.fixture
def many():
    """``many(**changes)``: 40 patients of 2 slices, every fourth positive in one of them; the last 8 test."""
    from gankit import Cohort, Modality

    number_N = np.repeat(np.arange(40), 2)

    def make(**changes):
        return Cohort(
            modalities={"adc": Modality.of(np.random.default_rng(0).random((80, 4, 4)))},
            labels={"cs": ((number_N % 4 == 0) & (np.arange(80) % 2 == 0)).astype(np.int64)},
            patient=np.array([f"p{number:02d}" for number in number_N]),
            split=np.where(number_N < 32, "train", "test"),
            **changes,
        )

    return make


def patients(cohort, split):
    return set(cohort.patient[cohort.split == split].tolist())


def test_no_test_patient_is_left(many):
    """Neither in train nor where test slices stand."""
    cohort = many()
    chosen = held_out(cohort, "cs", None, 0).cohort
    assert patients(cohort, "test").isdisjoint(chosen.patient)
    assert patients(chosen, "train") | patients(chosen, "test") == patients(cohort, "train")


def test_nothing_of_test_slices_decides(many):
    """The whole cohort of the trials is the same, whatever they show, whoever they are of and whatever their label."""
    cohort = many()
    test_N = cohort.split == "test"
    adc = cohort.modalities["adc"]
    values = np.where(test_N[:, None, None, None], -7, adc.values).astype(np.float32)
    other = attrs.evolve(
        cohort,
        modalities={"adc": attrs.evolve(adc, values=values)},
        labels={"cs": np.where(test_N, 1 - cohort.labels["cs"], cohort.labels["cs"])},
        patient=np.where(test_N, np.char.add("x", cohort.patient), cohort.patient),
    )
    assert held_out(other, "cs", None, 0).cohort.digest() == held_out(cohort, "cs", None, 0).cohort.digest()


def test_patients_are_held_out_by_label(many):
    """A quarter of the 8 positive and of the 24 other train patients, with all of their slices."""
    cohort = many()
    chosen = held_out(cohort, "cs", 0.25, 0).cohort
    validates, positive = patients(chosen, "test"), set(cohort.patient[cohort.labels["cs"] == 1])
    assert (len(validates & positive), len(validates - positive)) == (2, 6)
    assert validates.isdisjoint(patients(chosen, "train"))


def test_who_is_held_out_follows_from_the_seed(many):
    """The same again, and others with another seed."""
    drawn = [patients(held_out(many(), "cs", 0.2, seed).cohort, "test") for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_validation_split_is_used_where_there_is_one(many):
    """Nobody else is held out."""
    cohort = many()
    split = np.where(np.isin(cohort.patient, ["p00", "p01"]), "validation", cohort.split)
    chosen = held_out(attrs.evolve(cohort, split=split), "cs", None, 0)
    assert patients(chosen.cohort, "test") == {"p00", "p01"}
    assert len(patients(chosen.cohort, "train")) == 30
    assert chosen.said == "validation: the cohort's own split, 4 slices of 2 patients"


def test_a_share_beside_a_validation_split_is_refused(many):
    """It would be unused."""
    cohort = many()
    split = np.where(cohort.patient == "p00", "validation", cohort.split)
    with pytest.raises(InputError, match="`validation` 0.3: the cohort has a validation split of 2 slices of 1 pat"):
        held_out(attrs.evolve(cohort, split=split), "cs", 0.3, 0)


def test_a_share_of_nobody_is_refused(many):
    """Nothing could be judged."""
    with pytest.raises(InputError, match="`validation` 0.01: holds out none of the 32 train patients; give a larger"):
        held_out(many(), "cs", 0.01, 0)


def test_what_cannot_be_divided_is_refused(many):
    """No label to stratify by, or nobody who trains."""
    cohort = many()
    with pytest.raises(CohortError, match="no label 'grade' by which patients are held out; it has cs"):
        held_out(cohort, "grade", None, 0)
    with pytest.raises(CohortError, match="no slice in split 'train'"):
        held_out(attrs.evolve(cohort, split=np.full(80, "test")), "cs", None, 0)


def test_its_digest_is_that_of_its_file(many, tmp_path):
    """Labels are stored as int8, so they are int8 before."""
    from gankit import read_cohort, write_cohort

    chosen = held_out(many(), "cs", None, 0).cohort
    write_cohort(chosen, tmp_path / "cohort")
    assert read_cohort(tmp_path / "cohort").digest() == chosen.digest()
