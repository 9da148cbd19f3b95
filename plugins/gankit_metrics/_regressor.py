"""A regressor from one modality to another, trained on real pairs. Letters as in ``_training``."""

from __future__ import annotations

from functools import partial

import attrs
import numpy as np
from torch import Tensor, nn

from gankit import Evaluation
from gankit_metrics._training import Schedule, drawn, fit, weights, with_weights
from gankit_metrics._unet import SmallUNet


def regressor(evaluation: Evaluation, source: str, target: str, width: int, schedule: Schedule) -> SmallUNet:
    """A U-Net from ``source`` to ``target`` with the least mean absolute error on real train pairs, kept."""
    channels, *sides = evaluation.modalities[source].shape
    build = partial(SmallUNet, channels, evaluation.modalities[target].shape[0], len(sides), width)

    def make() -> dict[str, np.ndarray]:
        pairs = evaluation.real.select(evaluation.real.split == "train")
        images = [evaluation.rows(pairs, name) for name in (source, target)]
        generator = evaluation.draws(f"regressor/{source}/{target}")
        network = drawn(build, generator)
        fit(network, partial(_absolute_error, network), images, [np.arange(len(pairs))], schedule, generator)
        return weights(network)

    depends = {"source": source, "target": target, "width": width, "schedule": attrs.asdict(schedule)}
    return with_weights(build, evaluation.kept("regressor", depends, make))


def _absolute_error(network: nn.Module, source: Tensor, target: Tensor) -> Tensor:
    return (network(source) - target).abs().mean()
