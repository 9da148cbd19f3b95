"""``gankit card``."""

from __future__ import annotations

from pathlib import Path

import click

from gankit._errors import InputError
from gankit.cli._group import plugins


@click.command
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path),
    help="Folder of an evaluation of the model.  [default: MODEL or MODEL/evaluation, where it is a run]",
)
@click.option(
    "--about",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file of what only a person knows: intended_use, not_for, limits, data, license, contact, citation.",
)
@click.option("--keep/--no-keep", default=True, show_default=True, help="Keep the card in the model's file.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write, .md or .json.  [default: print]",
)
def card(model: Path, evaluation: Path | None, about: Path | None, keep: bool, out: Path | None) -> None:
    """Print the card of MODEL, a run directory, a model.safetensors or a shipped model.

    \b
        gankit card runs/mpmri-quick
        gankit card runs/mpmri-quick --about about.toml -o card.md

    It says what the model is for and not for, whether it copies patients, how good it is, and what it was trained on.
    Readings are those of 'gankit evaluate'. Where there are some, the card is kept in the model's file, and goes where
    the file goes.
    """
    from gankit.report.card import model_card

    if out is not None:
        _require_free(out)
    made = model_card(model, evaluation=evaluation, about=about, keep=keep, plugins=plugins())
    if out is None:
        click.echo(made.markdown())
        return
    from gankit.files.atomic import write_text

    write_text(out, made.json() if out.suffix.lower() == ".json" else made.markdown())
    click.echo(out)


def _require_free(out: Path) -> None:
    if out.suffix.lower() not in (".md", ".json"):
        raise InputError(f"`out` {out}: is written as Markdown or JSON, so its name must end in .md or .json")
    if out.exists():
        raise InputError(f"`out` {out}: is there already; name another file, or remove it")
