"""The task extractor: a small network that learns, on the real training slices, to tell the label from the rest.

Letters: N slices, B batch, C channels, S space, D features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import attrs
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, leaky_relu

from gankit import NEGATIVE_SLOPE, Cohort, Evaluation, Rows, convolution
from gankit_metrics._training import applied, drawn, minimise, weights, with_weights

FEATURES = 64
_WIDTHS = (16, 32, 48, 64)
_STEPS = 400
_HALF_BATCH = 32
_LEARNING_RATE = 4e-3
_DECAY = 0.05
_SHIFT = 16
"""A slice is moved along each axis by at most this fraction of its side: 1 / 16."""
_GAIN = 0.05
_NOISE = 0.03
_SETTINGS = {
    "version": 1,
    "features": FEATURES,
    "widths": _WIDTHS,
    "training": [_STEPS, _HALF_BATCH, _LEARNING_RATE, _DECAY],
    "augmentation": [_SHIFT, _GAIN, _NOISE],
}


class _Network(nn.Module):
    """(B, C, *S) to one logit (B,): a convolution for each halving of the shortest side to 4, then two fully connected
    layers."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        channels, *sides = shape
        self._convolutions = [f"conv{layer}" for layer in range(min(len(_WIDTHS), max(0, min(sides).bit_length() - 3)))]
        for name, width in zip(self._convolutions, _WIDTHS, strict=False):
            self.add_module(name, convolution(channels, width, len(sides), stride=2))
            channels, sides = width, [side // 2 for side in sides]
        self.hidden = nn.Linear(channels * math.prod(sides), FEATURES)
        self.logit = nn.Linear(FEATURES, 1)

    def features(self, x_BCS: Tensor) -> Tensor:
        """(B, D), after the last hidden layer."""
        for name in self._convolutions:
            x_BCS = leaky_relu(self.get_submodule(name)(x_BCS), NEGATIVE_SLOPE)
        return leaky_relu(self.hidden(x_BCS.flatten(1)), NEGATIVE_SLOPE)

    def forward(self, x_BCS: Tensor) -> Tensor:
        logit_B: Tensor = self.logit(self.features(x_BCS))[:, 0]
        return logit_B


@attrs.frozen(eq=False)
class TaskExtractor:
    """Slices to their features in the last hidden layer.

    Features are centred on the real training slices of both label values, and scaled so that a feature's variance
    over those is 1 on average: a Frechet distance of 1 is one such variance.
    """

    network: _Network
    mean_D: np.ndarray
    scale: float

    def __call__(self, cohort: Cohort, evaluation: Evaluation) -> np.ndarray:
        """(N, D) float64."""
        return (_features(self.network, evaluation.rows(cohort)) - self.mean_D) / self.scale


def task_extractor(evaluation: Evaluation) -> TaskExtractor:
    """The extractor of this real side: trained once, then read from the cache.

    Raises:
        InputError: the real training slices lack one of the two label values.
    """
    specs = list(evaluation.modalities.values())
    shape = (sum(spec.shape[0] for spec in specs), *specs[0].shape[1:])
    arrays = dict(evaluation.kept("task-features", _SETTINGS, lambda: _made(evaluation)))
    mean_D, scale = arrays.pop("mean"), arrays.pop("scale")
    return TaskExtractor(with_weights(partial(_Network, shape), arrays), mean_D, float(scale[0]))


def _made(evaluation: Evaluation) -> dict[str, np.ndarray]:
    wanted = evaluation.rows(evaluation.pool("train"))
    others = evaluation.rows(evaluation.pool("train", wanted=False))
    network = _trained(wanted, others, evaluation.draws("task-extractor"))
    features_ND = np.concatenate([_features(network, wanted), _features(network, others)])
    scale = np.sqrt(features_ND.var(axis=0).mean(keepdims=True))
    return {"mean": features_ND.mean(axis=0), "scale": np.maximum(scale, 1e-12), **weights(network)}


def _features(network: _Network, x_NCS: Rows) -> np.ndarray:
    return applied(network.features, x_NCS).astype(np.float64)


def _trained(wanted: Rows, others: Rows, generator: np.random.Generator) -> _Network:
    """Train with binary cross-entropy on balanced batches of randomly changed slices, by Adam with decoupled weight
    decay, whose step size falls to zero along a half cosine. Without the changes, the features tell training slices
    from other real slices: with 400 slices of the phantom, the Frechet distance between the two was 26 instead of 3."""
    network = drawn(partial(_Network, wanted.shape[1:]), generator, _first_values)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_DECAY)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
    label_B = torch.cat([torch.ones(_HALF_BATCH), torch.zeros(_HALF_BATCH)])

    def batches() -> Iterator[tuple[Tensor]]:
        for _ in range(_STEPS):
            halves = [side[generator.integers(len(side), size=_HALF_BATCH)] for side in (wanted, others)]
            yield (torch.from_numpy(_augmented(np.concatenate(halves), generator)),)

    minimise(lambda x_BCS: binary_cross_entropy_with_logits(network(x_BCS), label_B), batches(), optimizer, rates)
    return network.eval()


def _first_values(name: str, parameter: Tensor, generator: np.random.Generator) -> Tensor:
    """Weights by He et al. 2015 (arXiv:1502.01852) for a leaky ReLU, biases zero."""
    if parameter.ndim < 2:
        return torch.zeros(parameter.shape)
    spread = np.sqrt(2 / (1 + NEGATIVE_SLOPE**2) / np.prod(parameter.shape[1:]))
    return torch.from_numpy(spread * generator.standard_normal(tuple(parameter.shape), dtype=np.float32))


def _augmented(x_BCS: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Change slices at random: mirror half of them, move each, change the contrast of each channel, add weak noise."""
    axes = tuple(range(1, x_BCS.ndim - 1))
    most = [side // _SHIFT for side in x_BCS.shape[2:]]
    mirrored_B = generator.random(len(x_BCS)) < 0.5
    moves_BA = generator.integers([-move for move in most], most, size=(len(x_BCS), len(most)), endpoint=True)
    changed = [
        np.roll(x_CS[..., ::-1] if mirrored else x_CS, move_A, axes)
        for x_CS, mirrored, move_A in zip(x_BCS, mirrored_B, moves_BA, strict=True)
    ]
    gain = 1 + _GAIN * generator.standard_normal((*x_BCS.shape[:2], *[1] * len(axes)), dtype=np.float32)
    return np.stack(changed) * gain + _NOISE * generator.standard_normal(x_BCS.shape, dtype=np.float32)
