"""``coupled-critic``: each of several modalities to scores. The spec; the network is in ``_coupled_critic``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractDiscriminator, Problem, Shapes, halvings, joined, option, shape_text

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class CoupledCritic(AbstractDiscriminator):
    """The discriminators of Liu and Tuzel 2016 (arXiv:1606.07536, Sec. 3): a modality's own first layers, shared last
    ones.

    A modality (B, C, *S) to unbounded scores (B,), with one to three spatial dimensions. Each term of a recipe that
    names it puts it on one modality, so that it scores each marginal and never sees a pair; modalities may differ in
    channels, not in size. Each layer halves every side of 8 or more, until all are under 8. May be differentiated
    twice, so that a gradient penalty can take the place of ``gan``.
    """

    width: int = option(
        32, ge=1, le=16_384, help="channels of the first layer; each further one doubles them, up to 8 times"
    )
    own: int = option(
        1, ge=1, le=32, help="first layers that each modality has of its own; the last, linear one is shared"
    )

    @property
    def couples_places(self) -> bool:
        return True

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        sizes = {shape[1:] for shape in source.values()}
        if not all(2 <= len(shape) <= 4 for shape in source.values()):
            listed = " and ".join(map(shape_text, source.values()))
            yield Problem("use", f"scores images (C, *S) of 1 to 3 dimensions, not {listed}")
        elif len(sizes) > 1:
            listed = " and ".join(map(shape_text, sizes))
            yield Problem("use", f"its shared layers need one spatial size, not {listed}")
        elif self.own > (depth := halvings(max(sizes.pop()))):
            yield Problem("own", f"must be at most {depth}, its convolutions at this size, got {self.own}")
        if joined(target) != ():
            yield Problem("use", f"returns one score per sample, not {shape_text(joined(target))}")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_baselines._coupled_critic import CoupledCriticNetwork

        return CoupledCriticNetwork(source, self.width, self.own, halvings(max(joined(source)[1:])))
