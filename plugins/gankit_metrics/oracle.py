"""``oracle``: the share of candidates in which a detector that knows the ground truth finds a lesion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Cohort, Evaluation, Reading, option, rows_of
from gankit_metrics._sizes import unfit
from gankit_metrics.classification import NO_TEST, SHARES, largest_test

if TYPE_CHECKING:
    from gankit_metrics._detector import Detector

BETTER: dict[str, Literal["higher", "lower", "real"]] = {
    "lesion": "real",
    "real.wanted": "higher",
    "real.other": "lower",
}
CLEAR = 8
"""The detector needs this many lesions of two pixels or more to be trained on."""


@attrs.frozen(kw_only=True)
class Oracle(AbstractMetric):
    """The share of candidates in which a segmentation network finds a lesion.

    Candidates have no ground truth, so a network that was trained on the real train slices and their ground truth
    ``lesion`` takes its place. Train slices that have the label, or may have it, but no lesion in the ground truth are
    not used. A region counts as a lesion only if it has the contrast of a real lesion in every modality.

    Readings, all of the share of slices: ``lesion`` of candidates, and for comparison ``real.wanted`` (the detector's
    sensitivity) and ``real.other`` (how often it is wrong) of real test slices with and without the label.

    The region is the network's surest one: connected pixels of probability above one half, two at least. Its contrast
    is the mean of the surrounding ring minus the mean of the region. In every modality it must be at least the tenth
    percentile of the contrasts of real train lesions, and at least 1% of the range. The sign of the median contrast of
    real lesions says whether lesions are dark or bright in a modality. Where there is ground truth ``tissue``, the
    network also segments the tissues that lesions grow in, and rings keep to them. The aim is ``real.wanted``.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = SHARES

    width: int = option(12, ge=1, le=16_384, help="channels of the detector, a U-Net, at full size")
    steps: int = option(500, ge=1, help="training steps of 32 slices")
    learning_rate: float = option(4e-3, gt=0, help="largest step size of AdamW")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
        test = largest_test(evaluation)
        if (why := _obstacle(evaluation)) or test is None:
            for name, better in BETTER.items():
                yield Reading(name=name, value=None, better=better, note=why or NO_TEST["test"])
            return
        which, wanted, other = test
        trained = self._detector(evaluation)
        for name, cohort, of, found in (
            ("lesion", candidate.cohort, "candidates", trained.found(candidate.cohort, evaluation)),
            *(
                (
                    f"real.{side}",
                    cohort,
                    f"real {which} slices {said} the label",
                    self._in_real(cohort, trained, evaluation),
                )
                for side, cohort, said in (("wanted", wanted, "with"), ("other", other, "without"))
            ),
        ):
            any_N, alike_N = found
            yield Reading(
                name=name,
                value=float(alike_N.mean()),
                interval=evaluation.interval(partial(_share, alike_N), cohort),
                better=BETTER[name],
                note=f"{len(cohort)} {of}; {any_N.mean():.2f} with a region of any contrast",
            )

    def _detector(self, evaluation: Evaluation) -> Detector:
        from gankit_metrics._detector import detector
        from gankit_metrics._training import Schedule

        schedule = Schedule(steps=self.steps, batch=32, learning_rate=self.learning_rate, shift=1)
        return detector(evaluation, self.width, schedule)

    def _in_real(self, cohort: Cohort, trained: Detector, evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
        """What the detector finds in real slices, as ``Detector.found``; looked for once."""
        depends = attrs.asdict(self) | {"slices": cohort.digest()}
        kept = evaluation.kept(
            "lesions", depends, lambda: dict(zip(_FOUND, trained.found(cohort, evaluation), strict=True))
        )
        return kept["any"], kept["alike"]


_FOUND = ("any", "alike")


def _share(mask_N: np.ndarray, chosen: np.ndarray) -> float:
    return float(mask_N[chosen].mean())


def _obstacle(evaluation: Evaluation) -> str:
    """Why there can be no detector; empty where there can."""
    if "lesion" not in evaluation.real.truth:
        return "the real cohort has no ground truth 'lesion'"
    if why := unfit(evaluation, multiple=4):
        return why
    from gankit_metrics._regions import lesion_fraction, lesion_regions

    train = evaluation.real.select(evaluation.real.split == "train")
    sides = next(iter(evaluation.modalities.values())).shape[1:]
    clear_N = rows_of(train, lambda part: lesion_regions(lesion_fraction(part, sides)).measurable())
    clear = int(np.asarray(clear_N).sum())
    return "" if clear >= CLEAR else f"needs {CLEAR} train slices with a lesion of two pixels, found {clear}"
