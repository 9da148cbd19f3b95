"""A metric that breaks one promise, for the tests beside it to find."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Evaluation, Reading

SEEN: list[int] = []
"""Slices of every candidate that a metric with memory has measured."""


@attrs.frozen(kw_only=True)
class Metric(AbstractMetric):
    """The mean of the candidates and that of real slices, with the defect that ``plant`` names."""

    plant: str = "none"

    @property
    def ranges(self):
        return {"outside of its range": {"mean": (5.0, 6.0)}, "range turned round": {"mean": (1.0, -1.0)}}.get(
            self.plant, {}
        )

    def files(self) -> tuple[Path, ...]:
        return {"absent file": (Path("no/such/weights.pt"),), "file as text": ("weights.pt",)}.get(self.plant, ())

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        _misbehave(self.plant, candidate, evaluation)
        images = evaluation.stacked(candidate.cohort)
        each_N = images.reshape(len(images), -1).mean(axis=1)
        each_N = each_N + _noise(self.plant, evaluation)
        value = float(each_N.mean())
        low, high = evaluation.interval(lambda chosen: float(each_N[chosen].mean()), candidate.cohort)
        if self.plant == "no readings":
            return
        interval = {"interval elsewhere": (high + 1, high + 2), "interval turned round": (high, low)}.get(self.plant)
        value = {"not finite": float("nan"), "no note": None, "text": "seven"}.get(self.plant, value)
        better = "bigger" if self.plant == "another way" else "real"
        name = "" if self.plant == "no name" else "mean"
        yield Reading(name=name, value=value, interval=interval or (low, high), better=better)
        if self.plant == "twice":
            yield Reading(name=name, value=0.0, better="real")


def _misbehave(plant: str, candidate: Candidate, evaluation: Evaluation) -> None:
    values = candidate.cohort.modalities["adc"].values
    if plant == "draws":
        np.random.rand()
    if plant == "writes into candidates":
        values += 1
    if plant == "writes into truth" and "lesion" in evaluation.real.truth:
        evaluation.real.truth["lesion"][:] = 1
    if plant == "needs truth":
        evaluation.real.truth["lesion"].sum()
    if plant == "needs fresh patients":
        len(evaluation.fresh)
    if plant == "needs a test":
        evaluation.pool("test")
    if plant == "needs two modalities":
        candidate.cohort.modalities["t2w"].values.sum()
    if plant == "needs many slices":
        np.linalg.cholesky(np.cov(values[:, 0, :8, 8].T) + 0 * np.eye(8))
    if plant == "needs large slices":
        values[:, 0, 8, 8].mean()
    if plant == "needs contrast":
        1 / int(values.max() - values.min())


def _noise(plant: str, evaluation: Evaluation) -> float:
    """What makes a value differ from one time to the next."""
    if plant == "unseeded training":
        made = evaluation.kept("weights", {}, lambda: {"weight": np.random.default_rng().random(1)})
        return float(made["weight"][0])
    if plant == "memory":
        SEEN.append(len(SEEN))
        return float(len(SEEN) > 2)
    return 0.0
