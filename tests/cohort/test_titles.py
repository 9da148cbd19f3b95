"""Slices of a phantom are never called real alone."""

import pytest

from gankit.cohort.titles import real_title


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
