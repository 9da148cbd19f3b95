"""What came out of a study: its trials, best first, as a table, and the best as a recipe."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

from gankit.evaluation.statistics import mean_and_sd
from gankit.files.atomic import write_text
from gankit.files.tables import Table, markdown
from gankit.files.toml_text import toml_text
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import find_recipe, overrides_document
from gankit.tuning.aim import Aim
from gankit.tuning.journal import Trial
from gankit.tuning.study import Study

BEST, TABLE, ROWS = "best.toml", "trials.md", "trials.csv"
RULE = (
    "Settings are chosen without test slices: no test slice was trained on, judged on or read by a trial, and"
    " validation slices stood in their place. Report the best with seeds that are not in this table, on the test"
    " slices, once."
)


@attrs.frozen(kw_only=True)
class Tried:
    """A trial and what came out of it."""

    number: int
    """From 0, in the order in which trials began."""
    values: Mapping[str, Any]
    """Key path to the value that was tried."""
    state: Literal["measured", "failed", "begun"]
    """"begun": it is worked on, or was left; the next call goes on with it."""
    reading: float | None = None
    """The mean of ``readings``."""
    readings: tuple[float, ...] = ()
    """The reading of each training, by seed."""
    loss: float | None = None
    """What the search makes small; see ``Aim.loss``."""
    wall_s: float | None = None
    """Seconds that the trial took, those before a stop left out."""
    same_as: int | None = None
    """An earlier trial with the same values, whose outcome this one has without being trained."""
    reason: str = ""
    """Why it failed."""

    @classmethod
    def of(cls, trial: Trial) -> Tried:
        """A trial of the journal."""
        noted = trial.noted
        readings = tuple(noted.get("readings", ()))
        return cls(
            number=trial.number,
            values=trial.values,
            state=trial.state,
            reading=sum(readings) / len(readings) if readings else None,
            readings=readings,
            loss=trial.loss,
            wall_s=noted.get("wall_s"),
            same_as=noted.get("same_as"),
            reason=noted.get("reason", ""),
        )


@attrs.frozen(kw_only=True)
class TuningResult:
    """What ``tune`` found."""

    folder: Path
    aim: Aim
    """The reading, and which values of it are better."""
    trials: tuple[Tried, ...]
    """Every trial: the measured ones, best first, then those that failed, then those that are not done."""
    slices: str
    """Where the validation slices come from, in a sentence."""
    digest: str
    """Digest of the cohort of the trials: train and validation slices, with their split and ground truth."""

    @property
    def best(self) -> Tried | None:
        """The best trial; None where none was measured."""
        return next((trial for trial in self.trials if trial.state == "measured"), None)


def ranked(trials: Sequence[Tried]) -> tuple[Tried, ...]:
    """The measured trials, best first and the earlier of two that are as good, then failed ones, then the others."""
    order = {"measured": 0, "failed": 1, "begun": 2}
    return tuple(
        sorted(trials, key=lambda trial: (order[trial.state], 0.0 if trial.loss is None else trial.loss, trial.number))
    )


# Files ----------------------------------------------------------------------------------------------------


def write_results(result: TuningResult, study: Study, plugins: Plugins) -> None:
    """Write trials.md, trials.csv and, where a trial was measured, best.toml. Raises RunError."""
    write_text(result.folder / TABLE, _page(result, study))
    write_text(result.folder / ROWS, _csv(result, study))
    if result.best is not None:
        write_text(result.folder / BEST, best_recipe(result.best, result.aim, study, plugins))


def best_recipe(best: Tried, aim: Aim, study: Study, plugins: Plugins) -> str:
    """The text of a recipe that extends the study's by the values of its best trial. It has the cohort and the training
    steps of that recipe."""
    document: dict[str, Any] = {
        "name": f"{study.recipe.name}-tuned",
        "summary": f"{study.recipe.name} with settings chosen by {aim.id} without test slices",
        "extends": _extended(study, plugins),
        **overrides_document({**study.common, **best.values}),
    }
    steps = "" if study.steps is None else f" Trials had {study.steps} steps; the recipe's own hold here."
    comment = f"# Trial {best.number} of a study; made by 'gankit tune'. {aim.id} {best.reading:.6g}.{steps}\n"
    return comment + toml_text(document)


def _extended(study: Study, plugins: Plugins) -> str:
    """The recipe that was tuned, as a recipe in the folder of the study names it."""
    found = find_recipe(study.source, plugins)
    if plugins.recipes.get(study.source) == found:
        return study.source
    return os.path.relpath(found.resolve(), study.folder.resolve())


def _page(result: TuningResult, study: Study) -> str:
    return markdown([trials_table(result, study)])


def trials_table(result: TuningResult, study: Study) -> Table:
    """Every trial, best first."""
    keys = [axis.key for axis in study.space]
    steps = study.recipe.training.steps
    seeds = f"{study.seeds} trainings each" if study.seeds > 1 else "one training each"
    return Table(
        title=f"Trials of {study.recipe.name}, by {result.aim.id} ({result.aim.said})",
        columns=("trial", *keys, result.aim.id, "s", "note"),
        rows=tuple(_row(trial, keys) for trial in result.trials),
        notes=(
            RULE,
            f"{result.slices[0].upper()}{result.slices[1:]}. Digest of train and validation slices: `{result.digest}`.",
            f"Searched: {'; '.join(f'`{axis.key}={axis.spec}`' for axis in study.space)}. {steps} steps, {seeds},"
            f" seeds from {study.first_seed}. Values of a trial follow from seed {study.seed} and the trials before.",
        ),
    )


def _row(trial: Tried, keys: Sequence[str]) -> tuple[str, ...]:
    seconds = "" if trial.wall_s is None else f"{trial.wall_s:.0f}"
    return (
        str(trial.number),
        *(shown_value(trial.values.get(key)) for key in keys),
        _figure(trial),
        seconds,
        _note(trial),
    )


def _figure(trial: Tried) -> str:
    if trial.reading is None:
        return "–"
    if len(trial.readings) == 1:
        return f"{trial.reading:.4g}"
    return f"{trial.reading:.4g} ± {mean_and_sd(trial.readings)[1]:.2g}"


def _note(trial: Tried) -> str:
    if trial.same_as is not None:
        return f"same values as trial {trial.same_as}"
    if trial.state == "failed":
        return f"failed: {trial.reason}"
    return "not done" if trial.state == "begun" else ""


def shown_value(value: Any) -> str:
    """A value as a recipe writes it, a number with five digits."""
    if value is None:
        return "–"
    return f"{value:.5g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _csv(result: TuningResult, study: Study) -> str:
    """One line a trial, with every digit."""
    keys = [axis.key for axis in study.space]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["trial", "state", *keys, result.aim.id, "by_seed", "wall_s", "same_as", "reason"])
    for trial in result.trials:
        values = [_plain(trial.values.get(key)) for key in keys]
        by_seed = " ".join(map(repr, trial.readings))
        outcome = [_plain(trial.reading), by_seed, _plain(trial.wall_s), _plain(trial.same_as), trial.reason]
        writer.writerow([trial.number, trial.state, *values, *outcome])
    return file.getvalue()


def _plain(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
