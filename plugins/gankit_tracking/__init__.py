"""Trackers: the curves and sheets of a run in TensorBoard and MLflow, for runs whose recipe asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gankit import hookimpl

if TYPE_CHECKING:
    from gankit import Run, RunResult
    from gankit_tracking._tracker import Tracker

_OPEN: dict[Path, list[Tracker]] = {}
"""Run directory to the trackers of the run."""


@hookimpl
def trackers() -> Mapping[str, str]:
    return {
        "tensorboard": "gankit_tracking._trackers:tensorboard",
        "mlflow": "gankit_tracking._trackers:mlflow",
    }


@hookimpl
def run_started(run: Run) -> None:
    from gankit_tracking._trackers import opened

    _OPEN[run.path] = opened(run)


@hookimpl
def row_logged(run: Run, row: Mapping[str, float]) -> None:
    for tracker in _OPEN[run.path]:
        tracker.row(row)


@hookimpl
def sheet_written(run: Run, path: Path) -> None:
    for tracker in _OPEN[run.path]:
        tracker.sheet(path)


@hookimpl
def run_ended(run: Run, result: RunResult) -> None:
    for tracker in _OPEN.pop(run.path):
        tracker.ended(result)
