"""Cards of models: what is known of a model and of the data that it was trained on, as a document.

The questions are those of model cards (Mitchell et al. 2019, arXiv:1810.03993) and of data sheets (Gebru et al. 2021,
arXiv:1803.09010), as far as gankit can answer them; a person answers the others in a file, see ``About``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from gankit._errors import GankitError, InputError, RecipeError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import cohort_digest, select_pool
from gankit.cohort.source import cohort_of
from gankit.evaluation.result_files import read_evaluation
from gankit.evaluation.results import EvaluationResult, Row, Summary
from gankit.evaluation.tables import judged_by
from gankit.files.documents import given_toml
from gankit.files.paths import given_path
from gankit.files.toml_types import structure_table
from gankit.plugin.components import AbstractMetric
from gankit.plugin.options import option
from gankit.plugin.plugins import Plugins, load_plugins
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import to_document
from gankit.report.card_text import markdown
from gankit.report.charts import reading_curves
from gankit.report.run import evaluation_file
from gankit.run.card import FORMAT, card_text, keep_card, kept_card
from gankit.run.directory import RunDirectory
from gankit.run.model import Model, load_model
from gankit.run.targets import model_file

INTENDED = (
    "Research on image synthesis.",
    "Slices beside real ones in the training of other models, which are then tested on real patients alone.",
)
NOT_FOR = (
    "Diagnosis, or any other decision about a patient.",
    "Testing a classifier or a product: synthetic slices are no evidence of how it does on patients.",
    "Statements about a population: frequencies and appearances are those of the training slices, with the model's"
    " errors.",
    "Modalities, scanners, organs and labels that the training slices did not have.",
    "Finding out who was trained on.",
)
UNAUDITED = "Release, before it is known whether slices copy or betray patients: no metric that audits was measured."


@attrs.frozen(kw_only=True)
class About:
    """What a person says of a model, as a TOML file. Lists have one sentence in each entry."""

    intended_use: tuple[str, ...] = option((), help="what the model is for; in the place of gankit's own sentences")
    not_for: tuple[str, ...] = option((), help="what it must not be used for, besides gankit's own sentences")
    limits: tuple[str, ...] = option((), help="what it does badly, and for whom")
    data: tuple[str, ...] = option((), help="who is in the training data: origin, years, scanners, consent, approval")
    license: str = option("", help="license of the weights")
    contact: str = option("", help="who answers questions")
    citation: str = option("", help="how to cite the model")

    @classmethod
    def read(cls, file: Path) -> About:
        """Raises InputError: the file cannot be read, or has other keys or types; all problems are listed."""
        found, problems = structure_table(given_toml("about", file), cls)
        if found is None:
            raise RecipeError(f"`about` {file}", problems)
        return found


@attrs.frozen(eq=False)
class Card:
    """A model card."""

    document: Mapping[str, Any]
    """What is in it, as JSON can hold it; the page "Cards of models" says what each key is."""

    def markdown(self) -> str:
        """The card for people, as Markdown."""
        return markdown(self.document)

    def json(self) -> str:
        """The card for programs, as JSON with its digest."""
        return card_text(self.document)


def model_card(
    path: str | Path,
    *,
    evaluation: str | Path | None = None,
    about: str | Path | About | None = None,
    keep: bool = True,
    plugins: Plugins | None = None,
) -> Card:
    """The card of a model.

    Args:
        path: a run directory, a model file, or the name of a shipped model.
        evaluation: folder of an evaluation of this model; default: the one in the run directory, as in a report.
        about: what a person says of the model, or a TOML file with the fields of ``About``.
        keep: keep the card in the model's file where there are readings. The model's digest stays the same.
        plugins: what is installed; default: load it.

    Returns: the card. Where there is neither an evaluation nor ``about``, it is the one that the model file has.

    Raises:
        InputError: there is no such model or evaluation, or the evaluation is of another model.
        RecipeError: ``about`` does not fit; all problems are listed.
        CheckpointError: the model file does not verify.
        RunError: the card cannot be kept.
    """
    # What is asked for
    plugins = plugins or load_plugins()
    place = given_path("path", path)
    if (file := model_file(place, plugins)) is None:
        raise InputError(f"{place}: not a model; name a run directory, a model file or a shipped model")
    said = About.read(Path(about)) if isinstance(about, str | Path) else about
    named = None if evaluation is None else Path(evaluation)
    found = evaluation_file(place, named)
    if found is None and said is None and (kept := kept_card(file)) is not None:
        return Card(kept)

    # The card
    model = load_model(file, "cpu", plugins)
    judged = None if found is None else _judged(read_evaluation(found), model, found)
    card = Card(_document(model, _name(place, file), judged, said or About(), plugins))
    if keep and judged is not None:
        keep_card(file, card.document)
    return card


def _name(place: Path, file: Path) -> str:
    return place.resolve().name if place.is_dir() else file.stem


def _judged(result: EvaluationResult, model: Model, file: Path) -> tuple[EvaluationResult, Row]:
    """The result with the row of the model. Raises InputError: it has none."""
    for row in result.rows:
        if row.kind == "model" and row.model_digest == model.digest:
            return result, row
    judged = ", ".join(f"{row.name} after {row.steps} steps" for row in result.rows if row.kind == "model")
    raise InputError(
        f"`evaluation` {file}: is not of this model (digest {model.digest}, {model.step} steps), but of"
        f" {judged or 'slices alone'}; judge this model with 'gankit evaluate'"
    )


def _document(
    model: Model, name: str, judged: tuple[EvaluationResult, Row] | None, about: About, plugins: Plugins
) -> dict[str, Any]:
    readings = [] if judged is None else list(_readings(*judged, plugins))
    audits = set(_auditing(plugins))
    audit = [reading for reading in readings if reading["metric"] in audits]
    measured = any(reading["mean"] is not None for reading in audit)
    return {
        "format": FORMAT,
        "gankit": version("gankit"),
        "model": _model(model, name),
        "recipe": to_document(model.recipe, plugins.registry),
        "data": _data(model) | {"said": list(about.data)},
        "judged": None if judged is None else judged_by(judged[0].settings),
        "metrics": [reading for reading in readings if reading["metric"] not in audits and reading["mean"] is not None],
        "audit": audit,
        "intended_use": list(about.intended_use or INTENDED),
        "not_for": [*NOT_FOR, *about.not_for, *([] if measured else [UNAUDITED])],
        "limits": list(about.limits),
        **{key: getattr(about, key) for key in ("license", "contact", "citation")},
    }


def _auditing(plugins: Plugins) -> Iterator[str]:
    """Names of the installed metrics that say what is betrayed of training patients."""
    for entry in plugins.registry.entries(AbstractMetric.kind):
        try:
            component = plugins.registry.find(entry.name, AbstractMetric.kind)
        except GankitError:  # a plugin that cannot be imported
            continue
        if getattr(component, "audits", False):
            yield entry.name


def _model(model: Model, name: str) -> dict[str, Any]:
    training = model.recipe.training
    said = {} if model.run is None else RunDirectory(model.run).provenance()
    return {
        "name": name,
        "summary": model.recipe.summary,
        "recipe": model.recipe.name,
        "digest": model.digest,
        "steps": model.step,
        "seed": training.seed,
        "batch": training.batch,
        "precision": training.precision,
        "parameters": sum(parameter.numel() for parameter in model.networks.parameters()),
        "wall_s": None if model.run is None else RunDirectory(model.run).wall_s(),
        "device": said.get("device"),
        "versions": {key: said[key] for key in ("gankit", "torch") if key in said},
        "modalities": [
            {"name": each, "shape": list(spec.shape), "unit": spec.unit, "range": list(spec.range)}
            for each, spec in model.recipe.modalities.items()
        ],
    }


# Data -----------------------------------------------------------------------------------------------------


def _data(model: Model) -> dict[str, Any]:
    """The training cohort: digest, counts of slices and patients, and what is in each pool."""
    recipe = model.recipe
    trained = None if model.run is None else RunDirectory(model.run).provenance().get("cohort")
    empty: dict[str, Any] = {"source": None, "digest": trained, "slices": None, "patients": None}
    empty |= {"labels": {}, "pools": []}
    try:
        cohort = cohort_of(recipe.cohort)
        digest = cohort_digest(recipe, cohort)
        pools = [_pool(name, recipe, cohort) for name in recipe.pools]
    except (GankitError, KeyError) as error:
        return empty | {"note": f"the cohort cannot be read: {error}"}
    if trained not in (None, digest):
        return empty | {"note": f"the recipe's cohort now has another content ({digest}), so nothing is counted"}
    return {
        "source": cohort.source,
        "digest": digest,
        "slices": len(cohort),
        "patients": _patients(cohort),
        "labels": {
            label: {str(value): int(count) for value, count in zip(*np.unique(values, return_counts=True), strict=True)}
            for label, values in cohort.labels.items()
        },
        "pools": pools,
        "note": "" if trained else "read anew for this card; the model file alone does not say what it was trained on",
    }


def _pool(name: str, recipe: Recipe, cohort: Cohort) -> dict[str, Any]:
    pool = recipe.pools[name]
    slices = cohort.select(np.flatnonzero(select_pool(pool, cohort)))
    wanted = "any" if pool.label is None else f"{pool.label} = {pool.equals}"
    return {
        "name": name,
        "selects": wanted,
        "split": pool.split,
        "slices": len(slices),
        "patients": _patients(slices),
    }


def _patients(cohort: Cohort) -> int:
    return len(np.unique(cohort.patient))


# Readings -------------------------------------------------------------------------------------------------


def _readings(result: EvaluationResult, row: Row, plugins: Plugins) -> Iterator[dict[str, Any]]:
    """Each reading of the model, with that of real slices beside it. Of a metric that has curves, which reports draw,
    only those of the short table."""
    real = next((each for each in result.rows if each.kind == "real"), None)
    beside = _by_id(real.summary if real else ())
    drawn = {metric for metric in result.settings.metrics if reading_curves(metric, plugins)}
    for summary in row.summary:
        if summary.metric in drawn and summary.id not in result.headline:
            continue
        other = beside.get(summary.id)
        yield {
            "id": summary.id,
            "metric": summary.metric,
            "unit": summary.unit,
            "better": summary.better,
            **_figures(summary),
            "real": None if other is None else _figures(other),
            "notes": list(summary.notes),
        }


def _by_id(summaries: Iterable[Summary]) -> dict[str, Summary]:
    return {summary.id: summary for summary in summaries}


def _figures(summary: Summary) -> dict[str, Any]:
    interval: Sequence[float] | None = summary.interval
    return {"mean": summary.mean, "sd": summary.sd, "interval": None if interval is None else list(interval)}
