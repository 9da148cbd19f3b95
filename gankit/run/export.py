"""Synthetic slices as files of other formats: a folder for each slice, and a note on what made them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from gankit._errors import InputError, RunError, nearest
from gankit.files.atomic import PART, write_bytes, write_text
from gankit.plugin.contract import blaming, broken, in_short, require_call
from gankit.plugin.targets import imported

if TYPE_CHECKING:
    from gankit.plugin.plugins import Plugins
    from gankit.recipe.recipe import ModalitySpec
    from gankit.run.model import Model

NOTE = "export.json"
"""The file of an export that says what made it. A folder with other files, but without this note, is not written to."""

SMALLEST_MM, LARGEST_MM = 1e-6, 1e3
"""Sides of a pixel, from those of a microscope to one that shows a body as one pixel. Formats cannot hold others."""


@attrs.frozen(eq=False, kw_only=True)
class SyntheticSlice:
    """One synthetic slice with all its modalities, and what an export format may say about it."""

    images: Mapping[str, np.ndarray]
    """Modality to (C, *S) float32 in the modality's unit."""
    modalities: Mapping[str, ModalitySpec]
    """Modality to its unit, range and window."""
    spacing_mm: Mapping[str, tuple[float, float]]
    """Modality to the size of a pixel along the last two axes, (rows, columns) in mm; without those of unknown size."""
    slice_spacing_mm: Mapping[str, float] = attrs.field(factory=dict)
    """Modality to the distance of its planes in mm, of volumes (C, D, H, W): planes from feet to head, rows from front
    to back, columns from the patient's right to left. Without those of unknown distance."""
    recipe: str
    """Name of the model's recipe."""
    step: int
    """Training steps of the model."""
    digest: str
    """Digest of the model file."""
    seed: int
    """Seed of the latents."""
    index: int
    """Number of the slice, from 0. The slice is a function of model, seed, index and what was given."""
    given: Mapping[str, str] = attrs.field(factory=dict)
    """Place of the graph to what the user gave there: a class, or a digest. What was drawn is not named."""
    unmade: tuple[str, ...] = ()
    """Modalities that no network made: they were given to the model, by the user or from real slices."""

    def statement(self) -> str:
        """Two sentences of plain ASCII that say that the slice is synthetic and which model made it."""
        unmade = f"SYNTHETIC slice, of which {' and '.join(self.unmade)} was not made and may be of a patient."
        given = "".join(f", given {place} = {what}" for place, what in self.given.items())
        return (
            f"{unmade if self.unmade else 'SYNTHETIC image, no patient was scanned.'}"
            f" Made by gankit {version('gankit')} with model {self.recipe}, {self.step} training steps,"
            f" digest {self.digest}, seed {self.seed}, index {self.index}{given}."
        )

    def window(self, modality: str) -> tuple[float, float]:
        """The values, in the modality's unit, that are shown black and white."""
        return self.modalities[modality].window or self.modalities[modality].range


Encode = Callable[[SyntheticSlice], Mapping[str, bytes]]
"""The function of an export format: a slice to file name, without a folder, and bytes."""


def find_format(name: str, plugins: Plugins) -> Encode:
    """The function that writes a format.

    Raises:
        InputError: no plugin offers the format.
        PluginError: it cannot be imported.
    """
    formats = plugins.export_formats
    if name not in formats:
        known = (", ".join(sorted(formats)) or "none") + plugins.perhaps(name)
        raise InputError(
            f"`format` {name}: no such format{nearest(name, formats)}; accepted: {known}; without"
            " `format`, the name of what is written says whether it is a cohort, arrays or a sheet"
        )
    return imported(formats[name], f"plugin {plugins.owner_of('export_formats', name)!r}: format {name!r}")


def synthetic_slices(
    model: Model,
    count: int,
    seed: int,
    spacing_mm: float | None,
    advance: Callable[[int], None],
    given: Mapping[str, Any] = {},
    slice_spacing_mm: float | None = None,
) -> Iterator[SyntheticSlice]:
    """Yield ``count`` slices of a model.

    Args:
        model: from ``load_model``.
        count: number of slices, at least 1.
        seed: seed of the latents.
        spacing_mm: side of a pixel of every modality; default: that of the slices that the model was trained on.
        advance: called with the number of slices that are sampled.
        given: see ``Model.sample``.
        slice_spacing_mm: distance of the planes of volumes; default: that of the volumes that the model was trained on.

    Raises:
        InputError: no pixel has the side that is given, or the one that the model knows.
    """
    from gankit.run.given import in_short

    recipe = model.recipe
    own = model.spacing_mm if spacing_mm is None else dict.fromkeys(recipe.modalities, (spacing_mm, spacing_mm))
    for name, sides in own.items():
        if not all(SMALLEST_MM <= side <= LARGEST_MM for side in sides):  # NaN is refused, too
            raise InputError(
                f"`spacing_mm`: a pixel of {name} would be {' x '.join(f'{side:g}' for side in sides)} mm; accepted:"
                f" {SMALLEST_MM:g} to {LARGEST_MM:g} mm"
            )
    apart = _slice_spacings(model, slice_spacing_mm)
    images = model.sample(count, seed, advance, given=given)
    for index in range(count):
        yield SyntheticSlice(
            images={name: image[index].numpy() for name, image in images.items()},
            modalities=recipe.modalities,
            spacing_mm=own,
            slice_spacing_mm=apart,
            recipe=recipe.name,
            step=model.step,
            digest=model.digest,
            seed=seed,
            index=index,
            given=in_short(given),
            unmade=tuple(name for name in recipe.given() if name in recipe.modalities),
        )


def _slice_spacings(model: Model, given_mm: float | None) -> Mapping[str, float]:
    """Distance of planes by modality. Raises InputError: one is given and there are no volumes, or none has it."""
    volumes = [name for name, spec in model.recipe.modalities.items() if len(spec.shape) == 4]
    if given_mm is None:
        return model.slice_spacing_mm
    if not volumes:
        raise InputError("`slice_spacing_mm`: is of volumes, and the model makes none; leave it out")
    if not SMALLEST_MM <= given_mm <= LARGEST_MM:
        raise InputError(f"`slice_spacing_mm`: {given_mm:g} mm; accepted: {SMALLEST_MM:g} to {LARGEST_MM:g} mm")
    return dict.fromkeys(volumes, given_mm)


def export(
    slices: Iterator[SyntheticSlice], count: int, format: str, encode: Encode, folder: Path, plugin: str
) -> None:
    """Write slices, each in a folder of its own. Running the same export again completes one that was cut short.

    Args:
        slices: from ``synthetic_slices``.
        count: how many there are, for the note.
        format: name of the format, for the note and for messages.
        encode: from ``find_format``.
        folder: where to write; it is new, empty, or has this export.
        plugin: name of the plugin that offers the format, for messages.

    Raises:
        InputError: the folder has other files than this export's, or the format cannot hold the slices.
        PluginError: the format fails, or returns something else than files.
        RunError: the folder cannot be written.
    """
    for synthetic in slices:
        files = _encoded(encode, synthetic, f"`format` {format}", f"plugin {plugin!r}")
        if synthetic.index == 0:
            _claim(folder, _note(synthetic, count, format))
        for name, content in files.items():
            _require_claimed(folder)
            write_bytes(folder / f"synthetic-{synthetic.index:06d}" / name, content)


def _encoded(encode: Encode, synthetic: SyntheticSlice, where: str, plugin: str) -> Mapping[str, bytes]:
    """The files of a slice in a format. Raises PluginError: the format fails, or returns something else."""
    require_call(where, plugin, "the function of the format", encode, "slice")
    with blaming(where, plugin):
        files = encode(synthetic)
    if not isinstance(files, Mapping) or not files:
        raise broken(where, plugin, f"must return the files of a slice, names to bytes, got {in_short(files)}")
    for name, content in files.items():
        if not isinstance(name, str) or Path(name).name != name:
            raise broken(where, plugin, f"must name files without a folder, got {name!r}")
        if not isinstance(content, bytes):
            raise broken(where, plugin, f"must return bytes for {name!r}, got {in_short(content)}")
    return files


def _note(first: SyntheticSlice, count: int, format: str) -> dict[str, Any]:
    given = {"given": dict(first.given)} if first.given else {}
    return {
        "synthetic": True,
        "format": format,
        "count": count,
        "recipe": first.recipe,
        "step": first.step,
        "digest": first.digest,
        "seed": first.seed,
        "spacing_mm": {name: list(sizes) for name, sizes in first.spacing_mm.items()},
        **({"slice_spacing_mm": dict(first.slice_spacing_mm)} if first.slice_spacing_mm else {}),
        "gankit": version("gankit"),
        **given,
    }


def _claim(folder: Path, note: Mapping[str, Any]) -> None:
    """Write the note into a new or empty folder. Raises InputError: the folder has files of something else."""
    text = json.dumps(note, indent=2) + "\n"
    path = folder / NOTE
    if any(file.suffix != PART for file in folder.glob("*")):  # a part is of a note whose writing was cut off
        if not path.is_file() or path.read_text(encoding="utf-8", errors="replace") != text:
            raise InputError(
                f"`out` {folder}: holds other files than this export; nothing was written, choose a new one"
            )
    else:
        write_text(path, text)


def _require_claimed(folder: Path) -> None:
    """Raise RunError where the note is gone, so that no other folder is filled in the place of one that was removed."""
    if not (folder / NOTE).is_file():
        raise RunError(f"{folder}: was removed or moved away while it was written; run the same command again")
