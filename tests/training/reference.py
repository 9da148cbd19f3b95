"""Eqs. 1 to 10 of Wang et al. as they are written: slow, plain, float64, and independent of how gankit trains.

One pair at a time where the equation has an expectation, probabilities where it has logarithms, every image made
anew each time it is needed, nothing frozen, nothing shared, torch's plain Adam.
"""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor
from torch.nn import Module

from gankit import Networks, Recipe
from gankit.training.batch import Batch


@functools.cache
def band_of(size: int, inner: int, beyond: int) -> Tensor:
    """The matrix (P, P), one row a pixel, that takes a square of P pixels, flat, to its mean within ``inner`` pixels
    minus its mean within ``inner + beyond``."""
    pixels = list(itertools.product(range(size), repeat=2))
    rows = torch.zeros(len(pixels), len(pixels), dtype=torch.float64)
    for reach, sign in ((inner, 1), (inner + beyond, -1)):
        for row, (y, x) in enumerate(pixels):
            near = [column for column, (v, u) in enumerate(pixels) if abs(y - v) <= reach and abs(x - u) <= reach]
            rows[row, near] += sign / len(near)
    return rows


class Reference:
    """The eight networks of ``mpmri-paper`` and the three phases that train them."""

    def __init__(self, recipe: Recipe, networks: Networks):
        self.networks = {name: copy.deepcopy(networks[name]) for name in recipe.networks}
        self.phases = {phase.name: phase for phase in recipe.phases}
        synthesizer = ["adc_decoder", "t2w_translator"]
        with_encoder = ["encoder", *synthesizer]
        critics = ["adc_critic", "t2w_critic", "adc_auxiliary", "t2w_auxiliary"]
        self.adams = {
            "warm-up": self._adam("warm-up", with_encoder),
            "supervised": self._adam("supervised", with_encoder),
            "supervised critics": self._adam("supervised", ["latent_critic"], "critic_"),
            "unsupervised": self._adam("unsupervised", synthesizer),
            "unsupervised critics": self._adam("unsupervised", critics, "critic_"),
        }

    def step(self, batches: Mapping[str, Batch]) -> None:
        """One round: each phase that has a batch, in the order of the recipe."""
        for name, batch in batches.items():
            {"warm-up": self.warm_up, "supervised": self.supervised, "unsupervised": self.unsupervised}[name](batch)

    # Supervised learning of paired relationships ------------------------------------------------------------

    def warm_up(self, batch: Batch) -> None:
        """Minimise Eq. 1."""
        self._minimise("warm-up", self.eq_1("warm-up", batch))

    def supervised(self, batch: Batch) -> None:
        """D_AAE up Eq. 2, then the encoder and the synthesizer down Eq. 3."""
        weight = self._weights("supervised")
        self._minimise("supervised critics", -self.eq_2(batch))
        self._minimise("supervised", self.eq_1("supervised", batch) + weight["aae-latent"] * self.eq_2(batch))

    def eq_1(self, phase: str, batch: Batch) -> Tensor:
        """E ||a - â||² + ||t - t̂||², norms as means over pixels, each expectation over the pairs that have both; and,
        where the recipe has these terms of ours, the same of the bands B(a) and B(t)."""
        weight, spec = self._weights(phase), {term.name: term for term in self.phases[phase].terms}
        a, t = (batch.sets[0].inputs.references[m] for m in ("adc", "t2w"))
        a_hat, t_hat = self._reconstruct(a)
        has_t2w = batch.sets[0].inputs.presence["t2w"].bool().tolist()
        adc = [x - y for x, y in zip(a, a_hat, strict=True)]
        t2w = [x - y for x, y, present in zip(t, t_hat, has_t2w, strict=True) if present]
        total = torch.zeros((), dtype=a.dtype)
        for name, differences in (("adc", adc), ("t2w", t2w)):
            for difference in differences:
                each = weight[f"l2-{name}"] * (difference**2).sum() / difference.numel()
                if term := spec.get(f"band-l2-{name}"):
                    band = band_of(a.shape[-1], term.inner, term.beyond)
                    each = each + term.weight * ((band @ difference.flatten()) ** 2).sum() / difference.numel()
                total = total + each / len(differences)
        return total

    def eq_2(self, batch: Batch) -> Tensor:
        """E log D(z) + E log(1 - D(F_enc(a)))."""
        (drawn,) = batch.sets
        prior, encoding = drawn.references["aae-latent"], self.networks["encoder"](drawn.inputs.values["adc"])
        return jensen_shannon(self.networks["latent_critic"], prior, encoding)

    def _reconstruct(self, a: Tensor) -> tuple[Tensor, Tensor]:
        return self._synthesize(self.networks["encoder"](a))

    # Unsupervised learning of marginal distributions ----------------------------------------------------------

    def unsupervised(self, batch: Batch) -> None:
        """The critics up Eqs. 4, 5, 8 and 9, several times; then the synthesizer by Eq. 10, down and up."""
        last = self.phases["unsupervised"].critic_steps - 1
        for number in range(last + 1):
            distances = [*self.eqs_4_and_5(batch, number), *self.eqs_8_and_9(batch, number)]
            self._minimise("unsupervised critics", -sum(distances))
        z, weight = batch.sets[last].inputs.values["latent"], self._weights("unsupervised")
        w_adc, w_t2w = (-self._scores(f"{m}_critic", self._fake(m, z)).mean() for m in ("adc", "t2w"))
        j_adc, j_t2w = (
            torch.log(1 - torch.sigmoid(self._scores(f"{m}_auxiliary", self._fake(m, z)))).mean()
            for m in ("adc", "t2w")
        )
        down = weight["wgan-gp-adc"] * w_adc + weight["wgan-gp-t2w"] * w_t2w
        up = weight["jsd-auxiliary-adc"] * j_adc + weight["jsd-auxiliary-t2w"] * j_t2w
        self._minimise("unsupervised", down - up)

    def eqs_4_and_5(self, batch: Batch, number: int) -> Iterable[Tensor]:
        """E D(x) - E D(x̂) - λ R for both modalities, less the drift term that is ours."""
        terms = {term.name: term for term in self.phases["unsupervised"].terms}
        for m in ("adc", "t2w"):
            term, critic = terms[f"wgan-gp-{m}"], f"{m}_critic"
            drawn = batch.sets[number]
            real, fake = drawn.references[term.name], self._fake(m, drawn.inputs.values["latent"])
            penalty = slope_penalty(self.networks[critic], real, fake, drawn.draws[term.name]["mixing"])
            scores = self._scores(critic, real)
            drift = (scores**2).mean()
            yield scores.mean() - self._scores(critic, fake).mean() - term.penalty * penalty - term.drift * drift

    def eqs_8_and_9(self, batch: Batch, number: int) -> Iterable[Tensor]:
        """E log C(x) + E log(1 - C(x̂)) with x of the other class; slices ``alongside`` join x̂."""
        for m in ("adc", "t2w"):
            name = f"jsd-auxiliary-{m}"
            drawn = batch.sets[number]
            other, fake = drawn.references[name], self._fake(m, drawn.inputs.values["latent"])
            if name in drawn.alongside:
                fake = torch.cat([fake, drawn.alongside[name]])
            yield jensen_shannon(self.networks[f"{m}_auxiliary"], other, fake)

    # Shared -----------------------------------------------------------------------------------------------------

    def _synthesize(self, z: Tensor) -> tuple[Tensor, Tensor]:
        a_hat = self.networks["adc_decoder"](z)
        return a_hat, self.networks["t2w_translator"](a_hat)

    def _fake(self, modality: str, z: Tensor) -> Tensor:
        return self._synthesize(z)[("adc", "t2w").index(modality)]

    def _scores(self, critic: str, images: Tensor) -> Tensor:
        return self.networks[critic](images)

    def _weights(self, phase: str) -> dict[str, float]:
        return {term.name: term.weight for term in self.phases[phase].terms}

    def _adam(self, phase: str, networks: Iterable[str], role: str = "") -> torch.optim.Adam:
        parameters = [parameter for name in networks for parameter in self.networks[name].parameters()]
        rate, betas = (getattr(self.phases[phase], f"{role}{key}") for key in ("learning_rate", "betas"))
        return torch.optim.Adam(parameters, lr=rate, betas=betas, foreach=False, fused=False)

    def _minimise(self, adam: str, objective: Tensor) -> None:
        objective.backward()
        self.adams[adam].step()
        for network in self.networks.values():
            network.zero_grad()


def jensen_shannon(critic: Module, reference: Tensor, candidate: Tensor) -> Tensor:
    """E log C(reference) + E log(1 - C(candidate)), C the probability."""
    return torch.log(torch.sigmoid(critic(reference))).mean() + torch.log(1 - torch.sigmoid(critic(candidate))).mean()


def slope_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, mixing: Tensor) -> Tensor:
    """R of Eqs. 4 and 5, E (|∇D(mix)|₂ - 1)², pair by pair."""
    penalties = []
    for x, x_hat, epsilon in zip(real, fake, mixing, strict=True):
        mix = (epsilon * x + (1 - epsilon) * x_hat).detach().requires_grad_()
        (slope,) = torch.autograd.grad(critic(mix[None]).sum(), mix, create_graph=True)
        penalties.append(((slope**2).sum().sqrt() - 1) ** 2)
    return sum(penalties) / len(penalties)
