"""The phase of paired translation: pix2pix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractPhase, Inputs, Problem, Recipe, Shapes, option
from gankit_translation._graph import (
    Noise,
    Passed,
    check_given,
    given_modalities,
    given_option,
    passed,
    random_places,
)

if TYPE_CHECKING:
    from torch import Tensor

    from gankit import BatchSource, Networks


@attrs.frozen(kw_only=True)
class Translate(AbstractPhase):
    """Real slices x of some modalities through the graph to the others, ``G(x, z)``.

    This is pix2pix (Isola et al. 2017, "Image-to-image translation with conditional adversarial networks",
    arXiv:1611.07004) with these terms: ``l1`` on what is made is equation 3, ``E ||y - G(x, z)||_1``, where y is the
    slice's own image. An adversarial term on x and what is made together, as ``on = ["adc", "t2w"]``, is equation 1;
    on what is made alone it is equation 2. The weight of ``l1`` is lambda of equation 4, 100 in the paper. The critic's
    real pairs are other slices than those that are translated, which changes no expectation.

    What is given passes unchanged, and is its own reference. So ``perceptual`` on x and what is made together, with the
    critic of both as the network and ``distance = "l1"``, is the feature matching of pix2pixHD (Wang et al. 2018,
    arXiv:1711.11585, equation 4). Labels that the graph reads are those of the slice. z are the random places that the
    graph reads; ``noise`` says whether they are drawn. A slice that lacks a modality which is made takes part in the
    terms of the others. With ``given``, the phase also fits a graph that makes x from the latent: it then trains the
    networks after x alone.
    """

    pool: str = option(help="pool of real slices")
    given: tuple[str, ...] | None = given_option()
    noise: Noise = option("drawn", help="random places that the graph reads: 'drawn', or 'quiet', which is zero")

    def _given(self, recipe: Recipe) -> tuple[str, ...]:
        """Places that are taken from the slices: modalities and labels."""
        return (*given_modalities(recipe, self.given), *recipe.labels())

    def _passed(self, recipe: Recipe) -> Passed:
        return passed(recipe, self.judged(), self._given(recipe))

    def players(self, recipe: Recipe) -> tuple[str, ...]:
        return self._passed(recipe).networks

    def places(self, recipe: Recipe) -> Shapes:
        return recipe.shapes(recipe.observed())

    def references(self, recipe: Recipe) -> tuple[str, ...]:
        return recipe.observed()

    def pools(self) -> Mapping[str, str]:
        return {"pool": self.pool}

    def check(self, recipe: Recipe) -> Iterator[Problem]:
        yield from check_given(recipe, self.given)
        given = self._given(recipe)
        for term in self.terms:
            made = passed(recipe, term.on, given)
            if given and not made.read & set(given) and not set(term.on) <= set(recipe.given()):
                taken = " and ".join(given)
                yield Problem(
                    f"terms.{term.name}.on",
                    f"nothing on {' and '.join(term.on)} is made from {taken}, which this phase takes from real slices",
                )

    def inputs(self, source: BatchSource) -> Inputs:
        recipe = source.recipe
        given = self._given(recipe)
        judged = tuple(name for name in self.references(recipe) if name in self.judged())
        drawn = source.slices(self.pool, given, tuple(name for name in judged if name not in given))
        noise = random_places(source, self._passed(recipe).read, self.noise)
        return attrs.evolve(
            drawn,
            values={**{place: drawn.values[place] for place in given}, **noise},
            references={name: drawn.values[name] for name in judged},
        )

    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        return networks.synthesize(inputs.values, self.judged())
