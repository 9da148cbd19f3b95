"""``gankit sample``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gankit._errors import InputError

if TYPE_CHECKING:
    from gankit._model import Model


@click.command
@click.argument("model")
@click.option("-n", "--count", type=click.IntRange(min=1), default=16, show_default=True, help="Synthetic slices.")
@click.option("-s", "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the latents.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write: .safetensors is a cohort marked synthetic, .npz arrays by modality, .png a sheet.",
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where to compute.")
def sample(model: str, count: int, seed: int, out: Path, device: str) -> None:
    """Draw synthetic slices from MODEL, a run directory or a model.safetensors.

    \b
        gankit sample runs/mpmri-quick -n 16 -o sheet.png
        gankit sample runs/mpmri-quick -n 1942 --seed 1 -o synthetic.safetensors

    Values are in the units of the recipe's modalities. One seed gives the same slices every time.
    """
    writers = {".safetensors": _write_cohort, ".npz": _write_arrays, ".png": _write_sheet}
    if out.suffix not in writers:
        raise InputError(f"-o {out}: unknown kind of file {out.suffix!r}; accepted: {', '.join(writers)}")
    from gankit._model import load_model
    from gankit._train import choose_device
    from gankit.cli._group import plugins

    writers[out.suffix](load_model(model, choose_device(device), plugins()), count, seed, out)
    click.echo(f"{out}: {count} synthetic slices, seed {seed}")


def _write_cohort(model: Model, count: int, seed: int, out: Path) -> None:
    from gankit._cohort import write_cohort

    write_cohort(model.cohort(count, seed), out)


def _write_arrays(model: Model, count: int, seed: int, out: Path) -> None:
    import io

    import numpy as np

    from gankit._atomic import write_bytes

    content = io.BytesIO()
    arrays: dict[str, Any] = {name: image.numpy() for name, image in model.sample(count, seed).items()}
    np.savez_compressed(content, **arrays)
    write_bytes(out, content.getvalue())


def _write_sheet(model: Model, count: int, seed: int, out: Path) -> None:
    from gankit._sheet import write_sheet

    write_sheet(out, model.recipe, None, model.sample(count, seed))
