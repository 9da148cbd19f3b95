"""``gankit components``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import attrs
import click

from gankit._errors import InputError, PluginError, nearest
from gankit.cli._group import plugins
from gankit.files.tables import Table, print_table
from gankit.files.toml_types import key_of
from gankit.plugin.kinds import KIND_NAMES
from gankit.plugin.options import default_of
from gankit.plugin.registry import RegisteredComponent


@click.command
@click.argument("name", required=False)
@click.option("--plugins", "of_plugins", is_flag=True, help="List plugins with distribution, version and module.")
def components(name: str | None, of_plugins: bool) -> None:
    """List the installed components, or show one with its options.

    \b
        gankit components
        gankit components stitch-decoder
        gankit components --plugins

    The environment's GANKIT_PLUGINS restricts which plugins load: names of plugins and of distributions, with commas
    between them, as in GANKIT_PLUGINS=gankit,edges.
    """
    if of_plugins and name is not None:
        raise click.UsageError("--plugins lists all of them; leave the name out")
    if of_plugins:
        print_table(_plugin_table())
        return
    registry = plugins().registry
    found = [entry for entry in registry.entries() if name in (None, entry.name)]
    if name is not None and not found:
        names = [entry.name for entry in registry.entries()]
        known = ", ".join(names) or "none"
        raise InputError(f"no component named {name!r}{nearest(name, names)}; known: {known}{plugins().perhaps(name)}")
    formatter = click.HelpFormatter(width=100)
    if name is None:
        for kind in KIND_NAMES:
            if rows := [(entry.name, _summary(entry)) for entry in found if entry.kind == kind]:
                with formatter.section(kind):
                    formatter.write_dl(rows)
        if rows := [(tracker, _tracker_summary(tracker)) for tracker in plugins().trackers]:
            with formatter.section("tracker, for training.track"):
                formatter.write_dl(rows)
    for entry in found if name is not None else ():
        _write_component(formatter, entry)
    click.echo(formatter.getvalue().rstrip() or "no plugin has components")


def _plugin_table() -> Table:
    """Every plugin that loaded, and every one that did not with the reason."""
    loaded = [(entry.name, plugins().distributions[entry.name], entry.value) for entry in plugins().entry_points]
    return Table(
        title="",
        columns=("plugin", "distribution", "module"),
        rows=tuple(loaded),
        notes=tuple(map(str, plugins().failures)),
    )


def _class(entry: RegisteredComponent) -> type:
    return plugins().registry.find(entry.name, entry.kind)


def _summary(entry: RegisteredComponent) -> str:
    return _first_paragraph(lambda: _description(_class(entry)))


def _tracker_summary(name: str) -> str:
    return _first_paragraph(lambda: inspect.getdoc(plugins().tracker(name)) or "no description")


def _first_paragraph(described: Callable[[], str]) -> str:
    """The first paragraph of a description. Where the plugin is broken, its error, so that others are still listed."""
    try:
        return " ".join(described().split("\n\n")[0].split())
    except PluginError as error:
        return f"(broken) {error}"


def _description(component: type) -> str:
    """The component's own docstring, not that of its abstract kind, which Python would inherit."""
    return inspect.cleandoc(vars(component).get("__doc__") or "no description")


def _write_component(formatter: click.HelpFormatter, entry: RegisteredComponent) -> None:
    origin = plugins().distributions.get(entry.plugin, entry.plugin)
    formatter.write(f"{entry.kind} {entry.name}, from plugin {entry.plugin} ({origin})\n\n")
    component = _class(entry)
    formatter.write(f"{_description(component)}\n")
    attrs.resolve_types(component)
    with formatter.section("options"):
        formatter.write_dl([(key_of(field), _option(field)) for field in attrs.fields(component)] or [("none", "")])


def _option(field: Any) -> str:
    kind = field.type.__name__ if inspect.isclass(field.type) else str(field.type)
    for noise in ("typing.", "gankit.plugin.components.", "gankit.recipe.recipe."):
        kind = kind.replace(noise, "")
    default = "required" if field.default is attrs.NOTHING else f"default {default_of(field)!r}"
    bounds = ", ".join(f"{name} {bound:g}" for name, bound in field.metadata.get("bounds", {}).items())
    return f"{field.metadata.get('help', '')}  [{', '.join(filter(None, (kind, bounds, default)))}]"
