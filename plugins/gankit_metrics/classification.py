"""``sca`` tests a classifier that is trained on candidates; ``gan-test`` tests candidates with a classifier that is
trained on real slices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Cohort, Evaluation, InputError, Reading, option
from gankit_metrics._sizes import unfit

if TYPE_CHECKING:
    from torch.nn import Module

FEWEST = 8
"""Slices that each class needs, for a classifier to be trained."""
SHARES = {"*": (0.0, 1.0)}
"""The range of readings that are all shares or areas under a ROC curve."""
TOO_FEW = f"needs {FEWEST} slices of each label to train on"
NO_TEST = {
    "fresh": "there are no fresh patients to test on",
    "test": "the real cohort lacks test slices with the label, without it, or both",
}


@attrs.frozen(kw_only=True)
class SliceClassificationAccuracy(AbstractMetric):
    """SCA of Wang et al., IV: the accuracy of a network of two fully connected layers on real test slices. It is
    trained on the candidates, which stand for slices with the wanted label, and on as many real train slices without
    the label.

    Readings: ``{test}.{view}.{accuracy, auc}``. Tests: ``test``, the test split of the real cohort (in the paper 50 +
    50 slices, too few to tell methods apart: one classifier's accuracy ranges over 19 points when the patients are
    drawn anew), and ``fresh``, slices of patients that no training saw. Views: ``all`` modalities together, and
    each alone.

    It is a GAN-train score (Shmelkov et al. 2018, "How good is my GAN?", Sec. 3), and artefacts mislead it: a network
    that learns to tell synthetic from real classifies its training data correctly without learning the label. With
    1,500 steps instead of the 800 here, a faint grid on real slices with the wanted label brings ``fresh.all.accuracy``
    from .73 to .59 and leaves the AUC, .81, as it is, so read both; such a network has a sensitivity near 0 and a
    specificity near 1, which the note gives. ``gan-test`` does not have this weakness.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = SHARES

    hidden: int = option(64, ge=1, le=16_384, help="units of the first layer")
    steps: int = option(800, ge=1, help="training steps of 64 slices")
    learning_rate: float = option(1e-3, gt=0, help="largest step size of AdamW")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
        if len(candidate.cohort) < FEWEST or not trainable(evaluation):
            for view in views(evaluation):
                yield from _unmeasured(view, TOO_FEW)
            return
        other = evaluation.pool("train", wanted=False)
        other = other.select(_some(len(other), len(candidate.cohort), evaluation))
        for view, modalities in views(evaluation).items():
            network = self._trained(candidate.cohort, other, modalities, evaluation)
            yield from _tested(network, view, modalities, evaluation)

    def _trained(self, wanted: Cohort, other: Cohort, modalities: tuple[str, ...], evaluation: Evaluation) -> Module:
        from gankit_metrics._classifier import TwoLayer, classifier
        from gankit_metrics._training import Schedule

        pair = evaluation.stacked(wanted, *modalities), evaluation.stacked(other, *modalities)
        return classifier(
            lambda: TwoLayer(pair[0].shape[1:], self.hidden),
            *pair,
            Schedule(steps=self.steps, learning_rate=self.learning_rate, shift=0),
            evaluation.draws(f"sca/{'+'.join(modalities)}"),
        )


def views(evaluation: Evaluation) -> dict[str, tuple[str, ...]]:
    """What classifiers look at: all modalities, and each alone where there are several."""
    names = tuple(evaluation.modalities)
    return {"all": names} | ({name: (name,) for name in names} if len(names) > 1 else {})


def _some(count: int, wanted: int, evaluation: Evaluation) -> np.ndarray:
    """Indices of ``wanted`` of ``count`` slices, drawn without repetition; all if there are fewer."""
    return np.sort(evaluation.draws("sca/others").permutation(count)[:wanted])


def _tests(evaluation: Evaluation) -> dict[str, tuple[Cohort, Cohort] | None]:
    """By test, the largest first: real slices with the wanted label, and those without; None if one is lacking."""
    tests = {
        "fresh": _both(evaluation.fresh_pool),
        "test": _both(evaluation.pool),
    }
    return tests if tests["fresh"] else dict(reversed(tests.items()))


def _both(pool: Callable[[Literal["test"], bool], Cohort | None]) -> tuple[Cohort, Cohort] | None:
    """Test slices with the wanted label and without; None where one is lacking."""
    try:
        wanted, other = pool("test", True), pool("test", False)
    except InputError:
        return None
    return None if wanted is None or other is None else (wanted, other)


def largest_test(evaluation: Evaluation) -> tuple[str, Cohort, Cohort] | None:
    """The test of fresh patients if there are any, else that of the test split: its name, real slices with the wanted
    label, and those without. None if the test split lacks one of the two."""
    name, cohorts = next(iter(_tests(evaluation).items()))
    return None if cohorts is None else (name, *cohorts)


def trainable(evaluation: Evaluation) -> bool:
    """Whether the real train split has enough slices with the wanted label and without."""
    split_N, label_N = evaluation.real.split, evaluation.real.labels[evaluation.label]
    return all(((split_N == "train") & (label_N == value)).sum() >= FEWEST for value in (0, 1))


def _tested(network: Module, view: str, modalities: tuple[str, ...], evaluation: Evaluation) -> Iterator[Reading]:
    from gankit_metrics._classifier import accuracy, area_under_curve, logits

    for test, cohorts in _tests(evaluation).items():
        if cohorts is None:
            yield from _unmeasured(view, NO_TEST[test], (test,))
            continue
        wanted_N, other_M = (logits(network, evaluation.rows(cohort, *modalities)) for cohort in cohorts)
        note = f"sensitivity {(wanted_N > 0).mean():.2f}, specificity {(other_M <= 0).mean():.2f}"
        counts = f"{len(wanted_N)} + {len(other_M)} real slices"
        for name, statistic, said in (("accuracy", accuracy, note), ("auc", area_under_curve, "")):
            yield Reading(
                name=f"{test}.{view}.{name}",
                value=statistic(wanted_N, other_M),
                interval=evaluation.interval(_resampled(statistic, wanted_N, other_M), *cohorts),
                better="higher",
                note=", ".join(part for part in (counts, said) if part),
            )


def _resampled(
    statistic: Callable[[np.ndarray, np.ndarray], float], wanted_N: np.ndarray, other_M: np.ndarray
) -> Callable[[np.ndarray, np.ndarray], float]:
    return lambda chosen_N, chosen_M: statistic(wanted_N[chosen_N], other_M[chosen_M])


def _unmeasured(view: str, why: str, tests: tuple[str, ...] = ("fresh", "test")) -> Iterator[Reading]:
    for test in tests:
        for name in ("accuracy", "auc"):
            yield Reading(name=f"{test}.{view}.{name}", value=None, better="higher", note=why)


@attrs.frozen(kw_only=True)
class GanTest(AbstractMetric):
    """GAN-test (Shmelkov et al. 2018, "How good is my GAN?", Sec. 3): a convolutional classifier that is trained on
    real train slices alone tells candidates from real test slices without the wanted label.

    Readings, for all modalities and for each alone: ``{view}.accuracy`` and ``{view}.auc``. The accuracy is the mean of
    two shares: candidates to which it gives the wanted label, and real slices to which it does not. The aim is the
    value that real test slices with the label get in place of candidates; the notes give it.

    It never sees a candidate while it is trained, so it cannot learn to tell synthetic from real, as the classifier of
    ``sca`` can. Accuracy / AUC of other remedies, by what the candidates are (1,942 slices of fresh phantom patients,
    32 x 32, ADC and T2w; real slices get .84 / .91; the network is this one throughout):

    ====================================  ===========  ===========  ===========  ===========
    candidates                            paper's      jittered     added        gan-test
    ====================================  ===========  ===========  ===========  ===========
    real CS                               .81 / .89    .80 / .88    .84 / .92    .84 / .92
    real CS, faint checkerboard           .55 / .84    .80 / .88    .80 / .90    .85 / .93
    real CS, faint stripes of 8 pixels    .74 / .86    .52 / .76    .83 / .91    .82 / .90
    real CS, 5% brighter                  .74 / .82    .77 / .87    .81 / .89    .82 / .90
    real CS, blurred by .8 pixels         .50 / .62    .50 / .66    .75 / .85    .77 / .84
    real nonCS                            .54 / .56    .50 / .50    .78 / .86    .50 / .50
    real nonCS, faint checkerboard        .55 / .60    .50 / .50    .75 / .86    .51 / .54
    real nonCS, faint stripes             .50 / .59    .50 / .55    .79 / .87    .49 / .44
    ====================================  ===========  ===========  ===========  ===========

    Paper's: trained on candidates against real nonCS. Jittered: the same, with random noise, blur, gain and offset on
    both. Added: trained on real CS slices and candidates together; a useless candidate does not show. A linear
    discriminant of candidates against real nonCS in the features of a network trained on real slices kept real CS at
    .82 / .89 and more under all of these, but gave real nonCS with the checkerboard .67 / .75. Only GAN-test is right
    on every row. In return it does not see whether candidates differ from each other, which recall and coverage do, and
    a synthesizer may please it without a focal lesion, which ``oracle`` sees.
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = SHARES

    width: int = option(12, ge=1, le=16_384, help="channels after the first convolution")
    steps: int = option(400, ge=1, help="training steps of 64 slices")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
        from gankit_metrics._classifier import accuracy, area_under_curve, judge, logits
        from gankit_metrics._training import Schedule

        test = largest_test(evaluation)
        why = unfit(evaluation, least=8) or ("" if trainable(evaluation) else TOO_FEW)
        if test is None or why:
            for view in views(evaluation):
                for name in ("accuracy", "auc"):
                    why = why or NO_TEST["test"]
                    yield Reading(name=f"{view}.{name}", value=None, better="real", note=why)
            return
        which, wanted, other = test
        for view, modalities in views(evaluation).items():
            network = judge(evaluation, modalities, self.width, Schedule(steps=self.steps, shift=1))
            made_K, wanted_N, other_M = (
                logits(network, evaluation.rows(cohort, *modalities)) for cohort in (candidate.cohort, wanted, other)
            )
            for name, statistic in (("accuracy", accuracy), ("auc", area_under_curve)):
                yield Reading(
                    name=f"{view}.{name}",
                    value=statistic(made_K, other_M),
                    interval=evaluation.interval(_resampled(statistic, made_K, other_M), candidate.cohort, other),
                    better="real",
                    note=f"real: {statistic(wanted_N, other_M):.3f}; against {len(other_M)} real {which} slices",
                )
