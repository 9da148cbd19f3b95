"""Regularisers of the critic: ``lecam`` and ``consistency``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import attrs

from gankit import AbstractAdversarialLoss, AbstractAugmentation, AdversarialLoss, Draw, augmentation_draws, option


@attrs.frozen(kw_only=True)
class LeCam(AbstractAdversarialLoss):
    """The LeCam regulariser of Tseng et al. 2021, "Regularizing generative adversarial networks under limited data"
    (arXiv:2104.03310, Eqs. 3 to 5), beside another loss on the same critic.

    The critic also minimises ``E (D(x) - a_F)² + E (D(x̂) - a_R)²``, where ``a_R`` and ``a_F`` are exponential moving
    averages of its mean scores of real samples and of candidates over the global batch. They start at 0 and are part of
    the checkpoint. Each set's scores are held near the average of the other set, so that few real samples are not
    learnt by heart. Means are over samples and patches.
    """

    weight: float = option(0.3, ge=0, help="λ, multiplies what the critic minimises; the paper has 0.1 to 0.5")
    decay: float = option(
        0.99, ge=0, lt=1, help="decay of the moving averages of scores, for each update of the critic"
    )

    moves_players: ClassVar[bool] = False
    accepts_alongside: ClassVar[bool] = True

    def build(self) -> AdversarialLoss:
        from gankit_losses._regularisers import Anchors

        return Anchors(self.decay)  # type: ignore[return-value] # it moves no players


@attrs.frozen(kw_only=True)
class Consistency(AbstractAdversarialLoss):
    """The balanced consistency regulariser of Zhao et al. 2021, "Improved consistency regularization for GANs"
    (arXiv:2002.04724, Algorithm 1), beside another loss on the same critic.

    The critic also minimises ``E (D(x) - D(T(x)))² + E (D(x̂) - D(T(x̂)))²``, ``T`` the augmentations, so that its scores
    do not depend on what they change. Without ``balanced`` it is the first part alone, the consistency of Zhang et al.
    2020 (arXiv:1910.12027). Means are over samples and patches. Samples that ``T`` leaves as they are, by the
    probabilities of the augmentations, add nothing. Players see nothing augmented.
    """

    weight: float = option(10.0, ge=0, help="λ, multiplies what the critic minimises; the paper has 10")
    augmentations: tuple[AbstractAugmentation, ...] = option(
        help="what scores must not depend on, as in [{ use = 'translation' }]"
    )
    balanced: bool = option(True, help="also for candidates, not for real samples alone")

    moves_players: ClassVar[bool] = False

    @property
    def draws(self) -> Mapping[str, Draw]:
        sides = ("reference", "candidate") if self.balanced else ("reference",)
        each = [augmentation_draws(self.augmentations, f"{side}_") for side in sides]
        return {name: draw for draws in each for name, draw in draws.items()}

    def build(self) -> AdversarialLoss:
        from gankit_losses._regularisers import Consistent

        return Consistent(self.augmentations, self.balanced)  # type: ignore[return-value] # it moves no players
