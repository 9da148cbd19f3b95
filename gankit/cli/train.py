"""``gankit train``."""

from __future__ import annotations

import json
import os
from collections.abc import Sized
from pathlib import Path

import click

from gankit._wording import worded
from gankit.cli._group import plugins, set_option
from gankit.files.toml_text import toml_text
from gankit.recipe.file import load_recipe
from gankit.recipe.structure import to_document


@click.command
@click.argument("recipe")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Run directory.  [default: runs/NAME of the recipe]")
@set_option
@click.option("--steps", type=click.IntRange(min=1), help="Training steps; short for --set training.steps=N.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of all randomness; short for --set training.seed=N.")
@click.option(
    "--track",
    multiple=True,
    metavar="NAME",
    help="Tracker that gets curves and sheets, as in --track tensorboard; short for --set training.track=[NAME, ...]."
    " May be given many times.",
)
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where to compute.")
@click.option("-n", "--dry-run", is_flag=True, help="Print the completed recipe and stop.")
def train(
    recipe: str,
    out: Path | None,
    overrides: tuple[str, ...],
    steps: int | None,
    seed: int | None,
    track: tuple[str, ...],
    device: str,
    dry_run: bool,
) -> None:
    """Train RECIPE, a TOML file or the name of a shipped recipe.

    \b
        gankit train mpmri-quick
        gankit train mpmri-no-masks --set cohort.use=file --set cohort.path=patients.safetensors -o runs/patients

    To resume, run the same command again. Ctrl-C finishes the step and saves. The run directory gets
    recipe.lock.toml, metrics.jsonl, checkpoints/, samples/, model.safetensors and report.html.
    """
    given = [*overrides]
    given += [f"training.{key}={value}" for key, value in (("steps", steps), ("seed", seed)) if value is not None]
    given += [f"training.track={json.dumps(track)}"] if track else []
    loaded = load_recipe(recipe, given, plugins())
    if dry_run:
        click.echo(toml_text(to_document(loaded, plugins().registry)), nl=False)
        return
    from gankit.training.train import train as run

    result = run(loaded, out, device=device, plugins=plugins())
    first = os.environ.get("RANK", "0") == "0"  # only the first of the processes that torchrun started prints
    for alarm in result.alarms:
        click.echo(f"alarm: {worded(str(alarm))}", err=True)
    if result.interrupted_by is not None:
        if first:
            click.echo(
                f"{result.interrupted_by.name}: stopped after step {result.step} and saved; to resume, run the same"
                " command again",
                err=True,
            )
        raise SystemExit(128 + result.interrupted_by)
    if first:
        click.echo(
            f"{result.path}: {result.step} steps done{_with(result.alarms)}; look at {result.path / 'samples'}, then"
        )
        click.echo(f"  gankit sample {result.path} -n 16 -o sheet.png")


def _with(alarms: Sized) -> str:
    """How many alarms hold, as the middle of a sentence."""
    if not alarms:
        return ""
    return f" with {'an alarm' if len(alarms) == 1 else f'{len(alarms)} alarms'} (Health of report.html)"
