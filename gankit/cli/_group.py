"""Click groups whose commands come from gankit and from plugins, and load when used."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gankit._errors import GankitError, InputError, PluginError, nearest
from gankit._wording import command_line, speak_flags, worded
from gankit.plugin.plugins import Plugins, load_plugins


@functools.cache
def plugins() -> Plugins:
    """What is installed, loaded once a process."""
    return load_plugins()


class _Shown(click.ClickException):
    """An error that the user reads: one message, no traceback."""

    def __init__(self, message: str, exit_code: int):
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]


@contextmanager
def _shown_errors() -> Iterator[None]:
    try:
        yield
    except GankitError as error:
        rank = os.environ.get("RANK")  # of processes that torchrun started
        message = worded(str(error))
        raise _Shown(message if rank is None else f"[rank {rank}] {message}", error.exit_code) from error
    except KeyboardInterrupt as error:
        raise _Shown("interrupted", 130) from error


class PluginGroup(click.Group):
    """A group of lazily loaded commands, those of plugins among them."""

    def __init__(self, *, commands_at: Mapping[str, str] = {}, words: str = "", **settings: Any):
        super().__init__(**settings)
        self._commands_at = commands_at
        self._words = words

    def _targets(self) -> dict[str, str]:
        targets = dict(self._commands_at)
        for words, target in plugins().commands.items():
            *parents, name = words.split()
            if parents == self._words.split():
                if name in targets:
                    raise PluginError(f"a plugin adds command {words!r}, which gankit has already")
                targets[name] = target
        return targets

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._targets())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (target := self._targets().get(cmd_name)) is None:
            return None
        module, _, attribute = target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except Exception as error:
            if cmd_name in self._commands_at:
                raise
            words = f"{self._words} {cmd_name}".strip()
            raise PluginError(
                f"a plugin's command {words!r} cannot be imported from {target!r}: {type(error).__name__}: {error}"
            ) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in (known := self.list_commands(ctx)):
            ctx.fail(f"no command {args[0]!r}{nearest(args[0], known)}; known: {', '.join(known)}")
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            speak_flags(_flags(command))
        return name, command, rest

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _shown_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with command_line(), _shown_errors():
            return super().invoke(ctx)


def _flags(command: click.Command) -> dict[str, str]:
    """Parameter name to what the user types: an option's first flag, an argument's word in the usage line."""
    return {
        str(parameter.name).rstrip("_"): parameter.opts[0]
        if isinstance(parameter, click.Option)
        else parameter.human_readable_name
        for parameter in command.params
    }


def png_path(ctx: click.Context, parameter: click.Parameter, path: Path) -> Path:
    """The callback of options that name a picture to write. Raises InputError for another kind of file."""
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
