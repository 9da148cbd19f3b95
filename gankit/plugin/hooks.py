"""The hooks a plugin may implement. A plugin is a module named by an entry point in group ``gankit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import torch

    from gankit.plugin.registry import Registry

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
def models() -> Mapping[str, Path]:  # type: ignore[empty-body]
    """Return the trained models this plugin ships: name to ``model.safetensors``; a model card, Markdown, may stand
    beside it under the same name."""


@hookspec
def commands() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return the commands this plugin adds to ``gankit``: path of words to ``"module:click_command"``.

    ``{"import arrays": "gankit_arrays.command:import_arrays"}`` adds ``gankit import arrays``.
    """


@hookspec
def export_formats() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return the formats in which this plugin writes synthetic slices: name to ``"module:function"``.

    ``{"nifti": "gankit_export._nifti:encode"}`` adds ``gankit sample ... --format nifti``. The function takes one
    ``gankit.SyntheticSlice``, images with units and provenance, and returns file name, without a folder, to bytes;
    gankit writes them in a folder for each slice. It must say in each file that the slice is synthetic and by which
    model, by its digest, and the same slice must give the same bytes. It raises ``InputError`` for what the
    format cannot hold.
    """


@hookspec
def op_paths() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return which code serves this plugin's operators here: ``"operator on device"`` to a sentence.

    Called by ``gankit bench --paths`` alone, so it may import torch and try kernels.
    """


@hookspec
def kernels(  # type: ignore[empty-body]
    device: torch.device,
) -> Mapping[str, Callable[[], Mapping[str, Callable[[], object]]]]:
    """Return what ``gankit bench`` times on ``device``: title to a function that prepares the calls to compare.

    It makes the tensors and returns name to call; times are given as multiples of the first one's.
    """
