"""Which real training patients a classifier learns from: nested subsets, drawn by class.

Letters: N slices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs
import numpy as np

from gankit import Cohort, Evaluation, Problem

if TYPE_CHECKING:
    from gankit_metrics.utility import Utility


@attrs.frozen(eq=False)
class Subset:
    """Real training slices of some patients, with the label and without."""

    wanted: Cohort
    other: Cohort

    @property
    def patients(self) -> int:
        return len({*self.wanted.patient, *self.other.patient})


@attrs.frozen(eq=False)
class Patients:
    """The real training slices whose label is known, with the class of each patient: with the label are those who have
    a slice with it."""

    wanted_N: np.ndarray
    """Whether a slice has the label."""
    slices: Cohort
    classes: tuple[np.ndarray, np.ndarray]
    """Names of the patients with the label and of those without, sorted."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> Patients:
        label_N = evaluation.real.labels[evaluation.label]
        chosen_N = (evaluation.real.split == "train") & (label_N >= 0)
        slices, wanted_N = evaluation.real.select(chosen_N), label_N[chosen_N] == evaluation.value
        wanted = np.unique(slices.patient[wanted_N])
        return cls(wanted_N, slices, (wanted, np.setdiff1d(slices.patient, wanted)))

    def counts(self, share: int) -> tuple[int, int]:
        """How many patients of each class a share has, halves rounded up."""
        with_label, without = (int(share * len(names) / 100 + 0.5) for names in self.classes)
        return with_label, without

    def subset(self, share: int, repeat: int, evaluation: Evaluation) -> Subset | None:
        """The patients of a share; those of a smaller share of the same repeat are among them. None where this leaves
        no slice with the label or none without."""
        generator = evaluation.draws(f"utility/patients/{repeat}")
        orders = [generator.permutation(names) for names in self.classes]
        chosen = np.concatenate([names[:count] for names, count in zip(orders, self.counts(share), strict=True)])
        of_patient_N = np.isin(self.slices.patient, chosen)
        sides = of_patient_N & self.wanted_N, of_patient_N & ~self.wanted_N
        return Subset(*map(self.slices.select, sides)) if all(side.any() for side in sides) else None


def problems(metric: Utility, evaluation: Evaluation) -> Iterator[Problem]:
    """See ``Utility.check``."""
    if not metric.shares or list(metric.shares) != sorted(set(metric.shares)):
        yield Problem("shares", f"must be one percentage or more, increasing, got {list(metric.shares)}")
        return
    patients = Patients.of(evaluation)
    for share in metric.shares:
        if any(patients.subset(share, repeat, evaluation) is None for repeat in range(metric.repeats)):
            yield Problem("shares", too_few(share, patients, evaluation))
            break
    if evaluation.external is not None:
        for wanted, words in ((True, "with"), (False, "without")):
            if evaluation.external_pool(wanted) is None:
                yield Problem("", f"the external cohort has no complete slice {words} {_named(evaluation)}")


def too_few(share: int, patients: Patients, evaluation: Evaluation) -> str:
    """That a share leaves a class without patients, and the least share that would not."""
    counts = [f"{count} of {len(names)}" for count, names in zip(patients.counts(share), patients.classes, strict=True)]
    fewest = min((len(names) for names in patients.classes if len(names)), default=0)
    remedy = f"; give shares of {math.ceil(50 / fewest)} or more" if share < 50 / max(1, fewest) else ""
    return (
        f"{share}% of the real training patients, {counts[0]} with {_named(evaluation)} and {counts[1]} without, leaves"
        f" a class without slices{remedy}"
    )


def _named(evaluation: Evaluation) -> str:
    return f"{evaluation.label} = {evaluation.value}"
