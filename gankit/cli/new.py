"""``gankit new``: the first files of a plugin."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import attrs
import click

from gankit._errors import InputError
from gankit.cli._group import PluginGroup, plugins
from gankit.files.obstacles import writing
from gankit.plugin.installed import installed_plugins
from gankit.plugin.plugins import Plugins

TEMPLATES = Path(__file__).with_name("templates") / "plugin"
LONGEST_NAME = 30
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")

new = PluginGroup(
    name="new",
    words="new",
    commands_at={"plugin": "gankit.cli.new:plugin"},
    help="""Begin a plugin of your own.

\b
    gankit new plugin edges""",
)


@click.command
@click.argument("name")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to make; it must not exist.  [default: gankit-NAME]",
)
def plugin(name: str, out: Path | None) -> None:
    """Write a package that adds a plugin NAME: one loss, one recipe that uses it, and their tests.

    \b
        gankit new plugin edges
        gankit new plugin edges -o ~/code/gankit-edges

    NAME has letters, digits and dashes. The package is gankit_NAME, and its loss and its recipe are named NAME until
    you rename them.
    """
    names = plugin_names(name, plugins())
    folder = out if out is not None else Path(names.distribution)
    write_plugin(names, folder)
    click.echo(
        f"{folder}: a plugin with loss {names.name!r} and recipe {names.name!r}; next:\n"
        f"  pip install -e {folder}\n"
        f"  gankit components {names.name}\n"
        f"  python -m pytest {folder}"
    )


@attrs.frozen
class PluginNames:
    """The names of a plugin."""

    name: str
    """Entry point, component and recipe: ``edges``, ``edge-loss``."""

    @property
    def distribution(self) -> str:
        return f"gankit-{self.name}"

    @property
    def package(self) -> str:
        """Name of the module. Its prefix makes it valid where ``name`` is a keyword, begins with a digit, or is the
        name of a standard module."""
        return self.distribution.replace("-", "_")


def plugin_names(text: str, installed: Plugins) -> PluginNames:
    """The names that follow from what the user wrote: ``edges``, ``gankit-edges`` and ``gankit_edges`` are the same.

    Raises:
        InputError: it is not a name, or an installed plugin has it.
    """
    name = text.replace("_", "-").removeprefix("gankit-")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        better = "-".join(re.findall("[a-z0-9]+", name.lower()))[:LONGEST_NAME].strip("-")
        hint = f", such as {better!r}" if better else ""
        raise InputError(
            f"{text!r} is not a name for a plugin; accepted: up to {LONGEST_NAME} lower-case letters and digits, with"
            f" single dashes between them{hint}"
        )
    named = {entry.name for entry in installed_plugins()}  # also plugins that cannot be loaded
    components = {entry.name for entry in installed.registry.entries()}
    for kind, taken in (("plugin", named), ("component", components), ("recipe", installed.recipes)):
        if name in taken:
            raise InputError(f"an installed {kind} is named {name!r}; choose another name")
    return PluginNames(name)


def write_plugin(names: PluginNames, folder: Path) -> None:
    """Write the package into a new folder, whole or not at all.

    Raises:
        InputError: the folder exists already.
        RunError: the folder cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise InputError(f"`out` {folder}: exists already; nothing was written, choose a new folder")
    with writing(f"`out` {folder}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".gankit-new-", dir=folder.parent) as place:
            made = Path(place) / "plugin"
            for path, text in rendered(names):
                (made / path).parent.mkdir(parents=True, exist_ok=True)
                (made / path).write_text(text, encoding="utf-8")
            made.rename(folder)


def rendered(names: PluginNames) -> Iterator[tuple[Path, str]]:
    """Yield the files of the package: path within its folder, and text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    for template in sorted(environment.list_templates(extensions=["j2"])):
        first, *rest = Path(template).with_suffix("").parts
        top = {"package": names.package, "gitignore": ".gitignore"}.get(first, first)
        file = Path(top, *(part.replace("NAME", names.name) for part in rest))
        yield file, environment.get_template(template).render(names=names)
