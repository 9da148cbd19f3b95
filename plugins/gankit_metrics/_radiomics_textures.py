"""Textures of grey levels: co-occurrences, runs, zones, dependences, and differences of tone.

Each function takes levels (N, *S) int, from 1 in a region and 0 outside, and returns features (N,) float64 by
PyRadiomics' names. Letters: N slices, S space, L grey levels, Q entries of a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

import attrs
import numpy as np

from gankit_metrics._extra import extra

EPSILON = 2.2e-16
"""Added to probabilities in logarithms, as PyRadiomics does."""
COARSEST = 1e6
"""Coarseness of a region without any difference of tone."""

Features = dict[str, np.ndarray]


def levels(x_NS: np.ndarray, region_NS: np.ndarray, width: float) -> np.ndarray:
    """Grey levels of a fixed width: ``floor(x / width) - floor(min x / width) + 1`` in the region, 0 outside."""
    axes = tuple(range(1, x_NS.ndim))
    least_NS = np.where(region_NS, x_NS, np.inf).min(axis=axes, keepdims=True)
    return np.where(region_NS, np.floor(x_NS / width) - np.floor(least_NS / width) + 1, 0).astype(np.int64)


def textures(level_NS: np.ndarray) -> Features:
    """All features of all five kinds."""
    kinds = {"glcm": cooccurrences, "glrlm": runs, "glszm": zones, "gldm": dependences, "ngtdm": tone_differences}
    return {f"{kind}_{name}": values for kind, of in kinds.items() for name, values in of(level_NS).items()}


# Neighbours -----------------------------------------------------------------------------------------------


def _directions(level_NS: np.ndarray) -> list[tuple[int, ...]]:
    """Steps to neighbours, one of each two that are opposite: 4 in two dimensions, 13 in three."""
    origin = (0,) * (level_NS.ndim - 1)
    return [step for step in product((-1, 0, 1), repeat=level_NS.ndim - 1) if step > origin]


def _ahead(values_NS: np.ndarray, step: tuple[int, ...]) -> np.ndarray:
    """What each pixel's neighbour at a step has, 0 beyond the edge."""
    sides = list(zip(step, values_NS.shape[1:], strict=True))
    here = [slice(max(0, -by), side - max(0, by)) for by, side in sides]
    there = [slice(max(0, by), side - max(0, -by)) for by, side in sides]
    found = np.zeros_like(values_NS)
    found[:, *here] = values_NS[:, *there]
    return found


def _all_around(level_NS: np.ndarray) -> Iterator[np.ndarray]:
    """The levels of each pixel's neighbours, one after the other."""
    for step in _directions(level_NS):
        yield _ahead(level_NS, step)
        yield _ahead(level_NS, tuple(-by for by in step))


def _slice_of(level_NS: np.ndarray) -> np.ndarray:
    """The number of each pixel's slice."""
    return np.broadcast_to(np.arange(len(level_NS)).reshape(-1, *[1] * (level_NS.ndim - 1)), level_NS.shape)


def _highest(level_NS: np.ndarray) -> np.ndarray:
    """The highest level of each slice, (N,)."""
    highest_N: np.ndarray = level_NS.reshape(len(level_NS), -1).max(axis=1)
    return highest_N


def _surprise(share: np.ndarray) -> np.ndarray:
    """``-p log2 p`` of each entry."""
    return -share * np.log2(share + EPSILON)


# Co-occurrences -------------------------------------------------------------------------------------------


def cooccurrences(level_NS: np.ndarray) -> Features:
    """24 features of the symmetric matrix of how often two levels are neighbours (Haralick et al. 1973), the mean over
    the directions in which a slice has neighbours."""
    count_N = np.zeros(len(level_NS))
    sums: Features = {}
    for step in _directions(level_NS):
        pair_NLL = _pairs(level_NS, _ahead(level_NS, step))
        paired_N = pair_NLL.any(axis=(1, 2))
        count_N += paired_N
        for name, values_N in _of_cooccurrences(pair_NLL, _highest(level_NS)).items():
            sums[name] = sums.get(name, 0.0) + np.where(paired_N, values_N, 0.0)
    flat_N = (_highest(level_NS) <= 1) | (count_N == 0)
    return {name: np.where(flat_N, _FLAT.get(name, 0.0), values_N / count_N.clip(1)) for name, values_N in sums.items()}


_ONE = ("Autocorrelation", "Correlation", "Id", "Idm", "Idmn", "Idn", "JointAverage", "JointEnergy", "MCC")
_FLAT = dict.fromkeys((*_ONE, "MaximumProbability"), 1.0) | {"SumAverage": 2.0}
"""What a region of one level has; 0 where nothing is said."""


def _pairs(level_NS: np.ndarray, other_NS: np.ndarray) -> np.ndarray:
    """How often two levels are neighbours, (N, L, L), counted from either."""
    highest = int(level_NS.max())
    both = (level_NS > 0) & (other_NS > 0)
    place = (_slice_of(level_NS)[both] * highest + level_NS[both] - 1) * highest + other_NS[both] - 1
    count_NLL = np.bincount(place, minlength=len(level_NS) * highest**2).reshape(-1, highest, highest)
    return count_NLL + count_NLL.transpose(0, 2, 1)


def _of_cooccurrences(pair_NLL: np.ndarray, highest_N: np.ndarray) -> Features:
    p_NLL = pair_NLL / pair_NLL.sum(axis=(1, 2), keepdims=True).clip(1)
    p_NL = p_NLL.sum(axis=2)
    level_L = np.arange(1, p_NLL.shape[1] + 1)
    i, j = np.meshgrid(level_L, level_L, indexing="ij")
    apart = np.abs(i - j)

    def mean(values: np.ndarray) -> np.ndarray:
        return (p_NLL * values).sum(axis=(1, 2))

    # Moments, and the distributions of sums and of differences.
    mean_N = p_NL @ level_L
    variance_N = ((level_L - mean_N[:, None]) ** 2 * p_NL).sum(axis=1)
    from_mean = i + j - 2 * mean_N[:, None, None]
    product_N = mean((i - mean_N[:, None, None]) * (j - mean_N[:, None, None]))
    flat_NQ = p_NLL.reshape(len(p_NLL), -1)
    difference_NL = flat_NQ @ (apart.reshape(-1, 1) == np.arange(len(level_L)))
    sum_NQ = flat_NQ @ ((i + j).reshape(-1, 1) == np.arange(2, 2 * len(level_L) + 1))
    mean_difference_N = difference_NL @ np.arange(len(level_L))

    # Entropies: of the pair, of one level, and of pairs of independent levels.
    joint_N, single_N = _surprise(p_NLL).sum(axis=(1, 2)), _surprise(p_NL).sum(axis=1)
    independent_NLL = p_NL[:, :, None] * p_NL[:, None, :]
    crossed_N = -(p_NLL * np.log2(independent_NLL + EPSILON)).sum(axis=(1, 2))
    independent_N = _surprise(independent_NLL).sum(axis=(1, 2))
    sides = highest_N[:, None, None]
    return {
        "Autocorrelation": mean(i * j),
        "ClusterProminence": mean(from_mean**4),
        "ClusterShade": mean(from_mean**3),
        "ClusterTendency": mean(from_mean**2),
        "Contrast": mean(apart**2),
        "Correlation": np.divide(product_N, variance_N, out=np.ones_like(product_N), where=variance_N > 0),
        "DifferenceAverage": mean_difference_N,
        "DifferenceEntropy": _surprise(difference_NL).sum(axis=1),
        "DifferenceVariance": mean((apart - mean_difference_N[:, None, None]) ** 2),
        "Id": mean(1 / (1 + apart)),
        "Idm": mean(1 / (1 + apart**2)),
        "Idmn": mean(1 / (1 + apart**2 / sides**2)),
        "Idn": mean(1 / (1 + apart / sides)),
        "Imc1": np.divide(joint_N - crossed_N, single_N, out=np.zeros_like(joint_N), where=single_N > 0),
        "Imc2": np.sqrt(1 - np.exp(-2 * (independent_N - joint_N).clip(0))),
        "InverseVariance": mean(np.divide(1, apart**2, out=np.zeros(apart.shape), where=apart > 0)),
        "JointAverage": mean_N,
        "JointEnergy": (p_NLL**2).sum(axis=(1, 2)),
        "JointEntropy": joint_N,
        "MCC": _maximal_correlation(p_NLL, p_NL),
        "MaximumProbability": p_NLL.max(axis=(1, 2)),
        "SumAverage": 2 * mean_N,
        "SumEntropy": _surprise(sum_NQ).sum(axis=1),
        "SumSquares": variance_N,
    }


def _maximal_correlation(p_NLL: np.ndarray, p_NL: np.ndarray) -> np.ndarray:
    """The root of the second largest eigenvalue of ``Q(i, j) = sum_k p(i, k) p(j, k) / (p(i) p(k))``.

    ``p`` is symmetric, so ``Q`` has the squares of the eigenvalues of ``p(i, j) / sqrt(p(i) p(j))``.
    """
    root_NL = np.sqrt(np.where(p_NL > 0, p_NL, 1))
    eigenvalue_NL = np.linalg.eigvalsh(p_NLL / (root_NL[:, :, None] * root_NL[:, None, :]))
    if eigenvalue_NL.shape[1] < 2:
        return np.ones(len(p_NL))
    second_N: np.ndarray = np.sort(np.abs(eigenvalue_NL), axis=1)[:, -2]
    return second_N


# Lists of sizes -------------------------------------------------------------------------------------------


@attrs.frozen(eq=False)
class _Sizes:
    """What has a level and a size, in a list."""

    slice_Q: np.ndarray
    level_Q: np.ndarray
    size_Q: np.ndarray
    slices: int

    def features(self) -> Features:
        """Emphases, uniformities, variances and the entropy. All matrices of sizes have them, by names of their own."""
        level_Q, size_Q = self.level_Q.astype(float), self.size_Q.astype(float)
        level_N, size_N = self._mean(level_Q), self._mean(size_Q)
        levels_N, sizes_N = self._square_sums(self.level_Q), self._square_sums(self.size_Q)
        count_N = self._sum(np.ones(len(level_Q)))
        return {
            "Small": self._mean(size_Q**-2),
            "Large": self._mean(size_Q**2),
            "Low": self._mean(level_Q**-2),
            "High": self._mean(level_Q**2),
            "SmallLow": self._mean(size_Q**-2 * level_Q**-2),
            "SmallHigh": self._mean(size_Q**-2 * level_Q**2),
            "LargeLow": self._mean(size_Q**2 * level_Q**-2),
            "LargeHigh": self._mean(size_Q**2 * level_Q**2),
            "Levels": levels_N / count_N,
            "LevelsNormalized": levels_N / count_N**2,
            "Sizes": sizes_N / count_N,
            "SizesNormalized": sizes_N / count_N**2,
            "LevelVariance": self._mean((level_Q - level_N[self.slice_Q]) ** 2),
            "SizeVariance": self._mean((size_Q - size_N[self.slice_Q]) ** 2),
            "Entropy": self._entropy(),
            "Count": count_N,
        }

    def _sum(self, values_Q: np.ndarray) -> np.ndarray:
        return np.bincount(self.slice_Q, values_Q, minlength=self.slices)

    def _mean(self, values_Q: np.ndarray) -> np.ndarray:
        return self._sum(values_Q) / self._sum(np.ones(len(values_Q)))

    def _square_sums(self, values_Q: np.ndarray) -> np.ndarray:
        """Sum over values of the squares of how often each is there."""
        slice_K, count_K = self._counted(values_Q)
        return np.bincount(slice_K, count_K**2.0, minlength=self.slices)

    def _entropy(self) -> np.ndarray:
        """Of level and size together."""
        slice_K, count_K = self._counted(self.level_Q * (int(self.size_Q.max()) + 1) + self.size_Q)
        total_N = np.bincount(self.slice_Q, minlength=self.slices)
        return np.bincount(slice_K, _surprise(count_K / total_N[slice_K]), minlength=self.slices)

    def _counted(self, values_Q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each slice with each value that it has, as the number of the slice and how often it has the value."""
        kinds = int(values_Q.max()) + 1
        count = np.bincount(self.slice_Q * kinds + values_Q, minlength=self.slices * kinds)
        there_K = np.flatnonzero(count)
        return there_K // kinds, count[there_K]


def _named(found: Mapping[str, np.ndarray], names: Mapping[str, str]) -> Features:
    return {name: found[of] for of, name in names.items()}


_LEVELS = {
    "Levels": "GrayLevelNonUniformity",
    "LevelsNormalized": "GrayLevelNonUniformityNormalized",
    "LevelVariance": "GrayLevelVariance",
}
_RUNS = _LEVELS | {
    "Small": "ShortRunEmphasis",
    "Large": "LongRunEmphasis",
    "Low": "LowGrayLevelRunEmphasis",
    "High": "HighGrayLevelRunEmphasis",
    "SmallLow": "ShortRunLowGrayLevelEmphasis",
    "SmallHigh": "ShortRunHighGrayLevelEmphasis",
    "LargeLow": "LongRunLowGrayLevelEmphasis",
    "LargeHigh": "LongRunHighGrayLevelEmphasis",
    "Sizes": "RunLengthNonUniformity",
    "SizesNormalized": "RunLengthNonUniformityNormalized",
    "SizeVariance": "RunVariance",
    "Entropy": "RunEntropy",
}
_ZONES = _LEVELS | {
    "Small": "SmallAreaEmphasis",
    "Large": "LargeAreaEmphasis",
    "Low": "LowGrayLevelZoneEmphasis",
    "High": "HighGrayLevelZoneEmphasis",
    "SmallLow": "SmallAreaLowGrayLevelEmphasis",
    "SmallHigh": "SmallAreaHighGrayLevelEmphasis",
    "LargeLow": "LargeAreaLowGrayLevelEmphasis",
    "LargeHigh": "LargeAreaHighGrayLevelEmphasis",
    "Sizes": "SizeZoneNonUniformity",
    "SizesNormalized": "SizeZoneNonUniformityNormalized",
    "SizeVariance": "ZoneVariance",
    "Entropy": "ZoneEntropy",
}
_DEPENDENCES = {
    "Levels": "GrayLevelNonUniformity",
    "LevelVariance": "GrayLevelVariance",
    "Small": "SmallDependenceEmphasis",
    "Large": "LargeDependenceEmphasis",
    "Low": "LowGrayLevelEmphasis",
    "High": "HighGrayLevelEmphasis",
    "SmallLow": "SmallDependenceLowGrayLevelEmphasis",
    "SmallHigh": "SmallDependenceHighGrayLevelEmphasis",
    "LargeLow": "LargeDependenceLowGrayLevelEmphasis",
    "LargeHigh": "LargeDependenceHighGrayLevelEmphasis",
    "Sizes": "DependenceNonUniformity",
    "SizesNormalized": "DependenceNonUniformityNormalized",
    "SizeVariance": "DependenceVariance",
    "Entropy": "DependenceEntropy",
}


def _pixels(level_NS: np.ndarray) -> np.ndarray:
    """Pixels in the region of each slice, (N,)."""
    return (level_NS > 0).reshape(len(level_NS), -1).sum(axis=1)


def runs(level_NS: np.ndarray) -> Features:
    """16 features of the matrix of run lengths (Galloway 1975): how many pixels of one level follow each other, the
    mean over directions."""
    parts = []
    for step in _directions(level_NS):
        goes_on = (level_NS > 0) & (_ahead(level_NS, step) == level_NS)
        length, still = np.ones_like(level_NS), goes_on
        while still.any():
            length += still
            still = goes_on & _ahead(still, step)
        begins = (level_NS > 0) & ~_ahead(goes_on, tuple(-by for by in step))
        found = _Sizes(_slice_of(level_NS)[begins], level_NS[begins], length[begins], len(level_NS)).features()
        parts.append(_named(found, _RUNS) | {"RunPercentage": found["Count"] / _pixels(level_NS)})
    return {name: np.mean([part[name] for part in parts], axis=0) for name in parts[0]}


def zones(level_NS: np.ndarray) -> Features:
    """16 features of the matrix of zone sizes (Thibault et al. 2009): how many pixels of one level are connected,
    corners included."""
    sparse, graph = extra("scipy.sparse"), extra("scipy.sparse.csgraph")
    number_NS = np.arange(level_NS.size).reshape(level_NS.shape)
    ends = []
    for step in _directions(level_NS):
        alike = (level_NS > 0) & (_ahead(level_NS, step) == level_NS)
        ends.append(np.stack([number_NS[alike], _ahead(number_NS, step)[alike]]))
    one, other = np.concatenate(ends, axis=1)
    matrix = sparse.coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(level_NS.size, level_NS.size))
    _, zone = graph.connected_components(matrix, directed=False)

    # One entry for each zone of the region, at its first pixel.
    zone, inside = zone[level_NS.ravel() > 0], np.flatnonzero(level_NS > 0)
    _, first, size_Q = np.unique(zone, return_index=True, return_counts=True)
    slice_Q, level_Q = (values.ravel()[inside[first]] for values in (_slice_of(level_NS), level_NS))
    found = _Sizes(slice_Q, level_Q, size_Q, len(level_NS)).features()
    return _named(found, _ZONES) | {"ZonePercentage": found["Count"] / _pixels(level_NS)}


def dependences(level_NS: np.ndarray) -> Features:
    """14 features of the matrix of dependences (Sun and Wee 1983): how many pixels of one level are at a pixel, with
    itself."""
    size_NS = 1 + sum((other == level_NS).astype(int) for other in _all_around(level_NS))
    inside = level_NS > 0
    return _named(
        _Sizes(_slice_of(level_NS)[inside], level_NS[inside], size_NS[inside], len(level_NS)).features(), _DEPENDENCES
    )


# Differences of tone --------------------------------------------------------------------------------------


def tone_differences(level_NS: np.ndarray) -> Features:
    """5 features of the differences between a pixel and the mean of its neighbours (Amadasun and King 1989)."""
    total_NS, count_NS = np.zeros(level_NS.shape), np.zeros(level_NS.shape)
    for other in _all_around(level_NS):
        total_NS += other
        count_NS += other > 0
    known = (level_NS > 0) & (count_NS > 0)
    difference = np.abs(level_NS[known] - total_NS[known] / count_NS[known])

    # By level: the share of pixels, and the sum of their differences.
    slices, highest = len(level_NS), int(level_NS.max())
    place = _slice_of(level_NS)[known] * highest + level_NS[known] - 1
    count_NL, s_NL = (
        np.bincount(place, values, minlength=slices * highest).reshape(slices, highest)
        for values in (np.ones(len(place)), difference)
    )
    pixels_N = count_NL.sum(axis=1)
    p_NL = count_NL / pixels_N[:, None].clip(1)
    there_NL = p_NL > 0
    level_L = np.arange(1, highest + 1)
    apart_LL = np.abs(level_L[:, None] - level_L[None, :])
    both_NLL = there_NL[:, :, None] & there_NL[:, None, :]
    of_p_NLL = np.where(both_NLL, p_NL[:, :, None] + p_NL[:, None, :], 0)
    ps_NL, ip_NL = p_NL * s_NL, level_L * p_NL

    kinds_N = there_NL.sum(axis=1)
    weighted_N, sum_N = ps_NL.sum(axis=1), s_NL.sum(axis=1)
    spread_N = (p_NL[:, :, None] * p_NL[:, None, :] * apart_LL**2).sum(axis=(1, 2))
    busy_N = np.where(both_NLL, np.abs(ip_NL[:, :, None] - ip_NL[:, None, :]), 0).sum(axis=(1, 2))
    complex_NLL = _over(apart_LL * (ps_NL[:, :, None] + ps_NL[:, None, :]) * both_NLL, of_p_NLL)
    return {
        "Busyness": _over(weighted_N, busy_N),
        "Coarseness": np.where(weighted_N > 0, _over(np.ones(slices), weighted_N), COARSEST),
        "Complexity": _over(complex_NLL.sum(axis=(1, 2)), pixels_N),
        "Contrast": _over(spread_N, kinds_N * (kinds_N - 1)) * _over(sum_N, pixels_N),
        "Strength": _over((of_p_NLL * apart_LL**2).sum(axis=(1, 2)), sum_N),
    }


def _over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a / b``, 0 where ``b`` is."""
    return np.divide(a, b, out=np.zeros(np.broadcast_shapes(a.shape, b.shape)), where=b != 0)
