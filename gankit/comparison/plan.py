"""The plan of a comparison: its runs, how far each is, and what may not change after the begin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import CheckpointError, InputError
from gankit.comparison.earlier import Earlier
from gankit.evaluation.judging import Judging
from gankit.evaluation.metrics import headline_patterns
from gankit.evaluation.result_files import COMPARISON
from gankit.files.atomic import write_text
from gankit.files.header import header
from gankit.files.json_file import read_document, write_document
from gankit.files.made import refuse_to_replace
from gankit.files.toml_text import toml_text
from gankit.plugin.components import AbstractMetric
from gankit.plugin.plugins import Plugins
from gankit.recipe.check import recipe_warnings
from gankit.recipe.file import Layers, check_document
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import Document, plain, structure_named, to_document
from gankit.report.report import REPORT
from gankit.run.directory import RunDirectory, differences
from gankit.run.identity import refuse_other_model
from gankit.run.model_header import ModelHeader

FORMAT = "gankit-comparison-plan-1"
PLAN = "plan.json"
KEYS = ("format", "judging", "sets", "headline", "device", "metrics", "runs")
"""What a plan has, besides its digest."""
REMEDY = "restore it, remove it to go on with the runs that are there, or compare in another place"
SHOWN = 3
"""Number of differing keys that a message names."""


@attrs.frozen(kw_only=True)
class PlannedRun:
    """One training of one method."""

    name: str
    """Name of its run directory and of its row."""
    method: str
    """Name of the method."""
    seed: int
    """``training.seed``."""
    recipe: Recipe
    document: Document
    """The completed recipe as plain tables."""


@attrs.frozen(kw_only=True)
class Standing:
    """How far a planned run is."""

    steps: int
    """Training steps of its model; 0 where there is none that verifies."""
    wanted: int
    """Training steps that the plan asks for."""

    @property
    def trained(self) -> bool:
        return self.steps == self.wanted


@attrs.frozen(kw_only=True)
class Plan:
    """The plan of a comparison: everything that its figures depend on. It is kept as plan.json."""

    folder: Path
    runs: tuple[PlannedRun, ...]
    judging: Judging
    metrics: Mapping[str, AbstractMetric]
    """The metrics that ``judging`` asks for, by name, with their options."""
    beside: tuple[Earlier, ...] = ()
    """Comparisons whose methods join this one's in the result. plan.json leaves them out, since nothing that is trained
    or measured here depends on them."""

    @property
    def methods(self) -> list[str]:
        """Names of the methods, in the order in which they were given."""
        return list(dict.fromkeys(run.method for run in self.runs))

    @property
    def seeds(self) -> int:
        """Number of trainings of each method."""
        return len(self.runs) // len(self.methods)

    @property
    def headline(self) -> tuple[str, ...]:
        """Patterns of the readings in the short table."""
        return headline_patterns(self.judging, self.metrics)

    def warnings(self) -> list[str]:
        """A sentence for each setting of a method's recipe that is allowed but probably a mistake."""
        first = {run.method: run.recipe for run in reversed(self.runs)}
        return [f"{method}: {warning}" for method in self.methods for warning in recipe_warnings(first[method])]

    def run_directory(self, run: PlannedRun) -> RunDirectory:
        return RunDirectory(self.folder / "runs" / run.name)

    def recipe_file(self, run: PlannedRun) -> Path:
        return self.folder / "recipes" / f"{run.name}.toml"

    def standing(self, run: PlannedRun) -> Standing:
        """How far a run is.

        Raises:
            InputError: its directory has a run or a model of another recipe, or one that was trained for longer.
        """
        there = self.run_directory(run)
        wanted = run.recipe.training.steps
        if not there.path.exists():
            return Standing(steps=0, wanted=wanted)
        if (there.recipe.exists() or there.model.exists()) and (
            found := differences(there.locked_recipe(), run.document)
        ):
            raise InputError(
                f"{there.path}: holds a run of another recipe ({_some(found)}); move it away, or compare in another"
                " place with `out`"
            )
        refuse_other_model(there, run.document, resuming=True)
        steps = _steps_of(there.model)
        if steps > wanted:
            raise InputError(
                f"{there.path}: was trained for {steps} steps, this comparison asks for {wanted}; give `steps` {steps},"
                " or compare in another place with `out`"
            )
        return Standing(steps=steps, wanted=wanted)

    def refuse_one_model_twice(self) -> None:
        """Make sure that no two rows are of one model, the rows of comparisons beside this one included.

        Raises:
            InputError: two are; one training would count as two.
        """
        seen: dict[str, str] = {}
        for where, digest in self._models():
            if digest in seen:
                raise InputError(
                    f"{where}: is the same model as {seen[digest]} (digest {digest}), so one training would count as"
                    " two; leave one of them out, or train another seed"
                )
            seen[digest] = where

    def _models(self) -> Iterator[tuple[str, str]]:
        """Where each model that is compared was found, and its digest. Rows of earlier versions do not say theirs."""
        for run in self.runs:
            if self.standing(run).trained:
                yield str(self.run_directory(run).path), header(self.run_directory(run).model)["digest"]
        for earlier in self.beside:
            for row in earlier.rows:
                if row.model_digest is not None:
                    yield f"row {row.name!r} of {earlier.file}", row.model_digest

    # plan.json --------------------------------------------------------------------------------------------

    def document(self, plugins: Plugins) -> dict[str, Any]:
        """The plan as JSON."""
        judging, sets = self.judging, self.judging.sample_sets
        return {
            "format": FORMAT,
            "judging": {
                "per_set": sets.size,
                "seed": sets.seed,
                "replicates": judging.replicates,
                "cohort": None if judging.cohort is None else str(judging.cohort),
                "fresh": None if judging.fresh is None else str(judging.fresh),
                **({} if judging.external is None else {"external": str(judging.external)}),
                "modalities": list(judging.modalities),
                "label": judging.label,
            },
            "sets": sets.count,
            "headline": list(self.headline),
            "device": judging.device,
            "metrics": {name: plain(metric, plugins.registry) for name, metric in self.metrics.items()},
            "runs": {run.name: {"method": run.method, "seed": run.seed, "recipe": run.document} for run in self.runs},
        }

    def write(self, plugins: Plugins) -> None:
        """Write plan.json and the recipes of the runs."""
        self.write_recipes("A run of a comparison; made by 'gankit compare'.")
        write_document(self.folder / PLAN, self.document(plugins))

    def write_recipes(self, comment: str) -> None:
        """Write the recipe of each run, with a comment of one line above it."""
        for run in self.runs:
            write_text(self.recipe_file(run), f"# {comment}\n{toml_text(run.document)}")

    def refuse_other(self, plugins: Plugins) -> None:
        """Make sure that the folder is new or has this comparison, perhaps with fewer methods, seeds, sets or metrics.

        Raises:
            InputError: it has another comparison; the message names what differs. Or it has none, but files of someone
                else in the places of this one's.
        """
        path = self.folder / PLAN
        if not path.is_file():
            refuse_to_replace(self.folder / REPORT)
            refuse_to_replace(self.folder / COMPARISON, self.folder / "comparison.md", self.folder / "comparison.tex")
        else:
            with _damaged(path):
                found = list(_changes(read_document(path, FORMAT, REMEDY, KEYS), self.document(plugins)))
            if found:
                raise InputError(
                    f"{self.folder}: holds another comparison ({_some(found)}); give the same values, or another place"
                    " with `out`"
                )


def _steps_of(model: Path) -> int:
    """Steps of a run's model; 0 where there is none, or a damaged one, which training puts right."""
    from gankit.run.model import read_model

    try:
        return ModelHeader.of(read_model(model)[1], model).step
    except CheckpointError:
        return 0


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    """A sentence for each method that the new plan leaves out, and for each key that it changes in the others.

    Another number of seeds or sets, and other metrics, are not changes: tables show what is asked for now, and what was
    trained and measured before is kept.
    """
    yield from differences({"judging": old["judging"]}, {"judging": new["judging"]})
    before, after = (
        {run["method"]: run["recipe"] for run in reversed(document["runs"].values())}  # so that the first seed's stays
        for document in (old, new)
    )
    yield from (f"it has {name!r}, which is not among yours" for name in before if name not in after)
    both = [name for name in before if name in after]
    for name in both:
        yield from (f"{name}: {text}" for text in differences(before[name], after[name]))
        if (steps := before[name]["training"]["steps"]) != (now := after[name]["training"]["steps"]):
            yield f"{name}: training.steps: {steps} there, {now} here"
    same = [name for name in old["metrics"] if name in new["metrics"]]
    yield from differences({name: old["metrics"][name] for name in same}, {name: new["metrics"][name] for name in same})


def _some(found: list[str]) -> str:
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return "; ".join(found[:SHOWN]) + more


def planned_run(method: str, slug: str, seed: int, recipe: Recipe, plugins: Plugins) -> PlannedRun:
    """The run of a method with a training seed; ``slug`` is the name of the method as part of a file name."""
    document = to_document(recipe, plugins.registry)
    return PlannedRun(name=f"{slug}-seed{seed}", method=method, seed=seed, recipe=recipe, document=document)


def read_plan(folder: Path, plugins: Plugins) -> Plan:
    """The plan in the folder of a comparison. Raises InputError: there is none, or it is damaged."""
    document = read_document(path := folder / PLAN, FORMAT, REMEDY, KEYS)
    with _damaged(path):
        metrics, problems = structure_named(document["metrics"], AbstractMetric, plugins.registry)
        if metrics is None:
            raise InputError(f"{path}: metrics.{problems[0]}; {REMEDY}")
        asked = {key: document[key] for key in ("sets", "headline", "device")}
        return Plan(
            folder=folder,
            runs=tuple(_run(name, run, plugins) for name, run in document["runs"].items()),
            judging=Judging(metrics=tuple(metrics), **document["judging"], **asked),
            metrics=metrics,
        )


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """A context that raises InputError where a part of a plan is missing or of another type."""
    try:
        yield
    except (LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged, a part is missing or of another type ({error}); {REMEDY}") from error


def _run(name: str, run: Mapping[str, Any], plugins: Plugins) -> PlannedRun:
    recipe = check_document(Layers(run["recipe"], {}), name, plugins)
    return PlannedRun(name=name, method=run["method"], seed=run["seed"], recipe=recipe, document=run["recipe"])
