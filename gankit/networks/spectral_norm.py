"""Spectral normalisation of a layer's weights."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

_Layer = TypeVar("_Layer", bound=nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
_SQUARINGS = 6
_SMALLEST = 1e-30


def spectral_norm(layer: _Layer) -> _Layer:
    """Make a layer compute with ``W / s(W)``, where s(W) is the largest singular value of its weights W.

    Miyato et al. 2018, arXiv:1802.05957, equation 8. As in their Sec. 2.1, the weights of a convolution are the matrix
    (outputs, inputs x taps). So the response to one neighbourhood grows by a factor of 1 at most. Neighbourhoods that
    overlap n-fold may add a factor of sqrt(n): 2 for 4 x 4 taps at stride 2, 3 for 3 x 3 taps at stride 1.

    The authors follow s by one step of the power method in each training step, which needs a state and lags behind
    weights that move. Here s is a function of the weights alone, ``(sum of s_i^2q)^(1/2q)`` over the singular values
    s_i with q = 65. It is never below the largest one, and above it by a factor of n^(1/130) at most, where n is the
    smaller side of the matrix. So the norm of ``W / s`` is in [0.95, 1] up to 512 channels; of weights as they are
    drawn, it is above 0.99. A layer is the same function in training and evaluation, frozen, replayed, and in all
    processes. The derivative of s is exact. A call costs two products of matrices like W, whatever the batch.

    Args:
        layer: linear or convolutional; changed in place. Draw its weights before.

    Returns: the layer. ``layer.weight`` is ``W / s(W)``.
    """
    parametrize.register_parametrization(layer, "weight", _SpectralNorm())
    return layer


class _SpectralNorm(nn.Module):
    """Weights W (M, ...) to ``W / s(W)``."""

    def forward(self, weight: Tensor) -> Tensor:
        if weight.is_meta:  # a network whose sizes alone are asked for
            return weight
        with torch.autocast(weight.device.type, enabled=False):  # s needs more digits than bfloat16 has
            return weight / _largest_singular_value(weight.flatten(1))


def _largest_singular_value(matrix: Tensor) -> Tensor:
    """``s = (tr A^q)^(1/2q)`` with ``A = W W^T`` and ``q = 2^k + 1``, a scalar with a graph for its first derivative.

    k squarings give ``P = A^(2^k) / tr A^(2^k)`` and the logarithm of that trace. Then ``r = tr(W^T P W)`` gives
    ``tr A^q = r tr A^(2^k)``. And ``d log s = tr((P W)^T dW) / r``, so that only the last product needs a graph.
    """
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    with torch.no_grad():
        power, log_trace = matrix @ matrix.T, matrix.new_zeros(())
        for squaring in range(_SQUARINGS + 1):
            power = power @ power if squaring else power
            trace = power.trace().clamp(min=_SMALLEST)
            power, log_trace = power / trace, 2 * log_trace + trace.log()
        projected = power @ matrix
    log_r = (projected * matrix).sum().clamp(min=_SMALLEST).log()
    value = (log_trace + log_r.detach()) / (2 * (2**_SQUARINGS + 1))
    return (value + (log_r - log_r.detach())).exp()
