"""The optimizers of a run: those that phases name, and an Adam of its own for a phase that names none."""

from __future__ import annotations

from typing import Any

import attrs
import torch
from torch import Tensor
from torch.nn import Parameter

from gankit.networks.synthesizer import Networks, found
from gankit.plugin.components import AbstractOptimizer, AbstractPhase
from gankit.plugin.contract import blaming, broken, in_short, require_call
from gankit.plugin.questions import ask
from gankit.processes.ranks import ALONE, Ranks
from gankit.recipe.recipe import Recipe, critics, optimizers_of

Parameters = dict[str, Parameter]
"""``NETWORK.PARAMETER`` to parameter."""


@attrs.frozen(eq=False)
class _Update:
    """The update of one role of a phase."""

    key: str
    """The optimizer, as the path of its state in a checkpoint."""
    name: str | None
    """Name of the optimizer in the recipe; None for the phase's own."""
    phase: AbstractPhase
    role: str
    parameters: Parameters


class Optimizers:
    """The optimizers of the players and of the critics of all phases.

    A phase that names none has an Adam of its own, so that the scale of its gradients does not rescale the steps of
    another phase. Phases that name the same optimizer share it, with one state for each weight.
    """

    def __init__(self, recipe: Recipe, networks: Networks, ranks: Ranks = ALONE):
        self._recipe, self._ranks = recipe, ranks
        updates = [update for phase in recipe.phases for update in _updates(recipe, phase, networks)]
        self._updates = {(update.phase.name, update.role): update for update in updates}

        # One optimizer over all that the updates which name it move.
        self._parameters: dict[str, Parameters] = {}
        for update in updates:
            self._parameters.setdefault(update.key, {}).update(update.parameters)
        self._optimizers: dict[str, torch.optim.Optimizer] = {}
        self._scheduled: dict[str, list[torch.optim.Optimizer]] = {}
        for update in updates:
            if update.key not in self._optimizers:
                self._optimizers[update.key] = self._built(update)

    def _built(self, update: _Update) -> torch.optim.Optimizer:
        parameters = list(self._parameters[update.key].values())
        if update.name is None:
            return _own_adam(update, parameters)
        spec = self._recipe.optimizers[update.name]
        optimizer = built(f"optimizers.{update.name}", spec, parameters)
        if spec.schedule is not None:
            self._scheduled.setdefault(update.name, []).append(optimizer)
        return optimizer

    def rates(self, step: int) -> dict[str, float]:
        """Name to rate in a training step, counted from 0, of the optimizers that have a schedule."""
        return {name: rate_at(self._recipe, name, step) for name in self._scheduled}

    def set_rates(self, step: int) -> None:
        """Give the optimizers that have a schedule their rates of a training step, counted from 0.

        Where steps are recorded, the rate is a tensor on the device that recorded steps read.
        """
        for name, rate in self.rates(step).items():
            for optimizer in self._scheduled[name]:
                set_rate(optimizer, rate)

    def update(self, phase: str, role: str, objective: Tensor) -> None:
        """Update the players or critics of a phase by one step on ``objective``, and nothing else.

        ``backward`` is used, not ``torch.autograd.grad``, since it gives each gradient the memory layout of its
        parameter. Fused optimizers read both as flat memory, so with another layout they would pair the wrong numbers.

        Args:
            phase: name of the phase.
            role: "players" or "critics".
            objective: what they minimise, a scalar with graph: this process's part of a mean over all processes.
        """
        update = self._updates[phase, role]
        parameters = list(update.parameters.values())
        objective.backward(inputs=parameters)
        self._ranks.average([parameter.grad for parameter in parameters if parameter.grad is not None])
        self._step(update, parameters)
        for parameter in parameters:
            parameter.grad = None

    def _step(self, update: _Update, parameters: list[Parameter]) -> None:
        optimizer = self._optimizers[update.key]
        if update.name is None:
            optimizer.step()
            return
        spec = self._recipe.optimizers[update.name]
        if spec.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, spec.clip_norm)
        with blaming(f"optimizers.{update.name}", spec):
            optimizer.step()

    def tensors(self) -> dict[str, Tensor]:
        """Everything in the states of the optimizers, the tensors themselves and not copies.

        ``optimizer.PHASE.ROLE.NETWORK.PARAMETER.WHAT`` to tensor for a phase's own Adam, and
        ``optimizers.NAME.ROLE.NETWORK.PARAMETER.WHAT`` for an optimizer that phases name.
        """
        return {
            f"{key}.{name}.{what}": value
            for key, parameters in self._parameters.items()
            for name, parameter in parameters.items()
            for what, value in self._optimizers[key].state.get(parameter, {}).items()
        }


def _updates(recipe: Recipe, phase: AbstractPhase, networks: Networks) -> list[_Update]:
    """The updates of a phase, of each role that has something to move."""
    moved = {"players": phase.players(recipe), "critics": critics(phase)}
    updates = []
    for role, name in optimizers_of(phase).items():
        key = f"optimizer.{phase.name}.{role}" if name is None else f"optimizers.{name}.{role}"
        if parameters := networks.parameters_of(moved[role]):
            updates.append(_Update(key, name, phase, role, parameters))
    return updates


def _own_adam(update: _Update, parameters: list[Parameter]) -> torch.optim.Optimizer:
    """The fused Adam of a phase that names no optimizer (Kingma and Ba 2015, arXiv:1412.6980, Algorithm 1)."""
    prefix = "critic_" if update.role == "critics" else ""
    rate, betas = (getattr(update.phase, f"{prefix}{key}") for key in ("learning_rate", "betas"))
    capturable = _recorded(parameters)
    adam = torch.optim.Adam(parameters, lr=_rate(rate, parameters), betas=betas, fused=True, capturable=capturable)
    make_state(adam, parameters, rate)
    return adam


# Optimizers that plugins build ----------------------------------------------------------------------------


def built(where: str, spec: AbstractOptimizer, parameters: list[Parameter]) -> torch.optim.Optimizer:
    """The torch optimizer of a component over these parameters, with its state, at its rate before the schedule.

    Raises:
        PluginError: the component breaks the contract of ``AbstractOptimizer.build``.
    """
    rate = _rate(spec.learning_rate, parameters)
    require_call(where, spec, "build", spec.build, "parameters", "learning_rate", "capturable")
    with blaming(where, spec):
        optimizer = spec.build(parameters, rate, _recorded(parameters))
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise broken(where, spec, f"must build a torch.optim.Optimizer, got {found(optimizer)}")

    # Every parameter once, and everywhere the rate that was given
    taken = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if sorted(map(id, taken)) != sorted(map(id, parameters)):
        raise broken(
            where, spec, f"must build an optimizer of the {len(parameters)} given parameters, got {len(taken)}"
        )
    for group in optimizer.param_groups:
        if type(group["lr"]) is not type(rate) or group["lr"] != rate:
            message = f"must use learning_rate as the rate lr of every group, got {in_short(group['lr'])}"
            raise broken(where, spec, message)

    # Its state
    with blaming(where, spec):
        make_state(optimizer, parameters, spec.learning_rate)
    _require_tensors(where, spec, optimizer, parameters)
    return optimizer


def _require_tensors(
    where: str, spec: AbstractOptimizer, optimizer: torch.optim.Optimizer, parameters: list[Parameter]
) -> None:
    own, kept = {id(parameter) for parameter in parameters}, set()
    if strange := [key for key in optimizer.state if id(key) not in own]:
        message = f"must keep its state by parameter, in optimizer.state[parameter], got {in_short(strange[0])} as key"
        raise broken(where, spec, message)
    for parameter in parameters:
        for name, value in optimizer.state.get(parameter, {}).items():
            if not isinstance(value, Tensor):
                message = (
                    f"must keep its state in tensors, which a checkpoint can hold, got {in_short(value)} as {name!r}"
                )
                raise broken(where, spec, message)
            if value.untyped_storage().data_ptr() in kept:
                raise broken(where, spec, f"must give each parameter a state of its own, but they share {name!r}")
            kept.add(value.untyped_storage().data_ptr())


def make_state(optimizer: torch.optim.Optimizer, parameters: list[Parameter], rate: float) -> None:
    """Make the state of the parameters that have none yet, with 0 in every tensor.

    Optimizers of torch make it in the first step. It must be there before, so that a checkpoint can be copied into it,
    and so that a recorded step has it. Hence one step is run with zero gradients at rate 0, and what it leaves in
    weights and state is undone. Afterwards the rate is ``rate``.
    """
    without = [parameter for parameter in parameters if not optimizer.state.get(parameter)]
    weights = [parameter.detach().clone() for parameter in without]
    for parameter in without:
        parameter.grad = torch.zeros_like(parameter)
    set_rate(optimizer, 0.0)
    optimizer.step()
    set_rate(optimizer, rate)
    with torch.no_grad():
        for parameter, before in zip(without, weights, strict=True):
            parameter.copy_(before)
            parameter.grad = None
            for value in optimizer.state.get(parameter, {}).values():
                if isinstance(value, Tensor):
                    value.zero_()


# Rates ----------------------------------------------------------------------------------------------------


def rate_at(recipe: Recipe, name: str, step: int) -> float:
    """The rate of an optimizer that has a schedule, in a training step counted from 0.

    Raises:
        PluginError: the schedule fails, or returns no finite number of at least 0.
    """
    spec, arguments = recipe.optimizers[name], {"step": step, "steps": recipe.training.steps}
    if spec.schedule is None:
        return spec.learning_rate
    return spec.learning_rate * ask(f"optimizers.{name}.schedule", spec.schedule, "factor", arguments)


def step_of_other_rate(recipe: Recipe, steps: int, done: int) -> tuple[str, int] | None:
    """The first of the steps done that had another rate with ``training.steps = steps`` than it has in the recipe.

    Returns: name of the optimizer, and the step counted from 0; None where all rates are the same.
    """
    before = attrs.evolve(recipe, training=attrs.evolve(recipe.training, steps=steps))
    for name, spec in recipe.optimizers.items():
        for step in range(done if spec.schedule is not None and steps != recipe.training.steps else 0):
            if rate_at(before, name, step) != rate_at(recipe, name, step):
                return name, step
    return None


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of an optimizer this rate; a rate that is a tensor is filled."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def _recorded(parameters: list[Parameter]) -> bool:
    """Whether steps on these parameters may be recorded. Then all that changes must be in the device's memory."""
    return parameters[0].device.type == "cuda"


def _rate(rate: float, parameters: list[Parameter]) -> Any:
    return torch.tensor(rate, device=parameters[0].device) if _recorded(parameters) else rate
