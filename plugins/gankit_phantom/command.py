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
@click.option("--patients-cs", type=click.IntRange(min=2), metavar="N",
              help="Patients with CS cancer.  [default: 134; of volumes as many as volumes]")  # fmt: skip
@click.option("--patients-noncs", type=click.IntRange(min=2), metavar="N",
              help="Patients without.  [default: 226; of volumes as many as volumes]")  # fmt: skip
@_counts
def phantom(out: Path, **options: Any) -> None:
    """Draw the digital prostate phantom to a cohort file.

    \b
        gankit phantom -o phantom.safetensors
        gankit phantom --anatomy anatomy_64.npz --seed 7 -o phantom.safetensors
        gankit phantom --depth 24 --size 32 --train-cs 134 --train-noncs 226 -o volumes.safetensors

    One seed gives the same bytes every time. The file keeps the ground truth: tissue and lesion masks.
    """
    from gankit import cohort_size, write_cohort
    from gankit_phantom._cohort import phantom_cohort

    spec = attrs.evolve(_DEFAULT, **{name: value for name, value in options.items() if value is not None})
    if spec.depth is not None and spec.neighbours is None:
        spec = attrs.evolve(spec, **_one_a_patient(spec, options))
    cohort = phantom_cohort(spec)
    write_cohort(cohort, out)
    click.echo(f"{out}: {cohort_size(cohort)}; see 'gankit cohort info {out}'")


def _one_a_patient(spec: Phantom, options: dict[str, Any]) -> dict[str, Any]:
    """For each class whose number of patients is not given, as many as volumes."""
    volumes = {
        "patients_cs": (spec.train_cs, spec.test_cs, spec.validation_cs),
        "patients_noncs": (spec.train_noncs, spec.test_noncs, spec.validation_noncs),
    }
    return {name: sum(filter(None, counts)) for name, counts in volumes.items() if options[name] is None}
