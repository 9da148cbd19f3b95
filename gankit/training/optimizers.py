"""One Adam for the players and one for the critics of each phase."""

from __future__ import annotations

import torch
from torch import Tensor

from gankit.networks.synthesizer import Networks
from gankit.processes.ranks import ALONE, Ranks
from gankit.recipe.recipe import Recipe, critics


class Optimizers:
    """The fused Adam optimizers (Kingma and Ba 2015, arXiv:1412.6980, Algorithm 1) of all phases.

    A network that is a player in two phases has moments of its own in each phase. So the scale of one phase's gradients
    does not rescale the steps of the other phase.
    """

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
        recorded = device.type == "cuda"  # everything that changes in a recorded step must be in the device's memory
        rate = torch.tensor(learning_rate, device=device) if recorded else learning_rate
        adam = torch.optim.Adam(parameters.values(), lr=rate, betas=betas, fused=True, capturable=recorded)
        for parameter in parameters.values():  # made now, so that a checkpoint can be copied into them
            adam.state[parameter] = {
                "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        self._parameters[phase, role] = parameters
        self._adams[phase, role] = adam

    def update(self, phase: str, role: str, objective: Tensor) -> None:
        """Update the players or critics of a phase by one Adam step on ``objective``, and nothing else.

        ``backward`` is used, not ``torch.autograd.grad``, since it gives each gradient the memory layout of its
        parameter. Fused Adam reads both as flat memory, so with another layout it would pair the wrong numbers.

        Args:
            phase: name of the phase.
            role: "players" or "critics".
            objective: what they minimise, a scalar with graph: this process's part of a mean over all processes.
        """
        parameters = list(self._parameters[phase, role].values())
        objective.backward(inputs=parameters)
        self._ranks.average([parameter.grad for parameter in parameters if parameter.grad is not None])
        self._adams[phase, role].step()
        for parameter in parameters:
            parameter.grad = None

    def tensors(self) -> dict[str, Tensor]:
        """``phase.role.network.parameter.what`` to moment or counter; the tensors themselves, not copies."""
        return {
            f"{phase}.{role}.{name}.{what}": value
            for (phase, role), parameters in self._parameters.items()
            for name, parameter in parameters.items()
            for what, value in self._adams[phase, role].state[parameter].items()
        }
