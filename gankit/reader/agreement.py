"""Agreement beyond chance: Cohen's and Fleiss' kappa.

Letters: N cases, R readers, K categories.
"""

from __future__ import annotations

import math

import numpy as np


def cohen_kappa(first_N: np.ndarray, second_N: np.ndarray, categories: int, *, weighted: bool = False) -> float:
    """Agreement of two answers to each case, beyond chance.

    ``kappa = 1 - sum(w o) / sum(w e)``, where o has the shares of pairs of answers, e those that independent answers
    with the same margins would have, and w the weight of a disagreement: 1 (Cohen 1960, Educ. Psychol. Meas. 20, 37),
    or ``(i - j)²`` where the categories are levels (Cohen 1968, Psychol. Bull. 70, 213).

    Args:
        first_N, second_N: categories from 0, (N,).
        categories: K.
        weighted: weight disagreements by their square.

    Returns: at most 1; NaN where every answer is the same, since chance alone gives agreement then.
    """
    pairs_N = first_N * categories + second_N
    observed_KK = np.bincount(pairs_N, minlength=categories**2).reshape(categories, categories) / max(1, len(pairs_N))
    expected_KK = np.outer(observed_KK.sum(axis=1), observed_KK.sum(axis=0))
    levels_K = np.arange(categories)
    apart_KK = np.abs(levels_K[:, None] - levels_K)
    weight_KK = apart_KK**2 if weighted else (apart_KK > 0)
    by_chance = float((weight_KK * expected_KK).sum())
    return 1 - float((weight_KK * observed_KK).sum()) / by_chance if by_chance else math.nan


def fleiss_kappa(answers_RN: np.ndarray, categories: int) -> float:
    """Agreement of many readers beyond chance (Fleiss 1971, Psychol. Bull. 76, 378).

    ``kappa = (P - Pe) / (1 - Pe)``. P is the share of pairs of readers that agree, over all cases, and ``Pe = sum(p²)``
    with the share p of all answers that are in a category.

    Args:
        answers_RN: categories from 0, (R, N), with R >= 2.
        categories: K.

    Returns: at most 1; NaN where every answer is the same.
    """
    readers, _ = answers_RN.shape
    counts_NK = np.stack([(answers_RN == category).sum(axis=0) for category in range(categories)], axis=1)
    agreed = float((counts_NK * (counts_NK - 1)).sum(axis=1).mean() / (readers * (readers - 1)))
    by_chance = float(((counts_NK.sum(axis=0) / counts_NK.sum()) ** 2).sum())
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else math.nan
