"""Where two samples of features lie in each other's neighbourhoods, and how far they are from each other.

Letters: N and M samples of the two sides, D features.
"""

from __future__ import annotations

import attrs
import numpy as np

from gankit_metrics._extra import extra


def distances(x_ND: np.ndarray, y_MD: np.ndarray) -> np.ndarray:
    """Euclidean distances (N, M), float64; exactly zero between equal rows."""
    return extra("scipy.spatial.distance").cdist(x_ND, y_MD)


def radii(distances_NN: np.ndarray, neighbours: int) -> np.ndarray:
    """Distance of each sample to its ``neighbours``-th nearest other one, (N,)."""
    return np.partition(distances_NN, neighbours, axis=1)[:, neighbours]


@attrs.frozen(eq=False)
class Neighbourhoods:
    """Membership of each sample in the other side's neighbourhoods; each figure is a mean over samples."""

    precision_N: np.ndarray
    """Whether each candidate is within the radius of some real sample: Eq. 1 and 2 of Kynkäänniemi et al. 2019
    (arXiv:1904.06991)."""
    recall_M: np.ndarray
    """Whether each real sample is within the radius of some candidate, the same with sides exchanged."""
    density_N: np.ndarray
    """In how many real neighbourhoods each candidate is, over their size: Eq. 4 of Naeem et al. 2020
    (arXiv:2002.09797)."""
    coverage_M: np.ndarray
    """Whether each real sample has a candidate within its radius: Eq. 5, ibid."""

    @classmethod
    def of(cls, x_ND: np.ndarray, y_MD: np.ndarray, neighbours: int, density_neighbours: int) -> Neighbourhoods:
        between_NM, real_MM = distances(x_ND, y_MD), distances(y_MD, y_MD)
        candidate_radius_N = radii(distances(x_ND, x_ND), neighbours)
        real_radius_M = radii(real_MM, neighbours)
        wide_radius_M = radii(real_MM, density_neighbours)
        return cls(
            precision_N=np.any(between_NM <= real_radius_M, axis=1).astype(np.float64),
            recall_M=np.any(between_NM <= candidate_radius_N[:, None], axis=0).astype(np.float64),
            density_N=(between_NM <= wide_radius_M).sum(axis=1) / density_neighbours,
            coverage_M=np.any(between_NM <= wide_radius_M, axis=0).astype(np.float64),
        )
