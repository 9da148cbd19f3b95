"""``gankit phantom``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import click

from gankit_phantom.source import Phantom

_DEFAULT = Phantom()
_OPTIONS = attrs.fields_dict(Phantom)
_COUNTED = {
    "train_cs": "CS slices for training.",
    "train_noncs": "Other slices for training.",
    "test_cs": "CS slices for testing.",
    "test_noncs": "Other slices for testing.",
    "validation_cs": "CS slices for validation.  [default: none]",
    "validation_noncs": "Other slices for validation.  [default: none]",
}

_PATIENTS: dict[str, Any] = {"default": None, "show_default": False, "metavar": "N"}


def _number(name: str, words: str, kind: type[click.IntRange | click.FloatRange] = click.IntRange, **more: Any) -> Any:
    """A flag for a number of the phantom, within the bounds that it has in a recipe."""
    bounds = _OPTIONS[name].metadata["bounds"]
    accepted = kind(bounds["ge"], bounds["le"])
    default = getattr(_DEFAULT, name)
    more = {"default": default, "show_default": default is not None, **more}
    return click.option(f"--{name.replace('_', '-')}", type=accepted, help=words, **more)


def _counts(command: Callable[..., Any]) -> Callable[..., Any]:
    """A flag for each count of slices."""
    for name, words in reversed(_COUNTED.items()):
        command = _number(name, words)(command)
    return command


@click.command
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Cohort file to write; where its name ends with .shards, a folder of shards.",
)
@_number("seed", "Seed of the patients.")
@_number("size", "Pixels along each side.")
@_number("depth", "Planes of a volume; counts are of volumes.  [default: slices]")
@_number(
    "slice_spacing_mm",
    "Distance of the planes of a volume in mm.  [default: 72 / depth]",
    click.FloatRange,
    metavar="MM",
)
@_number("neighbours", "Make slabs: slices of the volumes with so many below and above as channels.")
@click.option("--anatomy", type=click.Path(path_type=Path), help="Real label maps (.npz) to draw over.")
@_number("patients_cs", "Patients with CS cancer.  [default: 134; of volumes as many as volumes]", **_PATIENTS)
@_number("patients_noncs", "Patients without.  [default: 226; of volumes as many as volumes]", **_PATIENTS)
@_counts
def phantom(out: Path, **options: Any) -> None:
    """Draw the digital prostate phantom to a cohort file.

    \b
        gankit phantom -o phantom.safetensors
        gankit phantom --anatomy anatomy_64.npz --seed 7 -o phantom.safetensors
        gankit phantom --depth 24 --size 32 --train-cs 134 --train-noncs 226 -o volumes.safetensors

    One seed gives the same bytes every time. The file keeps the ground truth: tissue and lesion masks.
    """
    from gankit import cohort_size, refuse_other_cohort, write_cohort
    from gankit_phantom._cohort import MAKER, phantom_cohort

    refuse_other_cohort(out, MAKER)

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
    return {
        name: min(sum(filter(None, counts)), _OPTIONS[name].metadata["bounds"]["le"])
        for name, counts in volumes.items()
        if options[name] is None
    }
