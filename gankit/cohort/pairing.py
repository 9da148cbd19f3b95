"""Whether two modalities of a slice belong together, by the information that they share.

Letters: N slices, P pixels.
"""

from __future__ import annotations

import numpy as np

from gankit._draws import Draws
from gankit.cohort.cohort import Cohort, Modality

LEVELS = 8
"""Levels of grey, about equally frequent in a slice, of which the information is that of a histogram."""
SIDE = 64
"""Most pixels along an axis that are looked at; 16 of volumes."""
SLICES = 64
"""Most slices that are looked at."""
PARTNERS = 12
"""Slices of other patients with which each slice is compared."""
LEAST = 20
"""Fewest slices from which anything is concluded."""
CHANCE = 0.65
"""Share of comparisons below which the modalities are taken for shuffled.

Shuffled pairs have 0.5 on average. Those of the phantom and of 49 real slices had 0.62 at most; of draws of 20 slices,
83 to 97% were below 0.65, by pair of modalities. True pairs of the phantom and of patients had 0.90 to 1.00, and 0.76
to 1.00 in draws of 20 slices.
"""


def paired_share(cohort: Cohort, one: str, other: str) -> float | None:
    """How often two slices share more information between their modalities than after they exchanged one of them.

    For slices i and j of different patients, with images a and b, a comparison is won if
    ``I(a_i, b_i) + I(a_j, b_j) > I(a_i, b_j) + I(a_j, b_i)``, where I is the mutual information of the joint histogram
    of levels of grey (Wells et al. 1996; it does not depend on monotone scales, nor on which modality is which). The
    exchange keeps what all slices have in common and what each image has by itself, so where partners do not belong
    together, as many comparisons are lost as won, 0.5. The slices and their partners are drawn from a fixed seed.

    Returns: the share of comparisons that are won, of those that are not even; None where fewer than ``LEAST`` slices
        that differ have both modalities, they are of one patient, the sizes cannot be compared, or nearly all
        comparisons are even.
    """
    chosen = _with_both(cohort, one, other)
    first, second = cohort.modalities[one], cohort.modalities[other]
    if len(chosen) < LEAST or first.values.ndim != second.values.ndim:
        return None
    grid = _grid(first, second)
    levels_NP, others_NP = (_levels(_sampled(each, chosen, grid)) for each in (first, second))
    distinct = np.sort(np.unique(np.concatenate([levels_NP, others_NP], axis=1), axis=0, return_index=True)[1])
    if len(distinct) < LEAST:
        return None
    chosen, levels_NP, others_NP = chosen[distinct], levels_NP[distinct], others_NP[distinct]
    own_N = [_information(a_P, b_P) for a_P, b_P in zip(levels_NP, others_NP, strict=True)]
    generator, patient_N = Draws(0).generator("cohort/partners"), cohort.patient[chosen]
    gains = []
    for i in range(len(chosen)):
        for j in generator.permutation(np.flatnonzero(patient_N != patient_N[i]))[:PARTNERS]:
            exchanged = _information(levels_NP[i], others_NP[j]) + _information(levels_NP[j], others_NP[i])
            gains.append(own_N[i] + own_N[j] - exchanged)
    decided = np.abs(gains) > 1e-9
    return float((np.array(gains)[decided] > 0).mean()) if decided.sum() >= LEAST else None


def _with_both(cohort: Cohort, one: str, other: str) -> np.ndarray:
    """Indices of at most ``SLICES`` slices that have both modalities, drawn and in order."""
    both = np.flatnonzero(cohort.modalities[one].present & cohort.modalities[other].present)
    return np.sort(Draws(0).generator("cohort/pairs").permutation(both)[:SLICES])


def _grid(first: Modality, second: Modality) -> list[int]:
    """Pixels along each axis at which both are looked at."""
    sides = list(zip(first.values.shape[2:], second.values.shape[2:], strict=True))
    return [min(*pair, SIDE if len(sides) < 3 else 16) for pair in sides]


def _sampled(modality: Modality, chosen: np.ndarray, grid: list[int]) -> np.ndarray:
    """The first channel at the middle of each cell of a grid, (N, P)."""
    values = modality.values[chosen, 0]
    for axis, count in enumerate(grid, start=1):
        values = np.take(values, ((np.arange(count) + 0.5) * values.shape[axis] / count).astype(int), axis)
    return values.reshape(len(chosen), -1)


def _levels(values_NP: np.ndarray) -> np.ndarray:
    """The level of grey of each pixel among those of its slice, (N, P), from 0 to ``LEVELS`` - 1."""
    edges = np.quantile(values_NP, np.arange(1, LEVELS) / LEVELS, axis=1).T
    return np.stack(
        [np.searchsorted(edge, values_P, side="right") for edge, values_P in zip(edges, values_NP, strict=True)]
    )


def _information(a_P: np.ndarray, b_P: np.ndarray) -> float:
    """Mutual information of two images of levels, in nats."""
    joint = np.bincount(a_P * LEVELS + b_P, minlength=LEVELS * LEVELS).reshape(LEVELS, LEVELS) / len(a_P)
    apart, seen = np.outer(joint.sum(axis=1), joint.sum(axis=0)), joint > 0
    return float((joint[seen] * np.log(joint[seen] / apart[seen])).sum())
