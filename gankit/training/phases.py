"""The step of a phase: a function of networks, optimizers and batch, which updates the first two and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from torch.nn import Module, Parameter

from gankit._draws import Draws
from gankit._shapes import LATENT, joined
from gankit.networks.synthesizer import Networks, together
from gankit.plugin.components import (
    AbstractAdversarialLoss,
    AbstractFeatureLoss,
    AbstractLoss,
    AbstractPairedLoss,
    AbstractPhase,
    AdversarialLoss,
    Draw,
    Inputs,
)
from gankit.plugin.contract import blaming, require_call
from gankit.processes.ranks import ALONE, Ranks
from gankit.recipe.recipe import Recipe, critics, feature_networks, judges, real_places
from gankit.training.augmentation import TermAugmentation
from gankit.training.batch import Batch, BatchSource, DrawnSet
from gankit.training.cohort import TrainingCohort
from gankit.training.losses import Comparison, FeatureComparison, TermCritic, built_adversarial, built_paired
from gankit.training.optimizers import Optimizers

Scalars = dict[str, Tensor]
"""Name to a number without graph: ``TERM`` to what players minimised, ``TERM.critic`` to what the critic minimised,
``TERM.augment`` to the adaptive probability of its augmentations."""

_CRITIC = "critic/"
"""Before the names of what a critic draws, among the draws of its term."""


class PhaseStep:
    """One phase of a recipe, ready to run. It has no state but that of its losses (``losses``), which ``TrainingState``
    keeps. Everything else that changes is passed in."""

    def __init__(self, spec: AbstractPhase, recipe: Recipe, ranks: Ranks = ALONE):
        self.spec = spec
        self.where = f"phases.{spec.name}"
        """Path of the phase in the recipe."""
        self.recipe = recipe
        self.ranks = ranks
        require_call(self.where, spec, "inputs", spec.inputs, "source")
        require_call(self.where, spec, "candidates", spec.candidates, "networks", "inputs")
        self.players = spec.players(recipe)
        self.critics = critics(spec)
        self.frozen = (*self.critics, *judges(spec), *feature_networks(spec))
        """Networks that stay as they are while the players move."""
        self.sets = spec.critic_steps if self.critics else 1
        self.paired = [
            (term, built_paired(self.path(term), term))
            for term in spec.terms
            if isinstance(term, AbstractPairedLoss | AbstractFeatureLoss)
        ]
        self.adversarial = [
            (term, built_adversarial(self.path(term), term))
            for term in spec.terms
            if isinstance(term, AbstractAdversarialLoss)
        ]
        self._shapes = {term.name: recipe.shapes_in(spec, term.on) for term, _ in self.adversarial}
        self.augmentations = {
            term.name: TermAugmentation(self.path(term), term, self._shapes[term.name]) for term, _ in self.adversarial
        }
        self.losses = self._with_state()
        """``PHASE.TERM`` to the losses that have a state, ``PHASE.TERM.augment`` to adaptive probabilities."""
        self._real_of = {term.name: real_places(spec, recipe, term.on) for term, _ in self.adversarial}

    def _with_state(self) -> dict[str, Module]:
        losses = {term.name: loss for term, loss in (*self.paired, *self.adversarial) if isinstance(loss, Module)}
        strengths = {f"{name}.augment": each.strength for name, each in self.augmentations.items() if each.strength}
        return {f"{self.spec.name}.{name}": module for name, module in {**losses, **strengths}.items()}

    # The batch ----------------------------------------------------------------------------------------------

    def batch(self, cohort: TrainingCohort, draws: Draws) -> Batch:
        """Draw everything that one step needs."""
        source = partial(self.source, cohort, draws)
        sets = tuple(self.drawn_set(number, source) for number in range(self.sets))
        weights = {term.name: self._weight(sets[-1], term.on) for term, _ in self.paired}
        for_players = {
            term.name: self._draws(term, source(f"{self.sets - 1}/{term.name}/player"))
            for term, _ in self.adversarial
            if term.moves_players
        }
        return Batch(sets=sets, draws=for_players, weights=weights)

    def source(self, cohort: TrainingCohort, draws: Draws, stream: str) -> BatchSource:
        """The source of one draw of this phase."""
        return BatchSource(self.recipe, cohort, draws, f"{self.spec.name}/{stream}", self.ranks)

    def inputs(self, source: BatchSource) -> Inputs:
        """Draw one set of inputs."""
        with blaming(self.where, self.spec):
            return self.spec.inputs(source)

    def drawn_set(self, number: int, source: Callable[[str], BatchSource]) -> DrawnSet:
        """Draw one set of inputs and what critics compare their candidates with, from the sources of their streams."""
        references, alongside, drawn = {}, {}, {}
        inputs = self.inputs(source(f"{number}/inputs"))
        for term, _ in self.adversarial:
            stream, real = f"{number}/{term.name}", self._real_of[term.name]
            if term.trains_critic:
                drawn[term.name] = self._draws(term, source(stream))
            references[term.name] = _reference(source(stream), term.against, real)
            if term.alongside is not None:
                alongside[term.name] = _reference(source(f"{stream}/alongside"), term.alongside, real)
        return DrawnSet(inputs=inputs, references=references, alongside=alongside, draws=drawn)

    def _draws(self, term: AbstractAdversarialLoss, source: BatchSource) -> Mapping[str, Tensor]:
        """What the loss of a term declares, its augmentations, and its critic, for one question."""
        sample = joined(self._shapes[term.name])
        declared = {**term.draws, **self.augmentations[term.name].draws}
        drawn = {name: source.draw(name, draw, sample) for name, draw in declared.items()}
        by_critic = {f"{_CRITIC}{name}": draw for name, draw in self._judged_by(term).items()}
        return drawn | {name: source.draw_once(name, draw, sample) for name, draw in by_critic.items()}

    def _judged_by(self, term: AbstractAdversarialLoss) -> Mapping[str, Draw]:
        """What the critic of a term draws."""
        draws: Mapping[str, Draw] = self.recipe.networks[term.critic].draws  # type: ignore[attr-defined] # checked: a discriminator
        return draws

    def _weight(self, drawn: DrawnSet, on: tuple[str, ...]) -> Tensor:
        """This process's weights of the per-sample losses of a paired term on these places, (B,).

        A sample that lacks one of the places weighs 0, the others N / (number of the others), N being the size of the
        global batch. So the mean of weight times loss over the global batch is the mean loss of the others.
        """
        like = next(iter(drawn.inputs.values.values()))
        presences = [drawn.inputs.presence[place] for place in on if place in drawn.inputs.presence]
        present_N = torch.stack(presences or [like.new_ones(self.recipe.training.batch)]).prod(dim=0)
        return self.ranks.share(present_N * (len(present_N) / present_N.sum().clamp(min=1)))

    # The step -----------------------------------------------------------------------------------------------

    def __call__(self, networks: Networks, optimizers: Optimizers, batch: Batch) -> Scalars:
        """Run the step: update the critics ``critic_steps`` times, then the players once.

        Networks and optimizers are updated in place. The same arguments give the same result.

        Returns: what was minimised, by term; see ``Scalars``.
        """
        scalars: Scalars = {}
        *earlier, last = batch.sets

        # 1. All updates of the critics but the last, on candidates without graph.
        for drawn in earlier:
            with torch.no_grad(), self.precision(batch.device):
                candidates = self.candidates(networks, drawn.inputs)
            self._update_critics(networks, optimizers, batch, drawn, candidates)

        # 2. The last update of the critics and that of the players share their candidates.
        with self.precision(batch.device):
            candidates = self.candidates(networks, last.inputs)
        if self.critics:
            detached = {place: candidate.detach() for place, candidate in candidates.items()}
            scalars |= self._update_critics(networks, optimizers, batch, last, detached)
        scalars |= self._update_players(networks, optimizers, batch, candidates)
        adaptive = {name: each.strength for name, each in self.augmentations.items() if each.strength}
        return scalars | {f"{name}.augment": each.probability.clone() for name, each in adaptive.items()}

    def _update_critics(
        self,
        networks: Networks,
        optimizers: Optimizers,
        batch: Batch,
        drawn: DrawnSet,
        candidates: Mapping[str, Tensor],
    ) -> Scalars:
        with self.precision(batch.device):
            asked = [(term, loss) for term, loss in self.adversarial if term.trains_critic]
            values = [self.critic_objective(networks, term, loss, drawn, candidates) for term, loss in asked]
            weighed = [
                value if term.moves_players else term.weight * value
                for (term, _), value in zip(asked, values, strict=True)
            ]
        optimizers.update(self.spec.name, "critics", torch.stack(weighed).sum())
        return {f"{term.name}.critic": value.detach() for (term, _), value in zip(asked, values, strict=True)}

    def _update_players(
        self, networks: Networks, optimizers: Optimizers, batch: Batch, candidates: Mapping[str, Tensor]
    ) -> Scalars:
        values: Scalars = {}
        with frozen(networks.parameters_of(self.frozen).values()):
            with self.precision(batch.device):
                for term, paired in self.paired:
                    each_B = self.paired_losses(networks, term, paired, batch.sets[-1].inputs, candidates)
                    values[term.name] = (each_B * batch.weights[term.name]).mean()
                for judged, loss in self.adversarial:
                    if judged.moves_players:
                        values[judged.name] = self.player_objective(networks, judged, loss, batch, candidates)
            moving = [term for term in self.spec.terms if term.name in values]
            total = torch.stack([term.weight * values[term.name] for term in moving]).sum()
            optimizers.update(self.spec.name, "players", total)
        return {name: value.detach() for name, value in values.items()}

    def precision(self, device: torch.device) -> torch.autocast:
        """A context in which networks run in ``training.precision``. Weights, gradients and losses are float32."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.recipe.training.precision == "bf16")

    # The components -----------------------------------------------------------------------------------------

    def candidates(self, networks: Networks, inputs: Inputs) -> Mapping[str, Tensor]:
        """The phase's candidates by place."""
        with blaming(self.where, self.spec):
            return self.spec.candidates(networks, inputs)

    def critic_of(self, networks: Networks, term: AbstractAdversarialLoss, draws: Mapping[str, Tensor]) -> TermCritic:
        """The critic of a term, as its loss sees it in one question with these draws."""
        own = {name: draws[f"{_CRITIC}{name}"] for name in self._judged_by(term)}
        return TermCritic(networks, term.critic, self._shapes[term.name], own)

    def critic_objective(
        self,
        networks: Networks,
        term: AbstractAdversarialLoss,
        loss: AdversarialLoss,
        drawn: DrawnSet,
        candidates: Mapping[str, Tensor],
    ) -> Tensor:
        """What the critic of a term minimises, a scalar, before the weight of a regulariser. ``candidates`` are without
        graph."""
        # What it sees
        draws, augmented = drawn.draws[term.name], self.augmentations[term.name]
        reference = augmented(drawn.references[term.name], "reference", draws)
        candidate = augmented(together(candidates, term.on), "candidate", draws)
        if (alongside := drawn.alongside.get(term.name)) is not None:
            candidate = torch.cat([candidate, augmented(alongside, "alongside", draws)])

        # What it answers
        critic = self.critic_of(networks, term, draws)
        with blaming(self.path(term), term):
            objective = loss.critic(critic, reference, candidate, _own(draws, term))
        if augmented.strength:
            augmented.strength.move(critic, reference, self.recipe.training.batch)
        return objective

    def player_objective(
        self,
        networks: Networks,
        term: AbstractAdversarialLoss,
        loss: AdversarialLoss,
        batch: Batch,
        candidates: Mapping[str, Tensor],
    ) -> Tensor:
        """What the players minimise for a term, a scalar, before the term's weight. The critic must be frozen."""
        draws, augmented = batch.draws[term.name], self.augmentations[term.name]
        reference = augmented(batch.sets[-1].references[term.name], "reference", draws)
        candidate = augmented(together(candidates, term.on), "candidate", draws)
        critic = self.critic_of(networks, term, draws)
        with blaming(self.path(term), term):
            return loss.player(critic, reference, candidate, _own(draws, term))

    def paired_losses(
        self,
        networks: Networks,
        term: AbstractPairedLoss | AbstractFeatureLoss,
        loss: Comparison,
        inputs: Inputs,
        candidates: Mapping[str, Tensor],
    ) -> Tensor:
        """The loss of a term for each candidate and its reference, (B,)."""
        candidate, reference = together(candidates, term.on), together(inputs.references, term.on)
        compared = FeatureComparison(networks, term, loss) if isinstance(term, AbstractFeatureLoss) else loss
        with blaming(self.path(term), term):
            return compared(candidate, reference)

    def path(self, term: AbstractLoss) -> str:
        """Path of a term in the recipe."""
        return f"{self.where}.terms.{term.name}"


def _own(draws: Mapping[str, Tensor], term: AbstractAdversarialLoss) -> dict[str, Tensor]:
    """The draws that a term's loss has declared."""
    return {name: draws[name] for name in term.draws}


def _reference(source: BatchSource, pool: str | None, on: tuple[str, ...]) -> Tensor:
    """References of an adversarial term: slices of the pool that have all these places, beside draws of the prior where
    the latent is among them."""
    values = {LATENT: source.latents()} if LATENT in on else {}
    if real := tuple(place for place in on if place != LATENT):
        if pool is None:
            raise ValueError(f"a term on {on} needs a pool")
        values |= source.slices(pool, real).values
    return together(values, on)


@contextmanager
def frozen(parameters: Iterable[Parameter]) -> Iterator[None]:
    """A context in which autograd computes no gradients of these parameters. Gradients still pass through their
    networks to the input."""
    held = list(parameters)
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
