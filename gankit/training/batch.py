"""The batch: everything that a step reads. It is drawn before the step, from (seed, step, stream name)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._draws import Draws
from gankit._errors import nearest
from gankit._shapes import Shape
from gankit.plugin.components import Draw, Inputs
from gankit.processes.ranks import Ranks
from gankit.recipe.recipe import Recipe
from gankit.training.cohort import TrainingCohort


@attrs.frozen(kw_only=True, eq=False)
class DrawnSet:
    """One set of inputs, and what the critics compare its candidates with."""

    inputs: Inputs
    references: Mapping[str, Tensor]
    """Adversarial term to samples of its pool or of the prior, (B, ...)."""
    alongside: Mapping[str, Tensor]
    """Adversarial term to real slices that its critic sees as candidates, (B, ...), for terms with ``alongside``."""
    draws: Mapping[str, Mapping[str, Tensor]]
    """Adversarial term to what its loss, its augmentations and its critic declare, for the critic's question: name to
    (B, ...), or (...) for the critic."""


@attrs.frozen(kw_only=True, eq=False)
class Batch:
    """Everything that one step of a phase reads."""

    sets: tuple[DrawnSet, ...]
    """One for each update of the critics, in order. The players' update takes the last one too."""
    draws: Mapping[str, Mapping[str, Tensor]]
    """Adversarial term to what its loss, its augmentations and its critic declare, for the player's question: name to
    (B, ...), or (...) for the critic."""
    weights: Mapping[str, Tensor]
    """Paired term to (B,) weights. The mean over processes and samples of weight times loss is the mean loss of the
    slices that have every modality of the term."""

    def tensors(self) -> dict[str, Tensor]:
        """Path to tensor, as in ``"sets.0.inputs.values.adc"``; the tensors themselves, not copies."""
        return dict(_tensors(self, ""))

    def holding(self, tensors: Mapping[str, Tensor]) -> Batch:
        """A batch with the same parts, but with these tensors at their paths."""
        held: Batch = _holding(self, tensors, "")
        return held

    @property
    def device(self) -> torch.device:
        return next(iter(self.sets[-1].inputs.values.values())).device


def _parts(whole: Any, path: str) -> dict[str, tuple[str, Any]]:
    """The parts of a batch, or of a part of it that is no tensor: name to path and part."""
    if isinstance(whole, Mapping):
        named = dict(whole)
    elif isinstance(whole, tuple):
        named = {str(number): part for number, part in enumerate(whole)}
    else:
        named = attrs.asdict(whole, recurse=False)
    return {name: (f"{path}.{name}" if path else name, part) for name, part in named.items()}


def _tensors(part: Any, path: str) -> Iterator[tuple[str, Tensor]]:
    if isinstance(part, Tensor):
        yield path, part
        return
    for inner, each in _parts(part, path).values():
        yield from _tensors(each, inner)


def _holding(part: Any, tensors: Mapping[str, Tensor], path: str) -> Any:
    if isinstance(part, Tensor):
        return tensors[path]
    held = {name: _holding(each, tensors, inner) for name, (inner, each) in _parts(part, path).items()}
    if isinstance(part, Mapping):
        return held
    return tuple(held.values()) if isinstance(part, tuple) else attrs.evolve(part, **held)


class BatchSource:
    """The source of a phase's inputs.

    Each kind of draw (``latents``, ``noise``, ``slices``, each name of ``draw``) has a stream of its own. Two calls of
    the same method give the same numbers; a source of ``apart`` gives other ones. Every process draws the global batch
    of ``count`` samples and keeps its share of them, which is B below.
    """

    def __init__(self, recipe: Recipe, cohort: TrainingCohort, draws: Draws, stream: str, ranks: Ranks):
        self.recipe = recipe
        self._cohort = cohort
        self._draws = draws
        self._stream = stream
        self._ranks = ranks
        self._like = cohort.like
        self.count = recipe.training.batch

    def apart(self, name: str) -> BatchSource:
        """A source whose draws are independent of this one's. ``name`` tells several such sources apart.

        For example, two domains whose slices must not be paired are drawn from two sources.
        """
        other = copy.copy(self)
        other._stream = f"{self._stream}/{name}"
        return other

    def latents(self) -> Tensor:
        """Draws from the prior, a standard normal distribution, (B, Z)."""
        drawn = self._draws.normal(f"{self._stream}/latent", self.count, self.recipe.latent.dim)
        return torch.from_numpy(self._ranks.share(drawn)).to(self._like)

    def noise(self) -> dict[str, Tensor]:
        """Draws of every random place of the graph but the latent, standard normal: place to (B, *shape)."""
        normal = Draw(distribution="normal", shape=None)
        return {place: self.draw(f"noise/{place}", normal, shape) for place, shape in self.recipe.noise().items()}

    def draw(self, name: str, draw: Draw, sample: Shape = ()) -> Tensor:
        """Random numbers of a name, (B, *shape).

        Args:
            name: tells several draws of one source apart.
            draw: what is drawn.
            sample: shape of a sample without batch, which a draw without a shape has.
        """
        shape = sample if draw.shape is None else draw.shape
        return torch.from_numpy(self._ranks.share(self._drawn(name, draw, (self.count, *shape)))).to(self._like)

    def draw_once(self, name: str, draw: Draw, sample: Shape = ()) -> Tensor:
        """Random numbers of a name for all samples together, (*shape), the same in every process; as ``draw``."""
        shape = sample if draw.shape is None else draw.shape
        return torch.from_numpy(self._drawn(name, draw, shape)).to(self._like)

    def _drawn(self, name: str, draw: Draw, shape: Shape) -> np.ndarray:
        drawn: np.ndarray = getattr(self._draws, draw.distribution)(f"{self._stream}/{name}", *shape)
        return drawn

    def slices(self, pool: str, needed: tuple[str, ...], wanted: tuple[str, ...] = ()) -> Inputs:
        """Slices of a pool, drawn with replacement and augmented.

        Args:
            pool: name of the pool.
            needed: only slices that have all of these modalities and labels are drawn.
            wanted: modalities that a slice may lack.

        Returns: inputs whose ``values`` have each modality, (B, C, *S) in [-1, 1], and label, (B, classes), and whose
            ``presence`` has each, (count,), 1 where the slice of the global batch has it. ``references`` are empty; a
            phase that has some adds them: ``attrs.evolve(drawn, references=...)``.

        Raises:
            CohortError: no slice of the pool has all needed modalities, or none of these has a wanted one.
            LookupError: the recipe has no such pool. The phase must name its pools in ``pools``.
        """
        if pool not in self._cohort.pools:
            known = ", ".join(self._cohort.pools) or "none"
            raise LookupError(f"no pool {pool!r}{nearest(pool, self._cohort.pools)}; known: {known}")

        # Which slices have what is needed? A wanted modality that none of them has would never be trained.
        members = self._cohort.members(pool, needed)
        for name in wanted:
            self._cohort.members(pool, tuple(dict.fromkeys((*needed, name))))

        # Draw of them, for the global batch.
        chosen_B = self._choose(members)
        modalities = tuple(dict.fromkeys((*needed, *wanted)))
        values = self._cohort.gather(modalities, chosen_B, self._draws, self._stream, self._ranks)
        presence = {name: self._cohort.present[name][chosen_B].astype("float32") for name in modalities}
        return Inputs(
            values=values,
            presence={name: torch.from_numpy(present_B).to(self._like) for name, present_B in presence.items()},
        )

    def _choose(self, members: np.ndarray) -> np.ndarray:
        """Indices of the slices of the global batch, (count,), out of those of the slices that may be drawn."""
        return self._draws.choose(f"{self._stream}/slices", members, self.count)
