"""``gankit phantom``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import click

from gankit_phantom.source import Phantom

_DEFAULT = Phantom()


@click.command
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Cohort file to write.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the patients.")
@click.option("--size", type=click.IntRange(min=32), default=64, show_default=True, help="Pixels along each side.")
@click.option("--anatomy", type=click.Path(path_type=Path), help="Real label maps (.npz) to draw over.")
@click.option(
    "--train-cs",
    type=click.IntRange(min=1),
    default=_DEFAULT.train_cs,
    show_default=True,
    help="CS slices for training.",
)
@click.option(
    "--train-noncs",
    type=click.IntRange(min=1),
    default=_DEFAULT.train_noncs,
    show_default=True,
    help="Other slices for training.",
)
@click.option(
    "--test-cs",
    type=click.IntRange(min=1),
    default=_DEFAULT.test_cs,
    show_default=True,
    help="CS slices for testing.",
)
@click.option(
    "--test-noncs",
    type=click.IntRange(min=1),
    default=_DEFAULT.test_noncs,
    show_default=True,
    help="Other slices for testing.",
)
def phantom(out: Path, **options: Any) -> None:
    """Draw the digital prostate phantom to a cohort file.

    \b
        gankit phantom -o phantom.safetensors
        gankit phantom --anatomy anatomy_64.npz --seed 7 -o phantom.safetensors

    One seed gives the same bytes every time. The file keeps the ground truth: tissue and lesion masks.
    """
    from gankit import write_cohort

    cohort = attrs.evolve(_DEFAULT, **options).load()
    write_cohort(cohort, out)
    click.echo(f"{out}: {len(cohort)} slices of {len(set(cohort.patient))} patients; see 'gankit cohort info {out}'")
