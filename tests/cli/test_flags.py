"""A message names a parameter for a notebook; a command prints the flag that its user typed."""

import click
import pytest
from click.testing import CliRunner

from gankit import InputError, load_recipe, train
from gankit.cli import _group, main
from gankit.cli._group import PluginGroup
from gankit.processes.progress import say
from gankit.run.health.alarm import Alarm
from gankit.training.train import RunResult

MESSAGE = "`device` is not `out`; give `overrides`, `recipe`, `format` or `another`"


@click.command
@click.argument("recipe")
@click.option("-o", "--out")
@click.option("--device")
@click.option("--set", "overrides", multiple=True)
@click.option("--format", "format_")
def fails(**given):
    """A command that says the message, then fails with it."""
    say(f"warning: {MESSAGE}", quiet=False)
    raise InputError(MESSAGE)


@pytest.fixture
def group(monkeypatch, plugins):
    """A group with the command above alone, in a group of its own."""
    monkeypatch.setattr(_group, "plugins", lambda: plugins)
    inner = PluginGroup(name="inner", words="inner", commands_at={"fails": f"{__name__}:fails"})
    monkeypatch.setattr(inner, "get_command", lambda ctx, name: fails)
    outer = PluginGroup(name="outer", words="outer", commands_at={"inner": "nowhere:inner"})
    monkeypatch.setattr(outer, "get_command", lambda ctx, name: inner)
    return outer


def test_a_command_speaks_its_own_flags(group):
    """In errors and in the lines it prints on its way; a word that is none of its parameters stays as it is."""
    shown = "--device is not -o; give --set, RECIPE, --format or `another`"
    result = CliRunner().invoke(group, ["inner", "fails", "mine.toml"])
    assert result.exit_code == 2
    assert result.output.splitlines() == [f"warning: {shown}", f"Error: {shown}"]


def test_flags_end_with_the_command(group, capsys):
    """What the same process says later, it says to Python again."""
    CliRunner().invoke(group, ["inner", "fails", "mine.toml"])
    say(MESSAGE, quiet=False)
    assert capsys.readouterr().err == f"{MESSAGE}\n"


def test_python_hears_its_own_parameters(tiny_recipe, tmp_path, plugins):
    """Nobody typed a flag there."""
    with pytest.raises(InputError, match="^`device` cuda:x: unknown; accepted: auto, cpu, cuda, cuda:N$"):
        train(tiny_recipe(), tmp_path / "run", device="cuda:x", plugins=plugins)
    with pytest.raises(InputError, match="^`overrides` training.steps: must be KEY=VALUE, as in `overrides` training"):
        load_recipe("mpmri", ["training.steps"], plugins)


def test_an_alarm_names_flags_too(monkeypatch, tmp_path):
    """What it proposes can be typed."""
    remedy = "train anew in another place (`out`)"
    alarm = Alarm(name="runaway network", where="networks.encoder", step=9, seen="its weights run", remedy=remedy)
    ended = RunResult(tmp_path, 9, alarms=(alarm,))
    monkeypatch.setattr("gankit.training.train.train", lambda *_, **__: ended)
    said = CliRunner().invoke(main, ["train", "mpmri-quick", "-o", str(tmp_path)]).output
    assert "alarm: runaway network: networks.encoder: since step 9 its weights run; train anew" in said
    assert ("(-o)" in said, "`out`" in said) == (True, False)
