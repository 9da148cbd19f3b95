"""A trial at the start of training: one batch goes through every term, and whatever a component returns is checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import Module

from gankit._draws import Draws
from gankit._errors import PluginError, nearest
from gankit._shapes import Shape
from gankit.networks.synthesizer import Networks, found, together
from gankit.plugin.components import AbstractAdversarialLoss, Component, Inputs
from gankit.plugin.contract import blaming, broken
from gankit.training.batch import Batch
from gankit.training.cohort import TrainingCohort
from gankit.training.engine import state_kept
from gankit.training.phases import PhaseStep, frozen
from gankit.training.state import TrainingState

OVERFLOWING = 1e9
"""Size of values, where networks expect [-1, 1], from which on squares and networks may leave float32 or bfloat16."""


def try_phases(phases: Iterable[PhaseStep], state: TrainingState, cohort: TrainingCohort, draws: Draws) -> None:
    """Draw a batch of every phase, and run it through every term of the phases that are still to run.

    The state stays as it is.

    Raises:
        PluginError: a component breaks its contract or fails; one line names plugin, component and term.
        CohortError: a pool lacks what a phase draws.
    """
    steps = range(state.step, state.recipe.training.steps)
    for phase in phases:
        batch = _drawn(phase, cohort, draws)
        if any(map(phase.spec.due, steps)):
            with _unchanged(state):
                _Trial(phase, state.networks, batch, untrained=state.step == 0).run()


@contextmanager
def _unchanged(state: TrainingState) -> Iterator[None]:
    """A context at whose end the state and torch's random state are as before; gradients are removed."""
    device = next(state.networks.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), state_kept(state):
        yield


# Inputs ---------------------------------------------------------------------------------------------------


def _drawn(phase: PhaseStep, cohort: TrainingCohort, draws: Draws) -> Batch:
    """A batch of a phase, after its inputs were checked."""
    _require_inputs(phase, phase.inputs(phase.source(cohort, draws, "0/inputs")), cohort)
    return phase.batch(cohort, draws)


def _require_inputs(phase: PhaseStep, inputs: Any, cohort: TrainingCohort) -> None:
    where, spec, recipe = phase.where, phase.spec, phase.recipe
    if not isinstance(inputs, Inputs):
        raise broken(where, spec, f"must return gankit.Inputs from inputs, got {found(inputs)}")
    for name, value in attrs.asdict(inputs, recurse=False).items():
        if not isinstance(value, Mapping):
            raise broken(where, spec, f"must give Inputs.{name} as a mapping of place to tensor, got {found(value)}")
    if not inputs.values:
        raise broken(where, spec, "must draw something in inputs, got no values")

    # Values and references have this process's share of the samples, presence those of all processes.
    like = cohort.like
    share = recipe.training.batch // phase.ranks.size
    shapes = {**recipe.places(), **spec.places(recipe)}
    for name, value in inputs.values.items():
        _require_tensor(where, spec, f"the value at {name!r}", value, share, shapes.get(name), like)
    for name, value in inputs.presence.items():
        if name not in shapes:
            known = f"{nearest(name, shapes)}; known: {', '.join(shapes)}"
            raise broken(where, spec, f"gives the presence at {name!r}, which is no place{known}")
        _require_tensor(where, spec, f"the presence at {name!r}", value, recipe.training.batch, (), like)
    for term, _ in phase.paired:
        for place in term.on:
            if place not in inputs.references:
                has = ", ".join(inputs.references) or "none"
                raise broken(where, spec, f"must give a reference at {place!r}, which its references name, got {has}")
            value = inputs.references[place]
            _require_tensor(where, spec, f"the reference at {place!r}", value, share, shapes[place], like)


def _require_tensor(
    where: str, spec: Component, what: str, value: Any, count: int, shape: Shape | None, like: Tensor
) -> None:
    """Require a tensor of so many samples; ``shape`` is that of one at a place, with numbers as those of ``like``, and
    None where a phase draws something of its own."""
    _require_shape(where, spec, what, value, count, shape)
    if shape is not None and (value.dtype, value.device) != (like.dtype, like.device):
        raise broken(where, spec, f"must give {what} in {_kind(like)}, got {_kind(value)}")
    if shape is not None and not value.isfinite().all():
        raise broken(where, spec, f"must give {what} as finite numbers, got NaN or infinity")


def _require_shape(where: str, spec: Component, what: str, value: Any, count: int, shape: Shape | None) -> None:
    expected = f"shape {(count, *shape)}" if shape is not None else f"{count} samples"
    fits = isinstance(value, Tensor) and value.ndim > 0 and len(value) == count
    if not fits or (shape is not None and value.shape[1:] != shape):
        raise broken(where, spec, f"must give {what} as a tensor of {expected}, got {found(value)}")


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} on {tensor.device}"


# Terms ----------------------------------------------------------------------------------------------------


class _Trial:
    """The trial of one phase on one batch."""

    def __init__(self, phase: PhaseStep, networks: Networks, batch: Batch, untrained: bool):
        """``untrained`` says whether the weights are as they were built. Only then must all numbers be finite, since
        those of a training that diverges are not."""
        self.phase, self.networks, self.batch, self.untrained = phase, networks, batch, untrained
        self.where = phase.where
        self._spoilt: tuple[str, str] | None = None
        """The first network that was given finite numbers and returned others, and what it was given."""

    def run(self) -> None:
        phase, drawn = self.phase, self.batch.sets[-1]
        self._require_weights()
        with self._networks_watched():
            # 1. Candidates, with graph as in the players' update.
            with _found_in(self.where), phase.precision(self.batch.device):
                candidates = phase.candidates(self.networks, drawn.inputs)
            self._require_candidates(candidates)

            # 2. The augmentations of what critics see.
            self._require_augmentations(candidates)

            # 3. What the critics would minimise.
            detached = {place: candidate.detach() for place, candidate in candidates.items()}
            for judged, loss in phase.adversarial:
                if not judged.trains_critic:
                    continue
                with _found_in(phase.path(judged)), phase.precision(self.batch.device):
                    # A critic that mixes samples must be able to take each set by itself: where it takes all of them
                    # together alone, samples of one set would meet those of another.
                    critic = phase.critic_of(self.networks, judged, drawn.draws[judged.name])
                    critic(drawn.references[judged.name])
                    objective = phase.critic_objective(self.networks, judged, loss, drawn, detached)
                self._require_objective(judged, "what the critic minimises", objective, self._weights([judged.critic]))

            # 4. What the players would minimise.
            with frozen(self.networks.parameters_of(phase.frozen).values()):
                self._require_players([*self._paired_losses(candidates), *self._player_objectives(candidates)])

    def _paired_losses(self, candidates: Mapping[str, Tensor]) -> Iterator[Tensor]:
        """The sum of the losses of each paired term."""
        phase, inputs = self.phase, self.batch.sets[-1].inputs
        for term, loss in phase.paired:
            with _found_in(phase.path(term)), phase.precision(self.batch.device):
                each_B = phase.paired_losses(self.networks, term, loss, inputs, candidates)
            expected = (len(candidates[term.on[0]]),)
            if not isinstance(each_B, Tensor) or each_B.shape != expected:
                message = f"must return one loss per sample, of shape {expected}, got {found(each_B)}"
                raise broken(phase.path(term), term, message)
            self._require_numbers(phase.path(term), term, "losses", each_B)
            self._require_gradient(term, "the losses", each_B.sum(), _at(candidates, term.on), "its candidates")
            yield each_B.sum()

    def _player_objectives(self, candidates: Mapping[str, Tensor]) -> Iterator[Tensor]:
        phase = self.phase
        for term, loss in phase.adversarial:
            if not term.moves_players:
                continue
            with _found_in(phase.path(term)), phase.precision(self.batch.device):
                objective = phase.player_objective(self.networks, term, loss, self.batch, candidates)
            self._require_objective(term, "what the player minimises", objective, _at(candidates, term.on))
            yield objective

    def _require_augmentations(self, candidates: Mapping[str, Tensor]) -> None:
        """Require that each can be differentiated twice."""
        phase = self.phase
        drawn = {**self.batch.sets[-1].draws, **self.batch.draws}
        for term, _ in phase.adversarial:
            with phase.precision(self.batch.device):
                phase.augmentations[term.name].require_twice(together(candidates, term.on), drawn[term.name])

    # What is required ---------------------------------------------------------------------------------------

    def _require_weights(self) -> None:
        phase = self.phase
        if not self._weights(phase.players):
            names = ", ".join(phase.players)
            message = f"must train networks with weights, but its players have none that take a gradient: {names}"
            raise broken(self.where, phase.spec, message)
        if phase.critics and not self._weights(phase.critics):
            name = phase.critics[0]
            message = f"must have weights, since terms of {self.where} train it, got none that take a gradient"
            raise broken(f"networks.{name}", self.networks.recipe.networks[name], message)

    def _require_candidates(self, candidates: Any) -> None:
        spec, recipe = self.phase.spec, self.phase.recipe
        if not isinstance(candidates, Mapping):
            raise broken(self.where, spec, f"must return places with tensors from candidates, got {found(candidates)}")
        share = recipe.training.batch // self.phase.ranks.size
        shapes = spec.places(recipe)
        for place in sorted(spec.judged()):
            if place not in candidates:
                made = ", ".join(candidates) or "nothing"
                raise broken(
                    self.where, spec, f"must make candidates at {place!r}, where it has terms; it makes {made}"
                )
            what = f"the candidates at {place!r}"
            _require_shape(self.where, spec, what, candidates[place], share, shapes[place])
            self._require_numbers(self.where, spec, what, candidates[place])
        for term in spec.terms:
            detached = [place for place in term.on if not candidates[place].requires_grad]
            drawn = self.batch.sets[-1].inputs.values
            passes = all(
                candidates[place] is drawn.get(place) for place in detached
            )  # as a real image beside a made one
            if detached and (not passes or len(detached) == len(term.on)):
                message = f"must make candidates at {detached[0]!r} with gradient to its players, got some without"
                raise broken(self.where, spec, message)

    def _require_objective(self, term: AbstractAdversarialLoss, what: str, value: Any, reached: list[Tensor]) -> None:
        if not isinstance(value, Tensor) or value.shape != ():
            raise broken(self.phase.path(term), term, f"must return {what} as a scalar tensor, got {found(value)}")
        self._require_numbers(self.phase.path(term), term, what, value)
        to = f"the weights of {term.critic!r}" if "critic" in what else "its candidates"
        self._require_gradient(term, what, value, reached, to)

    def _require_numbers(self, where: str, spec: Component, what: str, value: Tensor) -> None:
        """Finite numbers of the type of the weights, or of that in which networks compute."""
        kinds = {next(self.networks.parameters()).dtype}
        if self.phase.recipe.training.precision == "bf16":
            kinds.add(torch.bfloat16)
        if value.dtype not in kinds:
            expected = " or ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
            raise broken(where, spec, f"must return {what} in {expected}, got {str(value.dtype)[6:]}")
        if self.untrained and not value.isfinite().all() and not self._overflows():
            if self._spoilt is None:
                raise broken(where, spec, f"must return {what} as finite numbers, got NaN or infinity")
            name, given = self._spoilt
            message = f"must return finite numbers for {given}, got NaN or infinity; found in {where}"
            raise broken(f"networks.{name}", self.networks.recipe.networks[name], message)

    def _overflows(self) -> bool:
        """Whether the cohort's values are so large that sound arithmetic gives no finite number; training says so."""
        return any(bool((tensor.abs() > OVERFLOWING).any()) for tensor in self.batch.tensors().values())

    def _require_gradient(
        self, term: Component, what: str, value: Tensor, reached: list[Tensor], to: str
    ) -> tuple[Tensor | None, ...]:
        """Require that a scalar has a gradient by at least one of the tensors ``reached`` that take one.

        Returns: its gradients by those tensors, None for those that it does not reach; empty where there are none.
        """
        reached = [tensor for tensor in reached if tensor.requires_grad]
        if not reached:
            return ()
        where = self.where if term is self.phase.spec else self.phase.path(term)  # type: ignore[arg-type]
        gradients: tuple[Tensor | None, ...] = (None,)
        if value.requires_grad:
            with blaming(where, term):
                gradients = torch.autograd.grad(value, reached, retain_graph=True, allow_unused=True)
        if all(gradient is None for gradient in gradients):
            raise broken(where, term, f"must return {what} with gradient to {to}, got none; is something detached?")
        finite = all(each.isfinite().all() for each in gradients if each is not None)
        if self.untrained and not finite and not self._overflows():
            raise broken(where, term, f"must return {what} with finite gradient to {to}, got NaN or infinity")
        return gradients

    def _require_players(self, values: list[Tensor]) -> None:
        """Require that every player with weights gets a gradient from some term; ``values`` are those of the terms."""
        spec = self.phase.spec
        parameters = {name: self._weights([name]) for name in self.phase.players}
        flat = [parameter for each in parameters.values() for parameter in each]
        total = torch.stack([value.float() for value in values]).sum()
        gradients = iter(self._require_gradient(spec, "candidates", total, flat, "its players"))
        for name, each in parameters.items():
            reached = [next(gradients) is not None for _ in each]
            if each and not any(reached):
                raise broken(self.where, spec, f"names player {name!r}, which the gradient of no term reaches")

    # Networks -----------------------------------------------------------------------------------------------

    @contextmanager
    def _networks_watched(self) -> Iterator[None]:
        def told(name: str, module: Module, given: tuple[Any, ...], made: Any) -> None:
            read, here = given[0], isinstance(made, Tensor) and made.device == given[0].device
            if here and read.isfinite().all() and not made.isfinite().all() and self._spoilt is None:
                self._spoilt = name, found(read)

        with ExitStack() as watched:
            for name, module in self.networks.by_name.items():
                watched.callback(module.register_forward_hook(partial(told, name)).remove)
            yield

    def _weights(self, networks: Iterable[str]) -> list[Tensor]:
        return list(self.networks.parameters_of(networks).values())


@contextmanager
def _found_in(where: str) -> Iterator[None]:
    """Say of a network that fails who ran it."""
    try:
        yield
    except PluginError as error:
        if str(error).startswith("networks."):
            raise PluginError(f"{error}; found in {where}") from error.__cause__
        raise


def _at(candidates: Mapping[str, Tensor], places: tuple[str, ...]) -> list[Tensor]:
    return [candidates[place] for place in places]
