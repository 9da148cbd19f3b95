"""Real slices as a dataset of torch, for programs that train on them. ``Model.dataset`` makes synthetic ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from gankit._errors import CohortError, InputError, nearest
from gankit.cohort.cohort import Cohort, Modality
from gankit.cohort.fit import area_average, modality_of, network_values, require_fit, select_pool
from gankit.recipe.recipe import ModalitySpec, Pool, Recipe

LABEL = "label"
"""Key of the label in an item."""
SPLIT_POOLS = {
    "train": Pool(split="train"),
    "test": Pool(split="test"),
    "validation": Pool(split="validation"),
    "all": Pool(split="all"),
}
"""The pools that the names of splits mean."""


class SliceDataset(Dataset[dict[str, Tensor]]):
    """Slices by index: {modality: (C, *S) float32, "label": int64 scalar, 1 yes, 0 no, or a class}.

    All slices are in memory, so worker processes of a ``DataLoader``, forked or spawned, need neither a network nor a
    file. Items are views: copy them before you change them in place. ``dataset[2:5]`` or ``dataset[[2, 7]]`` gives the
    same mapping with the slices stacked along a first axis.
    """

    def __init__(self, images: Mapping[str, Tensor], label_N: Tensor | None = None):
        """
        Args:
            images: modality to (N, C, *S).
            label_N: the label of each slice, (N,); None makes items without "label".

        Raises:
            InputError: a modality is called ``label``.
        """
        if LABEL in images:
            raise InputError(f"a modality is called {LABEL!r}, which is the key of the label in an item; rename it")
        self.parts = dict(images) if label_N is None else {**images, LABEL: label_N}

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))

    def __getitem__(self, index: int | slice | Sequence[int]) -> dict[str, Tensor]:
        """One slice, or several stacked. Raises IndexError: there is no such slice."""
        return {name: part[index] for name, part in self.parts.items()}


def cohort_dataset(
    cohort: Cohort, pool: str | Pool, recipe: Recipe | None, units: bool, modalities: Sequence[str], label: str | None
) -> SliceDataset:
    """``Cohort.dataset``, which see."""
    # What is asked for
    if recipe is not None and not isinstance(recipe, Recipe):
        raise InputError(f"`recipe` must be a gankit.Recipe, as load_recipe returns it, got {recipe!r}")
    if recipe is None and not units:
        raise InputError("`units`: a cohort has no ranges to map to [-1, 1]; give `recipe`, or units=True")
    names = chosen_modalities(modalities, cohort.modalities if recipe is None else recipe.modalities)
    if recipe is not None:
        require_fit(
            attrs.evolve(
                recipe, modalities={name: recipe.modalities[name] for name in names}, pools={}, synthesizer={}
            ),
            cohort,
        )
    label = label if label is not None else _default_label(cohort, recipe)

    # The slices
    specs = {} if recipe is None else recipe.modalities
    slices = _selected(cohort, _pool(pool, cohort, recipe), {name: specs.get(name) for name in names}, label)
    images = {name: torch.from_numpy(_values(slices, name, recipe, units)) for name in names}
    return SliceDataset(images, None if label is None else torch.from_numpy(slices.labels[label].astype(np.int64)))


def chosen_modalities(wanted: Sequence[str], known: Mapping[str, object]) -> tuple[str, ...]:
    """The modalities that are wanted, or all where none is named. Raises InputError: one is not known."""
    wanted = (wanted,) if isinstance(wanted, str) else wanted
    for name in wanted:
        if name not in known:
            raise InputError(f"`modalities`: no modality {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    return tuple(wanted or known)


def _default_label(cohort: Cohort, recipe: Recipe | None) -> str | None:
    """The label that training approaches, else the only one of the cohort. Raises CohortError: there are several."""
    named = tuple(recipe.approached_label()) if recipe is not None else ()
    names = named or tuple(cohort.labels)
    if len(names) > 1:
        raise CohortError(f"`label`: the cohort has labels {', '.join(names)}; choose one")
    return names[0] if names else None


def _pool(pool: str | Pool, cohort: Cohort, recipe: Recipe | None) -> Pool:
    """The pool of a name. Raises InputError: no such pool; CohortError: the cohort lacks the pool's label."""
    pools = {} if recipe is None else dict(recipe.pools)
    known = SPLIT_POOLS | pools
    if not isinstance(pool, Pool) and pool not in known:
        raise InputError(f"`pool`: no pool or split {pool!r}{nearest(str(pool), known)}; known: {', '.join(known)}")
    chosen = known[pool] if isinstance(pool, str) else pool
    if chosen.label is not None:
        _require_label(cohort, chosen.label, "pool")
    return chosen


def _require_label(cohort: Cohort, label: str, parameter: str) -> None:
    if label not in cohort.labels:
        near, known = nearest(label, cohort.labels), ", ".join(cohort.labels) or "none"
        raise CohortError(f"`{parameter}`: the cohort has no label {label!r}{near}; it has {known}")


def _selected(cohort: Cohort, pool: Pool, names: Mapping[str, ModalitySpec | None], label: str | None) -> Cohort:
    """The slices of a pool that have all these modalities and whose label is known. Raises CohortError: none has."""
    chosen_N = select_pool(pool, cohort)
    for name, spec in names.items():
        chosen_N = chosen_N & _modality(cohort, name, spec).present
    if label is not None:
        _require_label(cohort, label, "label")
        chosen_N = chosen_N & (cohort.labels[label] >= 0)
    if not chosen_N.any():
        known = "" if label is None else f", and label {label!r} known"
        raise CohortError(f"`pool`: none of the cohort's {len(cohort)} slices is in it with {', '.join(names)}{known}")
    return cohort.select(chosen_N)


def _modality(cohort: Cohort, name: str, spec: ModalitySpec | None) -> Modality:
    return cohort.modalities[name] if spec is None else modality_of(cohort, name, spec)


def _values(slices: Cohort, name: str, recipe: Recipe | None, units: bool) -> np.ndarray:
    """A modality's values, (N, C, *S) float32, in units or in [-1, 1]; at the recipe's size where there is a recipe."""
    if recipe is None:
        return np.asarray(slices.modalities[name].values)
    spec = recipe.modalities[name]
    modality = modality_of(slices, name, spec)
    if not units:
        return network_values(name, spec, modality).astype(np.float32, copy=False)
    return area_average(modality.values, spec.shape, name)
