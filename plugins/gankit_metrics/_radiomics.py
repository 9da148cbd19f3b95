"""Radiomic features of a region of each slice: first-order statistics and textures, as PyRadiomics defines them.

The definitions are those of the Image Biomarker Standardisation Initiative (Zwanenburg et al. 2020, Radiology 295:328)
in the form of PyRadiomics 3 (van Griethuysen et al. 2017, Cancer Research 77:e104): levels of a fixed width, neighbours
at a distance of one pixel, features of directions averaged. Features of shape are none of them, nor are those that grow
with the number of pixels and say nothing else (``TotalEnergy``).

Letters: N slices, S space, L grey levels, P pixels of one region.
"""

from __future__ import annotations

import numpy as np

from gankit_metrics._radiomics_textures import EPSILON, levels, textures

CHUNK = 128
"""Slices whose textures are computed at a time."""


def radiomics(x_NS: np.ndarray, region_NS: np.ndarray, width: float) -> dict[str, np.ndarray]:
    """Features of each slice in its region.

    Args:
        x_NS: intensities of one channel.
        region_NS: bool; at least one pixel in each slice.
        width: of a grey level, in units of the intensities; edges are at its multiples.

    Returns: 92 features (N,) float64 by PyRadiomics' names: ``firstorder_*`` (17), ``glcm_*`` (24), ``glrlm_*`` (16),
        ``glszm_*`` (16), ``gldm_*`` (14), ``ngtdm_*`` (5).
    """
    parts = [
        _radiomics(x_NS[begin : begin + CHUNK].astype(np.float64), region_NS[begin : begin + CHUNK], width)
        for begin in range(0, len(x_NS), CHUNK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _radiomics(x_NS: np.ndarray, region_NS: np.ndarray, width: float) -> dict[str, np.ndarray]:
    level_NS = levels(x_NS, region_NS, width)
    rows = [
        _first_order(x_S[region_S], level_S[region_S])
        for x_S, region_S, level_S in zip(x_NS, region_NS, level_NS, strict=True)
    ]
    first = {f"firstorder_{name}": np.array([row[name] for row in rows]) for name in rows[0]}
    return first | textures(level_NS)


def _first_order(x_P: np.ndarray, level_P: np.ndarray) -> dict[str, float]:
    """Statistics of intensities, and of the histogram of levels."""
    low, quarter, median, three_quarters, high = np.percentile(x_P, [10, 25, 50, 75, 90])
    mean, deviation_P = x_P.mean(), x_P - x_P.mean()
    variance = (deviation_P**2).mean()
    middle_P = x_P[(x_P >= low) & (x_P <= high)]
    share_L = np.bincount(level_P)[1:] / len(level_P)
    return {
        "10Percentile": low,
        "90Percentile": high,
        "Energy": (x_P**2).sum(),
        "Entropy": -(share_L * np.log2(share_L + EPSILON)).sum(),
        "InterquartileRange": three_quarters - quarter,
        "Kurtosis": (deviation_P**4).mean() / variance**2 if variance else 0.0,
        "Maximum": x_P.max(),
        "Mean": mean,
        "MeanAbsoluteDeviation": np.abs(deviation_P).mean(),
        "Median": median,
        "Minimum": x_P.min(),
        "Range": np.ptp(x_P),
        "RobustMeanAbsoluteDeviation": np.abs(middle_P - middle_P.mean()).mean(),
        "RootMeanSquared": np.sqrt((x_P**2).mean()),
        "Skewness": (deviation_P**3).mean() / variance**1.5 if variance else 0.0,
        "Uniformity": (share_L**2).sum(),
        "Variance": variance,
    }
