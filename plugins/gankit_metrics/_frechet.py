"""Distances between two samples of features, and the inception score, in float64.

Letters: N and M samples of the two sides, D features, K classes, R replicates. Every statistic takes weights, how
often each sample counts, so that a bootstrap needs no features twice.
"""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np


@attrs.frozen(eq=False)
class Fitted:
    """The normal distribution fitted to a sample."""

    mean_D: np.ndarray
    spread_ND: np.ndarray
    """``A`` such that ``A' A`` is the unbiased covariance: the centred samples, scaled."""

    @classmethod
    def of(cls, x_ND: np.ndarray, weight_N: np.ndarray | None = None) -> Fitted:
        """
        Args:
            x_ND: features, float64.
            weight_N: how often each sample counts; default: once. They must count two or more.
        """
        if weight_N is None:
            weight_N = np.ones(len(x_ND))
        x_ND, weight_N = x_ND[weight_N > 0], weight_N[weight_N > 0]
        mean_D = weight_N @ x_ND / weight_N.sum()
        return cls(mean_D, (x_ND - mean_D) * np.sqrt(weight_N / (weight_N.sum() - 1))[:, None])

    @property
    def tall(self) -> bool:
        """Whether there are more samples than features."""
        return len(self.spread_ND) > self.spread_ND.shape[1]

    @cached_property
    def covariance(self) -> np.ndarray:
        """(D, D)."""
        return self.spread_ND.T @ self.spread_ND

    @cached_property
    def root(self) -> np.ndarray:
        """``B`` such that ``B B'`` is the covariance, (D, D)."""
        values_D, vectors_DD = np.linalg.eigh(self.covariance)
        return vectors_DD * np.sqrt(values_D.clip(0))


def frechet(x: Fitted, y: Fitted) -> float:
    """Frechet distance between two normal distributions, Eq. 6 of Heusel et al. 2017 (arXiv:1706.08500):
    ``|m_x - m_y|² + tr(S_x + S_y - 2 (S_x S_y)^½)``, in squared units of the features.

    With ``S = A' A``, the trace of ``(S_x S_y)^½`` is the sum of the singular values of ``A_x A_y'``. If there are more
    samples than features, they follow from the (D, D) covariances, else from the (N, M) products of samples.
    """
    if x.tall and y.tall:
        squares = np.linalg.eigvalsh(y.root.T @ x.covariance @ y.root)
        cross = np.sqrt(squares.clip(0)).sum()
    else:
        cross = np.linalg.svd(x.spread_ND @ y.spread_ND.T, compute_uv=False).sum()
    variances = (x.spread_ND**2).sum() + (y.spread_ND**2).sum()
    return float(((x.mean_D - y.mean_D) ** 2).sum() + variances - 2 * cross)


@attrs.frozen(eq=False)
class KernelDistance:
    """Squared maximum mean discrepancy under the kernel ``(x·y / D + 1)³``, Binkowski et al. 2018
    (arXiv:1801.01401, Sec. 3 and Eq. 4), over all samples rather than over drawn subsets: the estimate is unbiased at
    any counts."""

    xx_NN: np.ndarray
    xy_NM: np.ndarray
    yy_MM: np.ndarray

    @classmethod
    def of(cls, x_ND: np.ndarray, y_MD: np.ndarray) -> KernelDistance:
        return cls(_polynomial(x_ND, x_ND), _polynomial(x_ND, y_MD), _polynomial(y_MD, y_MD))

    def value(self) -> float:
        """Of the samples as they are."""
        return float(self.replicates(np.ones((1, len(self.xx_NN))), np.ones((1, len(self.yy_MM))))[0])

    def replicates(self, x_weight_RN: np.ndarray, y_weight_RM: np.ndarray) -> np.ndarray:
        """Of each replicate, (R,). A sample drawn twice is not compared with itself."""
        xy_R = ((x_weight_RN @ self.xy_NM) * y_weight_RM).sum(1) / (x_weight_RN.sum(1) * y_weight_RM.sum(1))
        return mean_of_pairs(self.xx_NN, x_weight_RN) + mean_of_pairs(self.yy_MM, y_weight_RM) - 2 * xy_R


def _polynomial(x_ND: np.ndarray, y_MD: np.ndarray) -> np.ndarray:
    return (x_ND @ y_MD.T / x_ND.shape[1] + 1) ** 3


def mean_of_pairs(kernel_NN: np.ndarray, weight_RN: np.ndarray) -> np.ndarray:
    """Mean of a symmetric kernel over pairs of different samples in each replicate, (R,); NaN where all are one."""
    square_RN = weight_RN**2
    pairs_R = weight_RN.sum(1) ** 2 - square_RN.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (((weight_RN @ kernel_NN) * weight_RN).sum(1) - square_RN @ np.diag(kernel_NN)) / pairs_R


def inception_score(probability_NK: np.ndarray, weight_RN: np.ndarray | None = None) -> np.ndarray:
    """``exp(E_x KL(p(y|x) | p(y)))`` of Salimans et al. 2016 (arXiv:1606.03498, Sec. 4) over all samples in one
    split, as ``exp(H(p(y)) - E_x H(p(y|x)))``: between 1 and K.

    Args:
        probability_NK: ``p(y|x)``, rows of sum 1.
        weight_RN: how often each sample counts in each replicate; default: once, in one replicate.

    Returns: the score of each replicate, (R,).
    """
    weight_RN = np.ones((1, len(probability_NK))) if weight_RN is None else weight_RN
    weight_RN = weight_RN / weight_RN.sum(axis=1, keepdims=True)
    return np.exp(_entropy(weight_RN @ probability_NK) - weight_RN @ _entropy(probability_NK))


def _entropy(probability_NK: np.ndarray) -> np.ndarray:
    return -(probability_NK * np.log(np.maximum(probability_NK, 1e-300))).sum(axis=1)
