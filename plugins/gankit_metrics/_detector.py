"""A detector of lesions: a segmentation network trained on ground truth. Letters as in ``_training``."""

from __future__ import annotations

from functools import partial

import attrs
import numpy as np
from torch import Tensor, nn

from gankit import Cohort, Evaluation, ModalitySpec, Rows, rows_of
from gankit_metrics._regions import (
    Regions,
    dilated,
    lesion_fraction,
    surroundings,
    tissue_fraction,
    tissues_around,
    within,
)
from gankit_metrics._training import Schedule, applied, drawn, fit, weights, with_weights
from gankit_metrics._unet import SmallUNet

FAINT = 0.01
"""Least contrast that a lesion must have, as a share of the modality's range, even if real lesions have less."""


@attrs.frozen(eq=False)
class Detector:
    """Finds the lesion of a slice that it is surest of, and tells whether it looks like one."""

    network: SmallUNet
    """Slices (B, C, *S) to logits (B, 1 or 2, *S): lesion and, where there is ground truth, the tissue around."""
    sign: dict[str, float]
    """Modality to 1 where real lesions are dark, -1 where they are bright, by their median contrast."""
    margin: dict[str, float]
    """Modality to the least contrast of a lesion, times its sign."""

    def found(self, cohort: Cohort, evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
        """Slices (N,) with a region, and those (N,) whose region has the contrast of a lesion in every modality."""
        # The surest region of each slice, and the ring around it within the tissues that lesions grow in.
        logit, *tissue = np.moveaxis(applied(self.network, evaluation.rows(cohort)), 1, 0)
        core = surest_region(logit)
        ring = surroundings(core)
        for around in tissue:
            ring &= around > 0
        regions = Regions(core, ring)

        # Whether its contrast is that of a lesion, in all modalities.
        any_N = alike_N = regions.measurable()
        for name in evaluation.modalities:
            contrast_N = self.sign[name] * np.nan_to_num(regions.contrast(cohort.modalities[name].values))
            alike_N = alike_N & (contrast_N >= self.margin[name])
        return any_N, alike_N


def detector(evaluation: Evaluation, width: int, schedule: Schedule) -> Detector:
    """Train on the real train slices, lesions and not, and keep the weights."""
    train = _with_known_lesions(evaluation)
    # What the network sees and learns.
    target = _target(train, next(iter(evaluation.modalities.values())).shape[1:])
    channels = sum(spec.shape[0] for spec in evaluation.modalities.values())
    build = partial(SmallUNet, channels, target.shape[1], target.ndim - 2, width)

    def make() -> dict[str, np.ndarray]:
        generator = evaluation.draws("detector")
        network = drawn(build, generator)
        has_lesion_N = np.asarray(rows_of(train, lambda part: _any(part.truth["lesion"])))
        groups = [group for group in (np.flatnonzero(has_lesion_N), np.flatnonzero(~has_lesion_N)) if len(group)]
        fit(network, partial(_loss, network), (evaluation.rows(train), target), groups, schedule, generator)
        return weights(network)

    depends = {"width": width, "schedule": attrs.asdict(schedule)}
    return Detector(with_weights(build, evaluation.kept("detector", depends, make)), *_contrasts(train, evaluation))


def _with_known_lesions(evaluation: Evaluation) -> Cohort:
    """The real train slices of which it is known whether they have a lesion: the ground truth shows one, or the label
    is 0. A slice that has the label, or an unknown one, but no lesion in the ground truth is left out."""
    real = evaluation.real
    shown_N = np.asarray(rows_of(real, lambda part: _any(part.truth["lesion"])))
    free_N = real.labels[evaluation.label] == 0
    return real.select((real.split == "train") & (shown_N | free_N))


def _any(mask: np.ndarray) -> np.ndarray:
    """Slices (N,) whose mask (N, *S) is not empty."""
    return np.asarray(mask.reshape(len(mask), -1).any(axis=1))


def _target(train: Cohort, sides: tuple[int, ...]) -> Rows:
    """What the network learns, (N, 1 or 2, *sides): the share of each pixel that is lesion and, where there is ground
    truth, the share that is lesion or a tissue that lesions grow in."""
    around = tissues_around(train) if "tissue" in train.truth else None

    def of(part: Cohort) -> np.ndarray:
        shares = [lesion_fraction(part, sides)]
        if around is not None:
            shares.append(np.maximum(shares[0], tissue_fraction(part, around, sides)))
        return np.stack(shares, axis=1)

    return rows_of(train, of)


def _loss(network: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy, and for lesions, which are few pixels, 1 minus the Dice overlap of the batch (Milletari et al.
    2016, "V-Net", Sec. 3)."""
    logits = network(images)
    chance, lesion = logits[:, 0].sigmoid(), target[:, 0]
    overlap = (2 * (chance * lesion).sum() + 1) / (chance.sum() + lesion.sum() + 1)
    return nn.functional.binary_cross_entropy_with_logits(logits, target) + 1 - overlap


def _contrasts(train: Cohort, evaluation: Evaluation) -> tuple[dict[str, float], dict[str, float]]:
    """Sign and margin by modality, from the contrast of real lesions. As in what the network finds, the core is the
    pixels of which at least half is lesion, and the ring lies around it."""
    sign, margin = {}, {}
    around = tissues_around(train) if "tissue" in train.truth else None
    for name, spec in evaluation.modalities.items():

        def contrast(part: Cohort, name: str = name, spec: ModalitySpec = spec) -> np.ndarray:
            core = lesion_fraction(part, spec.shape[1:]) >= 0.5
            regions = Regions(core, surroundings(core))
            if around is not None:
                regions = within(regions, part, around)
            return np.where(regions.measurable(), regions.contrast(part.modalities[name].values), np.nan)

        contrast_N = np.asarray(rows_of(train, contrast))
        contrast_K = contrast_N[np.isfinite(contrast_N)]
        sign[name] = -1.0 if np.median(contrast_K) < 0 else 1.0
        least = FAINT * (spec.range[1] - spec.range[0])
        margin[name] = max(float(np.quantile(sign[name] * contrast_K, 0.1)), least)
    return sign, margin


def surest_region(logit: np.ndarray) -> np.ndarray:
    """The connected pixels above 0 around each slice's largest logit, (N, *S) bool; empty where none is above 0."""
    above = logit > 0
    flat = logit.reshape(len(logit), -1)
    region = (flat == flat.max(axis=1, keepdims=True)).reshape(logit.shape) & above
    while True:
        grown = dilated(region) & above
        if (grown == region).all():
            return region
        region = grown
