"""``pair-consistency``: whether the modalities of a slice belong together."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import attrs
import numpy as np

from gankit import AbstractMetric, Candidate, Cohort, Evaluation, Reading, option
from gankit_metrics._sizes import unfit
from gankit_metrics.classification import NO_TEST, largest_test


@attrs.frozen(kw_only=True)
class PairConsistency(AbstractMetric):
    """The error with which an independent regressor, trained on real train pairs of every label, predicts each
    further modality of a slice from the first one: ``mean |f(first) - other|`` over pixels and slices.

    Readings, for each further modality: ``{modality}.error``, in the modality's unit, and ``{modality}.ratio``, this
    error divided by the error on real test pairs with the wanted label (of fresh patients if there are any). The aim is
    the value of real pairs, so a ratio of 1. Below 1, candidates are smoother than real slices, since blur is easy to
    predict. The notes give the error on real pairs, and the error on the candidates' own modalities shuffled among
    slices: the value of pairs whose modalities have nothing to do with each other.

    The idea is that of a predictive score, train on real and test on synthetic (Yoon et al. 2019, "Time-series
    generative adversarial networks", Sec. 5).
    """

    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"*": (0.0, math.inf)}

    width: int = option(12, ge=1, le=16_384, help="channels of the regressor, a U-Net, at full size")
    steps: int = option(500, ge=1, help="training steps of 32 slices")
    learning_rate: float = option(4e-3, gt=0, help="largest step size of AdamW")

    def measure(self, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
        source, *targets = evaluation.modalities
        test = largest_test(evaluation)
        why = unfit(evaluation, multiple=4) if targets else "needs two modalities or more"
        if why or test is None:
            why = why or NO_TEST["test"]
            yield Reading(name="ratio", value=None, better="real", note=why)
            return
        for target in targets:
            yield from self._readings(candidate.cohort, test[1], source, target, evaluation)

    def _readings(
        self, cohort: Cohort, real: Cohort, source: str, target: str, evaluation: Evaluation
    ) -> Iterator[Reading]:
        from gankit_metrics._regressor import regressor
        from gankit_metrics._training import Schedule, applied

        schedule = Schedule(steps=self.steps, batch=32, learning_rate=self.learning_rate, shift=0)
        network = regressor(evaluation, source, target, self.width, schedule)
        low, high = evaluation.modalities[target].range

        def errors(slices: Cohort) -> tuple[np.ndarray, np.ndarray]:
            """Of the slices' own modality, and of that of another slice."""
            predicted, found = applied(network, evaluation.rows(slices, source)), evaluation.stacked(slices, target)
            own_N, other_N = (
                _error(predicted, found[partner_N]) * (high - low) / 2
                for partner_N in (slice(None), _elsewhere(len(slices), evaluation))
            )
            return own_N, other_N

        depends = attrs.asdict(self) | {"source": source, "target": target, "slices": real.digest()}
        real_M = evaluation.kept("pair-errors", depends, lambda: {"errors": errors(real)[0]})["errors"]
        made_N, other_N = errors(cohort)
        shuffled = other_N.mean()
        yield Reading(
            name=f"{target}.ratio",
            value=float(made_N.mean() / real_M.mean()),
            interval=evaluation.interval(
                lambda chosen_N, chosen_M: float(made_N[chosen_N].mean() / real_M[chosen_M].mean()), cohort, real
            ),
            better="real",
            note=f"real pairs: 1; shuffled {shuffled / real_M.mean():.2f}",
        )
        yield Reading(
            name=f"{target}.error",
            value=float(made_N.mean()),
            interval=evaluation.interval(lambda chosen_N: float(made_N[chosen_N].mean()), cohort),
            unit=evaluation.modalities[target].unit,
            better="real",
            note=f"real pairs {real_M.mean():.4g}; shuffled {shuffled:.4g}",
        )


def _error(predicted: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Mean absolute difference of each slice (N,)."""
    return np.abs(predicted - found).reshape(len(found), -1).mean(axis=1, dtype=np.float64)


def _elsewhere(count: int, evaluation: Evaluation) -> np.ndarray:
    """A slice other than itself for each slice, where there are two or more."""
    order = evaluation.draws("pair-consistency/shuffle").permutation(count)
    partner_N = np.empty(count, dtype=int)
    partner_N[order] = np.roll(order, 1)
    return partner_N
