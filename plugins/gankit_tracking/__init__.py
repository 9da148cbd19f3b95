"""Trackers: the curves and sheets of a run in TensorBoard and MLflow, for runs whose recipe asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gankit import hookimpl

if TYPE_CHECKING:
    from gankit import Run, RunResult
    from gankit_tracking._watch import Watch

_OPEN: dict[Path, Watch] = {}
"""Run directory to the trackers of the run."""


@hookimpl
def trackers() -> Mapping[str, str]:
    return {
        "tensorboard": "gankit_tracking._trackers:tensorboard",
        "mlflow": "gankit_tracking._trackers:mlflow",
    }


@hookimpl
def run_started(run: Run) -> None:
    from gankit_tracking._watch import Watch

    _OPEN[run.path] = Watch(run)


@hookimpl
def row_logged(run: Run, row: Mapping[str, float]) -> None:
    _OPEN[run.path].row(row)


@hookimpl
def sheet_written(run: Run, path: Path) -> None:
    _OPEN[run.path].sheet(path)


@hookimpl
def run_ended(run: Run, result: RunResult) -> None:
    _OPEN.pop(run.path).ended(result)
