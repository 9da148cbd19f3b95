"""A phase's step: a pure function of (networks, optimizers, batch), and the batch that holds all its randomness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from gankit._draws import Draws
from gankit._shapes import LATENT
from gankit.networks.synthesizer import Networks, together
from gankit.plugin.components import AbstractAdversarialLoss, AbstractPairedLoss, AbstractPhase
from gankit.processes.ranks import ALONE, Ranks
from gankit.recipe.recipe import Recipe, critics
from gankit.training.optimizers import Optimizers
from gankit.training.resident import ResidentCohort

Batch = dict[str, Tensor]
"""Everything a step reads: ``"<set>/inputs/..."``, ``"<set>/reference/<term>"``, ``"weight/<term>"``, ..."""

Scalars = dict[str, Tensor]
"""Name to a number without graph; ``<term>`` for what players minimised, ``<term>.critic`` for critics."""


class BatchSource:
    """What a phase draws its inputs from; each name of a draw is a stream of its own.

    The global batch of ``count`` is drawn in every process, and each keeps its share: B below.
    """

    def __init__(self, recipe: Recipe, cohort: ResidentCohort, draws: Draws, stream: str, ranks: Ranks):
        self.recipe = recipe
        self._cohort = cohort
        self._draws = draws
        self._stream = stream
        self._ranks = ranks
        self._like = next(iter(cohort.images.values()))
        self.count = recipe.training.batch

    def latents(self) -> Tensor:
        """Draws from the prior, (B, Z)."""
        drawn = self._draws.normal(f"{self._stream}/latent", self.count, self.recipe.latent.dim)
        return torch.from_numpy(self._ranks.share(drawn)).to(self._like)

    def mixing(self) -> Tensor:
        """Uniform draws in [0, 1), (B,)."""
        drawn = self._draws.uniform(f"{self._stream}/mixing", self.count)
        return torch.from_numpy(self._ranks.share(drawn)).to(self._like)

    def slices(self, pool: str, needed: tuple[str, ...], wanted: tuple[str, ...] = ()) -> dict[str, Tensor]:
        """Slices of a pool, drawn with replacement and augmented.

        Args:
            pool: name of the pool.
            needed: only slices that have all of these modalities are drawn.
            wanted: modalities that may be absent from a slice.

        Returns: each modality (B, C, *S), and ``"present.<modality>"`` (count,), 1 where the slice has it, for the
            global batch.

        Raises:
            CohortError: the pool has no slice with all that is needed, or none that has a wanted modality besides.
        """
        members = self._cohort.members(pool, needed)
        for name in wanted:
            self._cohort.members(pool, tuple(dict.fromkeys((*needed, name))))
        chosen_B = self._draws.choose(f"{self._stream}/slices", members, self.count)
        modalities = tuple(dict.fromkeys((*needed, *wanted)))
        drawn = self._cohort.gather(modalities, chosen_B, self._draws, self._stream, self._ranks)
        for name in modalities:
            present_B = self._cohort.present[name][chosen_B].astype(np.float32)
            drawn[f"present.{name}"] = torch.from_numpy(present_B).to(self._like)
        return drawn


class PhaseStep:
    """One phase of a recipe, ready to run. Holds no state: everything that changes is passed in."""

    def __init__(self, spec: AbstractPhase, recipe: Recipe, ranks: Ranks = ALONE):
        self.spec = spec
        self.recipe = recipe
        self.ranks = ranks
        self.players = spec.players(recipe)
        self.critics = critics(spec)
        self.sets = spec.critic_steps if self.critics else 1
        self._paired = [(term, term.build()) for term in spec.terms if isinstance(term, AbstractPairedLoss)]
        self._adversarial = [(term, term.build()) for term in spec.terms if isinstance(term, AbstractAdversarialLoss)]

    def batch(self, cohort: ResidentCohort, draws: Draws) -> Batch:
        """Draw everything that one step needs."""
        batch: Batch = {}

        def source(stream: str) -> BatchSource:
            return BatchSource(self.recipe, cohort, draws, f"{self.spec.name}/{stream}", self.ranks)

        for number in range(self.sets):
            inputs = self.spec.inputs(source(f"{number}/inputs"))
            batch |= {f"{number}/inputs/{name}": value for name, value in inputs.items()}
            for term, _ in self._adversarial:
                stream = f"{number}/{term.name}"
                batch[f"{number}/mixing/{term.name}"] = source(stream).mixing()
                batch[f"{number}/reference/{term.name}"] = _reference(source(stream), term.against, term.on)
                if term.alongside is not None:
                    alongside = _reference(source(f"{stream}/alongside"), term.alongside, term.on)
                    batch[f"{number}/alongside/{term.name}"] = alongside
        for compared, _ in self._paired:
            weight_B = _presence_weight(_inputs(batch, self.sets - 1), compared.on)
            batch[f"weight/{compared.name}"] = self.ranks.share(weight_B)
        return batch

    def __call__(self, networks: Networks, optimizers: Optimizers, batch: Batch) -> Scalars:
        """Run the step: critics ``critic_steps`` times, then players once. Networks and optimizers are updated in
        place and nothing else is; the same arguments give the same result."""
        scalars: Scalars = {}
        last = self.sets - 1
        for number in range(last):
            with torch.no_grad(), self._precision(batch):
                candidates = self.spec.candidates(networks, _inputs(batch, number))
            self._update_critics(networks, optimizers, batch, number, candidates)
        inputs = _inputs(batch, last)
        with self._precision(batch):
            candidates = self.spec.candidates(networks, inputs)
        if self.critics:
            detached = {place: candidate.detach() for place, candidate in candidates.items()}
            scalars |= self._update_critics(networks, optimizers, batch, last, detached)
        scalars |= self._update_players(networks, optimizers, batch, inputs, candidates)
        return scalars

    def _update_critics(
        self,
        networks: Networks,
        optimizers: Optimizers,
        batch: Batch,
        number: int,
        candidates: Mapping[str, Tensor],
    ) -> Scalars:
        objectives = {}
        with self._precision(batch):
            for term, loss in self._adversarial:
                candidate = together(candidates, term.on)
                if (alongside := batch.get(f"{number}/alongside/{term.name}")) is not None:
                    candidate = torch.cat([candidate, alongside])
                reference, mixing_B = (batch[f"{number}/{what}/{term.name}"] for what in ("reference", "mixing"))
                critic = partial(networks.run, term.critic, places=term.on)
                objectives[f"{term.name}.critic"] = loss.critic(critic, reference, candidate, mixing_B)
        optimizers.update(self.spec.name, "critics", torch.stack(list(objectives.values())).sum())
        return {name: objective.detach() for name, objective in objectives.items()}

    def _update_players(
        self,
        networks: Networks,
        optimizers: Optimizers,
        batch: Batch,
        inputs: Mapping[str, Tensor],
        candidates: Mapping[str, Tensor],
    ) -> Scalars:
        values: Scalars = {}
        with frozen(networks.parameters_of(self.critics).values()):
            with self._precision(batch):
                for term, paired in self._paired:
                    each_B = paired(together(candidates, term.on), together(inputs, term.on))
                    values[term.name] = (each_B * batch[f"weight/{term.name}"]).mean()
                for judged, loss in self._adversarial:
                    critic = partial(networks.run, judged.critic, places=judged.on)
                    values[judged.name] = loss.player(critic, together(candidates, judged.on))
            total = torch.stack([term.weight * values[term.name] for term in self.spec.terms]).sum()
            optimizers.update(self.spec.name, "players", total)
        return {name: value.detach() for name, value in values.items()}

    def _precision(self, batch: Batch) -> torch.autocast:
        """The context in which networks run; weights, their gradients and all arithmetic on results are float32."""
        device = next(iter(batch.values())).device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.recipe.training.precision == "bf16")


def _reference(source: BatchSource, pool: str | None, on: tuple[str, ...]) -> Tensor:
    """Slices of the pool that have all these modalities; draws of the prior on the latent."""
    if on == (LATENT,):
        return source.latents()
    if pool is None:
        raise ValueError(f"a term on {on} needs a pool")
    return together(source.slices(pool, on), on)


def _inputs(batch: Batch, number: int) -> dict[str, Tensor]:
    prefix = f"{number}/inputs/"
    return {name[len(prefix) :]: value for name, value in batch.items() if name.startswith(prefix)}


def _presence_weight(inputs: Mapping[str, Tensor], on: tuple[str, ...]) -> Tensor:
    """(B,) weights whose product with per-sample losses has the mean over the samples that have every modality."""
    present_B = torch.stack([inputs[f"present.{name}"] for name in on]).prod(dim=0)
    return present_B * (len(present_B) / present_B.sum().clamp(min=1))


@contextmanager
def frozen(parameters: Iterable[Parameter]) -> Iterator[None]:
    """Keep autograd from computing gradients of these parameters; gradients still pass through their networks."""
    held = list(parameters)
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
