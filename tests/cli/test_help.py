"""The first screen: every command explains itself with an example, quickly and without torch."""

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from gankit.cli import main


def commands(group, words=("gankit",)):
    """Every command and group with the words that call it."""
    yield words, group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            yield from commands(group.get_command(context, name), (*words, name))


COMMANDS = dict(commands(main))


def test_the_commands_are_these():
    """What the documentation names is there, and plugins add theirs beside gankit's own."""
    assert {" ".join(words[1:]) for words in COMMANDS} == {
        "",
        "train",
        "sample",
        "interpolate",
        "translate",
        "evaluate",
        "compare",
        "tune",
        "report",
        "card",
        "models",
        "recipe",
        *(f"recipe {name}" for name in ("list", "check", "show", "schema", "graph")),
        "components",
        "bench",
        "cohort",
        "cohort copy",
        "cohort info",
        "cohort sheet",
        "cache",
        "cache list",
        "cache clear",
        "import",
        "import arrays",
        "import dicom",
        "import volumes",
        "new",
        "new plugin",
        "phantom",
        "reader",
        "reader make",
        "reader score",
    }


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_opens_with_a_sentence_and_an_example(words):
    """Usage, one sentence of purpose, then a line to paste."""
    result = CliRunner().invoke(main, [*words[1:], "--help"])
    assert result.exit_code == 0
    usage, purpose, example = result.output.split("\n\n")[:3]
    assert usage.startswith("Usage: ")
    assert purpose.strip().endswith((".", ":"))
    called = words if len(words) > 1 else ("gankit", "train")
    assert example.strip().startswith(" ".join(called))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_option_has_a_help_text(words):
    """No option is left to guessing."""
    for parameter in COMMANDS[words].params:
        assert isinstance(parameter, click.Argument) or parameter.help, parameter.name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian"], "no command 'trian'; did you mean 'train'?; known: train, sample"),
        (["recipe", "chek"], "no command 'chek'; did you mean 'check'?; known: list, check"),
        (["import", "array"], "no command 'array'; did you mean 'arrays'?; known: arrays"),
    ],
)
def test_an_unknown_command_names_the_nearest(words, message):
    """At every level, plugins' commands included."""
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert message in result.output


LIGHT = [
    ["--help"],
    ["train", "--help"],
    ["sample", "--help"],
    ["evaluate", "--help"],
    ["compare", "--help"],
    ["compare", "mpmri-quick", "--seeds", "2", "--dry-run"],
    ["bench", "--help"],
    ["import", "arrays", "--help"],
    ["recipe", "list"],
    ["recipe", "check", "mpmri"],
    ["recipe", "show", "mpmri-quick"],
    ["recipe", "graph", "mpmri"],
    ["recipe", "schema"],
    ["components"],
    ["components", "unet"],
    ["train", "mpmri-quick", "--dry-run"],
    ["new", "plugin", "--help"],
]

HEAVY = ("numpy", "filelock", "torch", "matplotlib", "scipy", "jinja2", "rich", "cattrs", "safetensors")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["trian"]])
def test_the_first_screen_loads_no_more_than_click_attrs_and_pluggy(words):
    """Neither arrays nor locks nor tables: it lists commands, and imports none of them, whoever ships it."""
    program = f"import sys\nfrom gankit.cli import main\nmain({words}, standalone_mode=False)"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program], capture_output=True, text=True, check=False
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "gankit.cli._group" in loaded
    assert not loaded & {*HEAVY, "gankit.plugin.components", "gankit.recipe.recipe", "gankit_phantom.command"}


def test_help_says_of_every_command_what_it_does():
    """A list of its own, so that help need not import the commands."""
    context = click.Context(main, terminal_width=100)
    lines = main.get_help(context).split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in lines] == main.list_commands(context)
    assert all(line.endswith(".") and len(line) <= 80 for line in lines)


PROGRAM = """
import contextlib, io, json, sys
import gankit
from gankit.cli import main
loaded = {"import gankit": "torch" in sys.modules}
for words in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()):
        assert not main(words, standalone_mode=False)
    loaded[" ".join(words)] = any(heavy in sys.modules for heavy in ("torch", "matplotlib", "scipy"))
print(json.dumps(loaded))
"""


def test_nothing_loads_torch_before_it_computes():
    """Help, listings and checks answer at once: no torch, no matplotlib."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(LIGHT)], capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout)
    assert len(loaded) == len(LIGHT) + 1
    assert [words for words, heavy in loaded.items() if heavy] == []
