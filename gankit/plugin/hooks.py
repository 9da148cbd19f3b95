"""The hooks a plugin may implement. A plugin is a module named by an entry point in group ``gankit``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    import torch

    from gankit.plugin.registry import Registry
    from gankit.training.observers import Run
    from gankit.training.train import RunResult

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
def commands() -> Mapping[str, str | tuple[str, str]]:  # type: ignore[empty-body]
    """Return the commands this plugin adds to ``gankit``: path of words to ``"module:click_command"``.

    ``{"import arrays": "gankit_arrays.command:arrays"}`` adds ``gankit import arrays``. With the short sentence
    that lists of commands show of it, as in ``{"paint": ("mine.command:paint", "Paint slices.")}``, they need not
    import it, which keeps ``gankit --help`` quick.
    """


@hookspec
def importers() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return the functions by which this plugin makes a cohort of other data: name to ``"module:function"``.

    ``{"arrays": "gankit_arrays:import_arrays"}`` adds ``gankit.imports.arrays``. The function returns a
    ``gankit.Cohort``; where it is given ``out``, it writes the cohort file as well.
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
def trackers() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return what this plugin's observers can do for a run that asks for it: name to ``"module:function"``.

    ``{"tensorboard": "gankit_tracking.tensorboard:tensorboard"}`` lets a recipe say ``track = ["tensorboard"]`` in
    ``[training]``. The first paragraph of the function's docstring says what the tracker does. gankit calls it,
    without arguments, before a training that names it begins; it raises ``InputError`` where the tracker cannot work
    here, as without its package. The observers below read ``run.recipe.training.track`` and do the tracking.
    """


# Observers: on the first process of a training, between its steps. They cannot change it: each plugin gets copies,
# what they draw and set is put back, and one that raises is named and not called again in this run. Training waits
# until they return.


@hookspec
def run_started(run: Run) -> None:
    """A run starts, or goes on: everything is loaded and checked, the first step follows."""


@hookspec
def row_logged(run: Run, row: Mapping[str, float]) -> None:
    """A row was added to ``metrics.jsonl``: ``step``, ``steps_per_s``, ``wall_s`` and the last of ``phase.term``."""


@hookspec
def sheet_written(run: Run, path: Path) -> None:
    """A sample sheet was written, a PNG; its name ends in the step, as in ``samples/step-000500.png``."""


@hookspec
def run_ended(run: Run, result: RunResult) -> None:
    """The run ended: done, interrupted (``result.interrupted_by``) or failed (``result.failure``). Called once after
    each ``run_started``, and after the report is written."""


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
