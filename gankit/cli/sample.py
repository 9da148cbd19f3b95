"""``gankit sample``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gankit._errors import InputError
from gankit._wording import worded
from gankit.files.made import ZIP_COMMENT, refuse_to_replace
from gankit.run.targets import keep_what_is_real

if TYPE_CHECKING:
    from gankit.run.export import Encode
    from gankit.run.model import Model

Advance = Callable[[int], None]
"""Called with the number of slices that are sampled."""

Given = Mapping[str, Any]
"""Place to what the user gives there; see ``Model.sample``."""

Writer = Callable[["Model", int, int, Given, Advance], None]
"""Samples ``count`` slices of a model from a seed with what is given, and writes them."""


@click.command
@click.argument("model")
@click.option("-n", "--count", type=click.IntRange(min=1), default=16, show_default=True, help="Synthetic slices.")
@click.option("-s", "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the latents.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="What to write: .safetensors or .shards is a cohort marked synthetic, .npz arrays by modality, .png a sheet."
    " With --format, a new folder.  [default: with --format, named by run and format, as mpmri-quick-nifti]",
)
@click.option(
    "--format",
    "format_",
    metavar="FORMAT",
    help="Write a folder for each slice: 'dicom', 'nifti', 'png', or what else plugins offer.",
)
@click.option(
    "--spacing-mm",
    type=click.FloatRange(min=0, min_open=True),
    help="With --format: size of a pixel.  [default: that of the slices the model was trained on]",
)
@click.option(
    "--slice-spacing-mm",
    type=click.FloatRange(min=0, min_open=True),
    help="With --format: distance of the planes of volumes.  [default: that of the volumes the model was trained on]",
)
@click.option(
    "--given",
    multiple=True,
    metavar="PLACE=VALUE",
    help="What the graph is given: a label's class, as in cs=1, or what a file has for each slice, as in"
    " lesion=masks.npz (.npy, .npz, or a cohort). Repeatable.  [default: drawn from what training saw]",
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where to compute.")
def sample(
    model: str,
    count: int,
    seed: int,
    out: Path | None,
    format_: str | None,
    spacing_mm: float | None,
    slice_spacing_mm: float | None,
    given: tuple[str, ...],
    device: str,
) -> None:
    """Draw synthetic slices from MODEL: a run directory, a model.safetensors, or one of 'gankit models'.

    \b
        gankit sample runs/mpmri-quick -n 16 -o sheet.png
        gankit sample runs/mpmri-quick -n 1942 --seed 1 -o synthetic.safetensors
        gankit sample runs/mpmri-quick -n 16 --format dicom -o synthetic
        gankit sample runs/mpmri-conditional -n 16 --given cs=1 -o cs.png

    Values are in the units of the recipe's modalities. One seed gives the same slices every time.
    """
    out = out or _default_folder(model, format_)
    write = _file_writer(out) if format_ is None else _folder_writer(out, format_, spacing_mm, slice_spacing_mm)
    for flag, given_mm in (("--spacing-mm", spacing_mm), ("--slice-spacing-mm", slice_spacing_mm)):
        if format_ is None and given_mm is not None:
            raise InputError(f"{flag}: is for --format; a cohort file has the spacing of the model's training slices")
    from gankit.cli._group import plugins
    from gankit.cohort.titles import counted, item_of
    from gankit.processes.device import choose_device
    from gankit.processes.progress import Progress
    from gankit.run.given import given_warnings, read_given
    from gankit.run.model import CHUNK, load_model

    loaded, places = load_model(model, choose_device(device), plugins()), read_given(given)
    with Progress(count, quiet=count <= CHUNK, what="sampling") as progress:
        progress.begin(0)
        write(loaded, count, seed, places, progress.advance)
    for warning in given_warnings(loaded.recipe, places, count):
        click.echo(f"warning: {worded(warning)}", err=True)
    item = item_of(spec.shape for spec in loaded.recipe.modalities.values())
    click.echo(f"{out}: {counted(count, f'synthetic {item}')}, seed {seed}")


def _default_folder(model: str, format_: str | None) -> Path:
    """Where slices of a format are written if the user does not say it. Raises UsageError: there is no format."""
    if format_ is None:
        raise click.UsageError("Missing option '-o' / '--out'.")
    path = Path(model)
    name = path.resolve().parent.name if path.name == "model.safetensors" else path.name.removesuffix(".safetensors")
    return Path(f"{name or 'model'}-{format_}")


def _file_writer(out: Path) -> Writer:
    writers = {".safetensors": _write_cohort, ".shards": _write_cohort, ".npz": _write_arrays, ".png": _write_sheet}
    if out.suffix not in writers:
        raise InputError(
            f"-o {out}: unknown kind of file {out.suffix!r}; accepted: {', '.join(writers)}; for a folder give --format"
        )
    cohort = writers[out.suffix] is _write_cohort
    if out.is_dir() and out.suffix != ".shards":
        raise InputError(f"-o {out}: is a folder; name a file, or give --format")
    (keep_what_is_real if cohort else refuse_to_replace)(out)
    return partial(writers[out.suffix], out)


def _folder_writer(out: Path, format_: str, spacing_mm: float | None, slice_spacing_mm: float | None) -> Writer:
    from gankit.cli._group import plugins
    from gankit.run.export import find_format

    if out.is_file() or out.suffix in (".safetensors", ".shards", ".npz", ".png"):
        raise InputError(f"-o {out}: is the name of a file; with --format name a new folder")
    return partial(_write_folder, out, format_, find_format(format_, plugins()), spacing_mm, slice_spacing_mm)


def _write_folder(
    out: Path,
    format_: str,
    encode: Encode,
    spacing_mm: float | None,
    slice_spacing_mm: float | None,
    model: Model,
    count: int,
    seed: int,
    given: Given,
    advance: Advance,
) -> None:
    from gankit.cli._group import plugins
    from gankit.run.export import export, synthetic_slices

    slices = synthetic_slices(model, count, seed, spacing_mm, advance, given, slice_spacing_mm)
    export(slices, count, format_, encode, out, plugins().owner_of("export_formats", format_))


def _write_cohort(out: Path, model: Model, count: int, seed: int, given: Given, advance: Advance) -> None:
    from gankit.cohort.stored import write_cohort

    write_cohort(model.cohort(count, seed, advance, given=given), out)


def _write_arrays(out: Path, model: Model, count: int, seed: int, given: Given, advance: Advance) -> None:
    import io
    import zipfile

    import numpy as np

    from gankit.files.atomic import write_bytes

    content = io.BytesIO()
    images = model.sample(count, seed, advance, given=given)
    arrays: dict[str, Any] = {name: image.numpy() for name, image in images.items()}
    np.savez_compressed(content, **arrays)
    with zipfile.ZipFile(content, "a") as archive:
        archive.comment = ZIP_COMMENT
    write_bytes(out, content.getvalue())


def _write_sheet(out: Path, model: Model, count: int, seed: int, given: Given, advance: Advance) -> None:
    from gankit.cohort.sheet import write_sheet

    title = f"{model.recipe.name} after {model.step} steps, synthetic, seed {seed}"
    made = model.sample(count, seed, advance, given=given)
    write_sheet(out, model.recipe, None, made, title, aspects=model.aspects)
