"""The trackers by name. Their packages are imported on use."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from gankit import InputError
from gankit_tracking._tracker import Tracker

if TYPE_CHECKING:
    from gankit import Run

Open = Callable[["Run"], Tracker]
"""Makes the tracker of a run."""


def tensorboard() -> Open:
    """Curves by term, sheets and the recipe for TensorBoard, in the run's folder ``tensorboard``."""
    _require("tensorboard", "tensorboard")
    from gankit_tracking._tensorboard import TensorBoard

    return TensorBoard


def mlflow() -> Open:
    """Curves by term, sheets and the recipe for MLflow, in the run's folder ``mlflow`` or where
    ``MLFLOW_TRACKING_URI`` says."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read on import: without it, MLflow reports its use
    _require("mlflow", "mlflow", "sqlalchemy", "alembic")
    from gankit_tracking._mlflow import MLflow

    return MLflow


TRACKERS: dict[str, Callable[[], Open]] = {"tensorboard": tensorboard, "mlflow": mlflow}


def _require(extra: str, *packages: str) -> None:
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise InputError(f"{package} is not installed ({error}); pip install 'gankit[{extra}]'") from error
