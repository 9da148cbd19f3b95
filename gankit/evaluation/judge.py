"""Readings on disk: a file for each set of slices, written after every metric, so that no reading is made twice."""

from __future__ import annotations

import hashlib
import json
import math
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import cattrs

from gankit._errors import FileWarning, PluginError
from gankit.evaluation.evaluation import Candidate, Evaluation
from gankit.evaluation.ranges import outside, range_of, within
from gankit.evaluation.result_files import converter
from gankit.evaluation.results import Reading
from gankit.files.digest import warn_of_file
from gankit.files.json_file import read_kept, write_document
from gankit.files.lock import Held, locked
from gankit.plugin.components import AbstractMetric
from gankit.plugin.contract import blaming, broken, in_short, require_call

FEWEST = 5
"""Fewest patients of a candidate for which a bootstrap interval is kept. Each synthetic slice counts as a patient."""


def _say_nothing(text: str) -> None:
    pass


@attrs.frozen(kw_only=True)
class Kept:
    """The readings of one set by one metric, as in a file."""

    key: str
    """Digest of everything that the readings depend on."""
    readings: tuple[Reading, ...]


@attrs.frozen(eq=False, kw_only=True)
class Judge:
    """Metrics, the real side of their evaluation, and the folder that keeps their readings."""

    evaluation: Evaluation
    metrics: Mapping[str, AbstractMetric]
    versions: Mapping[str, str]
    """Metric name to the distribution that has it, as in ``"gankit 0.1.0"``. Readings of another version are made
    anew."""
    folder: Path
    """Folder of the files."""
    say: Callable[[str], None] = _say_nothing
    cpu_s: dict[str, float] = attrs.field(factory=dict)
    """Metric to the processor seconds that this process has spent on it, over all sets; grows as sets are measured."""

    def measure(
        self, name: str, identity: Any, make: Callable[[], Candidate], wait: bool = True
    ) -> tuple[Reading, ...] | None:
        """The readings of one set of slices by every metric. Those that its file has are not made again.

        Args:
            name: stem of the file.
            identity: what the slices depend on, as JSON.
            make: makes the slices; called where the file lacks the readings of a metric.
            wait: whether to wait where another process measures the same set.

        Returns: the readings; None where another process measures the set and ``wait`` is False.

        Raises:
            PluginError: a metric fails, returns something else than readings, or two of one name.
            RunError: the folder cannot be written.

        Warns with ``FileWarning`` of a damaged file, whose readings are made again.
        """
        path = self.folder / f"{name}.json"
        try:
            with locked(path.with_name(f".{name}.lock"), wait=wait, elsewhere="choose another `out`"):
                kept = _read(path)
                if lacking := self._lacking(kept, identity):
                    candidate = make()
                    for metric, key in lacking.items():
                        self.say(f"{name}: {metric}")
                        began = time.process_time()
                        kept[metric] = Kept(key=key, readings=self._readings(metric, candidate))
                        self.cpu_s[metric] = self.cpu_s.get(metric, 0.0) + time.process_time() - began
                        _write(path, kept)
        except Held:
            return None
        return tuple(self._in_range(reading) for metric in self.metrics for reading in kept[metric].readings)

    def lacks(self, name: str, identity: Any) -> bool:
        """Whether a metric has not measured a set yet. Warns of nothing: ``measure`` does."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FileWarning)
            return bool(self._lacking(_read(self.folder / f"{name}.json"), identity))

    def _lacking(self, kept: Mapping[str, Kept], identity: Any) -> dict[str, str]:
        """The metrics whose readings a file lacks, with the key of the readings to make."""
        keys = {metric: self._key(metric, identity) for metric in self.metrics}
        return {metric: key for metric, key in keys.items() if metric not in kept or kept[metric].key != key}

    def _key(self, metric: str, identity: Any) -> str:
        chosen = self.metrics[metric]
        depends = [self._real_side, metric, chosen.options(), self.versions.get(metric, ""), identity, chosen.files()]
        if chosen.tests_elsewhere and self.evaluation.external is not None:
            depends.append(self.evaluation.external.digest())
        return hashlib.blake2b(json.dumps(depends, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()

    def _readings(self, metric: str, candidate: Candidate) -> tuple[Reading, ...]:
        """Measure a candidate by one metric. Raises PluginError: it returns something else than a metric may."""
        # What the metric returns, without intervals of too few patients and without numbers that JSON cannot hold
        enough = len(set(candidate.cohort.patient)) >= FEWEST
        chosen, where = self.metrics[metric], f"`metrics` {metric}"
        readings = tuple(
            attrs.evolve(_finite(reading if enough else _without_interval(reading)), metric=metric)
            for reading in _measured(chosen, where, candidate, self.evaluation)
        )
        for reading in readings:
            if reading.value is not None and outside(reading.value, bounds := range_of(reading, self.metrics)):
                said = f"gives {reading.name!r} the value {reading.value:g}, but its `ranges` say {bounds}"
                raise broken(where, chosen, said)

        # Names that tell its readings apart
        names = [reading.id for reading in readings]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise broken(where, chosen, f"returned reading {twice[0]!r} twice; give each a name of its own")
        return readings

    def _in_range(self, reading: Reading) -> Reading:
        """The reading with its interval within the range that the metric declares; files may be of before it did."""
        if reading.interval is None:
            return reading
        return attrs.evolve(reading, interval=within(reading.interval, range_of(reading, self.metrics)))

    _real_side: Any = attrs.field(init=False)

    @_real_side.default
    def _find_real_side(self) -> Any:
        evaluation = self.evaluation
        fresh = None if evaluation.fresh is None else evaluation.fresh.digest()
        sizes = [[name, attrs.asdict(spec)] for name, spec in evaluation.modalities.items()]
        settings = [evaluation.label, evaluation.value, evaluation.seed, evaluation.replicates]
        return [evaluation.digest, fresh, sizes, settings]


# What a metric returns ------------------------------------------------------------------------------------


def _measured(metric: AbstractMetric, where: str, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
    """The readings of a metric. Raises PluginError: it fails, or returns something else."""
    expected = "must return an iterable of gankit.Reading from measure"
    require_call(where, metric, "measure", metric.measure, "candidate", "evaluation")
    try:
        with blaming(where, metric):
            measured = metric.measure(candidate, evaluation)
        if not isinstance(measured, Iterable) or isinstance(measured, Reading | str | Mapping):
            raise broken(where, metric, f"{expected}, got {in_short(measured)}")
        with blaming(where, metric):
            readings = list(measured)
    except PluginError as error:
        if str(error).startswith(where):
            raise
        raise broken(where, metric, f"makes a wrong reading: {error}") from error  # a Reading refuses its parts
    for reading in readings:
        if not isinstance(reading, Reading):
            raise broken(where, metric, f"{expected}, got {in_short(reading)} among them")
        yield reading


def _without_interval(reading: Reading) -> Reading:
    if reading.interval is None:
        return reading
    why = f"no interval from fewer than {FEWEST} patients"
    return attrs.evolve(reading, interval=None, note=f"{reading.note}; {why}" if reading.note else why)


def _finite(reading: Reading) -> Reading:
    """A reading that JSON can hold: a value that is not finite is None, and so is an interval with such an end."""
    finite = reading.value is not None and math.isfinite(reading.value)
    lost = reading.value is not None and not finite
    bounded = finite and reading.interval is not None and all(map(math.isfinite, reading.interval))
    return attrs.evolve(
        reading,
        value=reading.value if finite else None,
        interval=reading.interval if bounded else None,
        note=reading.note or ("not finite" if lost else ""),
    )


# Files ----------------------------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Kept]:
    """Metric to what a file has of it; empty where there is no file or a damaged one, which is measured again."""
    if not path.is_file():
        return {}
    try:
        return converter().structure(read_kept(path, ("metrics",))["metrics"], dict[str, Kept])
    except (OSError, ValueError, KeyError, TypeError, cattrs.BaseValidationError) as error:
        what = "its content is none of readings" if isinstance(error, cattrs.BaseValidationError) else error
        warn_of_file(path, f"damaged ({what}); it is measured again")
        return {}


def _write(path: Path, kept: Mapping[str, Kept]) -> None:
    write_document(path, {"metrics": converter().unstructure(kept, dict[str, Kept])})
