"""``flow-matching``: the phase that trains a field of velocities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, TypeGuard

import attrs

from gankit import AbstractPhase, Draw, Edge, Inputs, Problem, Recipe, Shapes, nearest, option

if TYPE_CHECKING:
    from torch import Tensor

    from gankit import BatchSource, Networks

VELOCITY, TIME = "velocity", "time"
"""The phase's own place, and the name under which times are drawn."""


@attrs.frozen(kw_only=True)
class FlowMatching(AbstractPhase):
    """Fit a network's velocities to the straight ways from noise to real slices.

    This is rectified flow (Liu et al. 2022, "Flow straight and fast", arXiv:2209.03003, equation 1; Lipman et al. 2023,
    "Flow matching for generative modeling", arXiv:2210.02747, equation 23 with sigma_min = 0). With a real slice x_1,
    noise x_0 and a time t, all drawn, the phase makes ``velocity``: ``v(x_t, t)`` at ``x_t = t x_1 + (1 - t) x_0``. Its
    reference is ``x_1 - x_0``. The modalities that the network makes lie side by side in it, along channels. Term
    ``l2`` on ``velocity`` is the equation, as a mean over pixels.

    What the network reads beside the noise, labels and other modalities, is that of the slice. A slice that lacks a
    modality which the network makes or reads is not drawn.
    """

    network: str = option(help="the network that gives velocities and makes modalities in the graph")
    pool: str = option(help="pool of real slices")
    times: Literal["uniform", "logit-normal"] = option(
        "logit-normal",
        help="how times are drawn: 'uniform' in [0, 1), as in the papers, or 'logit-normal', most of them halfway"
        " between noise and slice (Esser et al. 2024, arXiv:2403.03206, equation 19 with m = 0, s = 1)",
    )

    def players(self, recipe: Recipe) -> tuple[str, ...]:
        return (self.network,)

    def places(self, recipe: Recipe) -> Shapes:
        made = self._made(recipe) or tuple(recipe.modalities)[:1]  # none, or of different sizes: ``check`` says so
        try:
            return {VELOCITY: recipe.shape(*made)}
        except ValueError:
            return {VELOCITY: recipe.shape(made[0])}

    def references(self, recipe: Recipe) -> tuple[str, ...]:
        return tuple(self.places(recipe))

    def pools(self) -> Mapping[str, str]:
        return {"pool": self.pool}

    def check(self, recipe: Recipe) -> Iterator[Problem]:
        fields = [name for name, spec in recipe.networks.items() if spec.gives_velocity]
        if self.network not in fields:
            known = ", ".join(fields) or "none"
            near = nearest(self.network, fields)
            yield Problem("network", f"{self.network!r} gives no velocities{near}; networks that do: {known}")
            return
        if VELOCITY in recipe.places():
            yield Problem("use", f"makes a place {VELOCITY!r} of its own; give the recipe's place another name")
        read = {place.from_ for place in recipe.synthesizer.values() if self._is_ours(place)}
        if len(read) != 1:
            found = f"makes modalities from {len(read)} sets of places" if read else "makes no modality of the graph"
            yield Problem("network", f"{self.network!r} {found}; it must make all of its modalities from the same ones")
            return
        start, *rest = read.pop()
        if start not in recipe.noise():
            found = f"the first place that {self.network!r} reads is {start!r}, where ways must start at noise"
            yield Problem("network", f"{found}; name a random place first in its 'from'")
        for place in rest:
            if place not in recipe.observed():
                yield Problem("network", f"{self.network!r} reads {place!r}, of which the cohort has no real values")

    def _is_ours(self, place: object) -> TypeGuard[Edge]:
        return isinstance(place, Edge) and place.network == self.network

    def _made(self, recipe: Recipe) -> tuple[str, ...]:
        """The modalities that the network makes, in the order of its channels."""
        return tuple(name for name, place in recipe.synthesizer.items() if self._is_ours(place))

    def _read(self, recipe: Recipe) -> tuple[str, ...]:
        """The places that the network reads, noise first."""
        return next(place.from_ for place in recipe.synthesizer.values() if self._is_ours(place))

    def inputs(self, source: BatchSource) -> Inputs:
        from gankit_flow._ways import between, stacked, times

        recipe = source.recipe
        made, (start, *rest) = self._made(recipe), self._read(recipe)
        slices = source.slices(self.pool, (*made, *rest)).values
        x_1, x_0 = stacked(slices, made), source.noise()[start]
        normal = self.times == "logit-normal"
        time = times(source.draw(TIME, Draw(distribution="normal" if normal else "uniform")), normal)
        given = {place: slices[place] for place in rest}
        return Inputs(values={start: between(x_1, x_0, time), TIME: time, **given}, references={VELOCITY: x_1 - x_0})

    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        start, *rest = self._read(networks.recipe)
        read = tuple(inputs.values[place] for place in rest)
        return {VELOCITY: networks.velocity(self.network, inputs.values[start], inputs.values[TIME], read)}
