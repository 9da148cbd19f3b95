"""Observers: plugins that watch a training, behind a fence, so that they cannot change the training."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError, PluginError
from gankit.plugin.contract import blaming, require_call
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import Document
from gankit.training.fence import unchanged

HOOKS = ("run_started", "row_logged", "sheet_written", "run_ended")
"""The hooks of observers."""


@attrs.frozen(kw_only=True, eq=False)
class Run:
    """A run as its observers see it. Every hook of a run gets the same value, which is a copy for this plugin."""

    path: Path
    """The run directory."""
    recipe: Recipe
    document: Document
    """The completed recipe as plain tables, as ``recipe.lock.toml`` has it."""
    step: int
    """The training step at which the run starts or resumes. Rows and sheets of later steps are made again."""
    provenance: Mapping[str, Any]
    """Versions of gankit and torch, the device, the cohort's digest, and the distribution of each plugin."""

    @property
    def seed(self) -> int:
        """``training.seed``, from which all random numbers of the run follow."""
        return self.recipe.training.seed


class Observers:
    """The plugins that watch a run. One that raises is named in a warning, and is not called again in this run."""

    def __init__(self, plugins: Plugins, run: Run, say: Callable[[str], None], first: bool = True):
        """
        Args:
            plugins: what is installed.
            run: the run; each plugin gets a copy.
            say: prints a warning.
            first: whether this is the first process of the training. In other processes no plugin watches.
        """
        self._plugins = plugins
        self._runs = {name: copy.deepcopy(run) for name in (plugins.implementing(*HOOKS) if first else ())}
        self._say = say

    def tell(self, hook: str, **news: Any) -> None:
        """Call one of ``HOOKS``, with ``news`` as its further arguments; each plugin gets a copy of them.

        KeyboardInterrupt is raised as it is.
        """
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
        InputError: a tracker cannot work here, for example because its package is missing.
        PluginError: a tracker cannot be imported, or fails.
    """
    for name in recipe.training.track or ():
        ready, plugin = plugins.tracker(name), f"plugin {plugins.owner_of('trackers', name)!r}"
        require_call(f"training.track: {name!r}", plugin, "the function of the tracker", ready)
        try:
            with blaming(f"training.track: {name!r}", plugin):
                ready()
        except PluginError:
            raise
        except InputError as error:
            raise InputError(f"training.track: {name!r} cannot work here: {error}") from error
