"""Observers: plugins that watch a training, behind a fence, so that they cannot change it."""

from __future__ import annotations

import copy
import os
import random
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch

from gankit._errors import InputError, PluginError
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import Document

HOOKS = ("run_started", "row_logged", "sheet_written", "run_ended")


@attrs.frozen(kw_only=True, eq=False)
class Run:
    """A run as its observers see it. The same value comes with each hook of a run; it is the plugin's own copy."""

    path: Path
    """The run directory."""
    recipe: Recipe
    document: Document
    """The completed recipe as plain tables, as ``recipe.lock.toml`` has it."""
    step: int
    """Training steps that were done before; rows and sheets of later ones that were there are made again."""
    provenance: Mapping[str, Any]
    """Versions of gankit and torch, the device, the cohort's digest and, by plugin, the distribution."""

    @property
    def seed(self) -> int:
        """What every random number of the run follows from."""
        return self.recipe.training.seed


class Observers:
    """The plugins that watch a run. One that raises is named in a line and told nothing more of this run."""

    def __init__(self, plugins: Plugins, run: Run, say: Callable[[str], None], first: bool = True):
        """``first`` says whether this is the first process of the training; in the others nobody watches."""
        self._plugins = plugins
        self._runs = {name: copy.deepcopy(run) for name in (plugins.implementing(*HOOKS) if first else ())}
        self._say = say

    def tell(self, hook: str, **news: Any) -> None:
        """Call one of ``HOOKS``; each plugin gets its own copy of the news. KeyboardInterrupt passes."""
        for plugin, run in list(self._runs.items()):
            try:
                with unchanged():
                    self._plugins.call(plugin, hook, run=run, **copy.deepcopy(news))
            except PluginError as error:
                del self._runs[plugin]
                self._say(
                    f"warning: plugin {plugin!r}: {error}; its observers are off for the rest of this run, training"
                    " goes on"
                )


def require_trackers(recipe: Recipe, plugins: Plugins) -> None:
    """Make sure that the trackers which the recipe names can work here.

    Raises:
        InputError: one cannot, as without its package.
        PluginError: one cannot be imported.
    """
    for name in recipe.training.track or ():
        ready = plugins.tracker(name)
        try:
            ready()
        except InputError as error:
            raise InputError(f"training.track: {name!r} cannot work here: {error}") from error


# The fence ------------------------------------------------------------------------------------------------

Setting = tuple[Callable[[], Any], Callable[[Any], Any]]
"""How to read a setting of the whole process, or of the thread, and how to set it."""


def _attribute(owner: Any, name: str) -> Setting:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


def _autocast(device: str) -> Setting:
    return lambda: torch.is_autocast_enabled(device), lambda value: torch.set_autocast_enabled(device, value)


def _default_device(device: torch.device) -> None:
    torch.set_default_device(None if device.type == "cpu" else device)  # a device that is set costs at each call


def _signal(number: signal.Signals) -> Setting:
    return lambda: signal.getsignal(number), lambda handler: signal.signal(number, handler)


_DRAWS: tuple[Setting, ...] = (
    (random.getstate, random.setstate),
    (np.random.get_state, np.random.set_state),
    (torch.get_rng_state, torch.set_rng_state),
)
_SETTINGS: tuple[Setting, ...] = (
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.get_default_device, _default_device),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode),
    _autocast("cpu"),
    _autocast("cuda"),
    *(_attribute(torch.backends.cudnn, name) for name in ("enabled", "benchmark", "deterministic")),
    (np.geterr, lambda how: np.seterr(**how)),
    (os.getcwd, os.chdir),
    *(_signal(number) for number in (signal.SIGINT, signal.SIGTERM)),
)


@contextmanager
def unchanged() -> Iterator[None]:
    """Put back what a hook draws from global generators, and what it sets for the whole process."""
    draws = [(write, read()) for read, write in _DRAWS]
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    settings = [(read, write, read()) for read, write in _SETTINGS]
    try:
        yield
    finally:
        for write, state in draws:
            write(state)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
        for read, write, before in settings:
            if read() != before:  # to set the number of threads, even to what it is, costs
                write(before)
