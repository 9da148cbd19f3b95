"""Losses of the supervised phase: Eq. 1 pixel by pixel, Eq. 2 on the latent."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from gankit import AbstractAdversarialLoss, AbstractPairedLoss, AdversarialLoss, PairedLoss, option


@attrs.frozen(kw_only=True)
class L2(AbstractPairedLoss):
    """Mean squared difference of a slice and its reconstruction, Eq. 1: ``||x - x̂||²`` as a mean over pixels, so that
    its weight does not depend on the image's size. Two images (B, C, *S) in [-1, 1] to one unitless loss each, (B,)."""

    def build(self) -> PairedLoss:
        from gankit_aae._losses import mean_square

        return mean_square


@attrs.frozen(kw_only=True)
class L1(AbstractPairedLoss):
    """Mean absolute difference ``|x - x̂|`` over pixels, as in Isola et al. 2017 (arXiv:1611.07004, Eq. 3).

    Two images (B, C, *S) in [-1, 1] to one unitless loss each, (B,).
    """

    def build(self) -> PairedLoss:
        from gankit_aae._losses import mean_absolute

        return mean_absolute


@attrs.frozen(kw_only=True)
class BandL2(AbstractPairedLoss):
    """Mean squared difference of the details between two scales, ``||B(x) - B(x̂)||²``: ``B`` is the local mean within
    ``inner`` pixels minus the local mean within ``inner + beyond`` pixels.

    An extension of ours beside Eq. 1. A focal lesion is a small part of a slice's pixels, so the mean of Eq. 1 hardly
    changes when a reconstruction loses it. It is a large part of a slice's details, so this loss does change.

    Two images (B, C, *S) in [-1, 1] to one unitless loss each, (B,).
    """

    inner: int = option(
        0, ge=0, le=1_000, help="reach of the smaller local mean in pixels; 0 for none, 1 for 3 along each axis"
    )
    beyond: int = option(3, ge=1, le=1_000, help="how many pixels farther the larger local mean reaches")

    def build(self) -> PairedLoss:
        from gankit_aae._losses import BandMeanSquare

        return BandMeanSquare(self.inner, self.inner + self.beyond)


@attrs.frozen(kw_only=True)
class AdversarialLatent(AbstractAdversarialLoss):
    """Jensen-Shannon divergence between the encodings and the prior, Eq. 2.

    The critic maximises ``E_p(z) log D(z) + E log(1 - D(F_enc(a)))`` and the encoder minimises it. Critics return
    logits (B,), and ``D`` is their sigmoid. The paper prints ``1 - log(D(.))`` in the second term. Under the standard
    term, ``log(1 - D(.))``, Eq. 2 is a JSD, so this one is used.
    """

    on: tuple[str, ...] = option(("latent",), help="place of the graph, normally 'latent'")
    player: Literal["saturating", "non-saturating"] = option(
        "saturating",
        help="what the encoder minimises: 'saturating' log(1 - D), Eq. 2 as it stands, or 'non-saturating' -log D",
    )

    accepts_alongside: ClassVar[bool] = True
    scores_have_sign: ClassVar[bool] = True

    def build(self) -> AdversarialLoss:
        from gankit_aae._losses import JensenShannonMinimised

        return JensenShannonMinimised(saturating=self.player == "saturating")
