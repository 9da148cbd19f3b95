"""``gankit models``."""

from __future__ import annotations

from pathlib import Path

import click

from gankit._errors import InputError, nearest
from gankit.cli._group import plugins
from gankit.files.header import header


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
    card = shipped[name].with_suffix(".md")
    click.echo(card.read_text(encoding="utf-8") if card.is_file() else f"{name} has no card")


def _summary(path: Path) -> str:
    found = header(path)
    return found["recipe"]["summary"] if "recipe" in found else f"(broken) {path} is missing or no model file"
