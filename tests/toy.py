"""A plugin with metrics that are quick to measure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Evaluation, Problem, Reading, Registry, hookimpl, option

MEASURED: list[tuple[str, int]] = []
"""Name and number of slices of each candidate that ``brightness`` has measured since a test began."""


@attrs.frozen(kw_only=True)
class Brightness(AbstractMetric):
    """The mean of the slices."""

    scale: float = option(1.0, gt=0, help="multiplies the mean")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        MEASURED.append((candidate.name, len(candidate.cohort)))
        images = evaluation.stacked(candidate.cohort)
        means = self.scale * images.reshape(len(images), -1).mean(axis=1)
        real = evaluation.stacked(evaluation.pool("test")).mean()

        def mean(chosen: np.ndarray) -> float:
            return float(means[chosen].mean())

        interval = evaluation.interval(mean, candidate.cohort)
        yield Reading(name="mean", value=float(means.mean()), interval=interval, better="real")
        yield Reading(name="error", value=float(abs(means.mean() - real)), better="lower")
        yield Reading(name="absent", value=None, better="higher", note="never measured")


@attrs.frozen(kw_only=True)
class Strange(AbstractMetric):
    """What no metric should return."""

    twice: bool = option(False, help="return a reading twice")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        for _ in range(2 if self.twice else 1):
            yield Reading(name="nan", value=float("nan"), interval=(float("nan"), 1.0), better="higher")


@attrs.frozen(kw_only=True)
class Filed(AbstractMetric):
    """The number in the file that the environment's ``TOY_FILE`` names."""

    def files(self) -> tuple[Path, ...]:
        return (Path(named),) if (named := os.environ.get("TOY_FILE")) else ()

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        value = float(self.files()[0].read_text()) if self.files() else None
        yield Reading(name="number", value=value, better="higher", note="" if self.files() else "set TOY_FILE")


@attrs.frozen(kw_only=True)
class Elsewhere(AbstractMetric):
    """The number of slices from elsewhere."""

    by_default: ClassVar[bool] = False
    tests_elsewhere: ClassVar[bool] = True

    least: int = option(0, ge=0, help="slices that there must be")

    def check(self, evaluation: Evaluation) -> Iterator[Problem]:
        if evaluation.external is not None and len(evaluation.external) < self.least:
            yield Problem("least", f"there are {len(evaluation.external)} slices")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        sides = [evaluation.external_pool(wanted) for wanted in (True, False)]
        counts = [0 if side is None else len(side) for side in sides]
        note = f"{counts[0]} with the label, {counts[1]} without"
        yield Reading(name="slices", value=sum(counts), better="higher", note=note)


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("metric", "brightness", Brightness)
    registry.add("metric", "strange", Strange)
    registry.add("metric", "filed", Filed)
    registry.add("metric", "elsewhere", Elsewhere)
