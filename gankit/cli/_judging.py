"""What the commands that judge slices share: options for the fields of ``Judging``, and figures on the terminal."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from gankit._errors import InputError
from gankit.evaluation.judging import Judging

if TYPE_CHECKING:
    from gankit.evaluation.results import Result
    from gankit.evaluation.summary import Line

FLAGS = {"options": "--option"}
"""Field to its flag, where the flag is not the name of the field."""


def judging_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add options for fields of ``Judging`` to a command, which gets them as one argument ``judging``.

    ``names`` says which fields; default: all.
    """
    fields = [field for field in attrs.fields(Judging) if field.name in names or not names]

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def judged(**given: Any) -> Any:
            asked = {field.name: given.pop(field.name) for field in fields}
            return command(**given, judging=Judging(**asked))

        made: Callable[..., Any] = judged
        for field in reversed(fields):
            made = _option(field)(made)
        return made

    return add


def _option(field: Any) -> Callable[..., Any]:
    """The option of one field."""
    known = field.metadata
    settings: dict[str, Any] = {"help": known["help"]}
    if known["least"] is not None:
        settings["type"] = click.IntRange(min=known["least"])
    elif "Path" in str(field.type):
        settings["type"] = click.Path(path_type=Path)
    if known["many"]:
        settings |= {"multiple": True, "metavar": known["metavar"]}
        if field.name != "options":  # whose values may have commas
            settings |= {"metavar": f"{known['metavar']},...", "callback": _split}
    else:
        settings |= {"default": field.default, "show_default": field.default is not None}
        settings |= {"metavar": known["metavar"]} if known["metavar"] else {}
    return click.option(FLAGS.get(field.name, f"--{field.name.replace('_', '-')}"), field.name, **settings)


def _split(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Names from an option that is given many times, or whose value has several, separated by commas."""
    names = tuple(each.strip() for part in given for each in part.split(",") if each.strip())
    if given and not names:
        raise InputError(f"{parameter.opts[0]} {given[0]!r}: names nothing; name some, or leave it out")
    return names


def show(lines: Sequence[Line], result: Result) -> None:
    """Print the headline figures, and why rows or metrics are missing.

    On a terminal the figures are a table, elsewhere a line for each row.
    """
    from gankit.evaluation.summary import unmeasured
    from gankit.evaluation.tables import absent_rows, figure, headline_table

    if sys.stdout.isatty():
        from gankit.files.tables import print_table

        print_table(headline_table("", lines, result.headline, ()))
    else:
        for line in lines:
            by_name = {summary.id: summary for summary in line.summary}
            shown = "  ".join(f"{name} {figure(by_name.get(name))}" for name in result.headline)
            click.echo(f"{line.name}: {shown or 'no headline figure'}")
    for sentence in absent_rows(result):
        click.echo(sentence)
    for metric, reason in unmeasured(lines).items():
        click.echo(f"{metric}: not measured: {reason}")
