"""What a step reads: drawn before it from (seed, step, stream), and given to it whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import torch
from torch import Tensor

from gankit._draws import Draws
from gankit._errors import nearest
from gankit.plugin.components import Inputs
from gankit.processes.ranks import Ranks
from gankit.recipe.recipe import Recipe
from gankit.training.resident import ResidentCohort


@attrs.frozen(kw_only=True, eq=False)
class DrawnSet:
    """One set of inputs, and what the critics compare its candidates with. Terms are those that are adversarial."""

    inputs: Inputs
    references: Mapping[str, Tensor]
    """Term to samples of its pool or of the prior, (B, ...)."""
    alongside: Mapping[str, Tensor]
    """Term to real slices that are shown to its critic as candidates, (B, ...), for terms that have some."""
    mixing: Mapping[str, Tensor]
    """Term to uniform draws in [0, 1), (B,)."""


@attrs.frozen(kw_only=True, eq=False)
class Batch:
    """All that one step of a phase reads."""

    sets: tuple[DrawnSet, ...]
    """One for each update of the critics, in order; the last serves the players too."""
    weights: Mapping[str, Tensor]
    """Paired term to (B,) weights: the mean of weight times loss is over the slices that have every modality."""

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor by its path, as in ``"sets.0.inputs.values.adc"``; the tensors themselves, not copies."""
        return dict(_tensors(self, ""))

    def holding(self, tensors: Mapping[str, Tensor]) -> Batch:
        """A batch of the same parts with these tensors at their paths."""
        held: Batch = _holding(self, tensors, "")
        return held

    @property
    def device(self) -> torch.device:
        return next(iter(self.sets[-1].inputs.values.values())).device


def _parts(whole: Any, path: str) -> dict[str, tuple[str, Any]]:
    """What a batch, or a part of it that is no tensor, is made of: name to path and part."""
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
    """What a phase draws its inputs from.

    Each kind of draw (``latents``, ``slices``, ``mixing``) is a stream of its own, and drawing twice gives the same
    numbers twice; ``apart`` gives other ones. The global batch of ``count`` is drawn in every process, and each process
    keeps its share: B below.
    """

    def __init__(self, recipe: Recipe, cohort: ResidentCohort, draws: Draws, stream: str, ranks: Ranks):
        self.recipe = recipe
        self._cohort = cohort
        self._draws = draws
        self._stream = stream
        self._ranks = ranks
        self._like = next(iter(cohort.images.values()))
        self.count = recipe.training.batch

    def apart(self, name: str) -> BatchSource:
        """A source whose draws are independent of this one's, as for slices that must not be paired."""
        return BatchSource(self.recipe, self._cohort, self._draws, f"{self._stream}/{name}", self._ranks)

    def latents(self) -> Tensor:
        """Draws from the prior, (B, Z)."""
        drawn = self._draws.normal(f"{self._stream}/latent", self.count, self.recipe.latent.dim)
        return torch.from_numpy(self._ranks.share(drawn)).to(self._like)

    def mixing(self) -> Tensor:
        """Uniform draws in [0, 1), (B,)."""
        drawn = self._draws.uniform(f"{self._stream}/mixing", self.count)
        return torch.from_numpy(self._ranks.share(drawn)).to(self._like)

    def slices(self, pool: str, needed: tuple[str, ...], wanted: tuple[str, ...] = ()) -> Inputs:
        """Slices of a pool, drawn with replacement and augmented.

        Args:
            pool: name of the pool.
            needed: only slices that have all of these modalities are drawn.
            wanted: modalities that may be absent from a slice.

        Returns: each modality (B, C, *S), and its presence (count,), 1 where the slice has it, for the global batch.
            There are no references; a phase that has some adds them: ``attrs.evolve(drawn, references=...)``.

        Raises:
            CohortError: the pool has no slice with all that is needed, or none that has a wanted modality besides.
            LookupError: the recipe has no such pool, so the phase's ``pools`` does not name it.
        """
        if pool not in self._cohort.pools:
            known = ", ".join(self._cohort.pools) or "none"
            raise LookupError(f"no pool {pool!r}{nearest(pool, self._cohort.pools)}; known: {known}")

        # A modality that is wanted, but that no slice has, would never be trained.
        members = self._cohort.members(pool, needed)
        for name in wanted:
            self._cohort.members(pool, tuple(dict.fromkeys((*needed, name))))

        chosen_B = self._draws.choose(f"{self._stream}/slices", members, self.count)
        modalities = tuple(dict.fromkeys((*needed, *wanted)))
        values = self._cohort.gather(modalities, chosen_B, self._draws, self._stream, self._ranks)
        presence = {name: self._cohort.present[name][chosen_B].astype("float32") for name in modalities}
        return Inputs(
            values=values,
            presence={name: torch.from_numpy(present_B).to(self._like) for name, present_B in presence.items()},
        )
