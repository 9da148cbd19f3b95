"""The report of a comparison: tables, samples of every method on the same latents, interpolations, trainings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from gankit.cohort.cohort import Cohort
from gankit.cohort.titles import real_title
from gankit.evaluation.result_files import COMPARISON, read_comparison
from gankit.evaluation.results import ComparisonResult, MethodResult
from gankit.evaluation.summary import by_id
from gankit.evaluation.tables import comparison_tables, duration, figure, headed, text_or_dash
from gankit.files.paths import is_folder
from gankit.files.tables import Table
from gankit.plugin.components import AbstractCohortSource
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import ModalitySpec, Recipe
from gankit.report.figures import colour_bars, sheet_row
from gankit.report.glance import glance
from gankit.report.page import Absent, Facts, Page, Panel, Pictures, Section, TableBlock, Text, joined_sentence, missing
from gankit.report.provenance import judging_facts
from gankit.report.run import interpolated, interpolation_caption, readable_cohort, readable_model, real_slices
from gankit.run.interpolate import Interpolation
from gankit.run.model import Model

SAMPLES = 8
"""Number of slices shown of each method."""

SEED = 0
"""Seed of the latents that every method is shown on."""

LONG = 30
"""Number of rows above which a table is folded, so that the pictures are not far below."""

WIDE = 8
"""Number of columns above which it is."""

AXIS = re.compile(r"(?P<base>.+?) (?P<point>[^\s=]+=.*)")
"""A method along an axis, as in ``"mpmri factor=2"``; see ``gankit.comparison.axes``."""


@attrs.frozen(eq=False)
class Shown:
    """A method in the pictures, where the model of its first training stands for it."""

    label: str
    """Name of the method, with the name of the run where that differs."""
    model: Model
    cohort: Cohort | Absent

    def row(self, images: Mapping[str, Any]) -> Panel:
        """Slices of the method as a row of the sheet."""
        return sheet_row(self.label, images, self.model.recipe.modalities, self.model.aspects)


@attrs.frozen(eq=False)
class Methods:
    """The methods that can be shown, and the reasons why others cannot."""

    shown: tuple[Shown, ...]
    lacking: tuple[str, ...]
    """A sentence for each method whose model cannot be read."""

    def pictures(self, panels: Iterable[Panel]) -> Pictures:
        """The panels as rows of a sheet, with a colour bar for every modality that a method makes."""
        specs: dict[str, ModalitySpec] = {}
        for method in reversed(self.shown):
            specs |= method.model.recipe.modalities
        return Pictures(colour_bars(specs), tuple(panels))


def comparison_page(folder: Path, plugins: Plugins) -> Page:
    """The report of a comparison, made from comparison.json and the runs in its folder.

    Raises:
        InputError: comparison.json is damaged.
    """
    result = read_comparison(folder)
    methods = _methods(folder, result, plugins)
    sections = (
        glance(result),
        _metrics(result),
        _samples(methods),
        _interpolations(methods),
        _trainings(result),
        _provenance(result),
    )
    names = ", ".join(method.name for method in result.methods)
    return Page("Comparison", names, sections, f"Made from {folder.resolve().name}/{COMPARISON}.")


def _methods(folder: Path, result: ComparisonResult, plugins: Plugins) -> Methods:
    """The methods with their models and cohorts. A cohort that several recipes have is loaded once."""
    paths = {row.name: row.path for row in result.rows}
    loaded: list[tuple[AbstractCohortSource, Cohort | Absent]] = []
    shown, lacking = [], []
    for method in result.methods:
        run = method.rows[0]
        here = folder / "runs" / run
        model = readable_model(here if is_folder(here) else Path(paths.get(run) or here), plugins)
        if isinstance(model, Absent):
            lacking.append(f"{method.name}: {model.why}")
            continue
        label = method.name if run == method.name else f"{method.name} ({run})"
        shown.append(Shown(label, model, _cohort_of(model.recipe, loaded)))
    return Methods(tuple(shown), tuple(lacking))


def _cohort_of(recipe: Recipe, loaded: list[tuple[AbstractCohortSource, Cohort | Absent]]) -> Cohort | Absent:
    for source, cohort in loaded:
        if source == recipe.cohort:
            return cohort
    loaded.append((recipe.cohort, readable_cohort(recipe)))
    return loaded[-1][1]


# Tables ---------------------------------------------------------------------------------------------------


def _metrics(result: ComparisonResult) -> Section:
    short, full = comparison_tables(result)
    tables = [TableBlock(table) for table in axis_tables(result.methods, result.headline)]
    tables += [TableBlock(table, folded=len(table.rows) > LONG or len(table.columns) > WIDE) for table in short]
    alone = "one method alone was judged" if len(result.methods) == 1 else "no reading of the short table has any"
    untested = [] if result.tests else [Text(f"No tests: {alone}.")]
    return Section("Metrics", (*tables, *untested, TableBlock(full, folded=True)))


def axis_tables(methods: Iterable[MethodResult], shown: Sequence[str]) -> list[Table]:
    """A table for each recipe that was compared along an axis, like Table I of Wang et al.

    It has a column for each value along the axis, and a line for each reading.

    Args:
        methods: all methods of the comparison.
        shown: ids of the readings.
    """
    groups: dict[str, dict[str, MethodResult]] = {}
    for method in methods:
        if found := AXIS.fullmatch(method.name):
            groups.setdefault(found["base"], {})[found["point"]] = method
    return [_axis_table(base, points, shown) for base, points in groups.items() if len(points) > 1]


def _axis_table(base: str, points: Mapping[str, MethodResult], shown: Iterable[str]) -> Table:
    found = by_id(method.summary for method in points.values())
    summaries = [{summary.id: summary for summary in method.summary} for method in points.values()]
    rows = tuple(
        (headed(name, found[name][0]), *[figure(by_name.get(name)) for by_name in summaries])
        for name in shown
        if name in found
    )
    return Table(title=f"{base} along the axis", columns=("", *points), rows=rows)


def _trainings(result: ComparisonResult) -> Section:
    rows = tuple(
        (
            row.name,
            text_or_dash(row.recipe),
            text_or_dash(row.seed),
            text_or_dash(row.steps),
            duration(row.wall_s),
            text_or_dash(row.device),
        )
        for row in result.rows
        if row.kind == "model"
    )
    failed = [Text(f"Training of {run.name} failed: {run.reason}") for run in result.failed]
    warnings = [Text(f"Warning: {warning}.") for warning in result.warnings]
    columns = ("run", "recipe", "seed", "steps", "training took", "device")
    table = TableBlock(Table(title="Runs", columns=columns, rows=rows))
    return Section("Trainings", (table, *failed, *warnings))


def _provenance(result: ComparisonResult) -> Section:
    return Section("Provenance", (Facts(judging_facts(result.settings)),))


# Pictures -------------------------------------------------------------------------------------------------


def _samples(methods: Methods) -> Section:
    title = "Random samples"
    if not methods.shown:
        return missing(title, *methods.lacking)
    real = _real_panel(methods.shown)
    synthetic = [method.row(method.model.sample(SAMPLES, SEED)) for method in methods.shown]
    panels = synthetic if isinstance(real, Absent) else [real, *synthetic]
    absent = real.why if isinstance(real, Absent) else ""
    said = joined_sentence((_samples_caption(methods.shown), absent, *methods.lacking))
    return Section(title, (Text(said), methods.pictures(panels)))


def _samples_caption(shown: Sequence[Shown]) -> str:
    same = f"Every method is shown on the same {SAMPLES} latents, seed {SEED}; nothing was picked"
    if len({method.model.recipe.latent.dim for method in shown}) == 1:
        return f"{same} (Wang et al., Figs. 7 and 9)."
    return f"{same}, but the latents of the methods differ in dimension, so only those of one dimension are the same."


def _real_panel(shown: Sequence[Shown]) -> Panel | Absent:
    """Real slices for the method with the most modalities, among the methods whose cohort can be read."""
    readable = [method for method in shown if isinstance(method.cohort, Cohort)]
    richest = max(readable or shown[:1], key=lambda method: len(method.model.recipe.modalities))
    recipe = richest.model.recipe
    images = real_slices(richest.cohort, recipe, SAMPLES)
    if isinstance(images, Absent) or isinstance(richest.cohort, Absent):
        return images if isinstance(images, Absent) else Absent("")
    return sheet_row(real_title(richest.cohort.source), images, recipe.modalities, richest.model.aspects)


def _interpolations(methods: Methods) -> Section:
    title = "Interpolation"
    panels, shown, notes = [], [], []
    for method in methods.shown:
        if isinstance(method.cohort, Absent):
            continue
        found = interpolated(method.model, method.cohort)
        if isinstance(found, Interpolation):
            shown.append(found)
            panels.append(method.row(found.images))
        else:
            notes += [absent.why for absent in found]
    said = list(dict.fromkeys(notes))
    if not panels:
        return missing(title, *(said or ["No interpolation: no model and cohort can be read."]))
    return Section(title, (Text(joined_sentence((interpolation_caption(shown), *said))), methods.pictures(panels)))
