"""Handwritten digits as a cohort of two modalities: ink, and the edges of the ink.

    python make_cohort.py digits.safetensors

The digits are scikit-learn's 1,797 (Alpaydin and Kaynak, UCI, 1998), 8 x 8 with 17 levels, drawn here at 16 x 16.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from gankit import Cohort, Modality, split_patients, write_cohort

LOOPS = (0, 6, 8, 9)
"""Digits with a closed loop: the class that the recipe makes more of."""


def enlarged(image_NHW: np.ndarray) -> np.ndarray:
    """Twice the size by linear interpolation between pixel centres, edges repeated."""
    for axis in (1, 2):
        size = image_NHW.shape[axis]
        at = np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)
        low = np.floor(at).astype(int)
        shape = [-1 if each == axis else 1 for each in range(3)]
        part = (at - low).reshape(shape)
        high = np.minimum(low + 1, size - 1)
        image_NHW = (1 - part) * image_NHW.take(low, axis) + part * image_NHW.take(high, axis)
    return image_NHW


def digits_cohort() -> Cohort:
    """One slice for each digit, and a patient for each slice, since the set does not say who wrote it."""
    digits = load_digits()
    ink = enlarged(digits.images)
    down, right = np.gradient(ink, axis=(1, 2))
    loop = np.isin(digits.target, LOOPS).astype(np.int8)
    writer = np.array([f"digit-{number:04d}" for number in range(len(ink))])
    return Cohort(
        modalities={"ink": Modality.of(ink), "edge": Modality.of(np.hypot(down, right))},
        labels={"loop": loop},
        patient=writer,
        split=split_patients(writer, loop, test_fraction=0.2, seed=0),
        source="scikit-learn's digits and their edges",
    )


if __name__ == "__main__":
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "digits.safetensors")
    cohort = digits_cohort()
    write_cohort(cohort, out)
    print(f"{out}: {len(cohort)} digits; see 'gankit cohort sheet {out} -o digits.png'")
