"""Readings of ``resnet-frechet``."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from gankit import Candidate, Cohort, Evaluation, Reading
from gankit_metrics._features_images import no_pictures, spaces, three_channels
from gankit_metrics._resnet import ResNet, load_resnet
from gankit_metrics._sides import Better, Sides, frechet_reading, kernel_reading, too_few, without_value
from gankit_metrics.features import FEATURES, ResNetFrechet


def measure(spec: ResNetFrechet, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
    """See ``ResNetFrechet``."""
    real, named = evaluation.pool("train"), spec.files()
    note: str | None = f"needs the weights of a ResNet: set the option weights, or {FEATURES}, to a safetensors file"
    if named:
        note = too_few(candidate.cohort, real) or no_pictures(real, evaluation)
    if note:
        better: dict[str, Better] = {f"{name}.{what}": "lower" for name in spaces(evaluation) for what in ("fd", "kid")}
        yield from without_value(note, better)
        return
    network = load_resnet(named[0])
    space = f"ResNet features of {named[0].name}, SHA-256 {network.sha256}"
    for name, modalities in spaces(evaluation).items():
        sides = _sides(spec, network, modalities, candidate.cohort, real, evaluation)
        yield frechet_reading(sides, f"{name}.fd", space)
        yield kernel_reading(sides, f"{name}.kid", space)


def _sides(
    spec: ResNetFrechet,
    network: ResNet,
    modalities: tuple[str, ...],
    candidates: Cohort,
    real: Cohort,
    evaluation: Evaluation,
) -> Sides:
    def features(cohort: Cohort) -> np.ndarray:
        pictures = three_channels(cohort, evaluation, *modalities)
        return network.features(pictures, spec.size, spec.mean, spec.deviation)

    seen = attrs.asdict(attrs.evolve(spec, weights=None))
    depends = seen | {"sha256": network.sha256, "modalities": modalities}
    kept = evaluation.kept("resnet-features", depends, lambda: {"features": features(real)})
    return Sides.of(features(candidates), kept["features"], candidates, real, evaluation)
