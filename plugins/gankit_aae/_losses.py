"""The arithmetic of ``gankit_aae.losses``."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, avg_pool2d, softplus

from gankit import Critic


def mean_square(candidate: Tensor, reference: Tensor) -> Tensor:
    """(B, ...) and (B, ...) to the mean over all but the first dimension of their squared difference, (B,)."""
    return (candidate - reference).square().flatten(1).mean(dim=1)


def mean_absolute(candidate: Tensor, reference: Tensor) -> Tensor:
    """(B, ...) and (B, ...) to the mean over all but the first dimension of their absolute difference, (B,)."""
    return (candidate - reference).abs().flatten(1).mean(dim=1)


@attrs.frozen
class BandMeanSquare:
    """``||B(x) - B(x̂)||²`` of ``BandL2`` as a mean over pixels; local means at an edge are of the pixels there are."""

    inner: int
    outer: int

    def __call__(self, candidate: Tensor, reference: Tensor) -> Tensor:
        """(B, C, *S) and (B, C, *S) to one loss per sample, (B,)."""
        residual = candidate - reference
        return (_local_mean(residual, self.inner) - _local_mean(residual, self.outer)).square().flatten(1).mean(dim=1)


def _local_mean(x_BCS: Tensor, reach: int) -> Tensor:
    """Mean over the pixels up to ``reach`` away along each axis, which may be more than a side has."""
    if not reach:
        return x_BCS
    if x_BCS.ndim < 5:
        pool = (avg_pool1d, avg_pool2d)[x_BCS.ndim - 3]
        return pool(x_BCS, 2 * reach + 1, stride=1, padding=reach, count_include_pad=False)

    # torch pools volumes no farther than a side. A mean over a box is a mean along one axis of means over planes.
    planes_BCDN = _local_mean(x_BCS.flatten(0, 1), reach).reshape(*x_BCS.shape[:3], -1)
    mean_BCDN = avg_pool2d(planes_BCDN, (2 * reach + 1, 1), 1, (reach, 0), count_include_pad=False)
    return mean_BCDN.view(x_BCS.shape)


@attrs.frozen
class JensenShannonMinimised:
    """Eq. 2 from logits: ``-log D = softplus(-logit)`` and ``-log(1 - D) = softplus(logit)``."""

    saturating: bool

    def critic(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """Minus the value of Eq. 2; reference and candidate are scored in one call."""
        prior_B, encoding_B = critic(torch.cat([reference, candidate])).split([len(reference), len(candidate)])
        return softplus(-prior_B).mean() + softplus(encoding_B).mean()

    def player(self, critic: Critic, reference: Tensor, candidate: Tensor, draws: Mapping[str, Tensor]) -> Tensor:
        """``E log(1 - D)``, or ``-E log D``."""
        logit_B = critic(candidate)
        return -softplus(logit_B).mean() if self.saturating else softplus(-logit_B).mean()
