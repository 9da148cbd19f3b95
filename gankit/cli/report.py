"""``gankit report``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.  [default: PATH/report.html]"
)
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path),
    help="Folder of an evaluation of the run.  [default: PATH or PATH/evaluation]",
)
def report(path: Path, out: Path | None, evaluation: Path | None) -> None:
    """Write an HTML report of PATH, a run directory or the folder of an evaluation or a comparison.

    \b
        gankit report runs/mpmri-quick
        gankit report comparison -o comparison-report.html

    One file that opens offline: real and synthetic pairs, interpolation, curves, metrics, provenance.
    """
    from gankit.cli._group import plugins
    from gankit.report.report import write_report

    click.echo(write_report(path, out, evaluation=evaluation, plugins=plugins()))
