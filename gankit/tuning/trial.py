"""One trial: its trainings, as processes, and their reading on the validation slices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from gankit._errors import GankitError, RecipeError
from gankit.comparison.compare import train_runs
from gankit.comparison.comparison import Comparison
from gankit.comparison.plan import Plan, PlannedRun, planned_run
from gankit.evaluation.judge import Judge
from gankit.evaluation.rows import judged_rows
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import load_recipe
from gankit.tuning.study import Study

COMMENT = "A run of a study; made by 'gankit tune'. Its cohort has no test slice."
KEEP = "training.keep_checkpoints"


class Failed(Exception):
    """A trial cannot be trained or measured; the message says why, on one line."""


@attrs.frozen(eq=False, kw_only=True)
class Bench:
    """What all trials of a study have in common, loaded once."""

    study: Study
    comparison: Comparison
    """The real side: training slices, and validation slices in the place of test slices."""
    judge: Judge
    plugins: Plugins

    def readings(self, number: int, values: Mapping[str, Any], reading: str, quiet: bool) -> list[float]:
        """Train a trial with every seed, and measure it.

        Args:
            number: the trial.
            values: key path to the value that is tried.
            reading: id of the reading.
            quiet: print nothing.

        Returns: the reading of each training, the mean over its sets.

        Raises:
            Failed: the values do not fit together, a training ended in an error, or the reading has no value.
            Stopped: the user stopped it. The next call goes on where it was.
            GankitError: what is not of this trial, as a full disk.
        """
        plan = self._plan(number, values)
        plan.write_recipes(COMMENT)
        if failed := train_runs(plan, 1, quiet):
            name, reason = next(iter(failed.items()))
            raise Failed(f"training of {name} failed: {reason.removeprefix('Error: ')}")
        try:
            subjects = attrs.evolve(self.comparison, plan=plan).trained(self.plugins)
            rows = judged_rows(subjects, self.judge, quiet)
        except GankitError as error:
            raise Failed(f"cannot be measured: {' '.join(str(error).split())}") from error
        return [_value(row.name, row.summary, reading) for row in rows]

    def _plan(self, number: int, values: Mapping[str, Any]) -> Plan:
        study = self.study
        name = f"trial-{number:04d}"
        seeds = range(study.first_seed, study.first_seed + study.seeds)
        try:
            runs = tuple(trial_run(name, seed, study, values, self.plugins) for seed in seeds)
        except RecipeError as error:
            raise Failed(f"the values do not fit together: {error.problems[0]}") from error
        return Plan(folder=study.folder, runs=runs, judging=study.judging, metrics=study.metrics)


def trial_run(name: str, seed: int, study: Study, values: Mapping[str, Any], plugins: Plugins) -> PlannedRun:
    """A training of a study's recipe with these values, on the cohort without test slices.

    Raises RecipeError: the values do not fit together.
    """
    given = {key: value for key, value in {**study.fixed, **values}.items() if key.partition(".")[0] != "cohort"}
    overrides = {KEEP: 1, **given, "cohort": {"use": "file", "path": str(study.cohort_file)}}
    recipe = load_recipe(study.source, {**overrides, "training.seed": seed}, plugins)
    return planned_run(name, name, seed, recipe, plugins)


def _value(name: str, summaries: Iterable[Any], reading: str) -> float:
    """The mean of a reading. Raises Failed: it has none."""
    found = {summary.id: summary for summary in summaries}
    if reading not in found:
        raise Failed(f"{name} has no reading {reading}; it has {', '.join(found)}")
    if (mean := found[reading].mean) is None:
        notes = "; ".join(filter(None, found[reading].notes))
        raise Failed(f"{reading} of {name} has no value{f': {notes}' if notes else ''}")
    return float(mean)
