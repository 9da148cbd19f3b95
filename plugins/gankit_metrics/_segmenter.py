"""Segmentation networks of the anatomy, and what real slices look like to it. Letters as in ``_training``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import permutations

import attrs
import numpy as np
import torch
from torch import Tensor, nn

from gankit import Cohort, Evaluation, Rows
from gankit_metrics._descriptors import Described, described
from gankit_metrics._plausible import Limits
from gankit_metrics._structures import Structures, halves
from gankit_metrics._training import Schedule, applied, drawn, fit, weights, with_weights
from gankit_metrics._unet import SmallUNet

COPIES = 4
"""How often each slice that limits are taken from is moved and looked at."""
CHUNK = 64
"""Slices that are described at a time."""


@attrs.frozen(eq=False)
class Segmenter:
    """Says what is where in a slice, and whether that is plausible."""

    networks: tuple[SmallUNet, ...]
    """Slices (B, C, *S) to logits (B, K, *S) of the structures."""
    structures: Structures
    limits: Limits
    """Of real train slices, each seen by the network that was not trained on it."""

    def seen(self, images: Rows) -> Seen:
        """What the networks see in slices (N, C, *S) in [-1, 1]."""
        zones = list(self.structures.zones)
        glands, views = [], []
        for chunk in _chunks(images):
            shares = [_shares(network, chunk) for network in self.networks]
            glands.append(np.mean([share[:, zones].sum(axis=1) for share in shares], axis=0) > 0.5)
            views.append([described(share, self.structures.names, self.structures.zones) for share in shares])
        broken = self.limits.broken(*(_joined(view) for view in zip(*views, strict=True)))
        return Seen(np.concatenate(glands), broken)


@attrs.frozen(eq=False)
class Seen:
    """What a segmenter sees in slices."""

    gland: np.ndarray
    """(N, *S) bool: where the parts of the gland have more than half of the mean share by both networks."""
    broken: Mapping[str, np.ndarray]
    """Cause to the slices (N,) that are implausible by it."""


def segmenter(
    evaluation: Evaluation, structures: Structures, train: Cohort, width: int, schedule: Schedule
) -> Segmenter:
    """Train a network on each half of the patients, take limits from what it makes of the other half, and keep all."""
    counts = [spec.shape[0] for spec in evaluation.modalities.values()]
    modality_C = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
    sides = next(iter(evaluation.modalities.values())).shape[1:]
    build = partial(SmallUNet, sum(counts), len(structures.names), len(sides), width)

    def make() -> dict[str, np.ndarray]:
        generator = evaluation.draws("segmenter")
        kept: dict[str, np.ndarray] = {}
        views, wanted = [], []
        parts = [train.select(half_N) for half_N in halves(train, evaluation)]
        for number, (seen, held) in enumerate(permutations(parts)):
            network = drawn(build, generator)
            arrays = evaluation.rows(seen), structures.shares(seen, sides)
            wanted_N = seen.labels[evaluation.label] == evaluation.value
            groups = [group for group in (np.flatnonzero(wanted_N), np.flatnonzero(~wanted_N)) if len(group)]
            fit(network, partial(_loss, network, modality_C, generator), arrays, groups, schedule, generator)
            kept |= {f"network {number}/{name}": array for name, array in weights(network).items()}
            views.append(_described(network, structures, _moved(evaluation.rows(held), generator)))
            wanted.append(np.tile(held.labels[evaluation.label] == evaluation.value, COPIES))
        kept |= {f"held/{what}": np.concatenate([view[what] for view in views]) for what in views[0]}
        return kept | {"wanted": np.concatenate(wanted)}

    depends = {"structures": attrs.asdict(structures), "width": width, "schedule": attrs.asdict(schedule)}
    kept = evaluation.kept("segmenter", depends, make)
    networks = tuple(with_weights(build, _under(f"network {number}/", kept)) for number in range(2))
    return Segmenter(networks, structures, Limits.of(_under("held/", kept), kept["wanted"]))


def _loss(
    network: nn.Module, modality_C: Tensor, generator: np.random.Generator, images: Tensor, shares: Tensor
) -> Tensor:
    """Cross-entropy, with half of the batch mixed.

    A quarter mixes two slices, each modality in a proportion of its own, and has the mean of their shares in the mean
    proportion (after mixup: Zhang et al. 2018). So the network is unsure where anatomies overlap, or modalities
    disagree. A quarter has a box of another slice in another place (CutMix: Yun et al. 2019), so that it says what it
    sees and not what mostly lies there.
    """
    order = torch.from_numpy(generator.permutation(len(images)))  # a batch has one label after the other
    images, shares = images[order], shares[order]
    quarter = len(images) // 4
    part_QM = torch.from_numpy(generator.integers(3, size=(quarter, int(modality_C.max()) + 1)) / 2).float()
    mixed = (
        _between(images[:quarter], images[quarter : 2 * quarter], part_QM[:, modality_C]),
        _between(shares[:quarter], shares[quarter : 2 * quarter], part_QM.mean(dim=1, keepdim=True)),
    )
    both = torch.cat([images, shares], dim=1)
    cut = _with_box(both[quarter : 2 * quarter], both[len(both) - quarter :], generator)
    cut_parts = cut.split([images.shape[1], shares.shape[1]], dim=1)
    images, shares = (
        torch.cat([a, b, whole[2 * quarter :]]) for a, b, whole in zip(mixed, cut_parts, (images, shares), strict=True)
    )
    return nn.functional.cross_entropy(network(images), shares)


def _between(one: Tensor, other: Tensor, part_BC: Tensor) -> Tensor:
    part = part_BC.reshape(*part_BC.shape, *[1] * (one.ndim - 2))
    return part * one + (1 - part) * other


def _with_box(inner: Tensor, outer: Tensor, generator: np.random.Generator) -> Tensor:
    """The outer slices with a box of the inner ones, of half their sides. They are turned round and moved before."""
    spatial = tuple(range(2, outer.ndim))
    inner = inner.flip([axis for axis in spatial if generator.random() < 0.5])
    inner = inner.roll([int(generator.integers(outer.shape[axis])) for axis in spatial], dims=spatial)
    box = torch.zeros(outer.shape[2:], dtype=torch.bool)
    corner = [int(generator.integers(side)) for side in box.shape]
    box[tuple(slice(begin, begin + side // 2) for begin, side in zip(corner, box.shape, strict=True))] = True
    return torch.where(box, inner, outer)


def _moved(images: Rows, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Slices ``COPIES`` times, in chunks, each mirrored or not along the last axis and moved by up to a pixel along
    each axis."""
    axes = tuple(range(1, images.ndim - 1))
    for _ in range(COPIES):
        for chunk in _chunks(images):
            turned = (image[..., ::-1] if generator.random() < 0.5 else image for image in chunk)
            yield np.stack([np.roll(image, generator.integers(-1, 2, len(axes)), axes) for image in turned])


def _described(network: nn.Module, structures: Structures, chunks: Iterable[np.ndarray]) -> Described:
    return _joined([described(_shares(network, chunk), structures.names, structures.zones) for chunk in chunks])


def _joined(parts: Sequence[Described]) -> Described:
    return {what: np.concatenate([part[what] for part in parts]) for what in parts[0]}


def _chunks(images: Rows) -> Iterator[np.ndarray]:
    """Slices (N, C, *S) in parts whose shares fit into memory, and mostly into a processor's cache."""
    for start in range(0, len(images), CHUNK):
        yield images[start : start + CHUNK]


def _shares(network: nn.Module, images: np.ndarray) -> np.ndarray:
    """The share of each structure in each pixel, (N, K, *S)."""
    return applied(lambda chunk: network(chunk).softmax(dim=1), images)


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
