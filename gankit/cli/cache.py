"""``gankit cache``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from gankit._errors import InputError
from gankit.cli._group import PluginGroup
from gankit.files.obstacles import writing
from gankit.files.user_cache import OFF, VARIABLE, Entry, cache_folder, entries, remove

cache = PluginGroup(
    name="cache",
    words="cache",
    commands_at={"list": "gankit.cli.cache:show", "clear": "gankit.cli.cache:clear"},
    help=f"""Look at what is kept to save time: phantoms, and networks that metrics train on real slices.

\b
    gankit cache list
    gankit cache clear --unused 30

The environment variable {VARIABLE} names its folder; '{OFF}': nothing is kept. Beyond 10 GB, what was not used for
longest goes.""",
)


@click.command("list")
def show() -> None:
    """List what is kept, what was used last first.

    \b
        gankit cache list
    """
    folder = _folder()
    there = entries(folder)
    for entry in there:
        click.echo(f"{_size(entry.size):>9}  used {_age(entry):<12}  {entry.path.name}")
    click.echo(f"{folder}: {_counted(there)}")


@click.command
@click.option("--unused", type=click.IntRange(min=0), metavar="DAYS", help="Only what was not used for so many days.")
def clear(unused: int | None) -> None:
    """Remove what is kept. It is made again when it is needed.

    \b
        gankit cache clear
        gankit cache clear --unused 30
    """
    folder = _folder()
    chosen = [entry for entry in entries(folder) if unused is None or entry.days >= unused]
    with writing(folder):
        for entry in chosen:
            remove(entry)
    click.echo(f"{folder}: removed {_counted(chosen)}")


def _folder() -> Path:
    if (folder := cache_folder()) is None:
        raise InputError(f"{VARIABLE} is {OFF!r}, so nothing is kept; unset it, or name a folder")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{VARIABLE} {folder}: is no folder, so nothing is kept; name one, or {OFF!r}")
    return folder


def _counted(chosen: Sequence[Entry]) -> str:
    return f"{len(chosen)} file{'s' if len(chosen) != 1 else ''}, {_size(sum(entry.size for entry in chosen))}"


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _age(entry: Entry) -> str:
    return "today" if entry.days < 1 else f"{entry.days:.0f} days ago"
