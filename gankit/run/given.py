"""The given places of samples: what the user gives, and the rest drawn from what training saw."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gankit._draws import Draws
from gankit._errors import CohortError, GankitError, InputError, nearest
from gankit._shapes import LATENT, Shape, shape_text
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import (
    approached_slices,
    area_average,
    mask_values,
    modality_of,
    narrow,
    network_values,
    one_hot,
    refuse_other_scale,
    require_fit,
    require_place,
)
from gankit.cohort.shards import is_sharded
from gankit.cohort.stored import read_cohort
from gankit.files.array_files import begins_npy, read_npy, read_npz
from gankit.recipe.recipe import Edge, GivenLabel, ModalitySpec, Recipe

Counts = list[list[int]]
"""How often training saw each combination of labels: rows of one value for each label, and the number of slices."""


def labels_seen(recipe: Recipe, cohort: Cohort) -> Counts:
    """The combinations of the labels that are places of the graph, among the slices that training approaches.

    Slices of which one of these labels is unknown are left out. The rows are in increasing order. A recipe without such
    labels has none.
    """
    names = [place.label for place in recipe.labels().values()]
    if not names:
        return []
    values_NL = np.stack([cohort.labels[name] for name in names], axis=1)
    known_N = approached_slices(cohort, recipe) & (values_NL >= 0).all(axis=1)
    rows, counts = np.unique(values_NL[known_N], axis=0, return_counts=True)
    return [[*map(int, row), int(count)] for row, count in zip(rows, counts, strict=True)]


def random_places(recipe: Recipe, count: int, seed: int) -> dict[str, Tensor]:
    """Draws of the latent and the other random places, (N, *shape) float32.

    A draw depends on seed and index alone, not on ``count``.
    """
    streams: dict[str, tuple[str, Shape]] = {LATENT: ("sample", (recipe.latent.dim,))}
    streams |= {place: (f"sample/noise/{place}", shape) for place, shape in recipe.noise().items()}
    return {
        place: torch.from_numpy(np.stack([Draws(seed, index).normal(stream, *shape) for index in range(count)]))
        for place, (stream, shape) in streams.items()
    }


def given_places(
    recipe: Recipe, given: Mapping[str, Any], count: int, seed: int, seen: Counts, real: Callable[[], Cohort]
) -> dict[str, Tensor]:
    """Every given place of ``count`` samples as the graph reads it, and the random places that the user gives.

    What the user does not give is drawn from what training saw. Labels alone are drawn by how often training saw them.
    Where a modality is drawn too, everything that is not given is taken from one real slice.

    Args:
        recipe: the recipe.
        given: place to what the user gives there; see ``Model.sample``.
        count: number of samples, N.
        seed: seed of the draws. A draw depends on seed and index alone.
        seen: from ``labels_seen``.
        real: gives the cohort that modalities are drawn from.

    Returns: label to (N, classes), modality to (N, C, *S) in [-1, 1], random place to (N, *shape); float32.

    Raises:
        InputError: something given does not fit, or training saw no slice with the labels that are given.
        CohortError: the cohort cannot be read, or does not fit the recipe.
    """
    _refuse_made(recipe, given)
    fixed = {place: fitted(recipe, place, value, count) for place, value in given.items()}
    classes = {place: fixed[place].argmax(dim=1).numpy() for place in recipe.labels() if place in fixed}
    _refuse_unseen(recipe, classes, seen)
    open_places = [place for place in recipe.given() if place not in fixed]
    if not open_places:
        return fixed
    if set(open_places) <= recipe.labels().keys() and seen:
        return fixed | _drawn_labels(recipe, open_places, classes, count, seed, seen)
    return fixed | _drawn_slices(recipe, open_places, classes, count, seed, real)


def read_given(texts: Iterable[str]) -> dict[str, Any]:
    """What the user gives as texts ``"PLACE=VALUE"``, where a value is a whole number or a file.

    A file is an array (.npy), arrays by name (.npz) of which one is called as the place or is the only one, or a cohort
    that has the modality, ground truth or label of that place.

    Raises:
        InputError: a text is no PLACE=VALUE, or arrays cannot be read or have nothing for the place.
        CohortError: a cohort file cannot be read.
    """
    given: dict[str, Any] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        if not (place and equals and value):
            raise InputError(f"`given` {text}: must be PLACE=VALUE, as in `given` cs=1 or `given` lesion=masks.npz")
        if place in given:
            raise InputError(f"`given` {place}: is given twice; give it once")
        given[place] = int(value) if WHOLE.fullmatch(value) else _read_file(place, Path(value))
    return given


WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
"""A whole number, as a class is written."""


def _read_file(place: str, path: Path) -> np.ndarray | Cohort:
    if not (path.is_file() or is_sharded(path)):
        raise InputError(f"`given` {place}={path}: is no whole number, and there is no such file")
    if path.suffix == ".safetensors" or is_sharded(path):
        return read_cohort(path)
    arrays = _read_arrays(place, path)
    if place not in arrays and len(arrays) == 1:
        return next(iter(arrays.values()))
    if place not in arrays:
        raise InputError(
            f"`given` {place}={path}: has no {place!r}{nearest(place, arrays)}; it has {', '.join(arrays)}"
        )
    return arrays[place]


def _read_arrays(place: str, path: Path) -> dict[str, np.ndarray]:
    try:
        return {place: read_npy(path)} if begins_npy(path) else read_npz(path)
    except (ValueError, OSError) as error:
        raise InputError(f"`given` {place}={path}: cannot be read as .npy, .npz or a cohort ({error})") from error


def in_short(given: Mapping[str, Any]) -> dict[str, str]:
    """Place to what is given there, for notes: a number as it is, arrays and cohorts by a digest."""
    return {place: _in_short(value) for place, value in given.items()}


def _in_short(value: Any) -> str:
    if isinstance(value, Cohort):
        return value.digest(value.truth)
    array = np.ascontiguousarray(_array(value))
    content = f"{array.dtype} {array.shape}".encode() + array.tobytes()
    return str(value) if np.ndim(value) == 0 else hashlib.blake2b(content, digest_size=8).hexdigest()


def given_warnings(recipe: Recipe, given: Mapping[str, Any], count: int) -> Iterator[str]:
    """Yield a sentence for each modality whose given values span only a small part of the range, as values of another
    unit do. ``given`` is what fits ``count`` samples."""
    for place in (place for place in given if place in recipe.images()):
        spec = recipe.modalities[place]
        if found := narrow(spec, spec.to_units(fitted(recipe, place, given[place], count)).numpy()):
            yield f"`given` {place}: 98% of its values are {found}"


# What the user gives --------------------------------------------------------------------------------------


def _refuse_made(recipe: Recipe, given: Mapping[str, Any]) -> None:
    """Raise InputError where something is given at a place that is neither given nor random."""
    if not isinstance(given, Mapping):
        raise InputError(f"`given` must map place to what it has, as in {{'cs': 1}}, got {type(given).__name__}")
    accepted = (*recipe.given(), LATENT, *recipe.noise())
    for place in given:
        if isinstance(how := recipe.synthesizer.get(place), Edge):
            listed = ", ".join(recipe.given()) or "none"
            raise InputError(f"`given` {place}: is made by network {how.network!r}; places that are given: {listed}")
        if place not in accepted:
            known = ", ".join(accepted)
            raise InputError(f"`given` {place}: no such place{nearest(str(place), accepted)}; accepted: {known}")


def _refuse_unseen(recipe: Recipe, classes: Mapping[str, np.ndarray], seen: Counts) -> None:
    """Raise InputError where a class is given of which training saw no slice, as far as ``seen`` tells."""
    labels = list(recipe.labels())
    for place, class_N in classes.items() if seen else ():
        known = {row[labels.index(place)] for row in seen}
        if unseen := sorted(set(class_N.tolist()) - known):
            listed = ", ".join(map(str, sorted(known)))
            raise InputError(f"`given`: training saw no slice with {place} = {unseen[0]}; it saw {listed}")


def fitted(recipe: Recipe, place: str, value: Any, count: int) -> Tensor:
    """What the user gives at a place, as the graph reads it, (N, ...) float32; see ``Model.sample``.

    Raises InputError: it does not fit.
    """
    how, noise = recipe.synthesizer.get(place), {LATENT: (recipe.latent.dim,), **recipe.noise()}
    try:
        array = _array(value)
        if isinstance(value, Cohort) and place not in noise:
            made = _cohort_values(recipe, value, place)
        elif isinstance(how, GivenLabel):
            made = _label_vectors(array, how.classes)
        elif place in noise:
            made = _of_shape(array, noise[place])
        else:
            made = _modality_values(array, place, recipe.modalities[place])
    except (GankitError, ValueError, TypeError) as error:
        raise InputError(f"`given` {place}: {error}") from error
    if len(made) not in (1, count):
        raise InputError(
            f"`given` {place}: has {len(made)} entries, but {count} samples are asked for; give one for each sample, or"
            " one for all"
        )
    return torch.from_numpy(np.array(np.broadcast_to(made, (count, *made.shape[1:])), dtype=np.float32, order="C"))


def _array(value: Any) -> np.ndarray:
    if not isinstance(value, Tensor):
        return np.asarray(value)
    return (value.float() if value.dtype == torch.bfloat16 else value).detach().cpu().numpy()


def _cohort_values(recipe: Recipe, cohort: Cohort, place: str) -> np.ndarray:
    """A place of all slices of a cohort as the graph reads it. Raises CohortError or ValueError: it does not fit."""
    values = place_values(recipe, cohort, place)
    if lacking := int((~has(recipe, cohort, place)).sum()):
        raise ValueError(f"{lacking} of the cohort's {len(cohort)} slices have none; leave them out")
    return values


def _label_vectors(values: np.ndarray, classes: int) -> np.ndarray:
    if values.ndim > 1 or values.dtype.kind not in "iu" or not values.size:
        found = repr(values.tolist()) if values.size < 9 else f"{values.dtype} of shape {values.shape}"
        raise ValueError(f"must be a whole number, or one for each sample, got {found}")
    values = np.atleast_1d(values)
    if outside := sorted(set(values[(values < 0) | (values >= classes)].tolist())):
        raise ValueError(f"{outside[0]} is none of the trained classes, which are 0 to {classes - 1}")
    return one_hot(values, classes)


def _of_shape(values: np.ndarray, shape: Shape) -> np.ndarray:
    """Numbers (N, *shape); those of one sample may lack the first axis."""
    values = values[None] if values.shape == shape else values
    if values.shape[1:] != shape or not len(values):
        raise ValueError(f"must have the shape {shape_text(shape)} for each sample, got {shape_text(values.shape)}")
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
        raise ValueError("must be finite numbers")
    return values


def _modality_values(values: np.ndarray, name: str, spec: ModalitySpec) -> np.ndarray:
    """Images in the modality's unit, or ground truth of a mask, as networks see them, (N, C, *S)."""
    channels, *sides = spec.shape
    if values.dtype.kind not in "biuf":
        raise ValueError(f"must be numbers, got {values.dtype}; read a file by numpy.load or gankit.read_cohort")
    if values.ndim == len(sides):
        values = values[None]
    if spec.mask is not None and values.ndim == len(spec.shape):
        values = mask_values(values, channels, f"modalities.{name}")
    elif channels == 1 and values.ndim == len(spec.shape):
        values = values[:, None]
    if values.ndim != len(spec.shape) + 1 or not len(values):
        raise ValueError(f"must be images of {shape_text(spec.shape)}, got {shape_text(values.shape)}")
    try:
        reduced = area_average(values, spec.shape, name)
    except CohortError:
        raise ValueError(
            f"must be images of {shape_text(spec.shape)} or a whole multiple of it, got {shape_text(values.shape[1:])}"
        ) from None
    fitting = _of_shape(reduced, spec.shape)
    refuse_other_scale(name, spec, fitting)
    return np.asarray(spec.to_network(fitting))


# What is drawn --------------------------------------------------------------------------------------------


def _drawn_labels(
    recipe: Recipe, places: list[str], classes: Mapping[str, np.ndarray], count: int, seed: int, seen: Counts
) -> dict[str, Tensor]:
    """Labels by how often training saw them together with those that are given."""
    labels = list(recipe.labels())
    rows_ML, counts_M = np.array(seen)[:, :-1], np.array(seen)[:, -1]
    chosen_NL = np.empty((count, len(labels)), dtype=int)
    for index in range(count):
        fits_M = _fits(rows_ML, labels, classes, index)
        steps_M = np.cumsum(np.where(fits_M, counts_M, 0))
        place = Draws(seed, index).uniform("sample/given", 1)[0] * steps_M[-1]
        chosen_NL[index] = rows_ML[np.searchsorted(steps_M, place, side="right")]
    known = recipe.labels()
    return {
        place: torch.from_numpy(one_hot(chosen_NL[:, labels.index(place)], known[place].classes)) for place in places
    }


def _drawn_slices(
    recipe: Recipe,
    places: list[str],
    classes: Mapping[str, np.ndarray],
    count: int,
    seed: int,
    real: Callable[[], Cohort],
) -> dict[str, Tensor]:
    """Modalities and labels of real slices that training approaches, each time all from one slice."""
    cohort = real()
    require_fit(recipe, cohort)
    labels = recipe.labels()
    usable_N = approached_slices(cohort, recipe)
    for place in (*places, *classes):
        usable_N = usable_N & has(recipe, cohort, place)
    slices = np.flatnonzero(usable_N)
    values_ML = np.stack([cohort.labels[label.label][slices] for label in labels.values()] or [slices], axis=1)
    chosen = []
    for index in range(count):
        fitting = slices[_fits(values_ML, list(labels), classes, index)]
        chosen.append(fitting[Draws(seed, index).generator("sample/given").integers(len(fitting))])
    drawn = cohort.select(np.array(chosen))
    return {place: torch.from_numpy(place_values(recipe, drawn, place)) for place in places}


def has(recipe: Recipe, cohort: Cohort, place: str) -> np.ndarray:
    """Mask (N,) of the slices that have a modality, or whose label is known."""
    if place in recipe.labels():
        return cohort.labels[recipe.labels()[place].label] >= 0
    return modality_of(cohort, place, recipe.modalities[place]).present


def place_values(recipe: Recipe, cohort: Cohort, place: str) -> np.ndarray:
    """A modality or label of slices as the graph reads it: (N, C, *S) in [-1, 1], or (N, classes); float32.

    Raises:
        CohortError: the slices lack it, or it has another unit, range, size or other classes than in the recipe.
    """
    require_place(recipe, cohort, place)
    if place in recipe.labels():
        label = recipe.labels()[place]
        return one_hot(cohort.labels[label.label], label.classes)
    spec = recipe.modalities[place]
    return network_values(place, spec, modality_of(cohort, place, spec)).astype(np.float32, copy=False)


def _fits(values_ML: np.ndarray, labels: list[str], classes: Mapping[str, np.ndarray], index: int) -> np.ndarray:
    """Mask (M,) of the rows whose labels are those that are given for a sample. Raises InputError: there are none."""
    fits_M = np.ones(len(values_ML), dtype=bool)
    for place, class_N in classes.items():
        fits_M &= values_ML[:, labels.index(place)] == class_N[index]
    if not fits_M.any():
        wanted = " and ".join(f"{place} = {class_N[index]}" for place, class_N in classes.items())
        raise InputError(
            f"`given`: training saw no slice{f' with {wanted}' if wanted else ''} that has the rest of what the graph"
            " reads; give that too"
        )
    return fits_M
