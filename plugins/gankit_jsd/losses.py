"""The auxiliary distance, Eqs. 8 to 10."""

from __future__ import annotations

from typing import ClassVar

import attrs

from gankit import AbstractAdversarialLoss, AdversarialLoss


@attrs.frozen(kw_only=True)
class AuxiliaryJensenShannon(AbstractAdversarialLoss):
    """Jensen-Shannon divergence between the candidates and a pool of the other class, Eqs. 8 and 9, which critic AND
    player maximise (Eq. 10).

    ``J = E log C(a) + E log(1 - C(â))`` with ``a`` from the pool. Critics return logits (B,), and ``C`` is their
    sigmoid. The paper prints ``1 - log(C(.))`` in the second term. Under the standard term, ``log(1 - C(.))``, J is a
    JSD, so this one is used.

    Once the two manifolds separate, C(â) goes to 0 and the gradient vanishes: the distance steers the
    candidates only while they lack what tells the classes apart (II-C). With ``alongside``, an extension of ours, the
    critic also sees real slices of the candidates' class on the candidates' side.
    """

    approaches: ClassVar[bool] = False
    accepts_alongside: ClassVar[bool] = True
    scores_have_sign: ClassVar[bool] = True

    def build(self) -> AdversarialLoss:
        from gankit_jsd._losses import JensenShannonMaximised

        return JensenShannonMaximised()
