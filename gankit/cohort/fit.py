"""How a cohort fits a recipe: modalities, units, ranges, pools and sizes. It needs numpy, not torch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from gankit._errors import CohortError, nearest
from gankit._shapes import Shape, shape_text
from gankit.cohort.cohort import Cohort, Modality
from gankit.cohort.titles import item_of
from gankit.files.rows import Rows, StoredRows, blocks
from gankit.recipe.recipe import ModalitySpec, Pool, Recipe


def require_fit(recipe: Recipe, cohort: Cohort) -> None:
    """Make sure that a cohort has the modalities, masks and labels that a recipe names.

    Raises:
        CohortError: a modality, mask or label is missing, a modality has another unit, or a label that is a place of
            the graph has more classes.
    """
    for place in recipe.observed():
        require_place(recipe, cohort, place)
    for name, pool in recipe.pools.items():
        if pool.label is not None:
            _require_label(cohort, pool.label, f"pools.{name}.label")


def require_place(recipe: Recipe, cohort: Cohort, place: str) -> None:
    """Make sure that a cohort has a modality, mask or label of a recipe, in its unit or with its classes.

    Raises:
        CohortError: it has not.
    """
    if place in recipe.modalities:
        spec = recipe.modalities[place]
        modality = modality_of(cohort, place, spec)
        if modality.unit != spec.unit:
            values = present_values(modality)
            in_unit, in_range = f"'modalities.{place}.unit=\"{modality.unit}\"'", _set_range(place, values)
            raise CohortError(
                f"modalities.{place}.unit: the recipe says {spec.unit!r}, the cohort {modality.unit!r}; convert the"
                f" cohort's values, or train in its unit and range, as in `overrides` {in_unit} `overrides` {in_range}"
            )
        return
    label = recipe.labels()[place]
    _require_label(cohort, label.label, f"synthesizer.{place}.label")
    if (highest := int(cohort.labels[label.label].max())) >= label.classes:
        raise CohortError(
            f"synthesizer.{place}.classes: {label.classes} classes are numbered 0 to {label.classes - 1}, but the"
            f" cohort's label {label.label!r} goes up to {highest}; set classes = {highest + 1}"
        )


def _require_label(cohort: Cohort, label: str, where: str) -> None:
    if label not in cohort.labels:
        known = ", ".join(cohort.labels) or "none"
        raise CohortError(f"{where}: the cohort has no label {label!r}{nearest(label, cohort.labels)}; it has {known}")


def modality_of(cohort: Cohort, name: str, spec: ModalitySpec) -> Modality:
    """A modality of a recipe in a cohort. A mask is made of the cohort's ground truth, and every slice has it.

    Raises:
        CohortError: the cohort has no such modality or ground truth, or the truth has more values than channels.
    """
    if spec.mask is None:
        if name not in cohort.modalities:
            known = ", ".join(cohort.modalities)
            raise CohortError(
                f"modalities.{name}: the cohort has no such modality{nearest(name, cohort.modalities)};"
                f" it has {known}; import it or remove the modality from the recipe"
            )
        return cohort.modalities[name]
    if spec.mask not in cohort.truth:
        known = ", ".join(cohort.truth) or "none"
        raise CohortError(
            f"modalities.{name}.mask: the cohort has no ground truth {spec.mask!r}{nearest(spec.mask, cohort.truth)};"
            f" it has {known}; import outlines with the slices (gankit import), or begin with a recipe"
            " that makes no mask (gankit recipe list)"
        )
    values = mask_values(cohort.truth[spec.mask], spec.shape[0], f"modalities.{name}")
    return Modality(values=values, unit="1", present=np.ones(len(cohort), dtype=bool))


def mask_values(truth: Rows, channels: int, where: str) -> Any:
    """Ground truth (N, *S) as masks (N, channels, *S) float32 of 0 and 1; ``StoredRows`` where the truth is.

    With one channel, a mask is 1 where the truth is not 0. With several, channel k is 1 where it is k.

    Raises:
        CohortError: the truth has no numbers, or more values than channels.
    """
    highest = 0
    for _, block in blocks(truth):
        if truth.dtype.kind not in "biuf" or not np.isfinite(block).all():
            raise CohortError(f"{where}: a mask must be finite numbers, 0 and not 0, or the number of a channel")
        if channels > 1 and ((block < 0).any() or (block != np.floor(block)).any()):
            raise CohortError(f"{where}: {channels} channels show whole numbers from 0, but the truth has others")
        highest = max(highest, int(block.max())) if channels > 1 else 0
    if highest >= channels:
        raise CohortError(
            f"{where}.shape: {channels} channels show the values 0 to {channels - 1}, but the truth goes up to"
            f" {highest}; ask for {highest + 1} channels"
        )
    if isinstance(truth, StoredRows):
        return truth.changed(partial(_masks, channels), (channels, *truth.shape[1:]), np.dtype(np.float32))
    return _masks(channels, np.asarray(truth))


def _masks(channels: int, truth: np.ndarray) -> np.ndarray:
    shown = [truth != 0] if channels == 1 else [truth == value for value in range(channels)]
    return np.stack(shown, axis=1).astype(np.float32)


def one_hot(labels_N: np.ndarray, classes: int) -> np.ndarray:
    """Labels (N,) as vectors (N, classes) float32, 1 at the class and 0 elsewhere; all 0 where it is unknown, -1."""
    return (labels_N[:, None] == np.arange(classes)).astype(np.float32)


def cohort_digest(recipe: Recipe, cohort: Cohort) -> str:
    """Digest of all that a training of this recipe reads from a cohort. Ground truth that it lacks is left out."""
    return cohort.digest([name for name in recipe.truth() if name in cohort.truth])


def network_values(name: str, spec: ModalitySpec, modality: Modality) -> np.ndarray:
    """A modality of a cohort as networks see it.

    Returns: (N, *spec.shape); the declared range is mapped to [-1, 1], and slices that lack the modality are -1.

    Raises:
        CohortError: most values are outside the declared range, or the size does not fit.
    """
    refuse_other_scale(name, spec, present_values(modality))
    made = np.empty((len(modality.values), *spec.shape), dtype=np.float32)
    for place, block in blocks(modality.values):
        made[place] = network_rows(name, spec, block, modality.present[place])
    return made


def network_rows(name: str, spec: ModalitySpec, values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """``network_values`` of some slices, (B, *spec.shape) of their values (B, C, *S) and presence (B,). No scale is
    refused. A slice becomes the same, to the bit, whichever are beside it. Raises CohortError: the size does not
    fit."""
    there = present.reshape(-1, *[1] * (values.ndim - 1))
    rows: np.ndarray = spec.to_network(area_average(np.where(there, values, spec.range[0]), spec.shape, name))
    return rows


LOOKED_AT = 1 << 27
"""Bytes of a modality from which its range is found."""


def present_values(modality: Modality, most_bytes: int = LOOKED_AT) -> np.ndarray:
    """The values of the slices that have a modality, (K, C, *S): of all, or, where these take more than ``most_bytes``,
    of slices spread evenly over them."""
    there = np.flatnonzero(modality.present)
    most = max(1, most_bytes // (math.prod(modality.values.shape[1:]) * modality.values.dtype.itemsize))
    if len(there) > most:
        there = there[np.linspace(0, len(there) - 1, most).astype(int)]
    values: np.ndarray = modality.values[there]
    return values


def refuse_other_scale(name: str, spec: ModalitySpec, values: np.ndarray) -> None:
    """Refuse values most of which are outside the declared range: they have another unit than the recipe assumes.

    Raises:
        CohortError: they are.
    """
    low, high = spec.range
    if (beyond := outside(spec, values)) > 0.5:
        first, last = np.percentile(values, [1, 99])
        same = constant(values)
        found = f"{same}; import them again" if same else f"98% are within [{first:.4g}, {last:.4g}]; convert them"
        raise CohortError(
            f"modalities.{name}.range: {beyond:.0%} of the values are outside [{low:g}, {high:g}], {found}, or train"
            f" with another range, as in `overrides` {_set_range(name, values)}"
        )


def constant(values: np.ndarray) -> str:
    """What is wrong with values that are all the same; an empty text where they are not."""
    if not values.size or (first := values.flat[0]) != values.min() or first != values.max():
        return ""
    return f"all are {first:.4g}, from which nothing can be learned"


def _set_range(name: str, values: np.ndarray) -> str:
    """The override, as a shell takes it, that gives a modality a range which holds all but 1% of its values.

    The ends are rounded outwards, to three digits of the extent. Around a constant they are one half away.
    """
    first, last = (float(end) for end in np.percentile(values, [0.4, 99.6]))
    step = 10.0 ** (math.floor(math.log10(last - first)) - 2) if last > first else 0.5
    low, high = math.floor(first / step) * step, math.ceil(last / step) * step
    if not low < high:
        low, high = first - 0.5 * max(1.0, abs(first)), last + 0.5 * max(1.0, abs(last))
    return f"'modalities.{name}.range=[{low:.9g},{high:.9g}]'"


NARROW = 0.1
"""Share of a range that the middle 98% of the values should span. Phantom and patients span half of it and more."""


def range_warnings(recipe: Recipe, cohort: Cohort) -> Iterator[str]:
    """Yield a sentence for each modality whose values span only a small part of the declared range, as values of
    another unit do, or of whose values at least 1% are outside of the range, where networks cannot make them. Masks,
    and modalities that the cohort lacks, are left out."""
    for name in (name for name in recipe.images() if name in cohort.modalities):
        spec, values = recipe.modalities[name], present_values(cohort.modalities[name])
        low, high = spec.range
        if found := constant(values):
            yield (
                f"modalities.{name}: of the cohort's values {found}; import the modality again, or take it out of the"
                " recipe, with what makes and judges it ('gankit recipe graph')"
            )
        elif found := narrow(spec, values):
            yield (
                f"modalities.{name}.range: 98% of the cohort's values are {found} scale them, or set the range, as in"
                f" `overrides` {_set_range(name, values)}"
            )
        if (beyond := outside(spec, values)) >= 0.01:
            yield (
                f"modalities.{name}.range: {beyond:.1%} of the cohort's values are outside [{low:g}, {high:g}], which"
                f" networks cannot make; they reach from {values.min():.4g} to {values.max():.4g}; clip the values, or"
                f" widen the range, as in `overrides` {_set_range(name, values)}"
            )


def narrow(spec: ModalitySpec, values: np.ndarray) -> str:
    """Where the middle 98% of the values are, and a question, if they span only a small part of the declared range;
    else an empty text."""
    low, high = spec.range
    first, last = np.percentile(values, [1, 99]) if values.size else (low, high)
    if last - first >= NARROW * (high - low):
        return ""
    unit = "arbitrary units" if spec.unit == "1" else spec.unit
    return f"within [{first:.4g}, {last:.4g}], a small part of [{low:g}, {high:g}]; are they in {unit}?"


def outside(spec: ModalitySpec, values: np.ndarray) -> float:
    """The share of the values that are outside of the declared range."""
    low, high = spec.range
    return float(((values < low) | (values > high)).mean()) if values.size else 0.0


def area_average(values: Rows, shape: Shape, name: str) -> np.ndarray:
    """Reduce images to a smaller size by the mean over blocks of pixels.

    Args:
        values: (N, C, *larger); each larger side is a whole multiple of that in ``shape``.
        shape: (C, *S), channels and the size to reach.
        name: name of the modality, for messages.

    Returns: (N, C, *S) float32; ``values`` itself where it is an array and the size is the same.

    Raises:
        CohortError: channels differ, or a larger side is no whole multiple.
    """
    found = values.shape[1:]
    whole = len(found) == len(shape) and found[0] == shape[0]
    if not whole or any(have % want for have, want in zip(found[1:], shape[1:], strict=True)):
        raise CohortError(
            f"modalities.{name}.shape: the cohort's {item_of([found])}s are {shape_text(found)}, wanted are"
            f" {shape_text(shape)};"
            " the cohort's size must be the same or a whole multiple, with equal channels"
        )
    if found == shape:
        return np.asarray(values)
    cells = [found[0]]
    for have, want in zip(found[1:], shape[1:], strict=True):
        cells += [want, have // want]
    averaged = np.empty((len(values), *shape), dtype=np.float32)
    for place, block in blocks(values):
        axes = tuple(range(3, len(cells) + 1, 2))
        averaged[place] = block.reshape(len(block), *cells).mean(axis=axes, dtype=np.float32)
    return averaged


def averaged_rows(values: Rows, shape: Shape, name: str) -> Any:
    """``area_average``; of ``StoredRows``, rows that are averaged when they are read."""
    if not isinstance(values, StoredRows):
        return area_average(values, shape, name)
    area_average(values[:1], shape, name)  # raises where the size does not fit
    return values.changed(partial(area_average, shape=shape, name=name), shape, np.dtype(np.float32))


def pixel_sizes(cohort: Cohort, recipe: Recipe) -> dict[str, tuple[float, float]]:
    """Modality to the size of its pixels along the last two axes, (rows, columns) in mm, at the recipe's size.

    It is the median spacing of the cohort's slices that training approaches, times the number of pixels averaged to
    one. Only images and volumes are named, and none where no spacing is known.
    """
    if (median := _median(cohort.spacing_mm, cohort, recipe)) is None:
        return {}
    return {
        name: (round(median * rows, 6), round(median * columns, 6))
        for name, (*_, rows, columns) in _averaged(cohort, recipe, ranks=(2, 3)).items()
    }


def slice_sizes(cohort: Cohort, recipe: Recipe) -> dict[str, float]:
    """The same of the distance of planes in mm, of modalities that are volumes."""
    if (median := _median(cohort.slice_spacing_mm, cohort, recipe)) is None:
        return {}
    return {name: round(median * times[0], 6) for name, times in _averaged(cohort, recipe, ranks=(3,)).items()}


def _median(spacing_mm: np.ndarray | None, cohort: Cohort, recipe: Recipe) -> float | None:
    """The median of sizes (N,) over slices that training approaches; None where none is known."""
    if spacing_mm is None:
        return None
    known_N = approached_slices(cohort, recipe) & np.isfinite(spacing_mm) & (spacing_mm > 0)
    return float(np.median(spacing_mm[known_N])) if known_N.any() else None


def _averaged(cohort: Cohort, recipe: Recipe, ranks: tuple[int, ...]) -> dict[str, list[float]]:
    """Modality to how many of the cohort's pixels become one along each axis; of those with so many spatial axes."""
    return {
        name: [have / want for have, want in zip(found, spec.shape[1:], strict=True)]
        for name, spec in recipe.modalities.items()
        if len(found := modality_of(cohort, name, spec).values.shape[2:]) in ranks
    }


def approached_slices(cohort: Cohort, recipe: Recipe) -> np.ndarray:
    """Mask (N,) of the cohort's slices in the pools that training approaches."""
    pools = [select_pool(recipe.pools[name], cohort) for name in recipe.approached_pools()]
    return np.any(pools, axis=0) if pools else np.zeros(len(cohort), dtype=bool)


def select_pool(pool: Pool, cohort: Cohort) -> np.ndarray:
    """Mask (N,) of the cohort's slices that a pool selects. The cohort must have the pool's label."""
    chosen_N = np.ones(len(cohort), dtype=bool) if pool.split == "all" else cohort.split == pool.split
    return chosen_N if pool.label is None else chosen_N & (cohort.labels[pool.label] == pool.equals)


def pool_indices(name: str, pool: Pool, cohort: Cohort) -> np.ndarray:
    """Indices (K,) of the slices that a pool selects.

    Raises:
        CohortError: there are none.
    """
    indices = np.flatnonzero(select_pool(pool, cohort))
    if not len(indices):
        wanted = "" if pool.label is None else f" has label {pool.label!r} = {pool.equals}"
        raise CohortError(
            f"pools.{name}: no slice of the cohort's {len(cohort)}{wanted} in split {pool.split!r};"
            " see 'gankit cohort info'"
        )
    return indices
