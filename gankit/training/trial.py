"""A trial at the start of training: one batch through every term, so that what a plugin returns is known to fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from gankit._draws import Draws
from gankit._errors import PluginError
from gankit._shapes import LATENT, Shape
from gankit.networks.synthesizer import Networks, found
from gankit.plugin.components import AbstractAdversarialLoss, AbstractPairedLoss, Component, Inputs
from gankit.plugin.contract import blaming, broken, passes, raised
from gankit.training.batch import Batch
from gankit.training.engine import state_kept
from gankit.training.phases import PhaseStep, frozen
from gankit.training.resident import ResidentCohort
from gankit.training.state import TrainingState


def try_phases(phases: Iterable[PhaseStep], state: TrainingState, cohort: ResidentCohort, draws: Draws) -> None:
    """Draw a batch of every phase, and run it through every term of those still to come; the state stays as it is.

    Raises:
        PluginError: a component breaks its contract or fails; one line names plugin, component and term.
        CohortError: a pool has not what a phase draws.
    """
    steps = range(state.step, state.recipe.training.steps)
    for phase in phases:
        batch = _drawn(phase, cohort, draws)
        if any(map(phase.spec.due, steps)):
            with _unchanged(state):
                _Trial(phase, state.networks, batch).run()


@contextmanager
def _unchanged(state: TrainingState) -> Iterator[None]:
    """Put back weights, buffers, moments, gradients and torch's random state."""
    device = next(state.networks.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), state_kept(state):
        yield


# Inputs ---------------------------------------------------------------------------------------------------


def _drawn(phase: PhaseStep, cohort: ResidentCohort, draws: Draws) -> Batch:
    """A batch whose inputs are what the phase says of them."""
    where, spec = f"phases.{phase.spec.name}", phase.spec
    with blaming(where, spec):
        inputs = spec.inputs(phase.source(cohort, draws, "0/inputs"))
    _require_inputs(phase, inputs)
    return phase.batch(cohort, draws)


def _require_inputs(phase: PhaseStep, inputs: Any) -> None:
    where, spec, recipe = f"phases.{phase.spec.name}", phase.spec, phase.recipe
    if not isinstance(inputs, Inputs):
        raise broken(where, spec, f"must return gankit.Inputs from inputs, got {found(inputs)}")
    if not inputs.values:
        raise broken(where, spec, "must draw something in inputs, got no values")

    # Values and references are of this process's share, presence of the batch of all processes.
    share = recipe.training.batch // phase.ranks.size
    shapes = {**recipe.shapes((LATENT, *recipe.modalities)), **spec.places(recipe)}
    for name, value in inputs.values.items():
        _require_shape(where, spec, f"the value at {name!r}", value, share, shapes.get(name))
    for name, value in inputs.presence.items():
        _require_shape(where, spec, f"the presence at {name!r}", value, recipe.training.batch, ())
    for term, _ in phase.paired:
        for place in term.on:
            if place not in inputs.references:
                has = ", ".join(inputs.references) or "none"
                raise broken(where, spec, f"must give a reference at {place!r}, which its references name, got {has}")
            _require_shape(where, spec, f"the reference at {place!r}", inputs.references[place], share, shapes[place])


def _require_shape(where: str, spec: Component, what: str, value: Any, count: int, shape: Shape | None) -> None:
    """Require a tensor of so many samples; ``shape`` is that of one, None for any."""
    expected = f"shape {(count, *shape)}" if shape is not None else f"{count} samples"
    fits = isinstance(value, Tensor) and value.ndim > 0 and len(value) == count
    if not fits or (shape is not None and value.shape[1:] != shape):
        raise broken(where, spec, f"must give {what} as a tensor of {expected}, got {found(value)}")


# Terms ----------------------------------------------------------------------------------------------------


class _Trial:
    """One batch of one phase."""

    def __init__(self, phase: PhaseStep, networks: Networks, batch: Batch):
        self.phase, self.networks, self.batch = phase, networks, batch
        self.where = f"phases.{phase.spec.name}"
        self._running: list[tuple[str, str]] = []
        """Networks that are running and what each was given, the innermost last; one that has failed stays."""

    def run(self) -> None:
        phase, drawn = self.phase, self.batch.sets[-1]
        with self._networks_watched():
            # Candidates, with graph as in the players' update.
            with self._blaming(self.where, phase.spec), phase.precision(self.batch.device):
                candidates = phase.spec.candidates(self.networks, drawn.inputs)
            self._require_candidates(candidates)

            # What the critics would minimise.
            detached = {place: candidate.detach() for place, candidate in candidates.items()}
            for judged, loss in phase.adversarial:
                with self._blaming(self._path(judged), judged), phase.precision(self.batch.device):
                    objective = phase.critic_objective(self.networks, judged, loss, drawn, detached)
                self._require_objective(judged, "what the critic minimises", objective, self._weights([judged.critic]))

            # What the players would minimise.
            with frozen(self.networks.parameters_of(phase.critics).values()):
                self._require_players([*self._paired_losses(candidates), *self._player_objectives(candidates)])

    def _paired_losses(self, candidates: Mapping[str, Tensor]) -> Iterator[Tensor]:
        """Each paired term's losses, summed."""
        phase, inputs = self.phase, self.batch.sets[-1].inputs
        for term, loss in phase.paired:
            with self._blaming(self._path(term), term), phase.precision(self.batch.device):
                each_B = phase.paired_losses(term, loss, inputs, candidates)
            expected = (len(candidates[term.on[0]]),)
            if not isinstance(each_B, Tensor) or each_B.shape != expected:
                message = f"must return one loss per sample, of shape {expected}, got {found(each_B)}"
                raise broken(self._path(term), term, message)
            self._require_type(term, "losses", each_B)
            self._require_gradient(term, "the losses", each_B.sum(), _at(candidates, term.on), "its candidates")
            yield each_B.sum()

    def _player_objectives(self, candidates: Mapping[str, Tensor]) -> Iterator[Tensor]:
        phase = self.phase
        for term, loss in phase.adversarial:
            with self._blaming(self._path(term), term), phase.precision(self.batch.device):
                objective = phase.player_objective(self.networks, term, loss, candidates)
            self._require_objective(term, "what the player minimises", objective, _at(candidates, term.on))
            yield objective

    # What is required ---------------------------------------------------------------------------------------

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
            _require_shape(self.where, spec, f"the candidates at {place!r}", candidates[place], share, shapes[place])
            if self._weights(self.phase.players) and not candidates[place].requires_grad:
                message = f"must make candidates at {place!r} with gradient to its players, got some without"
                raise broken(self.where, spec, message)

    def _require_objective(self, term: AbstractAdversarialLoss, what: str, value: Any, reached: list[Tensor]) -> None:
        if not isinstance(value, Tensor) or value.shape != ():
            raise broken(self._path(term), term, f"must return {what} as a scalar tensor, got {found(value)}")
        self._require_type(term, what, value)
        to = f"the weights of {term.critic!r}" if "critic" in what else "its candidates"
        self._require_gradient(term, what, value, reached, to)

    def _require_type(self, term: AbstractPairedLoss | AbstractAdversarialLoss, what: str, value: Tensor) -> None:
        """The type of the weights, or that in which networks compute."""
        kinds = {next(self.networks.parameters()).dtype}
        if self.phase.recipe.training.precision == "bf16":
            kinds.add(torch.bfloat16)
        if value.dtype not in kinds:
            expected = " or ".join(sorted(str(kind).removeprefix("torch.") for kind in kinds))
            raise broken(self._path(term), term, f"must return {what} in {expected}, got {str(value.dtype)[6:]}")

    def _require_gradient(
        self, term: Component, what: str, value: Tensor, reached: list[Tensor], to: str
    ) -> tuple[Tensor | None, ...]:
        """The gradients of a scalar by what it must reach, at least by one of these; nothing to reach is no fault."""
        reached = [tensor for tensor in reached if tensor.requires_grad]
        if not reached:
            return ()
        where = self.where if term is self.phase.spec else self._path(term)  # type: ignore[arg-type]
        gradients: tuple[Tensor | None, ...] = (None,)
        if value.requires_grad:
            try:
                gradients = torch.autograd.grad(value, reached, retain_graph=True, allow_unused=True)
            except Exception as error:
                if passes(error):
                    raise
                raise raised(where, term, error) from error
        if all(gradient is None for gradient in gradients):
            raise broken(where, term, f"must return {what} with gradient to {to}, got none; is something detached?")
        return gradients

    def _require_players(self, values: list[Tensor]) -> None:
        """Every player that has weights to train is moved by some term."""
        spec = self.phase.spec
        parameters = {name: self._weights([name]) for name in self.phase.players}
        flat = [parameter for each in parameters.values() for parameter in each]
        total = torch.stack([value.float() for value in values]).sum()
        gradients = iter(self._require_gradient(spec, "candidates", total, flat, "its players"))
        for name, each in parameters.items():
            reached = [next(gradients) is not None for _ in each]
            if each and not any(reached):
                raise broken(self.where, spec, f"names player {name!r}, which the gradient of no term reaches")

    # Who is at fault ----------------------------------------------------------------------------------------

    def _path(self, term: AbstractPairedLoss | AbstractAdversarialLoss) -> str:
        return f"{self.where}.terms.{term.name}"

    @contextmanager
    def _blaming(self, where: str, spec: Component) -> Iterator[None]:
        """Name the network where one has failed, and otherwise the component whose code was called."""
        self._running.clear()
        try:
            with blaming(where, spec):
                yield
        except Exception as error:
            if isinstance(error, PluginError) and str(error).startswith("networks."):
                raise PluginError(f"{error}; found in {where}") from error.__cause__
            cause = error.__cause__ if isinstance(error, PluginError) else error
            if not self._running or not isinstance(cause, Exception) or passes(cause):
                raise
            name, given = self._running[-1]
            blamed = raised(f"networks.{name}", self.networks.recipe.networks[name], cause)
            raise PluginError(f"{blamed}; found in {where}, which gave it {given}") from cause

    @contextmanager
    def _networks_watched(self) -> Iterator[None]:
        def entering(name: str, module: Module, given: tuple[Any, ...]) -> None:
            self._running.append((name, found(given[0])))

        def leaving(*_: Any) -> None:
            self._running.pop()

        with ExitStack() as watched:
            for name, module in self.networks.by_name.items():
                watched.callback(module.register_forward_pre_hook(partial(entering, name)).remove)
                watched.callback(module.register_forward_hook(leaving).remove)
            yield

    def _weights(self, networks: Iterable[str]) -> list[Tensor]:
        return list(self.networks.parameters_of(networks).values())


def _at(candidates: Mapping[str, Tensor], places: tuple[str, ...]) -> list[Tensor]:
    return [candidates[place] for place in places]
