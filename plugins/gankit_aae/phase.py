"""The supervised phase: encode real slices, rebuild every modality, compare (Fig. 2, Eqs. 1 to 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs

from gankit import LATENT, AbstractPhase, Edge, Inputs, NetworkUse, Problem, Recipe, Shapes, option

if TYPE_CHECKING:
    from torch import Tensor

    from gankit import BatchSource, Networks


@attrs.frozen(kw_only=True)
class Reconstruct(AbstractPhase):
    """Real slices to encodings ``z = F_enc(a)``, and encodings through the graph to reconstructions.

    Its terms compare reconstructions with the slices (Eq. 1) and encodings with the prior (Eq. 2); their sum is
    Eq. 3. A slice that lacks a modality takes part in the terms of the others. What the graph is given, such as a
    class, is that of the slice. Noise is quiet: a reconstruction is what is left without it.
    """

    encode: Edge = option(help="the encoder and the modality that it reads, as { network = ..., from = ... }")
    pool: str = option(help="pool of real slices")
    moves: tuple[str, ...] | None = option(
        None, help="networks that it trains; default: the encoder and all that its terms need"
    )

    def players(self, recipe: Recipe) -> tuple[str, ...]:
        return self.moves or self._passed(recipe)

    def _passed(self, recipe: Recipe) -> tuple[str, ...]:
        return (self.encode.network, *recipe.upstream(self.judged()))

    def places(self, recipe: Recipe) -> Shapes:
        return recipe.shapes((LATENT, *recipe.observed()))

    def references(self, recipe: Recipe) -> tuple[str, ...]:
        return recipe.observed()

    def uses(self, recipe: Recipe) -> Mapping[str, tuple[NetworkUse, ...]]:
        return {"encode": (NetworkUse(network=self.encode.network, from_=self.encode.from_, to=(LATENT,)),)}

    def pools(self) -> Mapping[str, str]:
        return {"pool": self.pool}

    def check(self, recipe: Recipe) -> Iterator[Problem]:
        passed = self._passed(recipe)
        for name in self.moves or ():
            if name not in passed:
                yield Problem("moves", f"its terms do not pass through {name!r}; accepted: {', '.join(passed)}")
        if recipe.training.batch < 2 and recipe.networks[self.encode.network].mixes_samples:
            yield Problem("encode.network", "its norm needs training.batch of at least 2, got 1")

    def inputs(self, source: BatchSource) -> Inputs:
        recipe = source.recipe
        wanted = tuple(name for name in recipe.modalities if name in self.judged())
        drawn = source.slices(self.pool, (*self.encode.from_, *recipe.given()), wanted)
        judged = tuple(name for name in self.references(recipe) if name in self.judged())
        return attrs.evolve(drawn, references={name: drawn.values[name] for name in judged})

    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        given = {place: inputs.values[place] for place in networks.recipe.given()}
        encoding_BZ = networks.apply_edge(self.encode, inputs.values)
        made = networks.synthesize({LATENT: encoding_BZ, **given}, self.judged() - {LATENT})
        return {LATENT: encoding_BZ, **made}
