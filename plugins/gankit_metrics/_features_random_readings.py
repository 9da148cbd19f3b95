"""Readings of ``random-frechet`` and of ``high-frequency``.

Letters: N and M slices of the two sides, D features.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gankit import Candidate, Cohort, Evaluation, Reading, percentiles, rows_of
from gankit_metrics._features_images import spaces
from gankit_metrics._features_random import SMALLEST, high_frequency_energy, random_features
from gankit_metrics._resampling import drawn, weighted_mean
from gankit_metrics._sides import LEAST, Sides, frechet_reading, neighbour_readings, too_few, without_value
from gankit_metrics._sizes import unfit

if TYPE_CHECKING:
    from gankit_metrics.features import RandomFrechet

SPACE = "features of random filters"


def measure(spec: RandomFrechet, candidate: Candidate, evaluation: Evaluation) -> list[Reading]:
    """See ``RandomFrechet``."""
    real = evaluation.pool("train")
    chosen = spaces(evaluation)
    note = too_few(candidate.cohort, real, max(LEAST, spec.neighbours + 1)) or unfit(evaluation, least=SMALLEST)
    if note:
        distances = without_value(note, {f"{name}.fd": "lower" for name in chosen})
        return [*distances, *without_value(note, {f"{next(iter(chosen))}.recall": "higher"})]
    found = {name: _sides(spec, candidate.cohort, real, evaluation, modalities) for name, modalities in chosen.items()}
    first = next(iter(found))
    neighbours = spec.neighbours, spec.neighbours
    return [
        *(frechet_reading(sides, f"{name}.fd", SPACE) for name, sides in found.items()),
        *neighbour_readings(found[first], ["recall"], f"{first}.", SPACE, *neighbours),
    ]


def _sides(
    spec: RandomFrechet, candidates: Cohort, real: Cohort, evaluation: Evaluation, modalities: tuple[str, ...]
) -> Sides:
    def of_real() -> dict[str, np.ndarray]:
        return {"features": random_features(evaluation.rows(real, *modalities), spec.seed)}

    depends = {"modalities": list(modalities), "seed": spec.seed}
    y_MD = evaluation.kept("random-features", depends, of_real)["features"]
    x_ND = random_features(evaluation.rows(candidates, *modalities), spec.seed)
    mean_D, scale_D = y_MD.mean(axis=0), np.maximum(y_MD.std(axis=0), 1e-9)
    return Sides.of((x_ND - mean_D) / scale_D, (y_MD - mean_D) / scale_D, candidates, real, evaluation)


def measure_energy(candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
    """See ``HighFrequency``."""
    real = evaluation.pool("train")
    weights = drawn(candidate.cohort, evaluation, "candidates"), drawn(real, evaluation, "real")
    for name in evaluation.modalities:
        energies = _energies(candidate.cohort, evaluation, name), _real_energy(evaluation, name)
        below = energies[1].mean()
        over, under = (weighted_mean(energy, weight) for energy, weight in zip(energies, weights, strict=True))
        yield Reading(
            name=f"{name}.energy",
            value=float(energies[0].mean() / below) if below > 0 else None,
            interval=percentiles(over / under) if below > 0 else None,
            better="real",
            note="over that of real training slices; under a Hann window"
            if below > 0
            else "real training slices have no detail above half of Nyquist's frequency",
        )


def _real_energy(evaluation: Evaluation, name: str) -> np.ndarray:
    """The energy of each real training slice."""

    def make() -> dict[str, np.ndarray]:
        return {"energy": _energies(evaluation.pool("train"), evaluation, name)}

    return evaluation.kept("high-frequency", {"modality": name}, make)["energy"]


def _energies(cohort: Cohort, evaluation: Evaluation, name: str) -> np.ndarray:
    return np.asarray(rows_of(cohort, lambda part: high_frequency_energy(evaluation.stacked(part, name))))
