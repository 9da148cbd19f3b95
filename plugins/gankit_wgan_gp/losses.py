"""The Wasserstein loss with gradient penalty, Eqs. 4 and 5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs

from gankit import AbstractAdversarialLoss, AdversarialLoss, Draw, option


@attrs.frozen(kw_only=True)
class WassersteinGradientPenalty(AbstractAdversarialLoss):
    """Wasserstein distance between a pool and the candidates, Eqs. 4 and 5, which the player minimises (Eq. 6).

    The critic maximises ``E D(a) - E D(â) - λ R``; ``R = E (|∇D(mix)|₂ - 1)²`` with ``mix`` uniform on the line
    between each pair (Gulrajani et al. 2017, Eq. 3). The player minimises ``-E D(â)``.
    """

    penalty: float = option(10.0, ge=0, help="λ, multiplies the gradient penalty")
    drift: float = option(
        0.0,
        ge=0,
        help="multiplies E D(a)², which keeps scores near 0 (Karras et al. 2018, A.1); not the paper's",
    )

    estimates_distance: ClassVar[bool] = True
    holds_slope: ClassVar[float | None] = 1.0

    @property
    def draws(self) -> Mapping[str, Draw]:
        return {"mixing": Draw()}

    @property
    def penalises_gradient(self) -> bool:
        return self.penalty > 0

    def build(self) -> AdversarialLoss:
        from gankit_wgan_gp._losses import Wasserstein

        return Wasserstein(penalty=self.penalty, drift=self.drift)
