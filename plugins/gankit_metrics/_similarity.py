"""Multi-scale structural similarity of every pair of slices.

What belongs to a slice alone is computed once, not once a pair, so that a pair costs one blur instead of five.

Letters: N slices, M slices that one is compared with, C channels, S space.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, avg_pool3d

STABLE = (0.01, 0.03)
"""K1 and K2 of Wang et al. 2004 (IEEE TIP 13:600), which keep the quotients of flat slices stable."""
RANGE = 2.0
"""Of values in [-1, 1]."""
CHUNK = 64
"""Slices that one is compared with at a time."""


def similarities(x_NCS: np.ndarray, exponents: Sequence[float], taps: int, sigma: float) -> np.ndarray:
    """MS-SSIM of every pair: Eq. 7 of Wang et al. 2003 ("Multiscale structural similarity for image quality
    assessment"), with slices mirrored at their edges. Of every scale but the last, contrast and structure are averaged
    over the pixels around which the window fits; of the last, the SSIM over all. A negative average counts as 0.

    Args:
        x_NCS: slices of 2 or 3 axes in [-1, 1].
        exponents: of each scale, the finest first; each further one has sides half as long.
        taps: of the window, a Gaussian, along each axis; odd, and at most as many as the coarsest scale has pixels.
        sigma: of the window, in pixels.

    Returns: (N, N) float64 symmetric; its diagonal is 1.
    """
    x_NCS_now = torch.from_numpy(x_NCS)
    similarity_NN = torch.ones(len(x_NCS), len(x_NCS))
    for number, exponent in enumerate(exponents):
        last = number == len(exponents) - 1
        scale = _Scale.of(x_NCS_now, taps, sigma)
        for i in range(len(x_NCS) - 1):
            for j in range(i + 1, len(x_NCS), CHUNK):
                found_M = scale.compared(i, slice(j, j + CHUNK), whole=last)
                similarity_NN[i, j : j + CHUNK] *= found_M.relu() ** exponent
        x_NCS_now = x_NCS_now if last else _halved(x_NCS_now)
    upper_NN = similarity_NN.triu(1).double().numpy()
    return upper_NN + upper_NN.T + np.eye(len(x_NCS))


@attrs.frozen(eq=False)
class _Scale:
    """Slices at one scale, and what of them no pair changes."""

    x_NCS: Tensor
    mean_NCS: Tensor
    variance_NCS: Tensor
    windows: tuple[Tensor, ...]
    """The window along each axis of S, as the matrix by which the axis is multiplied."""
    edge: int
    """Pixels from the edge within which a window is not whole."""

    @classmethod
    def of(cls, x_NCS: Tensor, taps: int, sigma: float) -> _Scale:
        windows = tuple(_window(side, taps, sigma) for side in x_NCS.shape[2:])
        mean_NCS = _blurred(x_NCS, windows)
        variance_NCS = (_blurred(x_NCS**2, windows) - mean_NCS**2).clamp(min=0)
        return cls(x_NCS, mean_NCS, variance_NCS, windows, taps // 2)

    def compared(self, one: int, others: slice, *, whole: bool) -> Tensor:
        """Contrast and structure of a slice and others, (M,); with ``whole``, the SSIM with luminance."""
        luminance, contrast = ((share * RANGE) ** 2 for share in STABLE)
        means_MCS = self.mean_NCS[one] * self.mean_NCS[others]
        covariance_MCS = _blurred(self.x_NCS[one] * self.x_NCS[others], self.windows) - means_MCS
        variances_MCS = self.variance_NCS[one] + self.variance_NCS[others]
        found_MCS = (2 * covariance_MCS + contrast) / (variances_MCS + contrast)
        if whole:
            squares_MCS = self.mean_NCS[one] ** 2 + self.mean_NCS[others] ** 2
            found_MCS = found_MCS * (2 * means_MCS + luminance) / (squares_MCS + luminance)
        else:
            inner = slice(self.edge, -self.edge or None)
            found_MCS = found_MCS[(slice(None), slice(None), *[inner] * (found_MCS.ndim - 2))]
        return found_MCS.flatten(1).mean(dim=1)


def _window(side: int, taps: int, sigma: float) -> Tensor:
    """The matrix (side, side) that blurs an axis, mirrored at its ends."""
    offsets_T = np.arange(taps) - taps // 2
    weight_T = np.exp(-((offsets_T / sigma) ** 2) / 2)
    from_pixel_ST = np.abs(np.arange(side)[:, None] + offsets_T)
    from_pixel_ST = np.where(from_pixel_ST < side, from_pixel_ST, 2 * (side - 1) - from_pixel_ST)
    matrix = np.zeros((side, side))
    np.add.at(matrix, (np.arange(side)[:, None], from_pixel_ST), weight_T / weight_T.sum())
    return torch.from_numpy(matrix.astype(np.float32))


def _blurred(x_MCS: Tensor, windows: Sequence[Tensor]) -> Tensor:
    """Every axis of S multiplied by its window."""
    for window in windows:
        x_MCS = torch.tensordot(x_MCS, window, dims=([2], [1]))  # the axis goes to the end, so all take their turns
    return x_MCS


def _halved(x_NCS: Tensor) -> Tensor:
    return (avg_pool2d if x_NCS.ndim == 4 else avg_pool3d)(x_NCS, 2)
