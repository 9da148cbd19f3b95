"""The two paired losses of CycleGAN (Zhu et al. 2017, arXiv:1703.10593)."""

from __future__ import annotations

import attrs

from gankit import AbstractPairedLoss, PairedLoss


@attrs.frozen(kw_only=True)
class CycleConsistency(AbstractPairedLoss):
    """Cycle consistency: an image that is translated there and back is itself again.

    One term of equation 2 of Zhu et al. 2017 (arXiv:1703.10593), ``E ||F(G(x)) - x||_1``, on a place such as
    ``adc-cycled`` of phase ``cycle``, as a mean over pixels. Two images (B, C, *S) in [-1, 1] to one unitless loss
    each, (B,). Lambda of equation 3 is the ``weight``, 10 in the paper.
    """

    def build(self) -> PairedLoss:
        from gankit_translation._losses import mean_absolute

        return mean_absolute


@attrs.frozen(kw_only=True)
class Identity(AbstractPairedLoss):
    """Identity: a translator leaves an image alone that is already what it makes.

    One term of Zhu et al. 2017 (arXiv:1703.10593, Sec. 5.2), ``E ||G(y) - y||_1``, on a place such as ``t2w-identity``
    of phase ``cycle``, as a mean over pixels. Two images (B, C, *S) in [-1, 1] to one unitless loss each, (B,). Its
    ``weight`` is half of lambda in the paper, 5. It keeps the values of images where two modalities have the same
    meaning; ADC and T2w have not.
    """

    def build(self) -> PairedLoss:
        from gankit_translation._losses import mean_absolute

        return mean_absolute
