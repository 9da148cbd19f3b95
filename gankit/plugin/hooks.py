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
    """Return the trained models this plugin ships: name to a file ``NAME.safetensors``.

    A model card in Markdown may be beside it, ``NAME.md``.
    """


@hookspec
def commands() -> Mapping[str, str | tuple[str, str]]:  # type: ignore[empty-body]
    """Return the commands this plugin adds to ``gankit``: path of words to ``"module:click_command"``.

    ``{"import arrays": "gankit_arrays.command:arrays"}`` adds ``gankit import arrays``. A command may come with the
    short sentence that lists of commands show, as in ``{"paint": ("mine.command:paint", "Paint slices.")}``. Then
    ``gankit --help`` need not import the command, and stays quick.
    """


@hookspec
def importers() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return the functions by which this plugin makes a cohort from other data: name to ``"module:function"``.

    ``{"arrays": "gankit_arrays:import_arrays"}`` adds ``gankit.imports.arrays``. The function returns a
    ``gankit.Cohort``. If it is called with ``out``, it also writes the cohort file.
    """


@hookspec
def export_formats() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return the formats in which this plugin writes synthetic slices: name to ``"module:function"``.

    ``{"nifti": "gankit_export._nifti:encode"}`` adds ``gankit sample ... --format nifti``. The function takes one
    ``gankit.SyntheticSlice``, images with units and provenance, and returns a mapping from file name, without a folder,
    to bytes. gankit writes the files of each slice in a folder of its own. Each file must say that the slice is
    synthetic and give the digest of the model that made it. The same slice must give the same bytes. The function
    raises ``InputError`` for a slice that the format cannot hold.
    """


@hookspec
def trackers() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return the trackers that a recipe can ask for and that this plugin's observers serve: name to
    ``"module:function"``.

    ``{"tensorboard": "gankit_tracking.tensorboard:tensorboard"}`` lets a recipe say ``track = ["tensorboard"]`` in
    ``[training]``. The first paragraph of the function's docstring says what the tracker does. gankit calls the
    function without arguments before a training that names the tracker begins. It raises ``InputError`` if the tracker
    cannot work here, for example because a package is missing. The observers below read ``run.recipe.training.track``
    and do the tracking.
    """


# Observers are called on the first process of a training, between its steps, and training waits until they return. They
# cannot change the training: each plugin gets copies, and the random generators and torch settings are put back. An
# observer that raises is named in a warning and not called again in this run.


@hookspec
def run_started(run: Run) -> None:
    """A run starts or resumes: everything is loaded and checked, and the first step follows."""


@hookspec
def row_logged(run: Run, row: Mapping[str, float]) -> None:
    """A row was added to ``metrics.jsonl``: ``step``, ``steps_per_s``, ``wall_s`` and the newest value of each
    ``phase.term``, and as ``learning_rate/NAME`` the rate of each optimizer that has a schedule. A row at or
    after a sample sheet has ``health/...`` too: what was measured there."""


@hookspec
def sheet_written(run: Run, path: Path) -> None:
    """A sample sheet, a PNG, was written; its name ends with the step, as in ``samples/step-000500.png``."""


@hookspec
def run_ended(run: Run, result: RunResult) -> None:
    """The run ended: done, interrupted (``result.interrupted_by``) or failed (``result.failure``). Called once after
    each ``run_started``, and after the report is written."""


@hookspec
def op_paths() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return which code computes this plugin's operators on this machine: ``"operator on device"`` to a sentence.

    Only ``gankit bench --paths`` calls this hook, so it may import torch and try kernels.
    """


@hookspec
def kernels(  # type: ignore[empty-body]
    device: torch.device,
) -> Mapping[str, Callable[[], Mapping[str, Callable[[], object]]]]:
    """Return what ``gankit bench`` times on ``device``: title to a function that prepares the calls to compare.

    The function makes the tensors and returns a mapping from name to call. The times are shown as multiples of the
    first call's.
    """
