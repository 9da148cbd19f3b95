"""Translation: the modalities that real slices lack, made from those that they have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np
import torch

from gankit._errors import InputError
from gankit.cohort.cohort import Cohort, Modality
from gankit.cohort.fit import modality_of
from gankit.cohort.stored import require_cohort_name, write_cohort
from gankit.plugin.plugins import Plugins
from gankit.processes.device import choose_device
from gankit.processes.progress import progress
from gankit.recipe.recipe import ModalitySpec, Recipe
from gankit.run.given import place_values, random_places
from gankit.run.model import CHUNK, Model, load_model
from gankit.run.targets import keep_what_is_real


def translate(
    model: Model | str | Path,
    cohort: Cohort,
    out: str | Path | None = None,
    *,
    seed: int = 0,
    device: str = "auto",
    plugins: Plugins | None = None,
) -> Cohort:
    """Make the modalities that real slices lack from those that they have.

    A modality can be made where the graph leads to it from modalities and labels of the slice and from noise alone, as
    T2w from ADC. What leads through the latent cannot. What a slice has stays as it is, to the bit.

    Args:
        model: a model, or what ``load_model`` takes: a run directory, a model file, or the name of a shipped model.
        cohort: real slices, which may lack modalities.
        out: cohort file to write; default: none.
        seed: seed of the noise, which a slice draws by its number in the cohort, >= 0.
        device: "auto", "cpu", "cuda" or "cuda:N", for a model that is loaded here.
        plugins: what is installed; default: load it.

    Returns: the cohort with what was made, marked synthetic; ``Modality.made`` says of which slices an image was made.
        A made modality has the recipe's size and unit where no slice has it, else those of the slices that have it.

    Raises:
        InputError: no slice lacks a modality that this model can make from the others, or ``out`` is a file that is no
            synthetic cohort.
        CohortError: a modality or label that slices have does not fit the recipe.
        RunError: the file cannot be written.
    """
    # What is asked for
    if not isinstance(cohort, Cohort):
        raise InputError(f"`cohort` must be a gankit.Cohort, as read_cohort returns it, got {type(cohort).__name__}")
    if out is not None:
        require_cohort_name(Path(out))
        keep_what_is_real(Path(out))

    # What can be made of it
    loaded = model if isinstance(model, Model) else load_model(model, choose_device(device), plugins)
    there = _there(loaded.recipe, cohort)
    _require_fit(loaded.recipe, cohort, there)
    made: dict[str, np.ndarray] = {}
    for slices, wanted in _patterns(loaded.recipe, there):
        for name, images in _translated(loaded, cohort, slices, wanted, there, seed).items():
            whole = made.setdefault(name, np.full((len(cohort), *images.shape[1:]), np.nan, dtype=np.float32))
            whole[slices] = images
    if not made:
        raise InputError(_nothing(loaded.recipe, there))

    # The cohort with it
    translated = attrs.evolve(
        cohort,
        modalities=_completed(cohort, made, loaded.recipe.modalities),
        synthetic=True,
        source=f"{' and '.join(made)} translated by recipe {loaded.recipe.name!r}, {loaded.step} steps, seed {seed};"
        f" from: {cohort.source or 'a cohort without source'}",
    )
    if out is not None:
        write_cohort(translated, out)
    return translated


def _there(recipe: Recipe, cohort: Cohort) -> dict[str, np.ndarray]:
    """Place of the graph to the mask (N,) of the slices that have it, for modalities and labels of the cohort."""
    there = {
        name: modality_of(cohort, name, spec).present
        for name, spec in recipe.modalities.items()
        if (name in cohort.modalities if spec.mask is None else spec.mask in cohort.truth)
    }
    labels = {name: label.label for name, label in recipe.labels().items() if label.label in cohort.labels}
    return there | {name: cohort.labels[label] >= 0 for name, label in labels.items()}


def _require_fit(recipe: Recipe, cohort: Cohort, there: Mapping[str, np.ndarray]) -> None:
    """What slices have fits the recipe, also where it only stands beside what is made. Raises CohortError."""
    for place, present in there.items():
        if present.any():
            place_values(recipe, cohort, place)


def _patterns(recipe: Recipe, there: Mapping[str, np.ndarray]) -> list[tuple[np.ndarray, tuple[str, ...]]]:
    """Slices that have the same places, as indices, with the images that can be made of them."""
    if not there:
        return []
    pattern_NP = np.stack(list(there.values()), axis=1)
    found = []
    for pattern_P in np.unique(pattern_NP, axis=0):
        has = {place for place, present in zip(there, pattern_P, strict=True) if present}
        wanted = tuple(name for name in _reached(recipe, has) if name in recipe.images())
        if wanted:
            found.append((np.flatnonzero((pattern_NP == pattern_P).all(axis=1)), wanted))
    return found


def _reached(recipe: Recipe, has: set[str]) -> list[str]:
    """The places that the graph makes from these and from noise."""
    known, reached = has | recipe.noise().keys(), []
    for edge, made in recipe.edges():
        if set(edge.from_) <= known:
            reached += [name for name in made if name not in known]
            known |= set(made)
    return reached


@torch.inference_mode()
def _translated(
    model: Model,
    cohort: Cohort,
    slices: np.ndarray,
    wanted: tuple[str, ...],
    there: Mapping[str, np.ndarray],
    seed: int,
) -> dict[str, np.ndarray]:
    """Modality to (K, C, *S) in its unit, for the K slices with these indices, all of which have the same places."""
    recipe, device = model.recipe, next(model.networks.parameters()).device
    noise = random_places(recipe, len(cohort), seed)
    chunks = []
    for chunk in progress(np.array_split(slices, -(-len(slices) // CHUNK)), f"making {' and '.join(wanted)}"):
        part = cohort.select(chunk)
        places = {
            place: torch.from_numpy(place_values(recipe, part, place)) for place in there if there[place][chunk[0]]
        }
        places |= {place: noise[place][torch.from_numpy(chunk)] for place in recipe.noise()}
        given = {place: value.to(device) for place, value in places.items()}
        chunks.append(model.networks.synthesize(given, wanted))
    specs = recipe.modalities
    return {
        name: torch.cat([specs[name].to_units(chunk[name].float().cpu()) for chunk in chunks]).numpy()
        for name in wanted
    }


def _completed(
    cohort: Cohort, made: Mapping[str, np.ndarray], specs: Mapping[str, ModalitySpec]
) -> dict[str, Modality]:
    """The modalities of a cohort, with what was made where slices lack it."""
    completed = dict(cohort.modalities)
    for name, images in made.items():
        made_N = ~np.isnan(images.reshape(len(images), -1)).any(axis=1)
        old = cohort.modalities.get(name)
        old = old if old is not None and old.present.any() else None
        values = np.zeros_like(images) if old is None else np.array(old.values)
        present = np.zeros(len(cohort), dtype=bool) if old is None else old.present
        values[made_N] = _enlarged(images[made_N], values.shape[1:])
        before = None if old is None else old.made
        completed[name] = Modality(
            values=values,
            unit=specs[name].unit if old is None else old.unit,
            present=present | made_N,
            made=made_N if before is None else made_N | before,
        )
    return completed


def _enlarged(images_KCS: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Images at a whole multiple of their size: each pixel becomes a block of equal ones."""
    for axis, size in enumerate(shape[1:], start=2):
        images_KCS = images_KCS.repeat(size // images_KCS.shape[axis], axis=axis)
    return images_KCS


def _nothing(recipe: Recipe, there: Mapping[str, np.ndarray]) -> str:
    """Why nothing could be translated, in one sentence."""
    lacking = [name for name in recipe.images() if name not in there or not there[name].all()]
    makes = [f"{' and '.join(made)} from {' and '.join(edge.from_)}" for edge, made in recipe.edges()]
    model = f"recipe {recipe.name!r} makes {', '.join(makes)}"
    if not lacking:
        return f"`cohort`: every slice has {' and '.join(recipe.images())}, so there is no image to make ({model})"
    return f"`cohort`: {' and '.join(lacking)} cannot be made from what its slices have ({model})"
