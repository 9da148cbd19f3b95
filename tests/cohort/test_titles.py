"""Slices of a phantom are never called real alone, and volumes are not called slices."""

import numpy as np
import pytest

from gankit import Cohort, Modality
from gankit.cohort.titles import cohort_size, real_title


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("digital prostate phantom, seed 0", "real (phantom)"),
        ("Phantom scans of 2024", "real (phantom)"),
        ("patients that no cohort of the phantoms has", "real (phantom)"),
        ("PROSTATEx, 200 patients", "real"),
        ("phantomless", "real"),
        ("", "real"),
    ],
)
def test_slices_that_stand_for_real_ones_are_titled_by_what_they_are(source, title):
    """By the word phantom in what the cohort says of its source."""
    assert real_title(source) == title


def test_other_titles_keep_their_words():
    """Such as the row of augmented slices."""
    assert real_title("a phantom", "augmented real") == "augmented real (phantom)"


@pytest.mark.parametrize(
    ("shape", "patients", "said"),
    [
        ((1, 8, 8), ["a"], "1 slice of 1 patient"),
        ((1, 8, 8), ["a", "a"], "2 slices of 1 patient"),
        ((1, 4, 8, 8), ["a", "b"], "2 volumes of 2 patients"),
        ((1, 16), ["a", "b"], "2 slices of 2 patients"),
    ],
)
def test_a_cohort_says_how_many_items_of_how_many_patients_it_has(shape, patients, said):
    """Three spatial axes make a volume."""
    modality = Modality.of(np.zeros((len(patients), *shape)), channels="first")
    split = np.full(len(patients), "train")
    assert cohort_size(Cohort(modalities={"a": modality}, patient=np.array(patients), split=split)) == said
