"""The phase of unpaired translation: CycleGAN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs

from gankit import LATENT, AbstractPhase, Edge, Inputs, NetworkUse, Problem, Recipe, Shapes, option, shape_text
from gankit_translation._graph import (
    Noise,
    check_given,
    given_modalities,
    given_option,
    passed,
    quiet,
    random_places,
)

if TYPE_CHECKING:
    from torch import Tensor

    from gankit import BatchSource, Networks

TARGET = "target"
"""End of the names under which slices of the target pool are drawn."""


@attrs.frozen(kw_only=True)
class Cycle(AbstractPhase):
    """Two translators over slices that nobody paired: the graph, G, from x to y, and a network beside it, F, back.

    This is CycleGAN (Zhu et al. 2017, "Unpaired image-to-image translation using cycle-consistent adversarial
    networks", arXiv:1703.10593). x are the given modalities of slices of ``pool``, y the modalities that ``reverse``
    reads, of slices of ``target_pool``, drawn apart. With ADC given and T2w made, the phase makes

    - ``t2w``: G(x), and ``adc-made``: F(y). Adversarial terms on them are equation 1.
    - ``adc-cycled``: F(G(x)), and ``t2w-cycled``: G(F(y)). Losses ``cycle`` on them are equation 2.
    - ``t2w-identity``: G(y), and ``adc-identity``: F(x), where a term is on one of them. Losses ``identity`` on them
      are those of Sec. 5.2. This needs modalities of the same shapes on both sides.

    The sum of the terms by their weights is equation 3. Labels that the graph reads are those of the slice. Random
    places serve G(x) and F(y) alone: the others are compared with one image each, so their noise is quiet.
    """

    pool: str = option(help="pool of real slices that are translated")
    target_pool: str = option(help="pool of real slices as those that the graph makes; they need not be paired")
    reverse: Edge = option(help="the network back, and the modalities that it reads, as { network = ..., from = ... }")
    given: tuple[str, ...] | None = given_option()
    noise: Noise = option("drawn", help="random places that networks read: 'drawn', or 'quiet', which is zero")

    # The two sides -------------------------------------------------------------------------------------------

    def _sources(self, recipe: Recipe) -> tuple[str, ...]:
        """Modalities of x."""
        return given_modalities(recipe, self.given)

    def _targets(self, recipe: Recipe) -> tuple[str, ...]:
        """Modalities of y."""
        return tuple(place for place in self.reverse.from_ if place in recipe.modalities)

    def _identities(self, recipe: Recipe) -> tuple[str, ...]:
        """Places of identities that terms are on."""
        both = (*self._sources(recipe), *self._targets(recipe))
        return tuple(f"{name}-identity" for name in both if f"{name}-identity" in self.judged())

    # What it needs -------------------------------------------------------------------------------------------

    def players(self, recipe: Recipe) -> tuple[str, ...]:
        forward = passed(recipe, self._targets(recipe), (*self._sources(recipe), *recipe.labels())).networks
        return tuple(dict.fromkeys((*forward, self.reverse.network)))

    def places(self, recipe: Recipe) -> Shapes:
        sources, targets = self._sources(recipe), self._targets(recipe)
        made = {f"{name}-made": recipe.shape(name) for name in sources}
        compared = {
            f"{name}-{kind}": recipe.shape(name) for kind in ("cycled", "identity") for name in (*sources, *targets)
        }
        return {**recipe.shapes(targets), **made, **compared}

    def counterparts(self, recipe: Recipe) -> Mapping[str, str]:
        own = [place for place in self.places(recipe) if place not in recipe.modalities]
        return {place: place.rpartition("-")[0] for place in own}

    def references(self, recipe: Recipe) -> tuple[str, ...]:
        return tuple(place for place in self.places(recipe) if place.endswith(("-cycled", "-identity")))

    def uses(self, recipe: Recipe) -> Mapping[str, tuple[NetworkUse, ...]]:
        sources = self._sources(recipe)
        uses = []
        for kind in ("made", "cycled"):
            made = tuple(f"{name}-{kind}" for name in sources)
            uses.append(NetworkUse(network=self.reverse.network, from_=self.reverse.from_, to=made))
        return {"reverse": tuple(uses) if sources else ()}

    def pools(self) -> Mapping[str, str]:
        return {"pool": self.pool, "target_pool": self.target_pool}

    def check(self, recipe: Recipe) -> Iterator[Problem]:
        yield from check_given(recipe, self.given)
        sources, targets = self._sources(recipe), self._targets(recipe)
        reached = passed(recipe, targets, sources).read
        if not targets or set(targets) & set(sources):
            yield Problem("reverse.from", f"must be modalities that the graph makes from {' and '.join(sources)}")
        for name in sources:
            if targets and name not in reached:
                yield Problem("given", f"the graph does not make {' and '.join(targets)} from {name!r}")
        for place in self.places(recipe):
            if place in recipe.places() and place not in targets:
                yield Problem("use", f"makes a place {place!r} of its own; give the recipe's place another name")
        if self._identities(recipe):
            yield from self._check_identities(recipe)

    def _check_identities(self, recipe: Recipe) -> Iterator[Problem]:
        """An identity takes the modalities of one side for those of the other, one by one."""
        sources, targets = (recipe.shapes(side) for side in (self._sources(recipe), self._targets(recipe)))
        if list(sources.values()) != list(targets.values()):
            found, made = (
                ", ".join(f"{name} {shape_text(shape)}" for name, shape in side.items()) for side in (sources, targets)
            )
            for term in self.terms:
                if set(term.on) & set(self._identities(recipe)):
                    yield Problem(
                        f"terms.{term.name}.on",
                        f"identities need modalities of the same shapes on both sides, but {found} become {made}",
                    )

    # What it draws and makes ---------------------------------------------------------------------------------

    def inputs(self, source: BatchSource) -> Inputs:
        recipe = source.recipe
        sources, targets, labels = self._sources(recipe), self._targets(recipe), tuple(recipe.labels())
        x = source.slices(self.pool, (*sources, *labels)).values
        y = source.apart("target").slices(self.target_pool, (*targets, *labels)).values
        read = passed(recipe, targets, sources).read | set(self.reverse.from_)
        real = {**_at(sources, x), **_at(targets, y)}
        return Inputs(
            values={**x, **_named(y, TARGET), **random_places(source, read, self.noise)},
            references={**_named(real, "cycled"), **_named(real, "identity")},
        )

    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        recipe, values = networks.recipe, inputs.values
        sources, targets, labels = self._sources(recipe), self._targets(recipe), tuple(recipe.labels())
        there, back = _Forward(networks, targets), _Back(networks, self.reverse, sources)

        # What was drawn: slices of both sides, the labels of each, and noise
        of_target = {place: values[f"{place}-{TARGET}"] for place in (*targets, *labels)}
        x, y, x_labels, y_labels = (
            _at(sources, values),
            _at(targets, of_target),
            _at(labels, values),
            _at(labels, of_target),
        )
        z = {place: values[place] for place in (LATENT, *recipe.noise()) if place in values}
        still = quiet(z)

        # There, and there and back
        y_made, x_made = there({**x, **x_labels, **z}), back({**y, **y_labels, **z})
        cycled = back({**y_made, **x_labels, **still}) | there({**x_made, **y_labels, **still})
        candidates = {**y_made, **_named(x_made, "made"), **_named(cycled, "cycled")}

        # What is already what is made
        if self._identities(recipe):
            x_for_y = dict(zip(targets, x.values(), strict=True))
            y_for_x = dict(zip(sources, y.values(), strict=True))
            same = back({**x_for_y, **x_labels, **still}) | there({**y_for_x, **y_labels, **still})
            candidates |= _named(same, "identity")
        return candidates


@attrs.frozen
class _Forward:
    """G: the graph from what it is given to the targets."""

    networks: Networks
    targets: tuple[str, ...]

    def __call__(self, read: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return _at(self.targets, self.networks.synthesize(read, self.targets))


@attrs.frozen
class _Back:
    """F: the network beside the graph, from the targets to the sources."""

    networks: Networks
    edge: Edge
    sources: tuple[str, ...]

    def __call__(self, read: Mapping[str, Tensor]) -> dict[str, Tensor]:
        channels = [self.networks.recipe.shape(name)[0] for name in self.sources]
        images = self.networks.apply_edge(self.edge, read).split(channels, dim=1)
        return dict(zip(self.sources, images, strict=True))


def _at(places: tuple[str, ...], values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {place: values[place] for place in places}


def _named(images: Mapping[str, Tensor], kind: str) -> dict[str, Tensor]:
    return {f"{name}-{kind}": image for name, image in images.items()}
