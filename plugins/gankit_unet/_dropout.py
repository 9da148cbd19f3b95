"""Dropout that draws nothing. Letters: B batch, C and K channels, S and T space."""

import math
from statistics import NormalDist

import torch
from torch import Tensor, nn


class NoiseDropout(nn.Module):
    """Dropout (Srivastava et al. 2014) of maps (B, C, *S), decided by standard normal noise (B, K, *T) that it reads.

    A value z of the noise drops a number where ``|z| > t``, with ``t = quantile(1 - rate / 2)`` of the normal
    distribution, so with probability ``rate``. Numbers that are kept are multiplied by ``1 / (1 - rate)``. Quiet noise,
    which is zero, drops nothing and changes nothing, as dropout in evaluation.

    T is S times a whole number r along each axis. So there are r x r values of each of the K channels at a pixel of the
    map, and they decide about its channels in turn. Where a map has more channels than that, several share a value.

    Args:
        rate: probability with which a number is dropped, in (0, 1).
    """

    def __init__(self, rate: float):
        super().__init__()
        self.kept = 1 / (1 - rate)
        self.beyond = NormalDist().inv_cdf(1 - rate / 2)

    def forward(self, x_BCS: Tensor, noise_BKT: Tensor) -> Tensor:
        z_BCS = _spread(_at_size(noise_BKT, x_BCS.shape[2:]), x_BCS.shape[1])
        factor = torch.where(z_BCS.abs() > self.beyond, 0.0, torch.where(z_BCS == 0, 1.0, self.kept))
        return x_BCS * factor.to(x_BCS.dtype)

    def extra_repr(self) -> str:
        return f"rate={1 - 1 / self.kept:.3g}"


def _at_size(noise_BKT: Tensor, size: torch.Size) -> Tensor:
    """Noise with all its values, as channels of a smaller map: (B, r^n K, *S) for n axes."""
    batch, channels, *sides = noise_BKT.shape
    parts = [part for side, wanted in zip(sides, size, strict=True) for part in (wanted, side // wanted)]
    axes = range(2, 2 + len(parts), 2)
    inner = noise_BKT.reshape(batch, channels, *parts).permute(0, *(axis + 1 for axis in axes), 1, *axes)
    return inner.reshape(batch, -1, *size)


def _spread(noise_BKS: Tensor, channels: int) -> Tensor:
    """The first so many channels of noise, repeated in turn where there are fewer."""
    times = math.ceil(channels / noise_BKS.shape[1])
    return noise_BKS.repeat(1, times, *[1] * (noise_BKS.ndim - 2))[:, :channels]
