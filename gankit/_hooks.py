"""The hooks a plugin may implement. A plugin is a module named by an entry point in group ``gankit``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from gankit._registry import Registry

PROJECT = "gankit"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_components(registry: Registry) -> None:
    """Add this plugin's components to ``registry``. Called once, before any recipe is read; import no torch."""


@hookspec
def recipes() -> Mapping[str, Path]:  # type: ignore[empty-body]
    """Return the recipes this plugin ships: name to TOML file."""


@hookspec
def commands() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return the commands this plugin adds to ``gankit``: path of words to ``"module:click_command"``.

    ``{"import arrays": "gankit_arrays._command:import_arrays"}`` adds ``gankit import arrays``.
    """
