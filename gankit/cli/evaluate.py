"""``gankit evaluate``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gankit.cli._group import plugins


def _names_option(name: str, metavar: str, text: str) -> Callable[..., Any]:
    """An option of names, separated by commas or given many times."""

    def split(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(each.strip() for part in given for each in part.split(",") if each.strip())

    return click.option(name, multiple=True, metavar=f"{metavar},...", callback=split, help=text)


def judging_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that judges slices."""
    options = (
        click.option("--cohort", type=click.Path(path_type=Path), help="Real cohort file.  [default: the recipe's]"),
        click.option(
            "--fresh",
            type=click.Path(path_type=Path),
            help="Cohort file of real patients that no training saw.  [default: what the recipe's cohort offers]",
        ),
        _names_option("--metrics", "NAME", "Metrics to measure.  [default: all]"),
        click.option(
            "--option", "options", multiple=True, metavar="METRIC.OPTION=VALUE", help="Set one option of a metric."
        ),
        _names_option(
            "--headline",
            "PATTERN",
            "Readings in the short table: frechet, oracle.lesion, *.adc.*.  [default: one a metric]",
        ),
        _names_option("--modalities", "NAME", "Modalities to judge.  [default: all]"),
        click.option("--label", metavar="NAME[=0|1]", help="Label that candidates are meant to have."),
        click.option(
            "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the evaluation."
        ),
        click.option(
            "--replicates",
            type=click.IntRange(min=20),
            default=200,
            show_default=True,
            help="Draws of each bootstrap interval.",
        ),
        click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where to compute."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write into."
)
@judging_options
@click.option(
    "--recipe",
    help="Recipe that gives modalities, real cohort and label; default: that of TARGET, which a cohort file has not.",
)
@click.option("--sets", type=click.IntRange(min=1), help="Sets of slices.  [default: 5; of a cohort file 1]")
@click.option(
    "--per-set", type=click.IntRange(min=1), help="Slices in a set.  [default: 1942; of a cohort file all it has]"
)
def evaluate(target: Path, out: Path, **options: Any) -> None:
    """Judge TARGET, a run directory, a model.safetensors or a cohort file, with real slices beside it.

    \b
        gankit evaluate runs/mpmri-quick -o evaluation
        gankit evaluate synthetic.safetensors --cohort patients.safetensors -o evaluation

    Writes evaluation.json, and evaluation.md with every figure and its interval. Row 'real' shows what real slices
    read, row 'augmented real' the training slices augmented. To go on after a stop, run the same command again.
    """
    from gankit.evaluation.evaluate import evaluate as run

    document = run(target, out, plugins=plugins(), **options)
    show(document["rows"], document)
    click.echo(f"{out / 'evaluation.json'}; every reading is in {out / 'evaluation.md'}")


def show(rows: list[dict[str, Any]], document: dict[str, Any]) -> None:
    """Print the headline figures of a document, one line a row, and why rows or metrics are absent."""
    from gankit.evaluation.summary import unmeasured
    from gankit.evaluation.tables import absent_rows, figure

    for row in rows:
        by_name = {entry["id"]: entry for entry in row["summary"]}
        shown = "  ".join(f"{name} {figure(by_name.get(name))}" for name in document["headline"])
        click.echo(f"{row['name']}: {shown or 'no headline figure'}")
    for sentence in absent_rows(document):
        click.echo(sentence)
    for metric, reason in unmeasured(rows).items():
        click.echo(f"{metric}: not measured: {reason}")
