"""What the process of a comparison and its measuring processes share: the real side and the subjects.

It also has the parts of the result that follow from the rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import attrs

from gankit._errors import InputError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import cohort_digest
from gankit.comparison.plan import Plan, PlannedRun
from gankit.evaluation.differences import explained, real_readings, tested
from gankit.evaluation.evaluation import Evaluation
from gankit.evaluation.metrics import refuse_unfit
from gankit.evaluation.ranges import aim_of
from gankit.evaluation.real_side import (
    Wanted,
    chosen_modalities,
    only_label,
    prepare,
    real_cohorts,
    refuse_tested,
    trains_on_tests,
    wanted_of,
)
from gankit.evaluation.results import MethodResult, Row, Settings
from gankit.evaluation.rows import settings_of
from gankit.evaluation.subjects import Subject, model_subject, references
from gankit.evaluation.summary import bounded, by_id, headline, over_trainings
from gankit.files.user_cache import writable_cache
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import ModalitySpec
from gankit.run.targets import cohort_note


@attrs.frozen(eq=False)
class Comparison:
    """A plan, with its real side."""

    plan: Plan
    evaluation: Evaluation
    settings: Settings
    """How slices are judged."""
    notes: Mapping[str, str]
    """Name of a run to a caution about its training slices, for the runs whose slices had to be looked at."""
    own: Cohort | None
    """The recipes' cohort as it is now; None where the real slices are of another cohort."""

    @classmethod
    def of(cls, plan: Plan, plugins: Plugins) -> Comparison:
        """Load the real side of a plan.

        Raises:
            InputError: recipes differ in cohort, in label, or in size, unit or range of a common modality; have no
                common modality; or make slices of another label than asked for. Or a comparison that is to stand
                beside was judged otherwise.
            CohortError: a cohort cannot be read or does not fit, or a run was trained on test slices.
        """
        # What do the recipes have in common?
        _same_cohort(plan)
        first = plan.runs[0].recipe
        judging = plan.judging
        modalities = chosen_modalities(common_modalities(plan), judging.modalities)
        wanted = wanted_label(plan)

        # The real slices
        cohorts = real_cohorts(first, judging)
        real = cohorts.real
        evaluation = prepare(
            cohorts,
            modalities,
            wanted or only_label(real),
            seed=judging.seed,
            replicates=judging.replicates,
            cache=writable_cache() or plan.folder / "cache",
        )
        refuse_unfit(plan.metrics, evaluation)
        settings = settings_of(evaluation, judging.sample_sets, plan.metrics, plugins)
        for earlier in plan.beside:
            earlier.refuse_other(settings)
        own = real if plan.judging.cohort is None else None
        return cls(plan, evaluation, settings, _notes(plan, evaluation), own)

    def warnings(self) -> list[str]:
        """Those of the plan, and what the comparisons beside it have in another way."""
        return [*self.plan.warnings(), *(text for each in self.plan.beside for text in each.warnings(self.settings))]

    def subjects(self, plugins: Plugins) -> list[Subject]:
        """The subjects to judge: the trained runs, then real slices."""
        return [*self.trained(plugins), *references(self.evaluation, self.plan.judging.sample_sets)]

    def trained(self, plugins: Plugins) -> list[Subject]:
        """The subjects of the runs that are trained."""
        trained = [run for run in self.plan.runs if self.plan.standing(run).trained]
        return [self._subject(run, plugins) for run in trained]

    def _subject(self, run: PlannedRun, plugins: Plugins) -> Subject:
        directory = self.plan.run_directory(run)
        changed = "" if self.own is None else cohort_note(directory.path, cohort_digest(run.recipe, self.own))
        note = self.notes.get(run.name, changed)
        return model_subject(
            run.name, directory.path, directory.model, self.evaluation, self.plan.judging, plugins, note
        )


def _notes(plan: Plan, evaluation: Evaluation) -> dict[str, str]:
    """Name of a run to a caution about its training slices; runs with the same cohort and pools are looked at once.

    Raises:
        CohortError: a run was trained on test slices.
    """
    found: dict[str, str] = {}
    notes = {}
    for run in plan.runs:
        if plan.judging.cohort is None and not trains_on_tests(run.recipe):
            continue
        source = json.dumps([run.document["cohort"], run.document["pools"]])
        if source not in found:
            found[source] = refuse_tested(run.recipe, evaluation, run.method)
        notes[run.name] = found[source]
    return notes


def _same_cohort(plan: Plan) -> None:
    """Raises InputError: recipes have different cohorts, and no file says which slices are real."""
    if plan.judging.cohort is not None:
        return
    first, *others = plan.runs
    for run in others:
        if run.document["cohort"] != first.document["cohort"]:
            raise InputError(
                f"{first.method} and {run.method} train on different cohorts; say which slices are real with `cohort`"
            )


def common_modalities(plan: Plan) -> dict[str, ModalitySpec]:
    """The modalities that every recipe makes.

    Raises:
        InputError: there is none, or a modality that is judged differs between recipes in size, unit or range.
    """
    first, *others = plan.runs
    shared = first.recipe.images()
    for run in others:
        specs = run.recipe.images()
        shared = {name: spec for name, spec in shared.items() if name in specs}
        for name, spec in shared.items():
            if plan.judging.modalities and name not in plan.judging.modalities:
                continue
            for key in ("shape", "unit", "range"):
                if (one := getattr(spec, key)) != (other := getattr(specs[name], key)):
                    raise InputError(
                        f"modalities.{name}.{key}: {one} in {first.method}, {other} in {run.method}; methods are"
                        " compared at one size, unit and range"
                    )
        if not shared:
            raise InputError(f"{first.method} and {run.method} make no modality in common; compare others")
    return shared


def wanted_label(plan: Plan) -> Wanted | None:
    """The label that slices should have; None where neither user nor recipes give one.

    Raises:
        InputError: recipes make slices of another label than asked for, or of different labels.
    """
    found = {run.method: wanted_of(run.recipe) for run in plan.runs}
    said = {method: wanted for method, wanted in found.items() if wanted is not None}
    if plan.judging.label is not None:
        asked = Wanted.parse(plan.judging.label)
        for method, wanted in said.items():
            if wanted != asked:
                raise InputError(
                    f"{method} makes slices with {wanted}, asked for are slices with {asked}; choose with `label`"
                )
        return asked
    if len(set(said.values())) > 1:
        listed = ", ".join(f"{method} {wanted}" for method, wanted in said.items())
        raise InputError(f"the recipes make slices with different labels ({listed}); compare those that make the same")
    return next(iter(said.values()), None)


# Results --------------------------------------------------------------------------------------------------


def compared(plan: Plan, rows: Sequence[Row]) -> dict[str, Any]:
    """The parts of a ``ComparisonResult`` that follow from its rows, those of the comparisons beside it included."""
    by_name = {row.name: row for row in rows}
    named = {name: [run.name for run in plan.runs if run.method == name] for name in plan.methods}
    earlier = {method.name: method for each in plan.beside for method in each.result.methods}
    named |= {name: list(method.rows) for name, method in earlier.items()}
    judged = {method: [by_name[name] for name in names if name in by_name] for method, names in named.items()}
    by_seed = any(len(names) > 1 for names in named.values())
    by_seed = by_seed or any(each.result.unit == "training seed" for each in plan.beside)
    methods = tuple(
        _method(name, own, by_seed, plan) if by_seed or name not in earlier else bounded(earlier[name], plan.metrics)
        for name, own in judged.items()
        if own
    )
    known = by_id(method.summary for method in methods)
    aims = {name: aim for name, (first, *_) in known.items() if (aim := aim_of(first, plan.metrics)) is not None}
    shown = headline(rows, plan.headline, plan.metrics)
    unit: Literal["training seed", "sample set"] = "training seed" if by_seed else "sample set"
    return {
        "headline": shown,
        "unit": unit,
        "note": explained(unit),
        "methods": methods,
        "tests": tested(methods, shown, real_readings(rows), aims),
    }


def _method(name: str, rows: Sequence[Row], by_seed: bool, plan: Plan) -> MethodResult:
    times = [row.wall_s for row in rows if row.wall_s is not None]
    devices = dict.fromkeys(row.device for row in rows if row.device)
    return MethodResult(
        name=name,
        rows=tuple(row.name for row in rows),
        seeds=tuple(row.seed for row in rows),
        steps=rows[0].steps,
        wall_s=sum(times) / len(times) if times else None,
        device=", ".join(devices) or None,
        summary=over_trainings(rows, by_seed, plan.metrics),
    )
