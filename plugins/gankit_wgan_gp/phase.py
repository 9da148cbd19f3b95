"""The unsupervised phase: random latents through the graph, judged by critics (Fig. 3, Eqs. 6 and 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs

from gankit import LATENT, AbstractPhase, Inputs, Problem, Recipe, Shapes, option

if TYPE_CHECKING:
    from torch import Tensor

    from gankit import BatchSource, Networks


@attrs.frozen(kw_only=True)
class Synthesize(AbstractPhase):
    """Draws of the prior ``z ~ p(z)`` through the graph to every modality; references are unpaired.

    The weights of its terms are those of Eq. 10: α on the Wasserstein terms, β on the auxiliary ones. Noise is drawn.
    What the graph is given, labels and modalities, is that of real slices of ``pool``, which are drawn with it.
    """

    pool: str | None = option(
        None, help="pool of real slices that gives labels and modalities, where the graph has such"
    )

    def players(self, recipe: Recipe) -> tuple[str, ...]:
        return recipe.upstream(self.judged())

    def places(self, recipe: Recipe) -> Shapes:
        return recipe.shapes(recipe.observed())

    def pools(self) -> Mapping[str, str]:
        return {"pool": self.pool} if self.pool is not None else {}

    def check(self, recipe: Recipe) -> Iterator[Problem]:
        if recipe.given() and self.pool is None:
            named = " and ".join(recipe.given())
            yield Problem("pool", f"required, since the graph is given {named}: one of {', '.join(recipe.pools)}")
        if self.pool is not None and not recipe.given():
            yield Problem("pool", "gives nothing: the graph has no label and no given modality; remove the key")

    def inputs(self, source: BatchSource) -> Inputs:
        given = source.slices(self.pool, source.recipe.given()).values if self.pool is not None else {}
        return Inputs(values={LATENT: source.latents(), **source.noise(), **given})

    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        return networks.synthesize(inputs.values, self.judged())
