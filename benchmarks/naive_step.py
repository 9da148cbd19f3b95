"""The unsupervised step of ``mpmri-paper`` as one would first write it: the baseline of ``test_step.py``.

It does the same mathematics on the same batch, less cleverly: fakes keep their graph in critic steps; each critic is
called three times (real, fake, penalty); the players' update makes its own fakes and computes gradients of the critics'
weights that nobody uses; Adam updates one parameter at a time.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn.functional import softplus

from gankit import Networks, Recipe
from gankit.training.batch import Batch

MODALITIES = ("adc", "t2w")


class NaiveStep:
    """``NaiveStep(recipe, networks)(batch)`` runs one step on copies of the networks."""

    def __init__(self, recipe: Recipe, networks: Networks):
        self.networks = {name: copy.deepcopy(networks[name]) for name in recipe.networks}
        (phase,) = [phase for phase in recipe.phases if phase.name == "unsupervised"]
        self.critic_steps = phase.critic_steps
        self.terms = {term.name: term for term in phase.terms}
        critics = [f"{modality}_{role}" for modality in MODALITIES for role in ("critic", "auxiliary")]
        self.players_adam = self._adam(["adc_decoder", "t2w_translator"], phase.learning_rate, phase.betas)
        self.critics_adam = self._adam(critics, phase.critic_learning_rate, phase.critic_betas)

    def __call__(self, batch: Batch) -> None:
        # The critics, on one set of the batch after the other.
        for number in range(self.critic_steps):
            fakes = self._synthesize(batch.sets[number].inputs.values["latent"])
            objective = torch.stack([self._critic_objective(m, fakes[m], batch, number) for m in MODALITIES]).sum()
            self._minimise(self.critics_adam, objective)

        # The players, on the latents of the last set.
        fakes = self._synthesize(batch.sets[self.critic_steps - 1].inputs.values["latent"])
        objectives = []
        for m in MODALITIES:
            objectives.append(-self.terms[f"wgan-gp-{m}"].weight * self.networks[f"{m}_critic"](fakes[m]).mean())
            auxiliary = softplus(self.networks[f"{m}_auxiliary"](fakes[m])).mean()
            objectives.append(self.terms[f"jsd-auxiliary-{m}"].weight * auxiliary)
        self._minimise(self.players_adam, torch.stack(objectives).sum())

    def _synthesize(self, latent_BZ: Tensor) -> dict[str, Tensor]:
        adc = self.networks["adc_decoder"](latent_BZ)
        return {"adc": adc, "t2w": self.networks["t2w_translator"](adc)}

    def _critic_objective(self, m: str, fake: Tensor, batch: Batch, number: int) -> Tensor:
        term, critic, auxiliary = (
            self.terms[f"wgan-gp-{m}"],
            self.networks[f"{m}_critic"],
            self.networks[f"{m}_auxiliary"],
        )
        real = batch.sets[number].references[term.name]
        other = batch.sets[number].references[f"jsd-auxiliary-{m}"]
        mixing = batch.sets[number].draws[term.name]["mixing"].view(-1, 1, 1, 1)
        mix = (mixing * real + (1 - mixing) * fake).detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(mix).sum(), mix, create_graph=True)
        penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
        score = critic(real)
        wasserstein = critic(fake).mean() - score.mean() + term.penalty * penalty + term.drift * score.square().mean()
        return wasserstein + softplus(-auxiliary(other)).mean() + softplus(auxiliary(fake)).mean()

    def _adam(self, names: list[str], rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
        parameters = [parameter for name in names for parameter in self.networks[name].parameters()]
        return torch.optim.Adam(parameters, lr=rate, betas=betas, foreach=False, fused=False)

    def _minimise(self, adam: torch.optim.Adam, objective: Tensor) -> None:
        objective.backward()
        adam.step()
        for network in self.networks.values():
            network.zero_grad()
