"""Features of fixed random convolutions at several scales, and the energy of fine detail.

Letters: N slices, B batch, C channels, S space, D features, F filters.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from gankit import NEGATIVE_SLOPE, Draws, Rows
from gankit_metrics._features_images import convolve, halved
from gankit_metrics._training import chunks

_SCALES = 3
_FILTERS = 12
_TAPS = 3
SMALLEST = 2 * _TAPS - 1
"""Pixels along a side that two layers of filters need."""


def random_features(x_NCS: Rows, seed: int) -> np.ndarray:
    """Mean and standard deviation over space of the responses of random filters, at the images' own scale and after
    each halving of it: (N, scales * F * 2) float64."""
    first, second = _filters(x_NCS.shape[1], x_NCS.ndim - 2, seed)
    with torch.no_grad():
        batches = [_pooled(x_BCS, first, second) for x_BCS in chunks(x_NCS, 64)]
    return torch.cat(batches).double().numpy()


def _filters(channels: int, rank: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two layers of filters; they depend on the channels and the seed alone."""
    generator = Draws(seed).generator("random-features")

    def normal(*size: int) -> Tensor:
        weight = generator.standard_normal(size, dtype=np.float32) / np.sqrt(np.prod(size[1:]))
        return torch.from_numpy(weight.astype(np.float32))

    taps = [_TAPS] * rank
    return normal(_FILTERS, channels, *taps), normal(_FILTERS, _FILTERS, *taps)


def _pooled(x_BCS: Tensor, first: Tensor, second: Tensor) -> Tensor:
    pooled = []
    for _ in range(_SCALES):
        response_BFS = leaky_relu(convolve(leaky_relu(convolve(x_BCS, first), NEGATIVE_SLOPE), second), NEGATIVE_SLOPE)
        deviation_BF, mean_BF = torch.std_mean(response_BFS.flatten(2), dim=2, correction=0)
        pooled += [mean_BF, deviation_BF]
        if min(x_BCS.shape[2:]) // 2 < 2 * _TAPS:
            break
        x_BCS = halved(x_BCS)
    return torch.cat(pooled, dim=1)


def high_frequency_energy(x_NCS: np.ndarray) -> np.ndarray:
    """Mean over channels of each slice's energy at frequencies above half of Nyquist's, 1/4 cycle a pixel, under a
    Hann window, whose soft edge has no detail of its own: (N,) float64, in squared units of the images."""
    axes = tuple(range(2, x_NCS.ndim))
    detail = x_NCS.astype(np.float64)
    detail -= detail.mean(axis=axes, keepdims=True)
    frequency_square = np.zeros([1] * len(axes))
    for axis, size in zip(axes, x_NCS.shape[2:], strict=True):
        along = [-1 if other == axis else 1 for other in axes]
        detail *= np.hanning(size + 2)[1:-1].reshape(along)
        frequency_square = frequency_square + (np.fft.fftfreq(size) ** 2).reshape(along)
    energy = np.abs(np.fft.fftn(detail, axes=axes)) ** 2 * (frequency_square > 0.25**2)
    return energy.sum(axis=axes).mean(axis=1) / np.prod(x_NCS.shape[2:]) ** 2
