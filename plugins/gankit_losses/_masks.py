"""The arithmetic of ``gankit_losses.masks``."""

from __future__ import annotations

import attrs
from torch import Tensor


@attrs.frozen
class DiceDistance:
    """See ``Dice``."""

    smooth: float

    def __call__(self, candidate: Tensor, reference: Tensor) -> Tensor:
        """(B, C, *S) and (B, C, *S) in [-1, 1] to one loss per sample, (B,)."""
        p_BCN, g_BCN = ((mask.flatten(2) + 1) / 2 for mask in (candidate, reference))
        shared_BC = (p_BCN * g_BCN).sum(dim=2)
        both_BC = p_BCN.square().sum(dim=2) + g_BCN.square().sum(dim=2)
        return (1 - (2 * shared_BC + self.smooth) / (both_BC + self.smooth)).mean(dim=1)
