"""The command line: parse, call, print. Commands load when used, and none loads torch before it computes."""

from __future__ import annotations

from importlib.metadata import version

import click

from gankit.cli._group import PluginGroup

COMMANDS = {
    "train": "gankit.cli.train:train",
    "sample": "gankit.cli.sample:sample",
    "interpolate": "gankit.cli.interpolate:interpolate",
    "evaluate": "gankit.cli.evaluate:evaluate",
    "compare": "gankit.cli.compare:compare",
    "report": "gankit.cli.report:report",
    "models": "gankit.cli.models:models",
    "recipe": "gankit.cli.recipe:recipe",
    "components": "gankit.cli.components:components",
    "bench": "gankit.cli.bench:bench",
    "cohort": "gankit.cli.cohort:cohort",
    "import": "gankit.cli.imports:imports",
}


def _print_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"gankit {version('gankit')}")
        ctx.exit()


main = PluginGroup(
    name="gankit",
    commands_at=COMMANDS,
    help="""Train synthesizers of paired multi-modality images from a recipe file.

\b
    gankit train mpmri-quick
    gankit sample runs/mpmri-quick -n 16 -o sheet.png

To resume a run, run the same command again.""",
    params=[
        click.Option(
            ["--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Print the version and stop.",
        )
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
