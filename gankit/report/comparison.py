"""The report of a comparison: tables, random samples of every method on the same latents, interpolations, trainings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gankit.cohort.cohort import Cohort
from gankit.evaluation.summary import by_id
from gankit.evaluation.tables import ABSENT, comparison_tables, duration, figure, headed
from gankit.files.json_file import read_document
from gankit.files.tables import Table
from gankit.plugin.components import AbstractCohortSource
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import ModalitySpec, Recipe
from gankit.report.figures import colour_bars, sheet_row
from gankit.report.page import Facts, Figures, Page, Panel, Pictures, Section, Text, joined_sentence, missing
from gankit.report.run import (
    interpolated,
    interpolation_caption,
    readable_cohort,
    readable_model,
    real_slices,
)
from gankit.run.model import Model

SAMPLES = 8
"""Slices shown of each method."""

SEED = 0
"""Of the latents that every method is shown on."""

LONG = 30
"""Rows above which a table is folded, so that the pictures are near."""

AXIS = re.compile(r"(?P<base>.+?) (?P<point>[^\s=]+=.*)")
"""A method along an axis, as in ``"mpmri factor=2"``; see ``_axes``."""


@attrs.frozen(eq=False)
class Shown:
    """A method as the pictures show it, by the model of its first training."""

    name: str
    run: str
    model: Model | str
    cohort: Cohort | str


def comparison_page(folder: Path, plugins: Plugins) -> Page:
    """The report of a comparison, from comparison.json and the runs in its folder.

    Raises:
        InputError: comparison.json is damaged.
    """
    document = read_document(folder / "comparison.json", "gankit-comparison-")
    shown = _methods(folder, document, plugins)
    tables = [Figures(table) for table in axis_tables(document)]
    short, full = comparison_tables(document)
    alone = "one method alone was judged" if len(document["methods"]) == 1 else "no reading of the short table has any"
    untested = [] if document["tests"] else [Text(f"No tests: {alone}.")]
    sections = (
        Section("Metrics", (*tables, *map(_figures, short), *untested, Figures(full, folded=True))),
        _samples(shown),
        _interpolations(shown),
        _trainings(document),
        _provenance(document),
    )
    names = ", ".join(method["name"] for method in document["methods"])
    return Page("Comparison", names, sections, f"Made from {folder.resolve().name}/comparison.json.")


def _methods(folder: Path, document: Mapping[str, Any], plugins: Plugins) -> list[Shown]:
    paths = {row["name"]: row["path"] for row in document["rows"]}
    loaded: list[tuple[AbstractCohortSource, Cohort | str]] = []
    shown = []
    for method in document["methods"]:
        run = method["rows"][0]
        path = folder / "runs" / run
        model = readable_model(path if path.is_dir() else Path(paths.get(run) or path), plugins)
        cohort: Cohort | str = "No real slices: there is no model to say of which cohort."
        if isinstance(model, Model):
            cohort = _cohort_of(model.recipe, loaded)
        shown.append(Shown(method["name"], run, model, cohort))
    return shown


def _cohort_of(recipe: Recipe, loaded: list[tuple[AbstractCohortSource, Cohort | str]]) -> Cohort | str:
    """The cohort of a recipe, loaded once for all that have the same."""
    for source, cohort in loaded:
        if source == recipe.cohort:
            return cohort
    loaded.append((recipe.cohort, readable_cohort(recipe)))
    return loaded[-1][1]


# Tables ---------------------------------------------------------------------------------------------------


def _figures(table: Table) -> Figures:
    return Figures(table, folded=len(table.rows) > LONG)


def axis_tables(document: Mapping[str, Any]) -> list[Table]:
    """A table for each recipe that was compared along an axis: its values across, headline readings down (Table I)."""
    groups: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for method in document["methods"]:
        if found := AXIS.fullmatch(method["name"]):
            groups.setdefault(found["base"], []).append((found["point"], method))
    return [_axis_table(base, points, document["headline"]) for base, points in groups.items() if len(points) > 1]


def _axis_table(base: str, points: Sequence[tuple[str, Mapping[str, Any]]], shown: Iterable[str]) -> Table:
    found = by_id(method["summary"] for _, method in points)
    summaries = [{entry["id"]: entry for entry in method["summary"]} for _, method in points]
    rows = tuple(
        (headed(name, found[name][0]), *[figure(summary.get(name)) for summary in summaries])
        for name in shown
        if name in found
    )
    return Table(title=f"{base} along the axis", columns=("", *[point for point, _ in points]), rows=rows)


def _trainings(document: Mapping[str, Any]) -> Section:
    rows = tuple(
        (
            row["name"],
            row["recipe"] or ABSENT,
            ABSENT if row["seed"] is None else str(row["seed"]),
            ABSENT if row["steps"] is None else str(row["steps"]),
            duration(row["wall_s"]),
            row["device"] or ABSENT,
        )
        for row in document["rows"]
        if row["kind"] == "model"
    )
    failed = [Text(f"Training of {entry['name']} failed: {entry['reason']}") for entry in document["failed"]]
    columns = ("run", "recipe", "seed", "steps", "training took", "device")
    return Section("Trainings", (Figures(Table(title="Runs", columns=columns, rows=rows)), *failed))


def _provenance(document: Mapping[str, Any]) -> Section:
    settings = document["settings"]
    facts = [
        ("slices judged", f"{settings['sets']} sets of {settings['per_set']} from each run, seed {settings['seed']}"),
        ("meant to have", f"{settings['label']} = {settings['value']}"),
        ("bootstrap draws", str(settings["replicates"])),
        ("real slices", _real(settings["real"])),
        ("fresh patients", _real(settings["fresh"])),
        *[(name, str(version)) for name, version in settings["versions"].items()],
    ]
    return Section("Provenance", (Facts(tuple(facts)),))


def _real(side: Mapping[str, Any] | None) -> str:
    if side is None:
        return "none"
    return f"{side['source']} ({side['slices']} slices of {side['patients']} patients), digest {side['digest']}"


# Pictures -------------------------------------------------------------------------------------------------


def _samples(shown: Sequence[Shown]) -> Section:
    title = "Random samples"
    models = [method.model for method in shown if isinstance(method.model, Model)]
    notes = [f"{method.name}: {method.model}" for method in shown if isinstance(method.model, str)]
    if not models:
        return missing(title, *notes)
    real = _real_panel(shown)
    panels = [] if isinstance(real, str) else [real]
    panels += [
        sheet_row(_label(method), method.model.sample(SAMPLES, SEED), method.model.recipe.modalities)
        for method in shown
        if isinstance(method.model, Model)
    ]
    dimensions = {model.recipe.latent.dim for model in models}
    same = f"Every method is shown on the same {SAMPLES} latents, seed {SEED}; nothing was picked"
    said = (
        f"{same} (Wang et al., Figs. 7 and 9)."
        if len(dimensions) == 1
        else f"{same}, but the latents of the methods differ in dimension, so only those of one dimension are the same."
    )
    absent = real if isinstance(real, str) else ""
    return Section(title, (Text(joined_sentence((said, absent, *notes))), *_sheets(panels, models)))


def _sheets(panels: Iterable[Panel], models: Iterable[Model]) -> tuple[Pictures, ...]:
    return (Pictures(colour_bars(_specs(models)), tuple(panels)),)


def _specs(models: Iterable[Model]) -> dict[str, ModalitySpec]:
    """Every modality that a method makes, with the window in which it is shown."""
    return {name: spec for model in reversed(list(models)) for name, spec in model.recipe.modalities.items()}


def _label(method: Shown) -> str:
    return method.name if method.run == method.name else f"{method.name} ({method.run})"


def _real_panel(shown: Sequence[Shown]) -> Panel | str:
    """Real slices of the method that makes the most modalities."""
    able = [method for method in shown if isinstance(method.model, Model) and isinstance(method.cohort, Cohort)]
    if not able:
        return next(str(method.cohort) for method in shown if isinstance(method.model, Model))
    richest = max(able, key=lambda method: len(_model(method).recipe.modalities))
    recipe = _model(richest).recipe
    assert isinstance(richest.cohort, Cohort)
    images: dict[str, np.ndarray] | str = real_slices(richest.cohort, recipe, SAMPLES)
    return images if isinstance(images, str) else sheet_row("real", images, recipe.modalities)


def _model(method: Shown) -> Model:
    assert isinstance(method.model, Model)
    return method.model


def _interpolations(shown: Sequence[Shown]) -> Section:
    title = "Interpolation"
    panels, strips, notes = [], [], []
    for method in shown:
        if not isinstance(method.model, Model) or not isinstance(method.cohort, Cohort):
            continue
        strip = interpolated(method.model, method.cohort)
        if isinstance(strip, str):
            notes.append(strip)
        else:
            strips.append(strip)
            panels.append(sheet_row(_label(method), strip.images, method.model.recipe.modalities))
    if not panels:
        return missing(title, *(dict.fromkeys(notes) or ["No interpolation: no model and cohort can be read."]))
    models = [_model(method) for method in shown if isinstance(method.model, Model)]
    said = joined_sentence((interpolation_caption(strips), *dict.fromkeys(notes)))
    return Section(title, (Text(said), *_sheets(panels, models)))
