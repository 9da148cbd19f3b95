"""The structures that a segmentation can see: tissues that are large and lie where they lay in other slices.

Letters: N slices, K structures, S space.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from gankit import Cohort, Evaluation, Rows, area_average, parts_of, rows_of
from gankit_metrics._extra import extra
from gankit_metrics._regions import tissue_fraction

LARGE = 0.01
"""Share of the picture that a structure has in the median slice with it, and where more than its size is judged."""
AGREED = 0.6
"""Share of the slices with a structure that have it at its most frequent pixel."""


@attrs.frozen
class Structures:
    """The tissues that are told apart; all other tissues belong to them."""

    names: tuple[str, ...]
    values: tuple[int, ...]
    """Their values in the ground truth ``tissue``."""
    zones: tuple[int, ...]
    """Which of them make up the gland."""

    @classmethod
    def of(cls, cohort: Cohort, gland: tuple[str, ...], sides: tuple[int, ...]) -> Structures:
        """The parts of the gland, by name, and other tissues whose place slices agree on; all of them large.

        So findings, whose place varies, and thin tissues are none.
        """
        found = [
            (name, value)
            for value, name in enumerate(cohort.tissues)
            if _is_structure(cohort, value, sides, 0 if name in gland else AGREED)
        ]
        names, values = [name for name, _ in found], [value for _, value in found]
        return cls(tuple(names), tuple(values), tuple(k for k, name in enumerate(names) if name in gland))

    def shares(self, cohort: Cohort, sides: tuple[int, ...]) -> Rows:
        """The share of each pixel that each structure has by the ground truth, (N, K, *sides) float32; their sum is 1.

        A pixel of another tissue belongs to the nearest structure: a lesion to the zone in which it lies.
        """

        def of(part: Cohort) -> np.ndarray:
            nearest = np.stack(list(self._nearest(part.truth["tissue"])))
            masks = ((nearest == value).astype(np.float32)[:, None] for value in self.values)
            return np.concatenate([area_average(mask, (1, *sides), "tissue") for mask in masks], axis=1)

        return rows_of(cohort, of)

    def _nearest(self, tissue: np.ndarray) -> Iterator[np.ndarray]:
        ndimage = extra("scipy.ndimage")
        for values in tissue:
            other = ~np.isin(values, self.values)
            yield values[tuple(ndimage.distance_transform_edt(other, return_distances=False, return_indices=True))]


def _is_structure(cohort: Cohort, tissue: int, sides: tuple[int, ...], agreed: float) -> bool:
    """Whether a tissue is large where it is, and slices agree on its place."""
    area_N, sum_S = np.empty(len(cohort)), np.zeros(sides)
    for place, part in parts_of(cohort):
        share = tissue_fraction(part, np.array([tissue]), sides)
        area_N[place] = share.reshape(len(share), -1).mean(axis=1)
        sum_S += share.sum(axis=0, dtype=np.float64)
    has_N = area_N > 0
    return bool(has_N.any() and np.median(area_N[has_N]) >= LARGE and sum_S.max() / has_N.sum() >= agreed)


def outlined(evaluation: Evaluation, gland: tuple[str, ...]) -> Cohort:
    """The real train slices whose ground truth shows a part of the gland.

    Where two parts are never in one slice, as the whole gland in some and its zones in others, all count as one.
    """
    real = evaluation.real
    values = [real.tissues.index(name) for name in gland if name in real.tissues]

    def shown(part: Cohort) -> np.ndarray:
        tissue = part.truth["tissue"].reshape(len(part), -1)
        return np.stack([(tissue == value).any(axis=1) for value in values], axis=1)

    shown_NP = np.asarray(rows_of(real, shown))
    train = real.select((real.split == "train") & shown_NP.any(axis=1))
    shown_NP = shown_NP[:, shown_NP.any(axis=0)]
    if (shown_NP.astype(int).T @ shown_NP).all():
        return train
    whole = np.where(np.isin(train.truth["tissue"], values), values[0], train.truth["tissue"])
    return attrs.evolve(train, truth=dict(train.truth) | {"tissue": whole.astype(train.truth["tissue"].dtype)})


def halves(train: Cohort, evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
    """The slices (N,) of every second patient, and those of the others, each half with patients who have slices with
    the wanted label and with patients who have none."""
    wanted = set(train.patient[train.labels[evaluation.label] == evaluation.value].tolist())
    patients = evaluation.draws("segmenter/halves").permutation(np.unique(train.patient)).tolist()
    one_N = np.isin(train.patient, sorted(patients, key=wanted.__contains__)[::2])
    return one_N, ~one_N
