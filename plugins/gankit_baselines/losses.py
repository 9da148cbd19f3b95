"""The loss of the first GAN, which CoGAN and Costa et al. train with."""

from __future__ import annotations

from typing import ClassVar

import attrs

from gankit import AbstractAdversarialLoss, AdversarialLoss, option


@attrs.frozen(kw_only=True)
class NonSaturating(AbstractAdversarialLoss):
    """The GAN of Goodfellow et al. 2014 (arXiv:1406.2661) between a pool and the candidates, from logits.

    The critic maximises ``E log D(x) + E log(1 - D(x̂))`` (Eq. 1 there). The player minimises ``-E log D(x̂)`` rather
    than ``E log(1 - D(x̂))``: the same fixed point, with a gradient also where the critic is sure (Sec. 3 there).
    Terms with one coupled critic on several modalities add up to the value of CoGAN (Liu and Tuzel 2016, Sec. 3).

    With ``penalty`` the critic also minimises ``γ/2 E |∇f(x)|²`` on real samples, ``f`` its logits: R1 of Mescheder et
    al. 2018, "Which training methods for GANs do actually converge?" (arXiv:1801.04406, Eq. 9). With
    ``candidate_penalty`` it minimises the same on candidates, R2 (Eq. 10 there). They are none of these papers', but
    keep the game from collapsing.
    """

    penalty: float = option(0.0, ge=0, help="γ of R1, on the critic's slope at real samples; 0 for the plain GAN")
    candidate_penalty: float | None = option(
        None, gt=0, help="γ of R2, on the critic's slope at candidates; default: none"
    )

    accepts_alongside: ClassVar[bool] = True
    scores_have_sign: ClassVar[bool] = True

    @property
    def penalises_gradient(self) -> bool:
        return self.penalty > 0 or self.candidate_penalty is not None

    def build(self) -> AdversarialLoss:
        from gankit_baselines._losses import LogisticGame

        return LogisticGame(penalty=self.penalty, candidate_penalty=self.candidate_penalty or 0.0)
