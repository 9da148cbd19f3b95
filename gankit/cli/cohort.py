"""``gankit cohort``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from gankit._errors import InputError
from gankit.cli._group import PluginGroup, png_path
from gankit.cohort.titles import cohort_item, cohort_size, counted

if TYPE_CHECKING:
    from gankit.cohort.cohort import Cohort

cohort = PluginGroup(
    name="cohort",
    words="cohort",
    commands_at={name: f"gankit.cli.cohort:{name}" for name in ("copy", "info", "sheet")},
    help="""Look at cohorts, in files or in shards, and copy them.

\b
    gankit cohort info cohort.safetensors
    gankit cohort sheet cohort.safetensors -o sheet.png
    gankit cohort copy cohort.safetensors -o cohort.shards""",
)


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Read all of it, and say whether it is what was written.")
def info(file: Path, verify: bool) -> None:
    """Print what a cohort FILE, or a folder of shards, holds: modalities with units and percentiles, labels, patients,
    splits.

    \b
        gankit cohort info cohort.safetensors
        gankit cohort info cohort.shards --verify

    Percentiles are those of some slices where there are many. Without --verify, images are not read but for those, and
    damage to them goes unnoticed.
    """
    from gankit.cohort.cohort import require_finite
    from gankit.cohort.stored import open_cohort

    cohort = open_cohort(file, verify)
    if verify:
        require_finite(cohort)
    lines = _lines(file, cohort)
    last = "verified: it is what was written" if verify else "not verified; --verify reads all of it"
    click.echo("\n".join([*lines, f"  {last}"]))


PERCENTILE_BYTES = 1 << 24
"""Bytes of a modality from which percentiles are found."""


def _lines(file: Path, cohort: Cohort) -> list[str]:
    from gankit.cohort.fit import present_values

    item = cohort_item(cohort)
    lines = [f"{file}: {cohort_size(cohort)}{', synthetic' if cohort.synthetic else ''}"]
    if cohort.source:
        lines.append(f"  source: {cohort.source}")
    for name, modality in cohort.modalities.items():
        shape = " x ".join(map(str, modality.values.shape[1:]))
        values = present_values(modality, PERCENTILE_BYTES)
        there = int(modality.present.sum())
        of = "" if len(values) == there else f" of {counted(len(values), item)}"
        finite = values[np.isfinite(values)]
        low, middle, high = np.percentile(finite, [1, 50, 99]) if finite.size else [np.nan] * 3
        lines.append(
            f"  modality {name}: {shape}, {'arbitrary units' if modality.unit == '1' else modality.unit};"
            f" percentiles 1 / 50 / 99{of}: {low:.4g} / {middle:.4g} / {high:.4g}; in {counted(there, item)}"
            + ("" if finite.size == values.size else "; some values are NaN or infinite: mend them or leave them out")
            + (f", {modality.made.sum()} of them made by a model" if modality.made is not None else "")
        )
    for split in np.unique(cohort.split):
        chosen = cohort.split == split
        patients = counted(len(np.unique(cohort.patient[chosen])), "patient")
        counts = [f"{counted(chosen.sum(), item)} of {patients}"]
        for name, values in cohort.labels.items():
            highest = int(values.max())  # a label of int8 may be 127, to which it cannot add
            words = {1: "yes", 0: "no"} if highest <= 1 else {k: f"of class {k}" for k in range(highest + 1)}
            said = [f"{(values[chosen] == value).sum()} {word}" for value, word in (*words.items(), (-1, "unknown"))]
            counts.append(f"{name} {', '.join(said)}")
        lines.append(f"  split {split}: {'; '.join(counts)}")
    for what, spacing_mm in (("pixel spacing", cohort.spacing_mm), ("slice spacing", cohort.slice_spacing_mm)):
        if spacing_mm is not None:
            known = spacing_mm[np.isfinite(spacing_mm)]
            lines.append(f"  {what}: {f'{known.min():.3g} to {known.max():.3g} mm' if len(known) else 'unknown'}")
    if cohort.truth:
        lines.append(f"  ground truth: {', '.join(cohort.truth)}")
    return lines


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    callback=png_path,
    help="PNG to write.",
)
@click.option("-n", "--count", type=click.IntRange(min=1), default=32, show_default=True, help="Slices shown.")
def sheet(file: Path, out: Path, count: int) -> None:
    """Draw slices of a cohort FILE, spread over it, one panel for each value of its first label.

    \b
        gankit cohort sheet cohort.safetensors -o sheet.png

    Of a volume it shows three planes, through the middle, or through the lesion where a ground truth outlines one.
    """
    from gankit.cohort.fit import present_values
    from gankit.cohort.pictures import fullest
    from gankit.cohort.sheet import sheet_png, shown
    from gankit.cohort.stored import read_cohort
    from gankit.files.atomic import write_bytes
    from gankit.files.made import refuse_to_replace
    from gankit.recipe.recipe import ModalitySpec

    refuse_to_replace(out)
    cohort = read_cohort(file)
    panels, specs, places = {}, {}, {}
    outlines = next((truth for name, truth in cohort.truth.items() if name != "tissue" and truth.ndim == 4), None)
    for name, modality in cohort.modalities.items():
        values = present_values(modality)
        low, high = (float(bound) for bound in np.percentile(values, [0.5, 99.5])) if values.size else (0.0, 1.0)
        specs[name] = ModalitySpec(
            shape=modality.values.shape[1:], unit=modality.unit, range=(low, max(high, low + 1e-6))
        )
    for title, chosen in _groups(cohort):
        indices = chosen[np.linspace(0, len(chosen) - 1, min(count, len(chosen))).astype(int)]
        panels[title] = {name: shown(modality, indices) for name, modality in cohort.modalities.items()}
        if outlines is not None:
            places[title] = fullest(outlines[indices])
    write_bytes(out, sheet_png(panels, specs, aspects=_aspects(cohort), places=places))
    click.echo(f"{out}: up to {counted(count, cohort_item(cohort))} of each of {', '.join(panels)}")


@click.command
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Cohort file or folder to write.")
@click.option(
    "--shard-size",
    type=click.IntRange(min=1),
    help="Size of a shard in MB, where OUT ends with .shards.  [default: 256]",
)
def copy(source: Path, out: Path, shard_size: int | None) -> None:
    """Copy a cohort to one file or, where OUT ends with .shards, to a folder of shards, in little memory.

    \b
        gankit cohort copy cohort.safetensors -o cohort.shards
        gankit cohort copy cohort.shards -o cohort.safetensors

    What is copied is verified first. A copy that was cut off goes on when it is run again. A run that began with a
    cohort goes on with its copy.
    """
    from gankit.cohort.shards import SHARD_MB, SUFFIX
    from gankit.cohort.stored import header_of, open_cohort, write_cohort

    if shard_size is not None and out.suffix != SUFFIX:
        raise InputError(f"--shard-size: is for a folder whose name ends with {SUFFIX}, -o is {out}; leave it out")
    if header_of(out):
        raise InputError(f"-o {out}: is there already; name another file or folder")
    cohort = open_cohort(source, verified=True)
    write_cohort(cohort, out, shard_size=shard_size or SHARD_MB)
    click.echo(f"{out}: {cohort_size(cohort)}, as in {source}")


def _aspects(cohort: Cohort) -> dict[str, float]:
    """Distance of planes over that of pixels, where a cohort of volumes has both: the median over volumes."""
    if cohort.spacing_mm is None or cohort.slice_spacing_mm is None:
        return {}
    ratios = cohort.slice_spacing_mm / cohort.spacing_mm
    known = ratios[np.isfinite(ratios) & (ratios > 0)]
    return dict.fromkeys(cohort.modalities, float(np.median(known))) if len(known) else {}


def _groups(cohort: Cohort) -> list[tuple[str, np.ndarray]]:
    if not cohort.labels:
        return [("all", np.arange(len(cohort)))]
    name, values = next(iter(cohort.labels.items()))
    classes = {k: f"{name} {k}" for k in range(int(values.max()) + 1)}
    words = {**({1: name, 0: f"not {name}"} if values.max() <= 1 else classes), -1: f"{name} unknown"}
    return [(word, np.flatnonzero(values == value)) for value, word in words.items() if (values == value).any()]
