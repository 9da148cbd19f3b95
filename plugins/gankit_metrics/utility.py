"""``utility``: a classifier over the number of real training patients, with synthetic slices and without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar

import attrs

from gankit import AbstractMetric, Candidate, Evaluation, Problem, Reading, ReadingCurve, option

AXIS = "real training patients, %"
WHERE = {
    "fresh": "fresh patients",
    "test": "the test split",
    "external": "patients from elsewhere",
}
"""Name of a test to whose slices it has."""


@attrs.frozen(kw_only=True)
class Utility(AbstractMetric):
    """What synthetic slices are worth to a classifier: it learns the label from a share of the real training patients,
    alone, with augmentation, or with the candidates added, and is tested on patients that no training saw.

    Readings, ``{test}.{arm}.{share}.{figure}``:

    - Tests: ``fresh``, slices of fresh patients, or without these ``test``, the test split; and ``external``, a cohort
      from elsewhere, where one is given.
    - Arms: ``alone``, real slices as they are; ``augmented``, real slices that are mirrored, rotated by up to 10
      degrees, moved by up to 5%, scaled by up to 10%, and given another contrast and noise, anew in every step;
      ``added``, real slices as they are with candidates added, which make half of the slices with the label in every
      batch. A model that is given the label adds as many slices without it to those without it.
    - Shares: percent of the real training patients, of each class alike. Subsets are nested, 5% within 10%, and each
      repeat draws other patients.
    - Figures: ``auc``, the area under the ROC curve; ``sensitivity`` at a specificity of at least 90% on the test;
      ``gain``, the AUC less that of ``alone`` at the same share; ``patients``, how many more real patients would have
      given this AUC: the curve of ``alone`` by monotone regression, read backwards, between its points linearly in the
      logarithm of the number of patients. Beyond the ends of the curve there is no value, and the note says "more
      than" or "less than". So at 100% a gain in patients has no value unless it is a loss.

    Figures are means over repeats. Intervals are over test patients and repeats, both drawn again; where a class has
    fewer than five test patients there is none. The subsets of a share differ between repeats, and at 100% only the
    first weights do.

    All arms have the same network, first weights and number of update steps, so a gain is not one of longer training. A
    gain of .01 with few patients is none, though: noise with the label, added to 27 phantom patients, gave as much,
    since real slices that are seen half as often are learned less by heart. Compare with ``augmented``, too.

    A synthesizer that was trained on all real patients brings to a share of 10% what it learned of the other 90%: such
    a gain is that of a clinic with few patients that is given the model. What a model is worth to those who trained it
    is the gain at 100%. The row of real slices, where fresh real slices are added instead, shows the most that can be
    gained; only the class with the label is added there, so it stays below a curve of so many more patients.

    The idea is that of augmentation by synthetic lesions (Frid-Adar et al. 2018, arXiv:1803.01229), read as a learning
    curve.

    It trains 45 classifiers at default options: about four minutes for the first set on one core at 32 x 32, and a
    third of it for each further one, since curves without candidates are kept. Cost grows with ``repeats``, the number
    of ``shares`` and the area of slices, so that it is measured only where it is named.
    """

    by_default: ClassVar[bool] = False
    tests_elsewhere: ClassVar[bool] = True
    headline: ClassVar[tuple[str, ...]] = tuple(
        f"{test}.added.{figure}" for test in WHERE for figure in ("100.gain", "10.gain", "10.patients")
    )
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {
        "*.auc": (0.0, 1.0),
        "*.sensitivity": (0.0, 1.0),
        "*.gain": (-1.0, 1.0),
    }
    curves: ClassVar[tuple[ReadingCurve, ...]] = tuple(
        ReadingCurve(title=title, pattern=f"{test}.{{line}}.{{at}}.{figure}", axis=AXIS, logarithmic=True)
        for test, where in WHERE.items()
        for figure, title in (
            ("auc", f"AUC on {where}"),
            ("sensitivity", f"sensitivity at 90% specificity, {where}"),
        )
    )

    shares: tuple[int, ...] = option(
        (5, 10, 25, 50, 100), ge=1, le=100, help="percent of the real training patients, increasing"
    )
    repeats: int = option(3, ge=1, le=1000, help="trainings for each point, each on patients of its own")
    width: int = option(12, ge=1, le=16_384, help="channels after the first convolution")
    steps: int = option(400, ge=1, help="training steps of 64 slices")
    size: int = option(64, ge=8, le=16_384, help="largest side that classifiers see; larger slices are averaged down")

    def check(self, evaluation: Evaluation) -> Iterator[Problem]:
        from gankit_metrics._utility_patients import problems

        return problems(self, evaluation)

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterable[Reading]:
        from gankit_metrics._utility import measure

        return measure(self, candidate, evaluation)
