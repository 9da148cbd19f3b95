"""The report of a run: pictures, curves of training, metrics, provenance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gankit._errors import GankitError, InputError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import cohort_digest
from gankit.cohort.sheet import real_pairs
from gankit.cohort.source import cohort_of
from gankit.cohort.titles import real_title
from gankit.evaluation.result_files import EVALUATION, read_evaluation
from gankit.evaluation.results import EvaluationResult
from gankit.evaluation.tables import ABSENT, duration
from gankit.files.paths import is_folder
from gankit.files.tables import Table
from gankit.plugin.components import AbstractAdversarialLoss
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import Layers, check_document
from gankit.recipe.recipe import Recipe
from gankit.report.evaluation import metrics_blocks
from gankit.report.figures import colour_bars, curve, pair_blocks, series, unit_text
from gankit.report.nearest import nearest_section
from gankit.report.page import (
    Absent,
    Block,
    Curve,
    Curves,
    Facts,
    Listing,
    Page,
    Panel,
    Pictures,
    Section,
    TableBlock,
    Text,
    joined_sentence,
    missing,
)
from gankit.run.directory import CRITIC, RATE, RunDirectory
from gankit.run.health.measures import HEALTH
from gankit.run.health.watch import Watch
from gankit.run.identity import refuse_other_model
from gankit.run.interpolate import Interpolation, interpolate
from gankit.run.metrics_file import numbered
from gankit.run.model import Model, load_model

PAIRS = 16
"""Number of real and of synthetic slices shown."""

AUGMENT = ".augment"
"""End of the name of an adaptive probability."""
PACE = ("step", "steps_per_s", "wall_s")
"""Keys of a row of metrics.jsonl that are not scalars of phases."""


@attrs.frozen(eq=False)
class RunView:
    """A run, with what could be read of it."""

    directory: RunDirectory
    recipe: Recipe
    rows: list[dict[str, Any]]
    model: Model | Absent
    cohort: Cohort | Absent
    plugins: Plugins
    changed: str = ""
    """Digest of the cohort, where it differs from the one with which the run began; else empty."""

    @property
    def aspects(self) -> Mapping[str, float]:
        return {} if isinstance(self.model, Absent) else self.model.aspects


def run_page(directory: RunDirectory, cohort: Cohort | None, evaluation: Path | None, plugins: Plugins) -> Page:
    """The report of a run.

    Args:
        directory: the run directory.
        cohort: the recipe's cohort, if it is loaded already; default: load it.
        evaluation: folder or file of an evaluation of this run; default: in the run directory.
        plugins: what is installed.

    Raises:
        InputError: it is not a run directory, its model is of another run, or ``evaluation`` has no evaluation.
        RecipeError: the recipe does not fit the installed plugins.
    """
    document = directory.locked_recipe()
    refuse_other_model(directory, document)
    recipe = check_document(Layers(document, {}), str(directory.recipe), plugins)
    view = RunView(
        directory,
        recipe,
        directory.read_metrics(),
        readable_model(directory.path, plugins),
        readable_cohort(recipe) if cohort is None else cohort,
        plugins,
    )
    if cohort is None:
        view = attrs.evolve(view, changed=_changed(recipe, view.cohort, directory))
    sections = (
        _pairs(view),
        _interpolation(view),
        nearest_section(view.model, view.cohort),
        _evaluation(view, evaluation),
        _losses(view),
        _health(view),
        _provenance(view),
    )
    return Page(f"Run {recipe.name}", recipe.summary, sections, f"Made from {directory.path.resolve().name}/.")


def readable_model(path: Path, plugins: Plugins) -> Model | Absent:
    """The model of a run, or the reason why it cannot be read."""
    try:
        return load_model(path, "cpu", plugins)
    except GankitError as error:
        return Absent(f"No samples: {error}.")


def readable_cohort(recipe: Recipe) -> Cohort | Absent:
    """The cohort of a recipe, or the reason why it cannot be read."""
    try:
        return cohort_of(recipe.cohort)
    except GankitError as error:
        return Absent(f"No real slices: the cohort cannot be read ({error}).")


def _changed(recipe: Recipe, cohort: Cohort | Absent, directory: RunDirectory) -> str:
    """The digest of a cohort that differs from the one with which a run began; else an empty text."""
    if isinstance(cohort, Absent):
        return ""
    now = cohort_digest(recipe, cohort)
    return "" if directory.provenance().get("cohort", now) == now else now


# Pictures -------------------------------------------------------------------------------------------------


def _pairs(view: RunView) -> Section:
    real = _real_panel(view)
    synthetic = _synthetic_panel(view)
    panels = tuple(panel for panel, _ in (real, synthetic) if panel is not None)
    specs = view.recipe.modalities
    notes = [*real[1], *synthetic[1]]
    if panels and len(specs) > 1:
        notes.insert(0, f"Each column is one slice, {' above '.join(specs)}; nothing was picked.")
    pictures = [Pictures(colour_bars(specs), panels, beside=True)] if panels else []
    return Section("Real and synthetic pairs", (*pictures, Text(joined_sentence(notes))))


def _real_panel(view: RunView) -> tuple[Panel | None, list[str]]:
    """Real slices, where there are any, and sentences about them."""
    real = real_slices(view.cohort, view.recipe, PAIRS)
    if isinstance(real, Absent):
        return None, [real.why]
    lacking = any(np.isnan(images).any() for images in real.values())
    notes = ["Real slices are left empty where they lack a modality."] if lacking else []
    title = "real" if isinstance(view.cohort, Absent) else real_title(view.cohort.source)
    return pair_blocks(title, real, view.recipe.modalities, view.aspects), notes


def _synthetic_panel(view: RunView) -> tuple[Panel | None, list[str]]:
    """Synthetic slices, where there is a model, and sentences about them."""
    if isinstance(view.model, Absent):
        return None, [view.model.why]
    seed = view.recipe.training.seed
    note = f"Synthetic: random draws of seed {seed}, after {view.model.step} steps, averaged weights."
    if given := view.recipe.given():
        note += f" Given, as real slices have it: {', '.join(given)}."
    samples = view.model.sample(PAIRS, seed)
    return pair_blocks("synthetic", samples, view.recipe.modalities, view.aspects), [note]


def real_slices(cohort: Cohort | Absent, recipe: Recipe, count: int) -> dict[str, np.ndarray] | Absent:
    """Real slices of the pools that training approaches, or the reason why there are none; see ``real_pairs``."""
    if isinstance(cohort, Absent):
        return cohort
    try:
        images = real_pairs(cohort, recipe, count)
    except GankitError as error:
        return Absent(f"No real slices: the cohort does not fit the recipe ({error}).")
    if not len(next(iter(images.values()))):
        return Absent("No real slices: the cohort has none that fit the recipe.")
    return images


def _interpolation(view: RunView) -> Section:
    title = "Interpolation"
    found = interpolated(view.model, view.cohort)
    if not isinstance(found, Interpolation):
        return missing(title, *(absent.why for absent in found))
    count = len(next(iter(found.images.values())))
    panel = pair_blocks("interpolation", found.images, view.recipe.modalities, view.aspects, count)
    return Section(title, (Pictures((), (attrs.evolve(panel, title=""),)), Text(interpolation_caption([found]))))


def interpolation_caption(shown: Sequence[Interpolation]) -> str:
    """Sentences that explain the pictures of these interpolations."""
    tested = all(each.of_test for each in shown)
    real = real_title(next((each.source for each in shown), ""))
    ends = f"two {real} test slices" if tested else f"two {real} slices, since fewer than two of the test split fit"
    return (
        f"Ends: {ends}. Beside each: what the synthesizer makes of its encoding. Between: equal steps on the sphere"
        " from one encoding to the other (Wang et al., Fig. 6)."
    )


def interpolated(model: Model | Absent, cohort: Cohort | Absent) -> Interpolation | tuple[Absent, ...]:
    """A model's interpolation between two slices of a cohort, or all reasons why there is none."""
    if isinstance(model, Absent) or isinstance(cohort, Absent):
        return tuple(each for each in (model, cohort) if isinstance(each, Absent))
    if model.recipe.encoder() is None:
        why = f"No interpolation: recipe {model.recipe.name!r} has no encoder, so real slices have no latents."
        return (Absent(why),)
    try:
        return interpolate(model, cohort=cohort)
    except GankitError as error:
        return (Absent(f"No interpolation: {error}."),)


# Curves ---------------------------------------------------------------------------------------------------


def _losses(view: RunView) -> Section:
    title = "Losses"
    names = scalar_names(view.rows)
    if not names:
        return missing(title, "No losses: metrics.jsonl has no row yet.", *_left_out(view))
    blocks: list[Block] = [Text(why) for why in _left_out(view)]
    for phase in dict.fromkeys(name.partition(".")[0] for name in names):
        own = [name for name in names if name.partition(".")[0] == phase]
        blocks.append(Curves(f"Phase {phase}", tuple(_loss(view, name) for name in own)))
    caption = (
        "What players and critics minimise, each term before its weight, over training steps. A line is the mean and"
        " the band the least and greatest value of neighbouring rows; rare extremes of long curves lie outside."
    )
    if any(name.endswith(AUGMENT) for name in names):
        caption += f" A curve that ends with {AUGMENT} is the adaptive probability of a term's augmentations."
    return Section(title, (Text(caption), *blocks))


def _left_out(view: RunView) -> list[str]:
    """A sentence about damaged lines, where there are any."""
    damaged = view.directory.damaged_metrics()
    return (
        [f"Of metrics.jsonl, {numbered(damaged)} damaged, repeated or of another run, and left out."] if damaged else []
    )


def scalar_names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names ``phase.term`` of the scalars, in the order in which they first appear. A critic's follows its player's."""
    names = [name for name in _keys(rows) if name not in PACE and not name.startswith((RATE, HEALTH))]
    players_first = sorted(names, key=lambda name: name.endswith(CRITIC))
    terms = dict.fromkeys(name.removesuffix(CRITIC) for name in players_first)
    return [name for term in terms for name in (term, term + CRITIC) if name in names]


def _keys(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _loss(view: RunView, name: str) -> Curve:
    return curve(name.partition(".")[2].replace(CRITIC, ", critic"), *series(view.rows, name))


def _health(view: RunView) -> Section:
    title = "Health"
    if not view.rows:
        return missing(title, "No health curves: metrics.jsonl has no row yet.")
    curves = [_estimate(view, name) for name in estimates(view.recipe) if any(name in row for row in view.rows)]
    pace = curve("steps per second, mean since start", *series(view.rows, "steps_per_s"))
    rates = [
        curve(f"learning rate, {name.removeprefix(RATE)}", *series(view.rows, name))
        for name in _keys(view.rows)
        if name.startswith(RATE)
    ]
    measures = [
        curve(name.removeprefix(HEALTH).replace("/", ", ", 1), *series(view.rows, name))
        for name in _keys(view.rows)
        if name.startswith(HEALTH)
    ]
    logged = [value for row in view.rows for value in row.values() if isinstance(value, int | float)]
    bad = sum(not np.isfinite(value) for value in logged)
    finite = f"{bad} of {len(logged)} logged numbers are not finite." if bad else "Every logged number is finite."
    meaning = (
        "A distance is minus what a critic that estimates one minimises: how far samples are from real slices by its"
        " estimate, less the penalty. It should rise at first, then fall slowly and stay above 0."
    )
    said = meaning if curves else "No distance: no critic that estimates one has been logged."
    shown = [Curves("", (*curves, *rates, pace)), Curves("Measured at each sheet", tuple(measures))]
    return Section(
        title, (*_alarms(view), Text(joined_sentence((said, finite))), *(each for each in shown if each.curves))
    )


def _alarms(view: RunView) -> tuple[Block, ...]:
    """The alarms that hold and those that are over, from the rows."""
    watch = Watch(view.recipe, view.rows)
    rows = [
        *((alarm, f"{alarm.step} to the end") for alarm in watch.alarms),
        *((heard.alarm, f"{heard.alarm.step} to {heard.last}, over") for heard in watch.past),
    ]
    if not rows:
        return (Text("No alarm."),)
    cells = tuple((alarm.name, steps, alarm.where, alarm.seen, alarm.remedy) for alarm, steps in rows)
    return (
        TableBlock(
            Table(title="Alarms", columns=("alarm", "steps", "where", "what was seen", "what to do"), rows=cells)
        ),
    )


def estimates(recipe: Recipe) -> list[str]:
    """Names of the scalars of critics that estimate a distance; see ``AbstractAdversarialLoss.estimates_distance``."""
    return [
        f"{phase.name}.{term.name}{CRITIC}"
        for phase in recipe.phases
        for term in phase.terms
        if isinstance(term, AbstractAdversarialLoss) and term.estimates_distance and term.approaches
    ]


def _estimate(view: RunView, name: str) -> Curve:
    steps, values = series(view.rows, name)
    return curve(f"distance, {name.partition('.')[2].removesuffix(CRITIC)}", steps, [-value for value in values])


# Metrics --------------------------------------------------------------------------------------------------


def _evaluation(view: RunView, named: Path | None) -> Section:
    title = "Metrics"
    run = view.directory.path
    found = evaluation_file(run, named)
    if found is None:
        return missing(title, "Not judged yet: run 'gankit evaluate RUN -o RUN/evaluation', then 'gankit report RUN'.")
    result = read_evaluation(found)
    return Section(title, metrics_blocks(result, view.plugins, *_stale(view, result)))


def _stale(view: RunView, result: EvaluationResult) -> Iterator[str]:
    """A sentence for each row of another model than the one here, and of another run where there is no model."""
    own = None if isinstance(view.model, Absent) else view.model.digest
    here = (view.recipe.name, view.recipe.training.seed)
    for row in result.rows:
        if row.kind == "model" and (row.recipe, row.seed) != here:
            yield f"Row {row.name} is of another run, of recipe {row.recipe} and seed {row.seed}."
        elif row.kind == "model" and row.steps != _step(view):
            yield f"Row {row.name} was judged after {row.steps} steps."
        elif own is not None and row.model_digest not in (None, own):
            yield f"Row {row.name} is of another model than the one here."


def evaluation_file(run: Path, named: Path | None) -> Path | None:
    """The file of a run's evaluation: the one that is named, else one in the run directory; None where there is none.

    Raises:
        InputError: an evaluation is named, but there is none.
    """
    if named is not None:
        file = named / EVALUATION if is_folder(named) else named
        if not file.is_file():
            raise InputError(f"`evaluation` {named}: no {EVALUATION} there; make one with 'gankit evaluate'")
        return file
    return next((file for file in (run / EVALUATION, run / "evaluation" / EVALUATION) if file.is_file()), None)


# Provenance -----------------------------------------------------------------------------------------------


def _step(view: RunView) -> int:
    return view.rows[-1]["step"] if view.rows else 0


def _provenance(view: RunView) -> Section:
    training, said = view.recipe.training, view.directory.provenance()
    facts = [
        ("recipe", view.recipe.name),
        ("steps", f"{_step(view)} of {training.steps}, {training.batch} slices or latents at a time"),
        ("training took", duration(view.directory.wall_s())),
        ("device", str(said.get("device", ABSENT))),
        ("seed", str(training.seed)),
        ("precision", training.precision),
        ("gankit", str(said.get("gankit", ABSENT))),
        ("torch", str(said.get("torch", ABSENT))),
        ("plugins", ", ".join(f"{name} ({home})" for name, home in said.get("plugins", {}).items()) or ABSENT),
        *_cohort_facts(view, str(said.get("cohort", ABSENT))),
    ]
    recipe = Listing("recipe.lock.toml", view.directory.recipe.read_text(encoding="utf-8"))
    return Section("Provenance", (Facts(tuple(facts)), TableBlock(modality_table(view.recipe)), recipe))


def _cohort_facts(view: RunView, digest: str) -> list[tuple[str, str]]:
    if isinstance(view.cohort, Absent):
        return [("cohort digest", digest), ("cohort", view.cohort.why)]
    cohort = view.cohort
    changed = f"; the cohort shown here has another content, {view.changed}" if view.changed else ""
    size = f"{len(cohort)} slices of {len(np.unique(cohort.patient))} patients"
    return [("cohort", f"{cohort.source or 'of unknown source'} ({size})"), ("cohort digest", digest + changed)]


def modality_table(recipe: Recipe) -> Table:
    """A table with shape, unit, range and window of every modality."""
    rows = tuple(
        (
            name,
            " × ".join(map(str, spec.shape)),
            unit_text(spec),
            _interval(spec.range),
            _interval(spec.window or spec.range),
        )
        for name, spec in recipe.modalities.items()
    )
    columns = ("modality", "shape", "unit", "range trained on", "window shown")
    return Table(title="Modalities", columns=columns, rows=rows)


def _interval(ends: tuple[float, float]) -> str:
    return f"{ends[0]:g} to {ends[1]:g}"
