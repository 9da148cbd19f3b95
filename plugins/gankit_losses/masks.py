"""Losses of masks: ``dice``."""

from __future__ import annotations

import attrs

from gankit import AbstractPairedLoss, PairedLoss, option


@attrs.frozen(kw_only=True)
class Dice(AbstractPairedLoss):
    """One minus the Dice coefficient of Milletari et al. 2016, "V-Net" (arXiv:1606.04797, Sec. 3), for masks.

    Masks (B, C, *S) in [-1, 1], -1 outside and 1 inside, become ``p = (x + 1) / 2``; for each channel
    ``1 - (2 Σ p g + s) / (Σ p² + Σ g² + s)`` over pixels, ``g`` the reference's, and then a mean over channels, (B,).
    It does not depend on how small a mask is, where a mean over pixels hardly sees a small one. The paper has no ``s``:
    with it, an empty mask is right about an empty reference.
    """

    smooth: float = option(1.0, gt=0, help="s, in pixels, added to both sides of the fraction")

    def build(self) -> PairedLoss:
        from gankit_losses._masks import DiceDistance

        return DiceDistance(self.smooth)
