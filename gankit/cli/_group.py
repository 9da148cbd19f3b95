"""Click groups whose commands come from gankit and from plugins, and are imported when they are used.

The groups also print errors and warnings for the user, each on one line.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import click

from gankit._errors import FileWarning, GankitError, InputError, PluginError, PluginWarning, nearest, shown
from gankit._wording import command_line, speak_flags, worded
from gankit.cli._collecting import collecting_later
from gankit.files.obstacles import is_obstacle, obstacle
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.plugin.targets import imported
from gankit.processes.progress import say, watched


@functools.cache
def plugins() -> Plugins:
    """What is installed; loaded once in a process."""
    with collecting_later():
        return load_plugins()


class _Shown(click.ClickException):
    """An error that the user reads: one message, no traceback."""

    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


@contextmanager
def _shown() -> Iterator[None]:
    """A context that shows errors for the user, and warnings about plugins and files, on one line each."""
    try:
        with warnings.catch_warnings():
            for category in SHOWN:
                warnings.simplefilter("always", category)
            warnings.showwarning = partial(_show_warning, warnings.showwarning, set())
            yield
    except GankitError as error:
        rank = os.environ.get("RANK")  # set in the processes that torchrun started
        message = worded(str(error))
        raise _Shown(message if rank is None else f"[rank {rank}] {message}", error.exit_code) from error
    except KeyboardInterrupt as error:
        raise _Shown("interrupted", 130) from error
    except OSError as error:
        if not is_obstacle(error):
            raise
        where = PRINTED if error.filename is None else shown(str(error.filename), 300)  # a file that is written has one
        raise _Shown(f"{where}: {obstacle(error)}", 1) from error


PRINTED = "what is printed cannot be written"
"""How the message begins where standard output is a file on a full disk."""


SHOWN = (PluginWarning, FileWarning)
"""Warnings that the user reads, each once in a command."""


def _show_warning(
    others: Callable[..., None], told: set[str], message: Warning, category: type[Warning], *where: Any
) -> None:
    if not issubclass(category, SHOWN):
        others(message, category, *where)
    elif os.environ.get("RANK", "0") == "0" and str(message) not in told:  # torchrun: the first process prints it
        told.add(str(message))
        say(f"warning: {message}", quiet=False)


class PluginGroup(click.Group):
    """A group of commands of gankit and of plugins, which are imported when they are used."""

    def __init__(
        self,
        *,
        commands_at: Mapping[str, str] = {},
        summaries: Mapping[str, str] = {},
        words: str = "",
        **settings: Any,
    ):
        """
        Args:
            commands_at: name of a command to ``"module:command"``.
            summaries: name of a command to its sentence in help, for commands that help need not import.
            words: the words by which the user calls the group; empty for the main group.
            settings: of ``click.Group``.
        """
        super().__init__(**settings)
        self._commands_at = commands_at
        self._summaries = summaries
        self._words = words

    def _targets(self) -> dict[str, str]:
        targets = dict(self._commands_at)
        for words, target in plugins().commands.items():
            *parents, name = words.split()
            if parents == self._words.split():
                if name in targets:
                    _warn_of_hidden(words)
                targets.setdefault(name, target)
        return targets

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._targets())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (target := self._targets().get(cmd_name)) is None:
            return None
        if cmd_name in self._commands_at:
            module, _, name = target.partition(":")
            return getattr(importlib.import_module(module), name)
        words = f"{self._words} {cmd_name}".strip()
        return _plugins_command(words, target)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        names = self.list_commands(ctx)
        room = formatter.width - 6 - max(map(len, names), default=0)
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._summary(ctx, name, room)) for name in names] or [("none", "")])

    def _summary(self, ctx: click.Context, name: str, room: int) -> str:
        words = f"{self._words} {name}".strip()
        if summary := self._summaries.get(name) or plugins().summaries.get(words):
            return summary
        command = self.get_command(ctx, name)
        return command.get_short_help_str(room) if command else ""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in (known := self.list_commands(ctx)):
            words = f"{self._words} {args[0]}".strip()
            near = nearest(args[0], known)
            ctx.fail(f"no command {args[0]!r}{near}; known: {', '.join(known)}{plugins().perhaps(words)}")
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            speak_flags(_flags(command))
            _refuse_empty_paths(command, rest)
        return name, command, rest

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _shown():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with command_line(), watched(), _shown():
            return super().invoke(ctx)


@functools.cache
def _warn_of_hidden(words: str) -> None:
    owner = plugins().owner_of("commands", words)
    warnings.warn(f"plugin {owner!r}: its command {words!r} is left out: gankit has one", PluginWarning, stacklevel=2)


def _plugins_command(words: str, target: str) -> click.Command:
    """A plugin's command. Where it cannot be imported, a command that raises the error when it is called, so that help
    can still be shown."""
    what = f"plugin {plugins().owner_of('commands', words)!r}: command {words!r}"
    try:
        command = imported(target, what)
        if not isinstance(command, click.Command):
            raise PluginError(f"{what} must be a click command, {target!r} is {command!r}")
    except PluginError as error:
        return _BrokenCommand(words, error)
    return command


class _BrokenCommand(click.Command):
    """In the place of a plugin's command that cannot be imported."""

    def __init__(self, words: str, error: PluginError):
        super().__init__(words.split()[-1], short_help=f"(broken: 'gankit {words}' says why)")
        self._error = error

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        raise self._error


def _refuse_empty_paths(command: click.Command, words: list[str]) -> None:
    """Raise InputError where an option of a path is given nothing, as by ``-o "$OUT"`` where OUT is not set. For click
    this is the current folder."""
    paths = {flag for each in command.params if isinstance(each.type, click.Path) for flag in each.opts}
    for word, following in itertools.pairwise([*words, None]):
        flag, equals, value = str(word).partition("=")
        if flag in paths and (following if not equals else value) == "":
            raise InputError(f"{flag} '': is given nothing; name a file or folder, or leave it out")


def _flags(command: click.Command) -> dict[str, str]:
    """Name of a parameter to what the user types: the first flag of an option, the word of an argument in the usage."""
    return {
        str(parameter.name).rstrip("_"): parameter.opts[0]
        if isinstance(parameter, click.Option)
        else parameter.human_readable_name
        for parameter in command.params
    }


def png_path(ctx: click.Context, parameter: click.Parameter, path: Path) -> Path:
    """The callback of options that name a picture to write. Raises InputError: the name does not end in .png."""
    if path.suffix.lower() != ".png":
        raise InputError(f"`out` {path}: is written as PNG, so its name must end in .png")
    return path


def set_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The ``--set`` option of commands that read a recipe."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override one key of the recipe by its path, as in training.batch=8 or"
        " phases.unsupervised.terms.wgan-gp-adc.weight=2. May be given many times.",
    )(command)
