"""``gankit evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gankit.cli._group import plugins
from gankit.cli._judging import judging_options, show

if TYPE_CHECKING:
    from gankit.evaluation.judging import Judging


@click.command
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into."
)
@judging_options()
@click.option(
    "--recipe",
    help="Recipe that gives modalities, real cohort and label; default: that of TARGET, which a cohort file has not.",
)
def evaluate(target: Path, out: Path, recipe: str | None, judging: Judging) -> None:
    """Judge TARGET, a run directory, a model.safetensors or a cohort file, with real slices beside it.

    \b
        gankit evaluate runs/mpmri-quick -o evaluation
        gankit evaluate synthetic.safetensors --cohort patients.safetensors -o evaluation

    Writes evaluation.json, and evaluation.md with every figure and its interval. Row 'real' shows what real slices
    read, row 'augmented real' the training slices augmented. To go on after a stop, run the same command again.
    """
    from gankit.evaluation.evaluate import evaluate as run

    result = run(target, out, judging=judging, recipe=recipe, plugins=plugins())
    show(result.rows, result)
    click.echo(f"{out / 'evaluation.json'}; every reading is in {out / 'evaluation.md'}")
