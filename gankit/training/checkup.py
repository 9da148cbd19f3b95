"""The checkup of a training: what its losses do not show, measured at each sample sheet.

It changes nothing. Critics run as copies, everything else as averaged networks, and its draws have streams of their
own. The first process alone measures.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from gankit._draws import Draws
from gankit.cohort.cohort import Cohort
from gankit.networks.scores import slopes
from gankit.networks.synthesizer import Networks, build_networks, together
from gankit.plugin.components import Draw
from gankit.recipe.recipe import Recipe
from gankit.run.health.measures import LATENT_DEVIATION, LATENT_MEAN, MOVED, NEW, SLOPE, VARIED
from gankit.training.batch import BatchSource
from gankit.training.cohort import TrainingCohort
from gankit.training.fence import unchanged
from gankit.training.likeness import Likeness, spread
from gankit.training.phases import PhaseStep
from gankit.training.state import TrainingState

ENCODED = 256
"""Slices that are encoded at most."""

Numbers = Iterator[tuple[str, float]]
"""Names of measures, and what was found."""


class Checkup:
    """Measures a training."""

    def __init__(self, state: TrainingState, phases: Iterable[PhaseStep], images: TrainingCohort, cohort: Cohort):
        """
        Args:
            state: the state of the training, which moves on.
            phases: its phases.
            images: the cohort as training sees it.
            cohort: the same cohort, which says whose slices they are.
        """
        self._state, self._phases, self._cohort = state, tuple(phases), images
        self._recipe: Recipe = state.recipe
        self._patient_N = cohort.patient

    def __call__(self, samples: Mapping[str, Tensor]) -> dict[str, float]:
        """Measure the training at its step.

        Args:
            samples: modality to synthetic slices (N, C, *S) in [-1, 1], given ones too.

        Returns: measure to its number, where it is finite; see ``gankit.run.health.measures``.
        """
        with unchanged():
            found = [*self._moved(), *self._slopes(), *self._encodings(), *self._samples(samples)]
        return {name: number for name, number in found if math.isfinite(number)}

    # Networks -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _moved(self) -> Numbers:
        """How far each trained network is from its first weights, as a share of their norm."""
        trained = dict.fromkeys(name for phase in self._begun() for name in (*phase.players, *phase.critics))
        names = [name for name in trained if name not in self._recipe.weights]
        first = build_networks(self._recipe, names)
        for name in names:
            before, now = (_vector(networks[name]) for networks in (first, self._state.networks))
            if before.any():
                yield f"{MOVED}{name}", float((now - before).norm() / before.norm())

    def _slopes(self) -> Numbers:
        """Mean norm of a critic's gradient between references and candidates, for losses that hold it."""
        for phase in self._begun():
            held = [term for term, _ in phase.adversarial if term.holds_slope is not None]
            if not held:
                continue
            source = partial(self._source, phase)
            drawn = phase.drawn_set(0, source)
            with torch.no_grad():
                candidates = phase.candidates(self._state.averages, drawn.inputs)
            for term in held:
                critic = phase.critic_of(self._quiet(term.critic), term, drawn.draws[term.name])
                reference, candidate = drawn.references[term.name], together(candidates, term.on)
                mixing_B = source(f"{term.name}/between").draw("mixing", Draw())
                between = torch.lerp(candidate, reference, mixing_B.view(-1, *[1] * (reference.ndim - 1)))
                norm_B = torch.linalg.vector_norm(slopes(critic, between).detach().flatten(1), dim=1)
                yield f"{SLOPE}{phase.spec.name}.{term.name}", float(norm_B.mean())

    def _source(self, phase: PhaseStep, stream: str) -> BatchSource:
        draws = Draws(self._recipe.training.seed, self._state.step)
        return phase.source(self._cohort, draws, f"checkup/{stream}")

    def _quiet(self, name: str) -> Networks:
        """A copy of one network in evaluation mode."""
        twin = copy.deepcopy(self._state.networks[name])
        return Networks(self._recipe, {name: twin}).requires_grad_(False).eval()

    def _begun(self) -> Iterator[PhaseStep]:
        return (phase for phase in self._phases if phase.spec.start < self._state.step)

    # Slices -------------------------------------------------------------------------------------------------

    def _approached(self, places: tuple[str, ...]) -> np.ndarray:
        """Indices of the slices that training approaches and that have all these places."""
        pools = [self._cohort.pools[name] for name in self._recipe.approached_pools()]
        chosen = np.unique(np.concatenate(pools)) if pools else np.zeros(0, dtype=int)
        return chosen[np.all([self._cohort.present[place][chosen] for place in places], axis=0)]

    @torch.no_grad()
    def _encodings(self) -> Numbers:
        """Root mean squares, over the dimensions of the latent, of the mean and the deviation of encodings."""
        edge = self._recipe.encoder()
        batch = self._recipe.training.batch
        if edge is None or len(real := self._approached(edge.from_)) < 2:
            return
        chosen = real[spread(len(real), ENCODED)]
        parts = [
            {place: self._cohort.rows(place, few) for place in edge.from_}
            for few in np.split(chosen, range(batch, len(chosen), batch))
        ]
        latent_NZ = torch.cat([self._state.averages.apply_edge(edge, part) for part in parts]).double()
        yield LATENT_MEAN, float(latent_NZ.mean(dim=0).square().mean().sqrt())
        yield LATENT_DEVIATION, float(latent_NZ.var(dim=0).mean().sqrt())

    @cached_property
    def _likeness(self) -> dict[str, Likeness]:
        """Image that the graph makes to the likeness of slices there."""
        made = [name for name in self._recipe.images() if name not in self._recipe.given()]
        real = {name: self._approached((name,)) for name in made}
        mirrored = self._cohort.augmentation.mirror
        return {
            name: Likeness(partial(self._cohort.rows, name), indices, self._patient_N, mirrored)
            for name, indices in real.items()
            if len(indices)
        }

    def _samples(self, samples: Mapping[str, Tensor]) -> Numbers:
        """How far samples are from each other and from the training set, as a share of what real slices are.

        What is made from a slice of the training set may well be near to it.
        """
        given = [samples[name] for name in self._recipe.given() if name in samples]
        translated = any(name in self._recipe.given() for name in self._recipe.images())
        for name, likeness in self._likeness.items():
            if (varied := likeness.varied(samples[name], given)) is not None:
                yield f"{VARIED}{name}", varied
            if not translated and (new := likeness.new(samples[name])) is not None:
                yield f"{NEW}{name}", new


def _vector(network: torch.nn.Module) -> Tensor:
    """All parameters of a network in one vector on the CPU, float64."""
    return torch.cat([parameter.detach().double().flatten().cpu() for parameter in network.parameters()])
