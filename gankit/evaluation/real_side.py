"""The real side of an evaluation, made from cohorts as they are, and the checks that come before any work."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import attrs
import numpy as np

from gankit._errors import CohortError, InputError, nearest
from gankit._shapes import shape_text
from gankit.cohort.cohort import Cohort
from gankit.cohort.source import cohort_of, fresh_of
from gankit.cohort.stored import read_cohort
from gankit.evaluation.evaluation import Evaluation, complete
from gankit.evaluation.judging import Judging
from gankit.recipe.recipe import ModalitySpec, Recipe

RANGE = (0.1, 99.9)
"""Percentiles of the real values that are the range of a modality where no recipe gives one."""


@attrs.frozen(kw_only=True)
class Wanted:
    """The label, with its value, that candidates should have."""

    label: str
    value: int = 1

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """``"cs"``, ``"cs=0"`` or ``"grade=3"``. Raises InputError for another value."""
        label, equals, value = text.partition("=")
        if not label or (equals and not re.fullmatch("[0-9]{1,3}", value)):
            raise InputError(f"`label` {text}: must be NAME, which is NAME=1, or NAME=VALUE with 0 or a class")
        return cls(label=label, value=int(value or 1))

    def __str__(self) -> str:
        return f"{self.label!r} = {self.value}"


@attrs.frozen(eq=False, kw_only=True)
class RealCohorts:
    """The cohorts of a real side, as they are in their files."""

    real: Cohort
    """The cohort that training saw."""
    fresh: Cohort | None = None
    """Patients that no training saw; None for none."""
    external: Cohort | None = None
    """Patients from elsewhere, who serve as a test; None for none."""

    def by_name(self) -> dict[str, Cohort]:
        """The begin of messages, as in ``"the real cohort"``, to the cohort that it is of."""
        there = {name: getattr(self, name) for name in ("real", "fresh", "external")}
        return {f"the {name} cohort": cohort for name, cohort in there.items() if cohort is not None}


def real_cohorts(recipe: Recipe | None, judging: Judging) -> RealCohorts:
    """Load the cohorts of the real side: the files that ``judging`` names, else those of the recipe.

    Raises:
        InputError: neither a file nor a recipe says what is real.
        CohortError: a cohort cannot be read.
    """
    if judging.cohort is not None:
        real, offered = read_cohort(judging.cohort), None
    elif recipe is not None:
        real, offered = cohort_of(recipe.cohort), partial(fresh_of, recipe.cohort)
    else:
        raise InputError("which slices are real? give their cohort file as `cohort`, or a recipe as `recipe`")
    if judging.fresh is not None:
        fresh: Cohort | None = read_cohort(judging.fresh)
    else:
        fresh = None if offered is None else offered()
    return RealCohorts(
        real=real, fresh=fresh, external=None if judging.external is None else read_cohort(judging.external)
    )


def wanted_of(recipe: Recipe) -> Wanted | None:
    """The label that a recipe's synthetic slices should have; None where the recipe gives none."""
    made = recipe.approached_label()
    return next((Wanted(label=label, value=value) for label, value in made.items()), None)


def prepare(
    cohorts: RealCohorts,
    modalities: Mapping[str, ModalitySpec],
    wanted: Wanted,
    *,
    seed: int,
    replicates: int,
    cache: Path,
) -> Evaluation:
    """The real side of an evaluation.

    Args:
        cohorts: the cohorts as they are.
        modalities: modality to the size, unit and range at which slices are judged.
        wanted: the label that candidates should have.
        seed, replicates, cache: see ``Evaluation``.

    Raises:
        InputError: modalities differ in size from each other, or the train split has no slice with the label. A test
            split without such slices is accepted, since not every metric needs test slices.
        CohortError: a modality is missing or differs in unit or size, the label is missing, a fresh patient is in the
            real cohort too, or a slice of the external cohort is in one of the others too, or has values of another
            unit than it says.
    """
    # Refuse what does not fit, before anything is made.
    _require_one_size(modalities)
    _require_real(cohorts, wanted)

    # Keep the slices that have every modality, in one size.
    judged = {whose: complete(cohort, modalities, whose) for whose, cohort in cohorts.by_name().items()}
    evaluation = Evaluation(
        real=judged["the real cohort"],
        fresh=judged.get("the fresh cohort"),
        external=judged.get("the external cohort"),
        modalities=modalities,
        label=wanted.label,
        value=wanted.value,
        seed=seed,
        replicates=replicates,
        cache=cache,
    )
    evaluation.pool("train")  # raises where there are none
    _require_elsewhere(evaluation)
    return evaluation


def _require_real(cohorts: RealCohorts, wanted: Wanted) -> None:
    """Make sure that the cohorts are real and have the label, and that no real patient is among the fresh ones."""
    real, fresh = cohorts.real, cohorts.fresh
    for whose, cohort in cohorts.by_name().items():
        if cohort.synthetic:
            raise CohortError(f"{whose} is marked synthetic ({cohort.source}); real slices are needed here")
        require_label(cohort, wanted, whose)
    if fresh is not None and (shared := sorted(set(real.patient) & set(fresh.patient))):
        raise CohortError(
            f"the fresh cohort shares {len(shared)} patients with the real one, the first is '{shared[0]}';"
            " leave them out of it"
        )


def _require_elsewhere(evaluation: Evaluation) -> None:
    """Make sure that the external cohort has the values of its unit, and no slice of another cohort. Slices are
    compared by their images, since clinics may give two patients one name. Raises CohortError: it has not."""
    if evaluation.external is None:
        return
    from gankit.cohort.fit import narrow, outside

    for name, spec in evaluation.modalities.items():
        values, (low, high) = evaluation.external.modalities[name].values, spec.range
        if found := narrow(spec, values):
            raise CohortError(f"the external cohort: {name}: 98% of its values are {found} convert them")
        if (share := outside(spec, values)) > 0.5:
            raise CohortError(
                f"the external cohort: {name}: {share:.0%} of its values are outside [{low:g}, {high:g}], the range"
                " that is judged; convert them"
            )
    for whose, cohort in (("real", evaluation.real), ("fresh", evaluation.fresh)):
        known = set() if cohort is None else set(_images(cohort))
        if shared := _tested_among(known, [evaluation.external]):
            raise CohortError(
                f"the external cohort shares {len(shared)} slices with the {whose} one, the first of patient"
                f" '{shared[0]}'; leave them out of it"
            )


def _require_one_size(modalities: Mapping[str, ModalitySpec]) -> None:
    if len({spec.shape[1:] for spec in modalities.values()}) > 1:
        sizes = ", ".join(f"{name} {shape_text(spec.shape)}" for name, spec in modalities.items())
        raise InputError(
            f"modalities are judged together at one size, found {sizes}; choose those of one size with `modalities`"
        )


def require_label(cohort: Cohort, wanted: Wanted, whose: str) -> None:
    """Make sure that a cohort has the label; ``whose`` begins the message. Raises CohortError: it has not."""
    if wanted.label not in cohort.labels:
        known = ", ".join(cohort.labels) or "none"
        raise CohortError(
            f"{whose}: no label {wanted.label!r}{nearest(wanted.label, cohort.labels)}; it has {known};"
            " choose with `label`"
        )


def only_label(real: Cohort) -> Wanted:
    """The only label of a cohort, where neither recipe nor user names one. Raises CohortError: it has not one label."""
    if len(real.labels) != 1:
        raise CohortError(f"the real cohort has labels {', '.join(real.labels) or 'none'}; choose one with `label`")
    return Wanted(label=next(iter(real.labels)))


def shared_modalities(
    candidate: Cohort, real: Cohort, whose: str, names: Sequence[str] = ()
) -> dict[str, ModalitySpec]:
    """How to judge the candidates of a cohort file: their modalities, each in their size and in the real unit.

    The range of a modality spans the real values between the percentiles ``RANGE``.

    Args:
        candidate: the slices to judge.
        real: the real cohort.
        whose: the begin of messages.
        names: modalities to judge; default: all of ``candidate``.

    Raises:
        CohortError: the real cohort lacks one of them, or has it on no slice.
    """
    from gankit.cohort.fit import present_values

    specs = {}
    for name, modality in candidate.modalities.items():
        if names and name not in names:
            continue
        if name not in real.modalities:
            known = ", ".join(real.modalities)
            raise CohortError(
                f"{whose}: has modality {name!r}, the real cohort has {known}{nearest(name, real.modalities)};"
                " choose those to judge with `modalities`"
            )
        other = real.modalities[name]
        if not other.present.any():
            raise CohortError(
                f"{whose}: has modality {name!r}, which no slice of the real cohort has; choose those to judge with"
                " `modalities`"
            )
        low, high = (float(end) for end in np.percentile(present_values(other), RANGE))
        specs[name] = ModalitySpec(
            shape=modality.values.shape[1:], unit=other.unit, range=(low, high if high > low else low + 1)
        )
    return specs


def chosen_modalities(specs: Mapping[str, ModalitySpec], names: Iterable[str]) -> dict[str, ModalitySpec]:
    """The modalities with these names, or all where none is named. Raises InputError: there is no such modality."""
    for name in names:
        if name not in specs:
            raise InputError(f"`modalities` {name}: no such modality{nearest(name, specs)}; known: {', '.join(specs)}")
    return {name: specs[name] for name in names} or dict(specs)


def judged_slices(cohort: Cohort, evaluation: Evaluation, whose: str) -> Cohort:
    """The slices of a cohort file that can be candidates.

    They have every modality and, where the cohort has the label, the wanted value. Of a real cohort they are in its
    train split.

    Raises:
        CohortError: a modality, unit or size differs, no slice is left, or the cohort is real and lacks the label or
            has test patients of the real side, fresh ones included.
    """
    # Which slices?
    wanted = Wanted(label=evaluation.label, value=evaluation.value)
    slices = complete(cohort, evaluation.modalities, whose)
    if not cohort.synthetic:
        require_label(cohort, wanted, whose)
        slices = _of(slices, slices.split == "train", whose, "in its train split")
    if wanted.label in slices.labels:
        slices = _of(slices, slices.labels[wanted.label] == wanted.value, whose, f"with label {wanted}")

    # Slices of tested patients would read too well.
    tested = {patient for test in _tests(evaluation) for patient in test.patient}
    if not cohort.synthetic and (leaked := sorted(set(slices.patient) & tested)):
        raise CohortError(
            f"{whose}: {len(leaked)} of its train patients are in the test split of the real or the fresh cohort, the"
            f" first is '{leaked[0]}'; figures would flatter it; leave them out, or judge against another test"
        )
    if evaluation.external is not None and (shared := _tested_among(set(_images(slices)), [evaluation.external])):
        raise CohortError(
            f"{whose}: {len(shared)} of its slices are in the external cohort, the first of patient '{shared[0]}';"
            " figures would flatter it; leave them out, or judge against another cohort"
        )
    return slices


def _tests(evaluation: Evaluation) -> list[Cohort]:
    """The test slices of the real cohort and of the fresh one, without a cohort that has none."""
    sides = [evaluation.real, *([] if evaluation.fresh is None else [evaluation.fresh])]
    return [side.select(side.split == "test") for side in sides if "test" in side.split]


def trains_on_tests(recipe: Recipe) -> bool:
    """Whether a recipe has a pool with slices of its cohort's test split."""
    return any(pool.split != "train" for pool in recipe.pools.values())


def refuse_tested(recipe: Recipe, evaluation: Evaluation, whose: str) -> str:
    """Make sure that no slice in a recipe's pools is a test slice of the real side.

    The real side may be another cohort than the recipe's, with other names of patients. So slices are compared by their
    images, at the size of the evaluation.

    Returns: a caution where the recipe's cohort cannot be loaded or compared, else an empty text.

    Raises:
        CohortError: a test slice is in a pool.
    """
    from gankit.cohort.fit import select_pool

    # The images that training may have seen
    try:
        seen = complete(cohort_of(recipe.cohort), evaluation.modalities, whose)
    except CohortError:
        return "its training cohort is not at hand: whether test slices are in it is unknown"
    trained_N = np.zeros(len(seen), dtype=bool)
    for pool in recipe.pools.values():
        if pool.label is None or pool.label in seen.labels:
            trained_N |= select_pool(pool, seen)
    trained = set(_images(seen.select(trained_N)))

    # Is any test image among them?
    if leaked := _tested_among(trained, _tests(evaluation)):
        raise CohortError(
            f"{whose}: was trained on {len(leaked)} test slices of the real cohort, the first of patient"
            f" '{leaked[0]}'; figures would flatter it; judge against a cohort that has them in its train split"
        )
    if evaluation.external is not None and (leaked := _tested_among(trained, [evaluation.external])):
        raise CohortError(
            f"{whose}: was trained on {len(leaked)} slices of the external cohort, the first of patient '{leaked[0]}';"
            " figures would flatter it; judge against another cohort"
        )
    return ""


def _tested_among(images: Container[bytes], tests: Iterable[Cohort]) -> list[str]:
    """The patient of each tested slice whose image is among these."""
    return [
        patient for test in tests for patient, image in zip(test.patient, _images(test), strict=True) if image in images
    ]


def _images(cohort: Cohort) -> list[bytes]:
    """A digest of each slice's first modality."""
    values = next(iter(cohort.modalities.values())).values
    return [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in values]


def _of(cohort: Cohort, chosen_N: np.ndarray, whose: str, which: str) -> Cohort:
    """The chosen slices. Raises CohortError: there are none."""
    if not chosen_N.any():
        raise CohortError(f"{whose}: none of its {len(cohort)} complete slices is {which}; see 'gankit cohort info'")
    return cohort.select(chosen_N)
