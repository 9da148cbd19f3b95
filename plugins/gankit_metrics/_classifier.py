"""Classifiers of slices, wanted label against the other, and what their scores say. Letters as in ``_training``."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import attrs
import numpy as np
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, Evaluation, MadePiece, PixelNorm, Rows, StoredRows, convolution
from gankit_metrics._training import (
    Schedule,
    applied,
    drawn,
    fit,
    weights,
    with_weights,
)


class TwoLayer(nn.Sequential):
    """Two fully connected layers, (B, C, *S) to one logit (B,)."""

    def __init__(self, shape: tuple[int, ...], hidden: int):
        super().__init__(
            nn.Flatten(),
            nn.Linear(math.prod(shape), hidden),
            nn.LeakyReLU(NEGATIVE_SLOPE),
            nn.Linear(hidden, 1),
            nn.Flatten(0),
        )


class Convolutional(nn.Sequential):
    """Three halving convolutions and two fully connected layers, (B, C, *S) to one logit (B,); sides of 8 and more."""

    def __init__(self, shape: tuple[int, ...], width: int):
        channels, *sides = shape
        rank, seen = len(sides), 3 * width * math.prod(side // 8 for side in sides)
        super().__init__(
            *(convolution(channels, width, rank, stride=2), nn.LeakyReLU(NEGATIVE_SLOPE)),
            *(convolution(width, 2 * width, rank, stride=2), PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE)),
            *(convolution(2 * width, 3 * width, rank, stride=2), PixelNorm(), nn.LeakyReLU(NEGATIVE_SLOPE)),
            *(nn.Flatten(), nn.Linear(seen, 32), nn.LeakyReLU(NEGATIVE_SLOPE), nn.Linear(32, 1), nn.Flatten(0)),
        )


def classifier(
    build: Callable[[], nn.Module],
    wanted: Rows,
    other: Rows,
    schedule: Schedule,
    generator: np.random.Generator,
) -> nn.Module:
    """Train to tell slices (N, C, *S) of the wanted label from others (M, C, *S) by cross-entropy; each batch holds
    equally many of both."""
    network = drawn(build, generator)
    images = _joined(wanted, other)
    label_N = (np.arange(len(images)) < len(wanted)).astype(np.float32)
    groups = np.split(np.arange(len(images)), [len(wanted)])
    fit(network, partial(cross_entropy, network), (images, label_N), groups, schedule, generator)
    return network


def _joined(*sides: Rows) -> Rows:
    """Slices of several sides, one side below the other."""
    if any(isinstance(side, StoredRows) for side in sides):
        return StoredRows([MadePiece(side.shape, side.dtype, side.__getitem__) for side in sides])
    return np.concatenate([np.asarray(side) for side in sides])


def cross_entropy(network: nn.Module, images: Tensor, label_B: Tensor) -> Tensor:
    """Mean binary cross-entropy of the logits of slices (B, C, *S)."""
    return nn.functional.binary_cross_entropy_with_logits(network(images), label_B)


def judge(evaluation: Evaluation, view: tuple[str, ...], width: int, schedule: Schedule) -> nn.Module:
    """A convolutional classifier of these modalities, trained on real train slices alone and kept."""
    wanted, other = (evaluation.rows(evaluation.pool("train", which), *view) for which in (True, False))
    build = partial(Convolutional, wanted.shape[1:], width)
    depends = {"network": "convolutional", "view": view, "width": width, "schedule": attrs.asdict(schedule)}
    stream = f"judge/{'+'.join(view)}"
    trained = evaluation.kept(
        "judge", depends, lambda: weights(classifier(build, wanted, other, schedule, evaluation.draws(stream)))
    )
    return with_weights(build, trained)


def accuracy(wanted_N: np.ndarray, other_M: np.ndarray) -> float:
    """Share of logits on the right side of 0, the mean over the two classes: the plain accuracy where they are of
    one size."""
    return float((np.mean(wanted_N > 0) + np.mean(other_M <= 0)) / 2)


def area_under_curve(wanted_N: np.ndarray, other_M: np.ndarray) -> float:
    """Area under the ROC curve: the chance that a wanted slice scores above another, ties counted half (Hanley and
    McNeil 1982)."""
    ordered = np.sort(other_M)
    below = np.searchsorted(ordered, wanted_N, "left") + np.searchsorted(ordered, wanted_N, "right")
    return float(below.mean() / (2 * len(ordered)))


def logits(network: nn.Module, images: Rows) -> np.ndarray:
    """(N, C, *S) to (N,) float64."""
    return applied(network, images).astype(np.float64)
