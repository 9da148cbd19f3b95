"""``lesion-contrast``: whether lesions survive being encoded and synthesized again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Cohort, Evaluation, InputError, ModalitySpec, Reading, option

if TYPE_CHECKING:
    from gankit import Model
    from gankit_metrics._regions import Regions

SPLITS: tuple[Literal["train", "test"], ...] = ("train", "test")


@attrs.frozen(kw_only=True)
class LesionContrast(AbstractMetric):
    """How much of a lesion's contrast a reconstruction (encoder, then synthesizer) keeps: the contrast in the
    reconstruction over the contrast in the real slice, the median over slices.

    Contrast is the mean of the surrounding ring minus the mean of the core, or the reverse in a modality in which the
    median real train lesion is bright. The ratio is the contrast recovery coefficient of phantom measurements (NEMA NU
    2), with the real slice in place of the phantom.

    Readings: ``{modality}.{split}`` for both splits of the real cohort, over slices with the wanted label and ground
    truth ``lesion``. 1 is perfect, 0 a lesion lost, below 0 one turned round. Intervals resample patients.

    At the size at which slices are judged, the core is the pixels of which three quarters or more are lesion (two
    at least), the ring those within 3 of 64 pixels of the lesion and outside it. Lesions whose real contrast is below
    ``least`` of the range are left out, since the ratio would be noise; the notes count them.

    Where there is ground truth ``tissue``, the ring keeps to the tissues that lesions grow in: those that surround
    lesions most often, relative to how common they are. A whole ring takes in fat, which is dark in ADC, and then a
    lesion that is lost altogether gets less than 0: low-pass filtered slices (Gaussian, 4 of 32 pixels) get -.12 in the
    phantom's ADC with the whole ring and .08 with the restricted one, which doubles the contrast of real lesions.
    """

    aims: ClassVar[Mapping[str, float]] = {"*": 1.0}

    least: float = option(0.01, gt=0, help="smallest real contrast that is taken, as a share of the modality's range")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
        obstacle = _obstacle(candidate.model, evaluation)
        for split in SPLITS:
            if candidate.model is None or obstacle:
                yield from _unmeasured(split, obstacle, evaluation)
                continue
            yield from self._readings(candidate.model, split, evaluation)

    def _readings(self, model: Model, split: Literal["train", "test"], evaluation: Evaluation) -> Iterator[Reading]:
        try:
            real = evaluation.pool(split)
        except InputError as error:
            yield from _unmeasured(split, str(error), evaluation)
            return
        rebuilt = {name: image.numpy() for name, image in model.reconstruct(real).items()}
        for name, spec in evaluation.modalities.items():
            regions = _regions(real, spec, evaluation)
            contrast_N = regions.contrast(real.modalities[name].values)
            threshold = self.least * (spec.range[1] - spec.range[0])
            kept_N = regions.measurable() & (np.nan_to_num(_sign(name, spec, evaluation) * contrast_N) >= threshold)
            ratio_K = regions.contrast(rebuilt[name])[kept_N] / contrast_N[kept_N]
            yield _median(f"{name}.{split}", ratio_K, real, kept_N, evaluation)


def _regions(real: Cohort, spec: ModalitySpec, evaluation: Evaluation) -> Regions:
    """Lesions of real slices and what surrounds them, at the size at which slices are judged."""
    from gankit_metrics._regions import lesion_fraction, lesion_regions, tissues_around, within

    regions = lesion_regions(lesion_fraction(real, spec.shape[1:]))
    return within(regions, real, tissues_around(evaluation.pool("train"))) if "tissue" in real.truth else regions


def _sign(modality: str, spec: ModalitySpec, evaluation: Evaluation) -> float:
    """1 where lesions of the real train slices are dark, -1 where they are bright."""
    train = evaluation.pool("train")
    regions = _regions(train, spec, evaluation)
    contrast_K = regions.contrast(train.modalities[modality].values)[regions.measurable()]
    return -1.0 if len(contrast_K) and np.median(contrast_K) < 0 else 1.0


def _median(name: str, ratio_K: np.ndarray, real: Cohort, kept_N: np.ndarray, evaluation: Evaluation) -> Reading:
    """The reading of the ratios (K,) of the slices that a mask (N,) keeps."""
    counts = f"{len(ratio_K)} slices, {len(real) - len(ratio_K)} left out: lesion too small or too faint"
    if not len(ratio_K):
        return Reading(name=name, value=None, better="real", note=counts)
    return Reading(
        name=name,
        value=float(np.median(ratio_K)),
        interval=evaluation.interval(lambda chosen: float(np.median(ratio_K[chosen])), real.select(kept_N)),
        better="real",
        note=f"perfect: 1; {counts}",
    )


def _obstacle(model: Model | None, evaluation: Evaluation) -> str:
    """Why reconstructions cannot be measured; empty where they can."""
    if "lesion" not in evaluation.real.truth:
        return "the real cohort has no ground truth 'lesion'"
    if model is None:
        return "needs the model, not its slices alone"
    if (encoder := model.recipe.encoder()) is None:
        return f"recipe {model.recipe.name!r} has no encoder"
    made, read = model.recipe.images(), (*encoder.from_, *model.recipe.given())
    of_slices = {*evaluation.modalities, *model.recipe.labels(), *model.recipe.modalities.keys() - made.keys()}
    if missing := [name for name in read if name not in of_slices]:
        return f"the model reads {missing[0]!r}, which is not among the modalities that are judged"
    if any(name not in made or made[name].shape != spec.shape for name, spec in evaluation.modalities.items()):
        return "the model's modalities differ in name or size from those that are judged"
    return ""


def _unmeasured(split: str, why: str, evaluation: Evaluation) -> Iterator[Reading]:
    for name in evaluation.modalities:
        yield Reading(name=f"{name}.{split}", value=None, better="real", note=why)
