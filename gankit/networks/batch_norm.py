"""Batch normalisation over the global batch, whatever the number of processes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gankit.processes.ranks import mean_over_ranks


class BatchNorm(nn.Module):
    """Batch normalisation (Ioffe and Szegedy 2015, Algorithm 1) of (B, C, *S).

    ``y = scale (x - mean) / sqrt(variance + epsilon) + shift``, with one mean, variance, scale and shift for each
    channel. It differs from ``torch.nn.BatchNorm*d`` in two ways. In training, mean and variance are over the batches
    of all processes together, on every device. And the running variance is a mean of such variances, without Bessel's
    correction. In evaluation the running statistics are used. Those of a saved model are exact: mean and variance of
    what its averaged weights give the layer, over all that it was trained on.

    Args:
        channels: C.
        affine: whether to learn scale and shift; without, they are 1 and 0.
        momentum: weight of the newest batch in the running statistics, in [0, 1].
        epsilon: added to the variance.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, channels: int, affine: bool = True, momentum: float = 0.1, epsilon: float = 1e-5):
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.scale = nn.Parameter(torch.ones(channels)) if affine else None
        self.shift = nn.Parameter(torch.zeros(channels)) if affine else None
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x_BCS: Tensor) -> Tensor:
        x_BCS = x_BCS.to(self.running_mean.dtype)  # statistics need more digits than autocast's bfloat16 has
        others = [dimension for dimension in range(x_BCS.ndim) if dimension != 1]
        wide = (1, -1, *[1] * (x_BCS.ndim - 2))
        if self.training:
            mean_C = mean_over_ranks(x_BCS.mean(dim=others))
            variance_C = mean_over_ranks((x_BCS - mean_C.view(wide)).square().mean(dim=others))
            with torch.no_grad():
                self.running_mean.lerp_(mean_C, self.momentum)
                self.running_variance.lerp_(variance_C, self.momentum)
        else:
            mean_C, variance_C = self.running_mean, self.running_variance
        normal = (x_BCS - mean_C.view(wide)) * torch.rsqrt(variance_C + self.epsilon).view(wide)
        if self.scale is None or self.shift is None:
            return normal
        return normal * self.scale.view(wide) + self.shift.view(wide)
