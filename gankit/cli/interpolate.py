"""``gankit interpolate``."""

from __future__ import annotations

from pathlib import Path

import click

from gankit.cli._group import plugins, png_path


@click.command
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    callback=png_path,
    help="PNG to write.",
)
@click.option("--between", type=click.IntRange(min=1), default=6, show_default=True, help="Latents between the two.")
@click.option(
    "--pair",
    type=(int, int),
    default=None,
    help="The two real slices, counted from 0 among complete test slices.  [default: the first and the last]",
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where to compute.")
def interpolate(model: Path, out: Path, between: int, pair: tuple[int, int] | None, device: str) -> None:
    """Interpolate on the sphere between the encodings of two real test slices (Wang et al., Fig. 6).

    \b
        gankit interpolate runs/mpmri-quick -o interpolation.png

    MODEL is a run directory, a model.safetensors or one of 'gankit models', whose recipe has an encoder. The picture
    shows the two real slices at the ends and what the synthesizer makes on the way.
    """
    from gankit.run.interpolate import interpolate as run

    found = run(model, out, between=between, pair=pair, device=device, plugins=plugins())
    click.echo(f"{out}: from slice {found.ends[0]} to slice {found.ends[1]} of the cohort, {between} latents between")
