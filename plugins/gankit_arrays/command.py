"""``gankit import arrays``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gankit import InputError
from gankit_arrays import import_arrays


def _pairs(ctx: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            form = f"{parameter.make_metavar(ctx)}, as in `{parameter.name}` {_EXAMPLES[parameter.name or '']}"
            raise InputError(f"`{parameter.name}` {text}: must be {form}")
        if name in pairs:
            raise InputError(f"`{parameter.name}` {text}: {name!r} is given twice")
        pairs[name] = value
    return pairs


_EXAMPLES = {
    "modality": "adc=adc",
    "unit": "adc=mm2/s",
    "channels": "dce=first",
    "present": "t2w=has_t2w",
    "label": "cs=is_cs",
    "truth": "lesion=masks",
}


@click.command("arrays")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--modality", multiple=True, required=True, callback=_pairs, metavar="NAME=ARRAY", help="A modality.")
@click.option("--unit", multiple=True, callback=_pairs, metavar="NAME=UNIT",
              help="Unit of a modality.  [default: 1e-6 mm2/s for adc, 1 (arbitrary) for others]")  # fmt: skip
@click.option("--channels", multiple=True, callback=_pairs, metavar="NAME=WHERE",
              help="Where a modality has its channels: none, as in (slices, depth, height, width), first after the"
              " slices, or last.  [default: as the shape tells; refused if that is ambiguous]")  # fmt: skip
@click.option("--present", multiple=True, callback=_pairs, metavar="NAME=ARRAY",
              help="Which slices have a modality.  [default: those not wholly NaN]")  # fmt: skip
@click.option("--label", multiple=True, callback=_pairs, metavar="NAME=ARRAY",
              help="A label: 1 or true yes, 0 or false no, or the number of a class; negative or"
              " NaN unknown.")  # fmt: skip
@click.option("--truth", multiple=True, callback=_pairs, metavar="NAME=ARRAY",
              help="Ground truth (slices, *space): 0, or the number of a structure, as masks of lesions.")  # fmt: skip
@click.option("--patient", required=True, metavar="ARRAY", help="Patient id of each slice.")
@click.option("--spacing", metavar="ARRAY", help="Pixel spacing of each slice in mm.")
@click.option("--slice-spacing", metavar="ARRAY", help="For volumes: distance of neighbouring planes in mm.")
@click.option(
    "--split", metavar="ARRAY", help="'train', 'test' or 'validation' for each slice.  [default: drawn by patient]"
)
@click.option("--test-fraction", type=float, help="Share of patients in test.  [default: 0.2]")
@click.option(
    "--validation-fraction",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of patients in validation, on which 'gankit tune' chooses settings.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the drawn split.  [default: 0]")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Cohort file to write; where its name ends with .shards, a folder of shards.",
)
def arrays(file: Path, out: Path, **options: Any) -> None:
    """Make a cohort from FILE, a .npz of aligned arrays: images (slices, *space), or with an axis of channels.

    \b
        gankit import arrays pairs.npz --modality adc=adc --modality t2w=t2w \\
            --label cs=is_cs --patient patient_id -o cohort.safetensors

    A patient-level split, stratified by the first label, is drawn unless --split is given. Ids of patients and the name
    of FILE are written as they are: where they must not be known, replace them first.
    """
    from gankit import cohort_size, cohort_warnings, empty_strata
    from gankit_arrays._splits import absent_lines, split_lines

    cohort = import_arrays(file, out=out, **options)
    click.echo(f"{out}: {cohort_size(cohort)}; see 'gankit cohort info {out}'")
    for line in (*absent_lines(cohort), *split_lines(cohort)):
        click.echo(f"  {line}")
    for warning in empty_strata(cohort):
        click.echo(f"warning: {warning}; change --test-fraction, --validation-fraction, --seed or --split", err=True)
    for warning in cohort_warnings(cohort):
        click.echo(f"warning: {warning}", err=True)
