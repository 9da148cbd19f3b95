"""Spherical interpolation between the encodings of two real slices (Wang et al., Fig. 6)."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import torch
from torch import Tensor

from gankit._errors import InputError
from gankit._shapes import LATENT
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import area_average, modality_of, require_fit
from gankit.cohort.sheet import sheet_png
from gankit.cohort.source import cohort_of
from gankit.cohort.titles import real_title
from gankit.files.atomic import write_bytes
from gankit.files.made import refuse_to_replace
from gankit.plugin.plugins import Plugins
from gankit.processes.device import choose_device
from gankit.recipe.recipe import Recipe
from gankit.run.model import Model, load_model

MOST = 100
"""Latents between two slices, at most. They are drawn side by side."""


def slerp(start_Z: Tensor, end_Z: Tensor, fractions_T: Tensor) -> Tensor:
    """Spherical linear interpolation between two latents (Shoemake 1985, "Animating rotation with quaternion curves").

    ``(sin((1 - t) Ω) start + sin(t Ω) end) / sin Ω``, where Ω is the angle between the two. Where they are parallel or
    opposite, it is a straight line. Latents of different length are interpolated in length too.

    Args:
        start_Z, end_Z: latents, (Z,).
        fractions_T: values of t in [0, 1], (T,).

    Returns: (T, Z).
    """
    cosine = torch.nn.functional.cosine_similarity(start_Z, end_Z, dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    t_T1 = fractions_T[:, None]
    if torch.sin(angle) < 1e-6:
        return torch.lerp(start_Z, end_Z, t_T1)
    return (torch.sin((1 - t_T1) * angle) * start_Z + torch.sin(t_T1 * angle) * end_Z) / torch.sin(angle)


@attrs.frozen(eq=False)
class Interpolation:
    """Two real slices, and what the synthesizer makes on the way from the encoding of one to that of the other."""

    ends: tuple[int, int]
    """Indices of the two slices in the cohort."""
    of_test: bool
    """Whether both are of the test split. They are not where it has fewer than two slices that can be used."""
    images: dict[str, np.ndarray]
    """Modality to (between + 4, C, *S) in the modality's unit, in this order: the first slice; what is made from its
    encoding; what is made from the latents between; what is made from the encoding of the last slice; that slice."""
    source: str = ""
    """Where the cohort of the two real slices came from."""


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

    Usable slices are test slices that have every modality and the label that the synthesizer makes. Where the test
    split has fewer than two of them, those of any split are usable. What the graph is given, such as a class, is that
    of the first slice all the way.

    Args:
        model: a model, or what ``load_model`` takes: a run directory, a model file, or the name of a shipped model.
        out: PNG to write; default: none.
        between: number of latents between the two encodings, 1 to 100.
        pair: the two slices, counted from 0 among the usable ones; default: the first and the last.
        cohort: where the slices are from; default: the cohort of the model's recipe.
        device: "auto", "cpu", "cuda" or "cuda:N", for a model that is loaded here.
        plugins: what is installed; default: load it.

    Raises:
        InputError: ``model`` is neither a run nor a model, it has no encoder, the slices do not exist, or the name of
            ``out`` does not end in .png or is that of a file of something else.
        CohortError: the cohort does not fit the recipe.
        RunError: the file cannot be written.
    """
    if out is not None and Path(out).suffix.lower() != ".png":
        raise InputError(f"`out` {out}: is written as PNG, so its name must end in .png")
    if out is not None:
        refuse_to_replace(Path(out))
    if not isinstance(between, int) or isinstance(between, bool) or not 1 <= between <= MOST:
        raise InputError(f"`between` must be a whole number from 1 to {MOST}, got {between!r}")
    loaded = model if isinstance(model, Model) else load_model(model, choose_device(device), plugins)
    found = _interpolated(loaded, cohort or cohort_of(loaded.recipe.cohort), between, pair)
    if out is not None:
        write_bytes(Path(out), _sheet(found, loaded))
    return found


def _interpolated(model: Model, cohort: Cohort, between: int, pair: tuple[int, int] | None) -> Interpolation:
    recipe = model.recipe
    require_fit(recipe, cohort)
    ends = _chosen(cohort, recipe, pair)
    slices = cohort.select(np.array(ends))
    real = {
        name: area_average(modality_of(slices, name, spec).values, spec.shape, name)
        for name, spec in recipe.modalities.items()
    }
    labels = {name: slices.labels[label.label].astype(int) for name, label in recipe.labels().items()}
    values = {name: torch.from_numpy(values) for name, values in (real | labels).items()}
    start_Z, end_Z = model.encode(values)
    latents = slerp(start_Z, end_Z, torch.linspace(0, 1, between + 2))
    given = {name: values[name][:1].repeat_interleave(len(latents), dim=0) for name in recipe.given()}
    made = model.synthesize({LATENT: latents, **given})
    return Interpolation(
        ends,
        bool((cohort.split[list(ends)] == "test").all()),
        {name: np.concatenate([real[name][:1], image.numpy(), real[name][1:]]) for name, image in made.items()},
        cohort.source,
    )


def _sheet(found: Interpolation, model: Model) -> bytes:
    """The slices as a PNG, with each of the two real ones in a panel of its own."""
    first, last = found.ends
    between = len(next(iter(found.images.values()))) - 4
    parts = {
        real_title(found.source, f"real {first}"): slice(None, 1),
        f"encoding of {first}, {between} between, encoding of {last}": slice(1, -1),
        real_title(found.source, f"real {last}"): slice(-1, None),
    }
    panels = {title: {name: images[part] for name, images in found.images.items()} for title, part in parts.items()}
    return sheet_png(panels, model.recipe.modalities, columns=between + 2, aspects=model.aspects)


def _chosen(cohort: Cohort, recipe: Recipe, pair: tuple[int, int] | None) -> tuple[int, int]:
    """Indices of the two slices in the cohort; ``pair`` counts among the usable ones. See ``interpolate``."""
    # Which slices are usable?
    keep = np.all([modality_of(cohort, name, spec).present for name, spec in recipe.modalities.items()], axis=0)
    wanted = recipe.approached_label()
    for label, value in wanted.items():
        keep &= cohort.labels[label] == value
    test = np.flatnonzero(keep & (cohort.split == "test"))
    indices, which = (test, "test slices") if len(test) >= 2 else (np.flatnonzero(keep), "slices")
    described = "".join(f" with {label!r} = {value}" for label, value in wanted.items())
    if len(indices) < 2:
        raise InputError(f"two complete slices{described} are needed, the cohort has {len(indices)}")

    # Which two of them?
    first, second = pair or (0, len(indices) - 1)
    if not all(0 <= index < len(indices) for index in (first, second)):
        raise InputError(
            f"`pair` {first} {second}: there are {len(indices)} complete {which}{described}, counted from 0"
        )
    return int(indices[first]), int(indices[second])
