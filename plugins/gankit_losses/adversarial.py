"""Losses with a critic: ``hinge``, ``least-squares`` and ``relativistic``."""

from __future__ import annotations

from typing import ClassVar

import attrs

from gankit import AbstractAdversarialLoss, AdversarialLoss, option


@attrs.frozen(kw_only=True)
class Hinge(AbstractAdversarialLoss):
    """The hinge loss of Lim and Ye 2017, "Geometric GAN" (arXiv:1705.02894), as in Miyato et al. 2018
    (arXiv:1802.05957, Eqs. 16 and 17).

    The critic minimises ``E max(0, 1 - D(x)) + E max(0, 1 + D(x̂))`` and the player ``-E D(x̂)``, of unbounded scores.
    Means are over samples and patches. With ``penalty`` the critic also minimises ``γ/2 E |∇D(x)|²`` on real samples,
    R1 of Mescheder et al. 2018 (arXiv:1801.04406, Eq. 9), which is not these papers'.
    """

    penalty: float = option(0.0, ge=0, help="γ of R1, on the critic's slope at real samples; 0 for none")

    accepts_alongside: ClassVar[bool] = True
    scores_have_sign: ClassVar[bool] = True

    @property
    def penalises_gradient(self) -> bool:
        return self.penalty > 0

    def build(self) -> AdversarialLoss:
        from gankit_losses._adversarial import HingeGame

        return HingeGame(self.penalty)


@attrs.frozen(kw_only=True)
class LeastSquares(AbstractAdversarialLoss):
    """The least squares of Mao et al. 2017, "Least squares generative adversarial networks" (arXiv:1611.04076, Eq. 9).

    The critic minimises ``1/2 E (D(x) - 1)² + 1/2 E D(x̂)²`` and the player ``1/2 E (D(x̂) - 1)²``, of unbounded scores.
    Means are over samples and patches, as in CycleGAN (Zhu et al. 2017, arXiv:1703.10593, Sec. 4). With ``penalty`` the
    critic also minimises ``γ/2 E |∇D(x)|²`` on real samples, R1 of Mescheder et al. 2018 (arXiv:1801.04406, Eq. 9),
    which is not these papers'.
    """

    penalty: float = option(0.0, ge=0, help="γ of R1, on the critic's slope at real samples; 0 for none")

    accepts_alongside: ClassVar[bool] = True

    @property
    def penalises_gradient(self) -> bool:
        return self.penalty > 0

    def build(self) -> AdversarialLoss:
        from gankit_losses._adversarial import SquareGame

        return SquareGame(self.penalty)


@attrs.frozen(kw_only=True)
class Relativistic(AbstractAdversarialLoss):
    """The relativistic pairing loss with R1 and R2 of Huang et al. 2024, "The GAN is dead; long live the GAN!"
    (arXiv:2501.05441, Sec. 2).

    The critic minimises ``E softplus(D(x̂) - D(x)) + γ/2 E |∇D(x)|² + γ/2 E |∇D(x̂)|²`` and the player
    ``E softplus(D(x) - D(x̂))``, over pairs of a reference and a candidate that nothing else relates. A critic is judged
    by differences of its scores, so that it cannot give up on a part of the samples. Of a critic with patches, scores
    are compared patch by patch. Both penalties are those of Mescheder et al. 2018 (arXiv:1801.04406, Eqs. 9 and 10).
    """

    penalty: float = option(
        1.0, ge=0, help="γ of R1 and R2, on the critic's slope at real samples and at candidates; 0 for none"
    )

    @property
    def penalises_gradient(self) -> bool:
        return self.penalty > 0

    def build(self) -> AdversarialLoss:
        from gankit_losses._adversarial import RelativisticGame

        return RelativisticGame(self.penalty)
