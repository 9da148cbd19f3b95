"""``mlp-critic``: latents to one score each. The spec; the network is in ``_mlp_critic``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractDiscriminator, Problem, Shapes, joined, option, shape_text

if TYPE_CHECKING:
    from torch.nn import Module


@attrs.frozen(kw_only=True)
class MlpCritic(AbstractDiscriminator):
    """D_AAE of Eq. 2: fully connected layers with leaky ReLU, latents (B, Z) to unbounded scores (B,).

    Without normalisation, so that one latent's score does not depend on the others of its batch.
    """

    width: int = option(256, ge=1, le=16_384, help="units of each hidden layer")
    layers: int = option(2, ge=1, le=256, help="number of hidden layers")

    @property
    def gives_features(self) -> bool:
        return True

    def check(self, source: Shapes, target: Shapes) -> Iterator[Problem]:
        shape = joined(source)
        if len(shape) != 1:
            yield Problem("use", f"scores latents (Z), not {shape_text(shape)}; images need another critic")
        if joined(target) != ():
            yield Problem("use", f"returns one score per sample, not {shape_text(joined(target))}")

    def build(self, source: Shapes, target: Shapes) -> Module:
        from gankit_aae._mlp_critic import MlpCriticNetwork

        (latent,) = joined(source)
        return MlpCriticNetwork(latent, self.width, self.layers)
