"""Spherical interpolation between the encodings of two real slices (Wang et al., Fig. 6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._atomic import write_bytes
from gankit._cohort import Cohort
from gankit._errors import InputError
from gankit._model import Model
from gankit._plugins import Plugins
from gankit._recipe import Edge, Recipe, phase_edges
from gankit._recipe_file import Layers, check_document
from gankit._resident import resident_cohort, select_pool
from gankit._run_directory import RunDirectory
from gankit._sheet import sheet_png
from gankit._state import TrainingState


def slerp(start_Z: Tensor, end_Z: Tensor, fractions_T: Tensor) -> Tensor:
    """Latents (T, Z) on the great circle from ``start_Z`` to ``end_Z`` (Shoemake 1985), lengths in proportion.

    ``(sin((1 - t) Ω) start + sin(t Ω) end) / sin Ω`` with Ω the angle between the two; a straight line where they
    are parallel.
    """
    cosine = torch.nn.functional.cosine_similarity(start_Z, end_Z, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    t_T1 = fractions_T[:, None]
    if torch.sin(angle) < 1e-6:
        return torch.lerp(start_Z, end_Z, t_T1)
    return (torch.sin((1 - t_T1) * angle) * start_Z + torch.sin(t_T1 * angle) * end_Z) / torch.sin(angle)


def write_interpolation(
    path: Path,
    out: Path,
    between: int,
    pair: tuple[int, int] | None,
    device: torch.device,
    plugins: Plugins,
    warn: Callable[[str], None],
) -> tuple[int, int]:
    """Write the strip of a run as PNG, from its newest checkpoint that verifies; returns which two slices it joins.

    Raises:
        InputError: not a run, it has no encoder or no checkpoint, or the slices do not exist.
    """
    run = RunDirectory(path)
    recipe = check_document(Layers(run.locked_recipe(), {}), str(run.recipe), plugins)
    edge, pool = _encoder(recipe, path)
    state = TrainingState(recipe, torch.device("cpu"))
    if state.load_newest(run.checkpoints(), warn) is None:
        raise InputError(f"{path}: the run has no checkpoint that can be read; train it on with 'gankit train'")
    averages = state.averages.to(device)
    cohort = recipe.cohort.load()
    first, second = chosen = _chosen(cohort, recipe, pool, pair)
    images = resident_cohort(recipe, cohort, device).images
    with torch.inference_mode():
        ends_BZ = averages.apply_edge(edge, {name: image[list(chosen)] for name, image in images.items()})
        latents_TZ = slerp(ends_BZ[0], ends_BZ[1], torch.linspace(0, 1, between + 2, device=device))
    made = Model(recipe, averages, state.step).synthesize(latents_TZ)
    real = {
        name: np.stack([spec.to_units(images[name][index].cpu().numpy()) for index in chosen])
        for name, spec in recipe.modalities.items()
    }
    strip = {name: np.concatenate([real[name][:1], image.numpy(), real[name][1:]]) for name, image in made.items()}
    title = f"real slice {first}, its encoding, {between} between, encoding of slice {second}, the slice"
    write_bytes(out, sheet_png({title: strip}, recipe.modalities, columns=between + 4))
    return first, second


def _encoder(recipe: Recipe, path: Path) -> tuple[Edge, str | None]:
    for phase in recipe.phases:
        for edge in phase_edges(phase):
            return edge, getattr(phase, "pool", None)
    raise InputError(f"{path}: its recipe has no encoder, so real slices have no latents to interpolate between")


def _chosen(cohort: Cohort, recipe: Recipe, pool: str | None, pair: tuple[int, int] | None) -> tuple[int, int]:
    """Two slices of the pool's label that have every modality: of the test split, or of all where it has none."""
    keep = np.all([cohort.modalities[name].present for name in recipe.modalities], axis=0)
    if pool is not None:
        keep &= select_pool(attrs.evolve(recipe.pools[pool], split="all"), cohort)
    test = np.flatnonzero(keep & (cohort.split == "test"))
    indices = test if len(test) >= 2 else np.flatnonzero(keep)
    first, second = pair or (0, len(indices) - 1)
    if len(indices) < 2 or not all(0 <= index < len(indices) for index in (first, second)):
        raise InputError(f"--pair {first} {second}: there are {len(indices)} test slices, counted from 0")
    return int(indices[first]), int(indices[second])
