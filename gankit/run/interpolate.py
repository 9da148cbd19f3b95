"""Spherical interpolation between the encodings of two real slices (Wang et al., Fig. 6)."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._errors import InputError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import area_average, require_fit
from gankit.cohort.sheet import sheet_png
from gankit.files.atomic import write_bytes
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import Recipe
from gankit.run.model import Model, load_model


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


@attrs.frozen(eq=False)
class Strip:
    """Two real slices at the ends and what the synthesizer makes on the way between their encodings."""

    ends: tuple[int, int]
    """The two slices of the cohort."""
    of_test: bool
    """Whether they are of its test split; a cohort whose test split has fewer than two such slices gives others."""
    images: dict[str, np.ndarray]
    """Modality to (between + 4, C, *S) in the modality's unit: slice, its encoding, between, encoding, slice."""


def interpolation(model: Model, cohort: Cohort, between: int = 6, pair: tuple[int, int] | None = None) -> Strip:
    """Interpolate between two test slices that have every modality and the label that the synthesizer makes, the first
    and the last unless ``pair`` numbers others among them; between slices of any split where fewer than two are.

    Raises:
        InputError: the recipe has no encoder, the cohort does not fit it, or the slices do not exist.
    """
    recipe = model.recipe
    require_fit(recipe, cohort)
    ends = _chosen(cohort, recipe, pair)
    real = {
        name: area_average(cohort.modalities[name].values[list(ends)], spec.shape, name)
        for name, spec in recipe.modalities.items()
    }
    start_Z, end_Z = model.encode({name: torch.from_numpy(images) for name, images in real.items()})
    made = model.synthesize(slerp(start_Z, end_Z, torch.linspace(0, 1, between + 2)))
    return Strip(
        ends,
        bool((cohort.split[list(ends)] == "test").all()),
        {name: np.concatenate([real[name][:1], image.numpy(), real[name][1:]]) for name, image in made.items()},
    )


def write_interpolation(
    path: Path, out: Path, between: int, pair: tuple[int, int] | None, device: torch.device, plugins: Plugins
) -> tuple[int, int]:
    """Write the strip of a run or model as PNG; returns which two slices of its recipe's cohort it joins.

    Raises:
        InputError: neither a run nor a model, it has no encoder, its cohort does not fit, or the slices do not exist.
    """
    model = load_model(path, device, plugins)
    strip = interpolation(model, model.recipe.cohort.load(), between, pair)
    first, last = strip.ends
    parts = {
        f"real {first}": slice(None, 1),
        f"encoding of {first}, {between} between, encoding of {last}": slice(1, -1),
        f"real {last}": slice(-1, None),
    }
    panels = {title: {name: images[part] for name, images in strip.images.items()} for title, part in parts.items()}
    write_bytes(out, sheet_png(panels, model.recipe.modalities, columns=between + 2))
    return strip.ends


def _chosen(cohort: Cohort, recipe: Recipe, pair: tuple[int, int] | None) -> tuple[int, int]:
    keep = np.all([cohort.modalities[name].present for name in recipe.modalities], axis=0)
    wanted = recipe.approached_label()
    for label, value in wanted.items():
        keep &= cohort.labels[label] == value
    test = np.flatnonzero(keep & (cohort.split == "test"))
    indices, which = (test, "test slices") if len(test) >= 2 else (np.flatnonzero(keep), "slices")
    described = "".join(f" with {label!r} = {value}" for label, value in wanted.items())
    if len(indices) < 2:
        raise InputError(f"two complete slices{described} are needed, the cohort has {len(indices)}")
    first, second = pair or (0, len(indices) - 1)
    if not all(0 <= index < len(indices) for index in (first, second)):
        raise InputError(
            f"`pair` {first} {second}: there are {len(indices)} complete {which}{described}, counted from 0"
        )
    return int(indices[first]), int(indices[second])
