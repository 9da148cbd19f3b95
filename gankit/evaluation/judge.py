"""What is measured, on disk: a file for each set of slices, written after every metric, so that work goes on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import filelock

from gankit._errors import PluginError, RunError
from gankit.evaluation.evaluation import Candidate, Evaluation, Reading
from gankit.files.atomic import write_text
from gankit.plugin.components import AbstractMetric

Measured = list[dict[str, Any]]
"""Readings as JSON; see ``_evaluate``."""

FEWEST = 5
"""Patients of a candidate below which drawing them again shows no spread; each synthetic slice counts as one."""


def _say_nothing(text: str) -> None:
    pass


@attrs.frozen(eq=False, kw_only=True)
class Judge:
    """Metrics, the real slices they judge against, and the folder that keeps what they found."""

    evaluation: Evaluation
    metrics: Mapping[str, AbstractMetric]
    versions: Mapping[str, str]
    """Metric name to what ships it, as in ``"gankit 0.1.0"``: figures of other code are measured anew."""
    folder: Path
    """Folder of the files."""
    say: Callable[[str], None] = _say_nothing

    def measure(self, name: str, identity: Any, make: Callable[[], Candidate], wait: bool = True) -> Measured | None:
        """The readings of one set of slices by every metric, from the file where it has them.

        Args:
            name: stem of the file.
            identity: what the slices follow from, as JSON.
            make: makes the slices; called if a metric has not measured them yet.
            wait: for another process that measures the same set.

        Returns: None where another process is at it and ``wait`` is False.
        """
        path = self.folder / f"{name}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(path.with_name(f".{name}.lock")).acquire(timeout=-1 if wait else 0)
        except filelock.Timeout:
            return None
        except OSError as error:
            raise RunError(f"{self.folder}: cannot be written: {error.strerror or error}; choose another -o") from error
        with lock:
            kept = _read(path)
            lacking = self._lacking(kept, identity)
            candidate = make() if lacking else None
            for metric, key in lacking.items():
                assert candidate is not None
                self.say(f"{name}: {metric}")
                kept[metric] = {"key": key, "readings": self._readings(metric, candidate)}
                write_text(path, json.dumps({"metrics": kept}, indent=1, allow_nan=False))
        return [reading for metric in self.metrics for reading in kept[metric]["readings"]]

    def lacks(self, name: str, identity: Any) -> bool:
        """Whether a metric has not measured a set yet."""
        return bool(self._lacking(_read(self.folder / f"{name}.json"), identity))

    def _lacking(self, kept: Mapping[str, Any], identity: Any) -> dict[str, str]:
        """Metrics of which a file has no readings, with the key that theirs will have."""
        keys = {metric: self._key(metric, identity) for metric in self.metrics}
        return {metric: key for metric, key in keys.items() if kept.get(metric, {}).get("key") != key}

    def _key(self, metric: str, identity: Any) -> str:
        chosen = self.metrics[metric]
        depends = [self._real_side, metric, chosen.options(), self.versions.get(metric, ""), identity, chosen.files()]
        return hashlib.blake2b(json.dumps(depends, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()

    def _readings(self, metric: str, candidate: Candidate) -> Measured:
        enough = len(set(candidate.cohort.patient)) >= FEWEST
        measured = self.metrics[metric].measure(candidate, self.evaluation)
        readings = [_plain(metric, reading if enough else _without_interval(reading)) for reading in measured]
        names = [reading["id"] for reading in readings]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise PluginError(f"metric {metric!r} returned reading {twice[0]!r} twice; give each a name of its own")
        return readings

    _real_side: Any = attrs.field(init=False)

    @_real_side.default
    def _find_real_side(self) -> Any:
        evaluation = self.evaluation
        fresh = None if evaluation.fresh is None else evaluation.fresh.digest()
        sizes = [[name, attrs.asdict(spec)] for name, spec in evaluation.modalities.items()]
        settings = [evaluation.label, evaluation.value, evaluation.seed, evaluation.replicates]
        return [evaluation.digest, fresh, sizes, settings]


def _without_interval(reading: Reading) -> Reading:
    if reading.interval is None:
        return reading
    why = f"no interval from fewer than {FEWEST} patients"
    return attrs.evolve(reading, interval=None, note=f"{reading.note}; {why}" if reading.note else why)


def _plain(metric: str, reading: Reading) -> dict[str, Any]:
    value = None if reading.value is None or not math.isfinite(reading.value) else float(reading.value)
    ends = reading.interval if value is not None else None
    interval = [float(end) for end in ends] if ends is not None and all(map(math.isfinite, ends)) else None
    return {
        "id": f"{metric}.{reading.name}",
        "metric": metric,
        "name": reading.name,
        "value": value,
        "interval": interval,
        "unit": reading.unit,
        "better": reading.better,
        "note": reading.note or ("not finite" if value is None and reading.value is not None else ""),
    }


def _read(path: Path) -> dict[str, Any]:
    """What a file holds by metric; nothing where there is none or it is damaged, for it can be measured again."""
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))["metrics"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return metrics if isinstance(metrics, dict) else {}
