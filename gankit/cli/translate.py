"""``gankit translate``."""

from __future__ import annotations

from pathlib import Path

import click

from gankit._errors import InputError
from gankit._wording import worded
from gankit.cli._group import plugins
from gankit.cohort.titles import cohort_item, counted


@click.command
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("cohort", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Cohort to write (.safetensors, or .shards), marked synthetic.",
)
@click.option("-s", "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the noise.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where to compute.")
def translate(model: Path, cohort: Path, out: Path, seed: int, device: str) -> None:
    """Make the modalities that the real slices of COHORT lack, from those that they have.

    \b
        gankit translate runs/pix2pix-quick adc-only.safetensors -o pairs.safetensors

    MODEL is a run directory, a model.safetensors or one of 'gankit models'. What a slice has stays as it is. The file
    says of which slices an image was made.
    """
    from gankit.cohort.fit import range_warnings
    from gankit.cohort.stored import read_cohort
    from gankit.processes.device import choose_device
    from gankit.run.model import load_model
    from gankit.run.translate import translate as run

    loaded, slices = load_model(model, choose_device(device), plugins()), read_cohort(cohort)
    if out.exists() and out.samefile(cohort):
        raise InputError(f"-o {out}: is COHORT itself, which stays as it is; name another file")
    made = run(loaded, slices, out, seed=seed)
    for warning in range_warnings(loaded.recipe, slices):
        click.echo(f"warning: {worded(warning)}", err=True)
    counts = {name: modality.made.sum() for name, modality in made.modalities.items() if modality.made is not None}
    listed = ", ".join(f"{name} of {count}" for name, count in counts.items())
    click.echo(f"{out}: {counted(len(made), cohort_item(made))}; made {listed}")
