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
from gankit.cohort.source import cohort_of
from gankit.files.atomic import write_bytes
from gankit.plugin.plugins import Plugins
from gankit.processes.device import choose_device
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
class Interpolation:
    """Two real slices at the ends and what the synthesizer makes on the way between their encodings."""

    ends: tuple[int, int]
    """The two slices of the cohort."""
    of_test: bool
    """Whether they are of its test split; a cohort whose test split has fewer than two such slices gives others."""
    images: dict[str, np.ndarray]
    """Modality to (between + 4, C, *S) in the modality's unit: slice, its encoding, between, encoding, slice."""


def interpolate(
    model: Model | str | Path,
    out: str | Path | None = None,
    *,
    between: int = 6,
    pair: tuple[int, int] | None = None,
    cohort: Cohort | None = None,
    device: str = "auto",
    plugins: Plugins | None = None,
) -> Interpolation:
    """Interpolate on the sphere between the encodings of two real slices (Wang et al., Fig. 6).

    The slices are two test slices that have every modality and the label that the synthesizer makes. Where the test
    split has fewer than two, they are of any split.

    Args:
        model: a model, or what ``load_model`` takes: a run directory, a model file, or the name of a shipped model.
        out: PNG to write; default: none.
        between: latents between the two.
        pair: the two slices, counted from 0 among such slices; default: the first and the last.
        cohort: where the slices are from; default: the cohort of the model's recipe.
        device: "auto", "cpu", "cuda" or "cuda:N", for a model that is loaded here.
        plugins: what is installed; default: load it.

    Raises:
        InputError: neither a run nor a model, it has no encoder, the cohort does not fit, the slices do not exist, or
            the file's name is not that of a PNG.
        RunError: the file cannot be written.
    """
    if out is not None and Path(out).suffix.lower() != ".png":
        raise InputError(f"`out` {out}: is written as PNG, so its name must end in .png")
    if between < 1:
        raise InputError(f"`between` must be a whole number of at least 1, got {between!r}")
    loaded = model if isinstance(model, Model) else load_model(model, choose_device(device), plugins)
    found = _interpolated(loaded, cohort or cohort_of(loaded.recipe.cohort), between, pair)
    if out is not None:
        write_bytes(Path(out), _sheet(found, loaded.recipe))
    return found


def _interpolated(model: Model, cohort: Cohort, between: int, pair: tuple[int, int] | None) -> Interpolation:
    recipe = model.recipe
    require_fit(recipe, cohort)
    ends = _chosen(cohort, recipe, pair)
    real = {
        name: area_average(cohort.modalities[name].values[list(ends)], spec.shape, name)
        for name, spec in recipe.modalities.items()
    }
    start_Z, end_Z = model.encode({name: torch.from_numpy(images) for name, images in real.items()})
    made = model.synthesize(slerp(start_Z, end_Z, torch.linspace(0, 1, between + 2)))
    return Interpolation(
        ends,
        bool((cohort.split[list(ends)] == "test").all()),
        {name: np.concatenate([real[name][:1], image.numpy(), real[name][1:]]) for name, image in made.items()},
    )


def _sheet(found: Interpolation, recipe: Recipe) -> bytes:
    """The slices as a PNG: the real ones in panels of their own."""
    first, last = found.ends
    between = len(next(iter(found.images.values()))) - 4
    parts = {
        f"real {first}": slice(None, 1),
        f"encoding of {first}, {between} between, encoding of {last}": slice(1, -1),
        f"real {last}": slice(-1, None),
    }
    panels = {title: {name: images[part] for name, images in found.images.items()} for title, part in parts.items()}
    return sheet_png(panels, recipe.modalities, columns=between + 2)


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
