"""Checks of phases."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._draws import Draws
from gankit._errors import GankitError
from gankit.cohort.cohort import Cohort, Modality
from gankit.networks.synthesizer import Networks
from gankit.plugin.components import AbstractPhase, Inputs
from gankit.processes.ranks import ALONE, Ranks
from gankit.recipe.check import check_recipe
from gankit.recipe.recipe import Recipe, feature_networks, judges, network_uses
from gankit.testing._promises import check_imports, no_global_draws, promise, require
from gankit.training.batch import BatchSource
from gankit.training.cohort import TrainingCohort
from gankit.training.phases import PhaseStep
from gankit.training.resident import resident_cohort
from gankit.training.state import TrainingState
from gankit.training.trial import try_phases

CPU = torch.device("cpu")


def check_phase(spec: AbstractPhase, recipe: Recipe) -> None:
    """Check that a phase does what its methods say.

    - Its module imports no torch.
    - ``inputs`` and ``candidates`` return what ``places`` and ``references`` say, in the right shapes.
    - ``inputs`` draws from the pools that ``pools`` names and from no other source than the one it is given. It draws
      the same numbers for the same seed and step, and in two processes the two halves of what one process draws.
    - ``candidates`` draws nothing, does not change its inputs, gives the same again, and runs exactly the networks of
      ``uses`` and networks of the graph.
    - With one update of the critics and with two, a step moves every player and critic, and no other network.

    Args:
        spec: the phase, with its terms.
        recipe: a recipe that the phase fits, with an even ``training.batch``. Its other phases are left out. Small
            networks and images make the check quick. Its cohort is not read: the slices are noise, and a quarter of
            them lack all modalities but the first.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    recipe = _alone(spec, recipe)
    (spec,) = recipe.phases
    problems = [str(each) for each in check_recipe(recipe) if each.place.startswith("phases.")]
    require(not problems, who, f"does not fit the recipe: {'; '.join(problems)}")
    require(recipe.training.batch % 2 == 0, who, "needs a recipe with an even training.batch, to be shared by two")
    cohort = resident_cohort(recipe, _noise(recipe), CPU)
    try:
        step = PhaseStep(spec, recipe)
        state = TrainingState(recipe, CPU, losses=step.losses)
        try_phases([step], state, cohort, Draws(0))
    except GankitError as error:
        raise AssertionError(f"{who}: {error}") from error

    inputs = _check_draws(spec, recipe, cohort)
    _check_candidates(spec, state.networks, inputs)
    for critic_steps in (1, 2):
        _check_step(attrs.evolve(spec, critic_steps=critic_steps), recipe, cohort)


def _alone(spec: AbstractPhase, recipe: Recipe) -> Recipe:
    """The recipe with this phase as its only one, which runs at every step, and with the networks that it needs."""
    terms = tuple(attrs.evolve(term, name=term.name or f"term-{number}") for number, term in enumerate(spec.terms))
    spec = attrs.evolve(spec, name=spec.name or "phase", start=0, stop=None, every=1, terms=terms)
    run = {
        *recipe.synthesizer_networks(),
        *(use.network for use in network_uses(spec, recipe)),
        *judges(spec),
        *feature_networks(spec),
    }
    for player in spec.players(recipe):
        require(player in run, type(spec).__name__, f"trains {player!r}, which is neither in the graph nor in its uses")
    networks = {name: network for name, network in recipe.networks.items() if name in run}
    return attrs.evolve(recipe, networks=networks, phases=(spec,))


def _noise(recipe: Recipe) -> Cohort:
    """A cohort with slices in every pool; a quarter of each lack all modalities but the first."""
    named = {pool.label for pool in recipe.pools.values() if pool.label is not None}
    labels = sorted(named | {place.label for place in recipe.labels().values()})
    kinds = 2 ** (len(labels) + 1)
    number_N = np.arange(4 * kinds)
    numbers = np.random.default_rng(0)
    modalities: dict[str, Modality] = {}
    truth = {}
    for name, spec in recipe.modalities.items():
        if spec.mask is not None:
            truth[spec.mask] = numbers.integers(max(2, spec.shape[0]), size=(len(number_N), *spec.shape[1:]))
            continue
        values = numbers.uniform(*spec.range, size=(len(number_N), *spec.shape)).astype(np.float32)
        present = number_N >= (kinds if modalities else 0)
        modalities[name] = Modality(values=values, unit=spec.unit, present=present)
    return Cohort(
        modalities=modalities,
        labels={label: (number_N >> bit & 1).astype(np.int8) for bit, label in enumerate(labels)},
        truth={name: values.astype(np.uint8) for name, values in truth.items()},
        patient=np.array([f"p{number}" for number in number_N]),
        split=np.where(number_N >> len(labels) & 1, "test", "train"),
        source="noise",
    )


# Draws ----------------------------------------------------------------------------------------------------


class _WatchedSource(BatchSource):
    """A source that notes the pools that are drawn from it, or from a source that ``apart`` makes."""

    def __init__(self, pools: set[str], *arguments: Any):
        super().__init__(*arguments)
        self._pools = pools

    def slices(self, pool: str, needed: tuple[str, ...], wanted: tuple[str, ...] = ()) -> Inputs:
        self._pools.add(pool)
        return super().slices(pool, needed, wanted)


def _check_draws(spec: AbstractPhase, recipe: Recipe, cohort: TrainingCohort) -> Inputs:
    who = type(spec).__name__
    drawn: set[str] = set()

    def inputs(step: int, ranks: Ranks = ALONE) -> Inputs:
        return spec.inputs(_WatchedSource(drawn, recipe, cohort, Draws(0, step), "phase/0/inputs", ranks))

    # The pools and references that the phase names, and no others
    with no_global_draws(who):
        first = inputs(0)
    named = set(spec.pools().values())
    for pool in sorted(drawn ^ named):
        fault = "draws from pool {!r}, which its pools do not name" if pool in drawn else "names pool {!r}, but draws"
        require(False, who, fault.format(pool) + ("" if pool in drawn else " nothing from it"))
    for place in first.references:
        named_too = place in spec.references(recipe)
        require(named_too, who, f"gives a reference at {place!r}, which its references do not name")

    # The same numbers for the same seed and step, others for another.
    require(_same(first, inputs(0)), who, "draws other inputs from the same source")
    require(not _same(first, inputs(1)), who, "draws the same inputs at every step")

    # Two processes draw the two halves, and both know the presence of all slices.
    one, other = (inputs(0, Ranks(rank, 2)) for rank in (0, 1))
    for what in ("values", "references"):
        whole, first_half, second_half = (_tensors(each)[what] for each in (first, one, other))
        for place, tensor in whole.items():
            halves = torch.cat([first_half[place], second_half[place]])
            require(torch.equal(halves, tensor), who, f"draws other {what} at {place!r} in two processes than in one")
    for place, present_N in first.presence.items():
        known = all(torch.equal(each.presence[place], present_N) for each in (one, other))
        require(known, who, f"gives a presence at {place!r} that is not that of all processes' slices")
    return first


def _tensors(inputs: Inputs) -> dict[str, dict[str, Tensor]]:
    return {
        "values": dict(inputs.values),
        "presence": dict(inputs.presence),
        "references": dict(inputs.references),
    }


def _same(one: Inputs, other: Inputs) -> bool:
    return all(
        mine.keys() == theirs.keys() and all(torch.equal(mine[place], theirs[place]) for place in mine)
        for mine, theirs in zip(_tensors(one).values(), _tensors(other).values(), strict=True)
    )


# Candidates -----------------------------------------------------------------------------------------------


def _check_candidates(spec: AbstractPhase, networks: Networks, inputs: Inputs) -> None:
    who, recipe = type(spec).__name__, networks.recipe

    # The same candidates again, from inputs that stay as they are
    kept = copy.deepcopy(inputs)
    with no_global_draws(who), _watching(networks) as run:
        made = spec.candidates(networks, inputs)
    require(_same(inputs, kept), who, "writes into its inputs")
    again = spec.candidates(networks, inputs)
    require(all(torch.equal(made[place], again[place]) for place in made), who, "makes other candidates when run again")

    # At the places that the phase names, in their shapes
    places = spec.places(recipe)
    for place, candidate in made.items():
        require(place in places, who, f"makes candidates at {place!r}, which its places do not name")
        fits = candidate.shape[1:] == places[place]
        require(fits, who, f"makes {tuple(candidate.shape[1:])} at {place!r}, where its places say {places[place]}")

    # By the networks that the phase names
    used = {use.network for use in network_uses(spec, recipe)}
    for name in sorted(run - used - set(recipe.synthesizer_networks())):
        require(False, who, f"runs {name!r}, which is neither in the graph nor in its uses")
    for name in sorted(used - run):
        require(False, who, f"names {name!r} in its uses, but does not run it")

    # Each slice by itself: networks in evaluation see no other slice of the batch.
    networks.eval()
    whole = spec.candidates(networks, inputs)
    halves = [spec.candidates(networks, _half(inputs, number)) for number in (0, 1)]
    networks.train()
    for place, candidate in whole.items():
        together = torch.cat([half[place] for half in halves])
        alike = torch.allclose(together, candidate, rtol=1e-4, atol=1e-5)
        require(alike, who, f"makes other candidates at {place!r} in two processes than in one")


def _half(inputs: Inputs, number: int) -> Inputs:
    """The share of one of two processes."""
    share = Ranks(number, 2).share
    return attrs.evolve(
        inputs,
        values={place: share(value) for place, value in inputs.values.items()},
        references={place: share(value) for place, value in inputs.references.items()},
    )


@contextmanager
def _watching(networks: Networks) -> Iterator[set[str]]:
    """A context that yields the names of the networks that run in it."""
    run: set[str] = set()

    def note(name: str, *_: Any) -> None:
        run.add(name)

    with ExitStack() as watched:
        for name, module in networks.by_name.items():
            watched.callback(module.register_forward_hook(partial(note, name)).remove)
        yield run


# The step -------------------------------------------------------------------------------------------------


def _check_step(spec: AbstractPhase, recipe: Recipe, cohort: TrainingCohort) -> None:
    """Check that a step moves players and critics and nothing else, and ends the same when it is run again."""
    who, recipe = type(spec).__name__, attrs.evolve(recipe, phases=(spec,))
    before, *ends = (TrainingState(recipe, CPU) for _ in range(3))
    with promise(who, f"works with critic_steps = {spec.critic_steps}"), no_global_draws(who):
        for state in ends:
            step = PhaseStep(spec, recipe)  # anew, since its losses may have a state
            step(state.networks, state.optimizers, step.batch(cohort, Draws(0)))
    old, new, again = (dict(state.networks.by_name.named_parameters()) for state in (before, *ends))
    require(all(torch.equal(new[name], again[name]) for name in new), who, "steps elsewhere from the same state")

    # Which networks moved?
    moved = {name.partition(".")[0] for name in new if not torch.equal(old[name], new[name])}
    trained = {*step.players, *step.critics}
    for name in sorted(moved - trained):
        require(False, who, f"moves {name!r}, which is none of its players")
    for name in sorted(trained - moved):
        still = not any(parameter.requires_grad for parameter in before.networks[name].parameters())
        require(still, who, f"names {name!r} as one of its players or critics, but does not move it")
