"""What the slices of a cohort have, and how they and their patients fall into splits and labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gankit import Cohort, cohort_item, counted

_SPLITS = ("train", "validation", "test")
_WORDS = {1: "yes", 0: "no"}


def absent_lines(cohort: Cohort) -> Iterator[str]:
    """One line for each modality that some slices lack."""
    for name, modality in cohort.modalities.items():
        if count := int((~modality.present).sum()):
            yield f"{name}: {count} of {counted(len(cohort), cohort_item(cohort))} have none"


def split_lines(cohort: Cohort) -> Iterator[str]:
    """One line a split: patients and slices, in all and by label. A validation split need not be there."""
    for split in _SPLITS:
        chosen_N = cohort.split == split
        if split == "validation" and not chosen_N.any():
            continue
        parts = [_count(cohort, chosen_N)]
        for name, values_N in cohort.labels.items():
            counts = (f"{word} {_count(cohort, chosen_N & (values_N == value))}" for value, word in _words(values_N))
            parts.append(f"{name}: {', '.join(counts)}")
        yield f"{split}: {'; '.join(parts)}"


def _words(values_N: np.ndarray) -> Iterator[tuple[int, str]]:
    """The values of a label, each with a word for it."""
    yield from _WORDS.items() if values_N.max() <= 1 else ((k, f"class {k}") for k in range(int(values_N.max()) + 1))
    yield -1, "unknown"


def _count(cohort: Cohort, chosen_N: np.ndarray) -> str:
    patients, items = len(np.unique(cohort.patient[chosen_N])), chosen_N.sum()
    return f"{counted(patients, 'patient')} ({counted(items, cohort_item(cohort))})"
