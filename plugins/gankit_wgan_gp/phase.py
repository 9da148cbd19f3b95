"""The unsupervised phase: random latents through the graph, judged by critics (Fig. 3, Eqs. 6 and 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from gankit import LATENT, AbstractPhase, Inputs, Recipe, Shapes

if TYPE_CHECKING:
    from torch import Tensor

    from gankit import BatchSource, Networks


@attrs.frozen(kw_only=True)
class Synthesize(AbstractPhase):
    """Draws of the prior ``z ~ p(z)`` through the graph to every modality; references are unpaired.

    The weights of its terms are those of Eq. 10: α on the Wasserstein terms, β on the auxiliary ones.
    """

    def players(self, recipe: Recipe) -> tuple[str, ...]:
        return recipe.upstream(self.judged())

    def places(self, recipe: Recipe) -> Shapes:
        return recipe.shapes(tuple(recipe.modalities))

    def inputs(self, source: BatchSource) -> Inputs:
        return Inputs(values={LATENT: source.latents()})

    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        return networks.synthesize(inputs.values[LATENT], self.judged())
