"""The classifiers of ``utility``. Letters: N slices with the label, M without, C channels, S space."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch
from torch import nn

from gankit_metrics._classifier import Convolutional, cross_entropy, logits
from gankit_metrics._features_images import halved
from gankit_metrics._training import Schedule, drawn, fit
from gankit_metrics._varied import varied

if TYPE_CHECKING:
    from gankit_metrics.utility import Utility

Sides = tuple[np.ndarray, np.ndarray]
"""Of slices with the label, and of those without."""


@attrs.frozen(eq=False)
class Slices:
    """What a classifier learns from: real slices of both classes, and slices that are added to them."""

    wanted: np.ndarray
    other: np.ndarray
    added_wanted: np.ndarray | None = None
    added_other: np.ndarray | None = None

    def with_added(self, wanted: np.ndarray, other: np.ndarray | None) -> Slices:
        return attrs.evolve(self, added_wanted=wanted, added_other=other)

    def groups(self) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
        """The images of all (N + M, C, *S), which of them have the label, and the groups of which each batch has equal
        parts: both classes, or four quarters where slices are added, so that added ones are never more than half of a
        class however many there are. Where none are added to a class, its real slices fill both of its quarters."""
        sides = [self.wanted, self.other, self.added_wanted, self.added_other]
        there = [side for side in sides if side is not None]
        starts = np.cumsum([0, *map(len, there)])
        group = {id(side): np.arange(start, start + len(side)) for side, start in zip(there, starts, strict=False)}
        label_N = np.concatenate([
            np.full(len(side), side is self.wanted or side is self.added_wanted, dtype=np.float32) for side in there
        ])  # fmt: skip
        if len(there) == 2:
            parts = [self.wanted, self.other]
        else:
            parts = [
                self.wanted,
                self.wanted if self.added_wanted is None else self.added_wanted,
                self.other,
                self.other if self.added_other is None else self.added_other,
            ]
        return np.concatenate(there), label_N, [group[id(part)] for part in parts]


def scores(
    slices: Slices, tests: Mapping[str, Sides], metric: Utility, generator: np.random.Generator, *, augmented: bool
) -> dict[str, Sides]:
    """Train a classifier, and give the logits of each test's slices with the label and without."""
    images, label_N, groups = slices.groups()
    network = drawn(partial(Convolutional, images.shape[1:], metric.width), generator)
    fit(
        network,
        partial(cross_entropy, network),
        (images, label_N),
        groups,
        Schedule(steps=metric.steps, mirror=False, shift=0),
        generator,
        varied if augmented else None,
    )
    return {name: (_scored(network, wanted), _scored(network, other)) for name, (wanted, other) in tests.items()}


def _scored(network: nn.Module, images: np.ndarray) -> np.ndarray:
    return logits(network, images)


def averaged(x_NCS: np.ndarray, most: int) -> np.ndarray:
    """Slices averaged down by two until no side is longer than ``most``, without going below 8 pixels."""
    images = torch.from_numpy(x_NCS)
    while max(images.shape[2:]) > most and min(images.shape[2:]) >= 16:
        images = halved(images)
    return np.ascontiguousarray(images.numpy())
