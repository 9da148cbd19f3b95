"""The command line: it parses, calls core, and prints.

A command is imported when it is used, and none loads torch before it computes.
"""

from __future__ import annotations

from gankit.cli._collecting import collecting_later

with collecting_later():
    import click

    from gankit.cli._group import PluginGroup

COMMANDS = {
    "train": "gankit.cli.train:train",
    "sample": "gankit.cli.sample:sample",
    "interpolate": "gankit.cli.interpolate:interpolate",
    "translate": "gankit.cli.translate:translate",
    "evaluate": "gankit.cli.evaluate:evaluate",
    "compare": "gankit.cli.compare:compare",
    "tune": "gankit.cli.tune:tune",
    "reader": "gankit.cli.reader:reader",
    "report": "gankit.cli.report:report",
    "card": "gankit.cli.card:card",
    "models": "gankit.cli.models:models",
    "recipe": "gankit.cli.recipe:recipe",
    "components": "gankit.cli.components:components",
    "bench": "gankit.cli.bench:bench",
    "cohort": "gankit.cli.cohort:cohort",
    "import": "gankit.cli.imports:imports",
    "cache": "gankit.cli.cache:cache",
    "new": "gankit.cli.new:new",
}

SUMMARIES = {
    "train": "Train a recipe.",
    "sample": "Draw synthetic slices from a model.",
    "interpolate": "Show what lies between two real slices in the latent space.",
    "translate": "Make modalities that real slices lack.",
    "evaluate": "Judge what a model makes against real slices.",
    "compare": "Train recipes, judge what comes out, and test the differences.",
    "tune": "Search settings of a recipe without test slices.",
    "reader": "Let readers tell real from synthetic slices, and score them.",
    "report": "Write an HTML report of a run or a comparison.",
    "card": "Print the card of a model: data, readings, audit and uses.",
    "models": "List the trained models that are shipped, or show one.",
    "recipe": "List, check and show recipes.",
    "components": "List the installed components, or show one with its options.",
    "bench": "Time kernels, or the components that fit one place of a recipe.",
    "cohort": "Look at cohort files.",
    "import": "Make a cohort file from other data.",
    "cache": "List or clear what is kept to save time.",
    "new": "Begin a plugin of your own.",
}
"""The sentences of ``gankit --help``, which therefore need not import the commands."""


def _print_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        click.echo(f"gankit {version('gankit')}")
        ctx.exit()


main = PluginGroup(
    name="gankit",
    commands_at=COMMANDS,
    summaries=SUMMARIES,
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
