"""The critics of a run, which its checkpoints hold and its model does not.

Letters: N slices.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._errors import CheckpointError, CohortError, InputError
from gankit._shapes import LATENT
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import select_pool
from gankit.files.tensor_file import read_tensors
from gankit.networks.scores import sample_scores
from gankit.networks.stored_weights import unfit
from gankit.networks.synthesizer import Networks, build_networks, together
from gankit.plugin.components import AbstractAdversarialLoss
from gankit.recipe.recipe import Recipe
from gankit.run.directory import RunDirectory
from gankit.run.given import place_values
from gankit.run.identity import Identity

CHECKPOINT = "gankit-checkpoint-1"
"""The format of a checkpoint."""
NETWORK = "network."
"""Before the name of a weight in a checkpoint: it is as it was trained, not averaged."""
CHUNK = 64
"""Slices that go through a critic at a time."""


@attrs.frozen
class CriticUse:
    """A critic of a recipe, and what it judges."""

    critic: str
    """Name of the network."""
    on: tuple[str, ...]
    """The places that it judges together."""
    pools: tuple[str, ...]
    """The pools whose slices it was shown: as references or, where it judges latents, encoded."""


@attrs.frozen(eq=False)
class Critics:
    """The critics of a run as they were after a training step, with the encoder that theirs were trained beside."""

    recipe: Recipe
    networks: Networks
    step: int

    def uses(self) -> tuple[CriticUse, ...]:
        """Every critic at every place that it was trained to judge."""
        return tuple(critic_uses(self.recipe))

    def pool(
        self, use: CriticUse, slices: Cohort, split: Literal["train", "test", "all"] | None = None
    ) -> Cohort | None:
        """The slices of a cohort that are in the pools that a critic was shown.

        Args:
            use: one of ``uses``.
            slices: of the training cohort, or of another one.
            split: replaces the pools' own; so slices of
                other patients are found that have the pools' labels.

        Returns: None where there are none.

        Raises:
            CohortError: the cohort lacks the label of a pool.
        """
        chosen_N = np.zeros(len(slices), dtype=bool)
        for name in use.pools:
            pool = self.recipe.pools[name]
            if pool.label is not None and pool.label not in slices.labels:
                raise CohortError(f"no label {pool.label!r}, which pool {name!r} selects by")
            chosen_N |= select_pool(attrs.evolve(pool, split=split or pool.split), slices)
        return slices.select(chosen_N) if chosen_N.any() else None

    @torch.inference_mode()
    def scores(self, use: CriticUse, slices: Cohort) -> np.ndarray:
        """One score for each slice, (N,) float32, as the loss of the critic reads it; the mean over patches.

        Latents are encodings.

        Args:
            use: one of ``uses``.
            slices: have every modality, mask and label that the critic or the encoder reads.

        Raises:
            CohortError: the slices lack a place, or have it in another unit, range or size.
            InputError: the critic judges noise, or latents that no encoder makes.
        """
        edge = self.recipe.encoder() if LATENT in use.on else None
        read = dict.fromkeys((*use.on, *(edge.from_ if edge else ())))
        if edge is not None:
            del read[LATENT]
        if unknown := [place for place in read if place not in self.recipe.observed()]:
            raise InputError(f"critic {use.critic!r} judges {unknown[0]!r}, which real slices do not have")
        values = {place: torch.from_numpy(place_values(self.recipe, slices, place)).split(CHUNK) for place in read}
        scores = []
        for number in range(-(-len(slices) // CHUNK)):
            part: dict[str, Tensor] = {place: chunks[number] for place, chunks in values.items()}
            if edge is not None:
                part[LATENT] = self.networks.apply_edge(edge, part)
            x = together(part, use.on)
            scores.append(sample_scores(self.networks.run(use.critic, x, use.on)))
        return torch.cat(scores).numpy()


def critic_uses(recipe: Recipe) -> Iterator[CriticUse]:
    """Every critic of a recipe at every place that a term trains it to judge."""
    shown: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}
    for phase in recipe.phases:
        for term in phase.terms:
            if isinstance(term, AbstractAdversarialLoss) and term.trains_critic:
                pools = phase.pools().values() if term.against is None else (term.against,)
                shown.setdefault((term.critic, term.on), {}).update(dict.fromkeys(pools))
    for (critic, on), of_use in shown.items():
        yield CriticUse(critic, on, tuple(of_use))


def load_critics(run: Path, recipe: Recipe, step: int) -> Critics:
    """The critics of a run, from the checkpoint of a step.

    Args:
        run: the run directory.
        recipe: its recipe.
        step: that of the run's model.

    Raises:
        InputError: the recipe has no critics, or the run has no checkpoint of the step.
        CheckpointError: the checkpoint does not verify, is of another run, or holds other networks than the recipe's.
    """
    encoder = recipe.encoder()
    critics = [use.critic for use in critic_uses(recipe)]
    if not critics:
        raise InputError(f"recipe {recipe.name!r} has no critics")
    directory = RunDirectory(run)
    file = directory.checkpoint(step)
    if not file.is_file():
        raise InputError(f"{run}: has no checkpoint of step {step}, which holds the critics of its model")

    # Its weights
    tensors, header = read_tensors(file, CHECKPOINT)
    cohort = directory.provenance().get("cohort", "")
    Identity.of(directory.locked_recipe(), cohort).refuse_other(file, header)
    names = tuple(dict.fromkeys((*critics, *([encoder.network] if encoder else ()))))
    stored = {
        name: tensor
        for key, tensor in tensors.items()
        if (name := key.removeprefix(NETWORK)) != key and name.partition(".")[0] in names
    }

    # Its networks
    networks = build_networks(recipe, names)
    if why := unfit(stored, networks.by_name.state_dict()):
        raise CheckpointError(f"{file}: its weights do not fit the recipe: {why}")
    networks.by_name.load_state_dict(stored)
    return Critics(recipe, networks.requires_grad_(False).eval(), step)
