"""``gankit models``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from gankit._errors import InputError, nearest
from gankit.cli._group import plugins
from gankit.files.header import header
from gankit.run.card import kept_card


@click.command
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the trained models that are shipped, or print the card of the model NAME.

    \b
        gankit models
        gankit models mpmri-demo
        gankit sample mpmri-demo -n 16 -o sheet.png

    A model's name stands wherever a run directory may.
    """
    shipped = plugins().models
    if name is None:
        formatter = click.HelpFormatter(width=110)
        formatter.write_dl([(known, _summary(path)) for known, path in shipped.items()] or [("none", "")])
        click.echo(formatter.getvalue(), nl=False)
        return
    if name not in shipped:
        known = (", ".join(shipped) or "none") + plugins().perhaps(name)
        raise InputError(f"no shipped model {name!r}{nearest(name, shipped)}; shipped models: {known}")
    click.echo("\n".join(_cards(shipped[name])) or f"{name} has no card")


def _cards(model: Path) -> Iterator[str]:
    """What its plugin says of a model, and the card in its file, each where there is one."""
    beside = model.with_suffix(".md")
    if beside.is_file():
        yield beside.read_text(encoding="utf-8")
    if (kept := kept_card(model)) is not None:
        from gankit.report.card_text import markdown

        yield markdown(kept)


def _summary(path: Path) -> str:
    found = header(path)
    return found["recipe"]["summary"] if "recipe" in found else f"(broken) {path} is missing or no model file"
