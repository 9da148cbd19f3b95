"""One Adam for the players and one for the critics of each phase."""

from __future__ import annotations

import torch
from torch import Tensor

from gankit.networks.synthesizer import Networks
from gankit.processes.ranks import ALONE, Ranks
from gankit.recipe.recipe import Recipe, critics


class Optimizers:
    """Adam (Kingma and Ba 2015), fused. A network that is a player in two phases has moments of its own in each, so
    that the scale of one phase's gradients does not rescale the steps of the other."""

    def __init__(self, recipe: Recipe, networks: Networks, ranks: Ranks = ALONE):
        self._ranks = ranks
        self._parameters: dict[tuple[str, str], dict[str, torch.nn.Parameter]] = {}
        self._adams: dict[tuple[str, str], torch.optim.Adam] = {}
        for phase in recipe.phases:
            self._add(
                phase.name,
                "players",
                networks.parameters_of(phase.players(recipe)),
                phase.learning_rate,
                phase.betas,
            )
            critic_rates = (phase.critic_learning_rate, phase.critic_betas)
            self._add(phase.name, "critics", networks.parameters_of(critics(phase)), *critic_rates)

    def _add(
        self,
        phase: str,
        role: str,
        parameters: dict[str, torch.nn.Parameter],
        learning_rate: float,
        betas: tuple[float, float],
    ) -> None:
        if not parameters:
            return
        device = next(iter(parameters.values())).device
        recorded = device.type == "cuda"  # a recorded step must find all that changes in the device's memory
        rate = torch.tensor(learning_rate, device=device) if recorded else learning_rate
        adam = torch.optim.Adam(parameters.values(), lr=rate, betas=betas, fused=True, capturable=recorded)
        for parameter in parameters.values():  # made now, so that a checkpoint is copied into the same layout
            adam.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        self._parameters[phase, role] = parameters
        self._adams[phase, role] = adam

    def update(self, phase: str, role: str, objective: Tensor) -> None:
        """Move the phase's players or critics down the gradient of ``objective``, and nothing else.

        ``backward`` leaves each gradient in its parameter's memory layout, ``torch.autograd.grad`` in whichever it
        was computed; fused Adam reads both as flat memory and would pair the wrong numbers.
        """
        parameters = list(self._parameters[phase, role].values())
        objective.backward(inputs=parameters)
        self._ranks.average([parameter.grad for parameter in parameters if parameter.grad is not None])
        self._adams[phase, role].step()
        for parameter in parameters:
            parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """Every moment and counter, by ``phase.role.network.parameter.what``; the tensors themselves, not copies."""
        return {
            f"{phase}.{role}.{name}.{what}": value
            for (phase, role), parameters in self._parameters.items()
            for name, parameter in parameters.items()
            for what, value in self._adams[phase, role].state[parameter].items()
        }
