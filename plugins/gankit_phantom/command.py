"""``gankit phantom``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import click

from gankit_phantom.source import Phantom

_DEFAULT = Phantom()
_COUNTED = {
    "train_cs": "CS slices for training.",
    "train_noncs": "Other slices for training.",
    "test_cs": "CS slices for testing.",
    "test_noncs": "Other slices for testing.",
    "validation_cs": "CS slices for validation.  [default: none]",
    "validation_noncs": "Other slices for validation.  [default: none]",
}


def _counts(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each count of slices."""
    for name, words in reversed(_COUNTED.items()):
        flag, least = f"--{name.replace('_', '-')}", click.IntRange(min=1)
        default = getattr(_DEFAULT, name)
        command = click.option(flag, type=least, default=default, show_default=default is not None, help=words)(command)
    return command


@click.command
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Cohort file to write; where its name ends with .shards, a folder of shards.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the patients.")
@click.option("--size", type=click.IntRange(min=32), default=64, show_default=True, help="Pixels along each side.")
@click.option("--depth", type=click.IntRange(min=4), help="Planes of a volume; counts are of volumes."
              "  [default: slices]")  # fmt: skip
@click.option("--slice-spacing-mm", type=click.FloatRange(min=0.5), metavar="MM",
              help="Distance of the planes of a volume in mm.  [default: 72 / depth]")  # fmt: skip
@click.option("--neighbours", type=click.IntRange(min=1, max=16),
              help="Make slabs: slices of the volumes with so many below and above as channels.")  # fmt: skip
@click.option("--anatomy", type=click.Path(path_type=Path), help="Real label maps (.npz) to draw over.")
@_counts
def phantom(out: Path, **options: Any) -> None:
    """Draw the digital prostate phantom to a cohort file.

    \b
        gankit phantom -o phantom.safetensors
        gankit phantom --anatomy anatomy_64.npz --seed 7 -o phantom.safetensors
        gankit phantom --depth 24 --size 32 --train-cs 134 --train-noncs 226 -o volumes.safetensors

    One seed gives the same bytes every time. The file keeps the ground truth: tissue and lesion masks.
    """
    from gankit import write_cohort
    from gankit_phantom._cohort import phantom_cohort

    spec = attrs.evolve(_DEFAULT, **options)
    cohort = phantom_cohort(spec)
    write_cohort(cohort, out)
    items = "slabs" if spec.neighbours else "slices" if spec.depth is None else "volumes"
    click.echo(f"{out}: {len(cohort)} {items} of {len(set(cohort.patient))} patients; see 'gankit cohort info {out}'")
