"""Losses of the supervised phase: Eq. 1 pixel by pixel, Eq. 2 on the latent."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from gankit import AbstractAdversarialLoss, AbstractPairedLoss, AdversarialLoss, PairedLoss, option


@attrs.frozen(kw_only=True)
class L2(AbstractPairedLoss):
    """Mean squared difference, Eq. 1: ``||x - x̂||²`` as a mean over pixels, so that its weight does not depend on
    the image's size. Unitless: both images are in [-1, 1]."""

    def build(self) -> PairedLoss:
        from gankit_aae._losses import mean_square

        return mean_square


@attrs.frozen(kw_only=True)
class L1(AbstractPairedLoss):
    """Mean absolute difference over pixels, as in Isola et al. 2017 (arXiv:1611.07004, Eq. 3)."""

    def build(self) -> PairedLoss:
        from gankit_aae._losses import mean_absolute

        return mean_absolute


@attrs.frozen(kw_only=True)
class AdversarialLatent(AbstractAdversarialLoss):
    """Jensen-Shannon divergence between the encodings and the prior, Eq. 2.

    The critic maximises ``E_p(z) log D(z) + E log(1 - D(F_enc(a)))`` and the encoder minimises it. The paper prints
    ``1 - log(D(.))`` in the second term; the standard value, under which Eq. 2 is a JSD, is ``log(1 - D(.))``.
    """

    on: tuple[str, ...] = option(("latent",), help="place of the graph, normally 'latent'")
    player: Literal["saturating", "non-saturating"] = option(
        "saturating",
        help="what the encoder minimises: 'saturating' log(1 - D), Eq. 2 as it stands, or 'non-saturating' -log D",
    )

    accepts_alongside: ClassVar[bool] = True

    def build(self) -> AdversarialLoss:
        from gankit_aae._losses import JensenShannonMinimised

        return JensenShannonMinimised(saturating=self.player == "saturating")
