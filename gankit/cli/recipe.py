"""``gankit recipe``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gankit._errors import InputError
from gankit.cli._group import PluginGroup, plugins, set_option
from gankit.files.toml_text import toml_text
from gankit.processes.progress import say
from gankit.recipe.check import recipe_warnings
from gankit.recipe.file import find_recipe, load_recipe, read_layers
from gankit.recipe.structure import to_document

recipe = PluginGroup(
    name="recipe",
    words="recipe",
    commands_at={"list": "gankit.cli.recipe:list_"}
    | {name: f"gankit.cli.recipe:{name}" for name in ("check", "show", "schema", "graph")},
    help="""List, check and show recipes.

\b
    gankit recipe list
    gankit recipe check my.toml""",
)


@click.command("list")
def list_() -> None:
    """List the shipped recipes.

    \b
        gankit recipe list
    """
    rows = []
    for name in sorted(plugins().recipes):
        try:
            summary = read_layers(name, (), plugins()).document.get("summary", "")
        except InputError as error:
            summary = f"(broken) {' '.join(str(error).split())}"
        rows.append((name, summary))
    formatter = click.HelpFormatter(width=110)
    formatter.write_dl(rows or [("none", "")])
    click.echo(formatter.getvalue(), nl=False)


@click.command
@click.argument("recipe")
@set_option
def check(recipe: str, overrides: tuple[str, ...]) -> None:
    """Check RECIPE and list everything that is wrong with it.

    \b
        gankit recipe check my.toml
    """
    loaded = load_recipe(recipe, overrides, plugins())
    for warning in recipe_warnings(loaded):
        say(f"warning: {warning}", quiet=False)
    click.echo(f"{find_recipe(recipe, plugins())}: recipe {loaded.name!r} is fine")


@click.command
@click.argument("recipe")
@set_option
@click.option("--source", is_flag=True, help="The file as it stands, instead of the completed recipe.")
def show(recipe: str, overrides: tuple[str, ...], source: bool) -> None:
    """Print RECIPE completed: what it extends merged in, every default filled in.

    \b
        gankit recipe show mpmri-quick
        gankit recipe show mpmri --source > my.toml
    """
    if source and overrides:
        raise InputError("--source prints the file as it stands; leave out --set, or --source")
    if source:
        click.echo(Path(find_recipe(recipe, plugins())).read_text(encoding="utf-8"), nl=False)
        return
    click.echo(toml_text(to_document(load_recipe(recipe, overrides, plugins()), plugins().registry)), nl=False)


@click.command
def schema() -> None:
    """Print the JSON Schema of recipes, for editors: every installed component and its options.

    \b
        gankit recipe schema > recipe.schema.json
    """
    from gankit.recipe.schema import recipe_schema

    click.echo(json.dumps(recipe_schema(plugins().registry), indent=2))


@click.command
@click.argument("recipe")
@set_option
@click.option("--mermaid", is_flag=True, help="A Mermaid diagram instead of text.")
def graph(recipe: str, overrides: tuple[str, ...], mermaid: bool) -> None:
    """Print the modality graph of RECIPE with shapes, and what each phase updates.

    \b
        gankit recipe graph mpmri
    """
    from gankit.recipe.graph_text import graph_mermaid, graph_text

    loaded = load_recipe(recipe, overrides, plugins())
    click.echo((graph_mermaid if mermaid else graph_text)(loaded, plugins().registry))
