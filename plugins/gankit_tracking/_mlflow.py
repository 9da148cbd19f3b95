"""A run in an MLflow store: a database in the run directory, or the one that MLflow is told to use."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from pathlib import Path

import mlflow
import tomli_w
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from gankit import Run, RunResult
from gankit_tracking._tracker import Tracker, curves, ending, flat

PACE = "pace/steps_per_s"
"""The curve that every row has."""

AT_ONCE = 100
"""Parameters that MLflow takes at a time."""


class MLflow(Tracker):
    """Goes on with the MLflow run whose id lies beside the run. MLflow keeps what it was told, so the rows that are
    made again when a run goes on, which say the same, are not told twice."""

    def __init__(self, run: Run):
        folder = run.path.absolute() / "mlflow"
        folder.mkdir(exist_ok=True)
        self._client = _client(folder)
        id_file = folder / "run-id"
        found = id_file.read_text(encoding="utf-8") if id_file.exists() else None
        if known := found is not None and self._has(found):
            self._id = found
            self._client.update_run(self._id, status="RUNNING")
        else:
            self._id = self._create(run, folder)
            id_file.write_text(self._id, encoding="utf-8")
        try:
            if not known:
                self._log_params(run)
            self._client.log_text(self._id, tomli_w.dumps(run.document), "recipe.toml")
            self._told = max((each.step for each in self._client.get_metric_history(self._id, PACE)), default=-1)
        except Exception:
            self._client.set_terminated(self._id, "FAILED")  # nobody will say how it ended
            raise

    def row(self, row: Mapping[str, float]) -> None:
        if (step := int(row["step"])) > self._told:
            now_ms = int(1000 * time.time())
            metrics = [Metric(name, number, now_ms, step) for name, number in curves(row).items()]
            self._client.log_batch(self._id, metrics)

    def sheet(self, path: Path) -> None:
        self._client.log_artifact(self._id, str(path), "sheets")

    def ended(self, result: RunResult) -> None:
        stopped = "KILLED" if result.interrupted_by is not None else "FINISHED"
        self._client.set_tag(self._id, "gankit.ending", ending(result))
        self._client.set_terminated(self._id, "FAILED" if result.failure is not None else stopped)

    def _has(self, run_id: str) -> bool:
        try:
            return self._client.get_run(run_id).info.lifecycle_stage == "active"
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":  # it lies in another store
                return False
            raise

    def _create(self, run: Run, folder: Path) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "gankit")
        if (experiment := self._client.get_experiment_by_name(name)) is not None:
            experiment_id = experiment.experiment_id
        else:
            place = None if mlflow.is_tracking_uri_set() else (folder / "artifacts").as_uri()
            experiment_id = self._client.create_experiment(name, place)
        seen = {"path": run.path, "version": run.provenance["gankit"]}
        seen |= {name: run.provenance[name] for name in ("torch", "device", "cohort")}
        tags = {f"gankit.{name}": str(value) for name, value in seen.items()}
        return self._client.create_run(experiment_id, tags=tags, run_name=run.path.name).info.run_id

    def _log_params(self, run: Run) -> None:
        params = [Param(key, str(value)) for key, value in flat(run.document).items()]
        for first in range(0, len(params), AT_ONCE):
            self._client.log_batch(self._id, params=params[first : first + AT_ONCE])


def _client(folder: Path) -> MlflowClient:
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # it tells of each table that it makes
    return MlflowClient(None if mlflow.is_tracking_uri_set() else f"sqlite:///{folder / 'mlflow.db'}")
