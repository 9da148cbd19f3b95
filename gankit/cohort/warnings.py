"""What about a cohort is allowed, but probably a mistake or too little: said at import and before training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, Literal

import numpy as np

from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import select_pool
from gankit.cohort.identical import copies_across_patients, has_one_image
from gankit.cohort.pairing import CHANCE, paired_share
from gankit.cohort.titles import cohort_item, counted
from gankit.files.rows import Rows, blocks
from gankit.recipe.recipe import Pool, Recipe

SPLITS: tuple[Literal["train", "validation", "test"], ...] = ("train", "validation", "test")
PATIENTS = 10
"""Fewest patients in a pool without a warning."""
SPACINGS_MM = (0.01, 20.0)
"""Pixel spacings that images of patients have."""


def cohort_warnings(cohort: Cohort, recipe: Recipe | None = None) -> Iterator[str]:
    """Yield a sentence for each thing about a cohort that is allowed, but probably a mistake or too little.

    They are: fewer than 10 patients in a pool; fewer slices in a pool than in a batch; a slice of two patients; a
    modality of one image, or of blank ones; modalities that share no more information than those of different patients
    do (see ``pairing.paired_share``); ground truth that is blank in all slices of a patient with a label, though others
    have it; slices that a model made; and pixel spacings that no image has.

    Args:
        cohort: any cohort.
        recipe: what it is to train, which gives pools, modalities and the size of a batch. Without a recipe the pools
            are the splits and, in them, the slices with and without each label.
    """
    pools = _splits(cohort) if recipe is None else {f"pools.{name}": pool for name, pool in recipe.pools.items()}
    names = [name for name in cohort.modalities if recipe is None or name in recipe.images()]
    yield from _few_patients(cohort, pools)
    if recipe is not None:
        yield from _less_than_a_batch(cohort, pools, recipe.training.batch)
    yield from _copies(cohort)
    yield from _without_variety(cohort, names)
    yield from _unpaired(cohort, names)
    yield from _not_outlined(cohort, cohort.truth if recipe is None else recipe.truth(), pools)
    yield from _made(cohort, names)
    yield from _spacings(cohort)


def _splits(cohort: Cohort) -> dict[str, Pool]:
    """The splits and, in each, the two classes of every label that says yes or no, by what they are called."""
    pools = {f"split {split!r}": Pool(split=split) for split in SPLITS}
    for name, values_N in cohort.labels.items():
        if values_N.max() <= 1:
            for split in SPLITS:
                for value in (1, 0):
                    pools[f"split {split!r} with {name} = {value}"] = Pool(split=split, label=name, equals=value)
    return pools


def _few_patients(cohort: Cohort, pools: Mapping[str, Pool]) -> Iterator[str]:
    """One sentence. A class of a split is named only where the split itself has enough; empty pools are not named."""
    counts = {name: len(set(cohort.patient[select_pool(pool, cohort)])) for name, pool in pools.items()}
    few = {name: count for name, count in counts.items() if 0 < count < PATIENTS}
    told = {name: count for name, count in few.items() if name.partition(" with ")[0] not in few.keys() - {name}}
    if told:
        listed = ", ".join(f"{count} in {name}" for name, count in told.items())
        yield (
            f"few patients: {listed}; with fewer than {PATIENTS} a model learns these patients, and figures hold for"
            " them alone"
        )


def _less_than_a_batch(cohort: Cohort, pools: Mapping[str, Pool], batch: int) -> Iterator[str]:
    counts = {name: int(select_pool(pool, cohort).sum()) for name, pool in pools.items()}
    if few := [f"{name} has {count}" for name, count in counts.items() if 0 < count < batch]:
        items = f"{cohort_item(cohort)}s"
        yield (
            f"few {items}: {', '.join(few)}, fewer than a batch of {batch}, in which some {items} are then twice or"
            f" more; lower training.batch or import more {items}"
        )


def _copies(cohort: Cohort) -> Iterator[str]:
    if (copies := copies_across_patients(cohort)) is None:
        return
    (one, other), items = copies.first, f"{cohort_item(cohort)}s"
    leaked = ""
    if copies.leaked:
        where = " or ".join(map(repr, copies.leaked_into))
        leaked = f", {copies.leaked} of them copies in {where} of {items} in 'train'"
    yield (
        f"{items} of two patients are identical: {copies.slices} {items} of {copies.patients} patients{leaked}; the"
        f" first are {items} {one} and {other} ({copies.modality}); is a patient there under two ids?"
    )


def _without_variety(cohort: Cohort, names: list[str]) -> Iterator[str]:
    item = cohort_item(cohort)
    for name in names:
        modality = cohort.modalities[name]
        blank_N = modality.present & _by_slice(modality.values, lambda images_BP: np.ptp(images_BP, axis=1) == 0)
        there, blank = int(modality.present.sum()), int(blank_N.sum())
        if has_one_image(modality):
            yield f"modality {name!r} is identical in all {there} {item}s that have it; is it the right array?"
        elif blank:
            found = counted(blank, item)
            yield f"modality {name!r} is blank, one value throughout, in {found} of {there}; leave them out"


def _unpaired(cohort: Cohort, names: list[str]) -> Iterator[str]:
    for one, other in combinations(names, 2):
        share = paired_share(cohort, one, other)
        if share is not None and share < CHANCE:
            yield (
                f"modalities {one!r} and {other!r} of a {cohort_item(cohort)} share no more information than those"
                f" of different patients ({share:.2f} of comparisons; by chance 0.50, at least {CHANCE:.2f} wanted);"
                " are they in one order?"
            )


def _not_outlined(cohort: Cohort, truths: Iterable[str], pools: Mapping[str, Pool]) -> Iterator[str]:
    for name in truths:
        if name not in cohort.truth:
            continue
        drawn_N = _by_slice(cohort.truth[name], lambda truth_BP: truth_BP.any(axis=1))
        for place, pool in pools.items():
            if pool.label is None or pool.equals == 0:
                continue
            chosen_N = select_pool(pool, cohort)
            drawn = set(cohort.patient[chosen_N & drawn_N])
            blank = set(cohort.patient[chosen_N]) - drawn
            if drawn and blank:
                item, patients = cohort_item(cohort), counted(len(blank), "patient")
                yield (
                    f"ground truth {name!r} is blank in every {item} of {patients} in {place}, though {len(drawn)}"
                    " there have it; if nobody outlined it, leave them out: a mask would be learned as blank"
                )


def _by_slice(values: Rows, holds: Callable[[np.ndarray], Any]) -> np.ndarray:
    """What holds of each slice, (N,), where ``holds`` is given the pixels of some slices, (B, P)."""
    found: np.ndarray = np.concatenate([holds(block.reshape(len(block), -1)) for _, block in blocks(values)])
    return found


def _made(cohort: Cohort, names: list[str]) -> Iterator[str]:
    if cohort.synthetic:
        source = f" ({cohort.source})" if cohort.source else ""
        yield f"the cohort is marked synthetic{source}; a model trained on it learns what another made, not patients"
        return
    for name in names:
        made_N = cohort.modalities[name].made
        if made_N is not None and made_N.any():
            made = counted(int(made_N.sum()), cohort_item(cohort))
            yield f"modality {name!r} of {made} was made by a model, not by a scanner"


def _spacings(cohort: Cohort) -> Iterator[str]:
    item = cohort_item(cohort)
    yield from _absurd("pixel", cohort.spacing_mm, item)
    yield from _absurd("slice", cohort.slice_spacing_mm, item)


def _absurd(what: str, spacing_mm: np.ndarray | None, item: str) -> Iterator[str]:
    if spacing_mm is None:
        return
    low, high = SPACINGS_MM
    absurd = spacing_mm[~np.isnan(spacing_mm) & ~((spacing_mm >= low) & (spacing_mm <= high))]
    if len(absurd):
        yield (
            f"{what} spacing of {counted(len(absurd), item)} is outside [{low:g}, {high:g}] mm, the first is"
            f" {absurd[0]:g}; is it in mm? Give no spacing where it is not known"
        )
    if unknown := int(np.isnan(spacing_mm).sum()):
        yield f"{what} spacing of {counted(unknown, item)} is not known (NaN)"
