"""A study: what is searched, by which reading, and how trials are trained and judged. It is kept as study.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError
from gankit.evaluation.judging import Judging
from gankit.files.json_file import read_document, write_document
from gankit.plugin.components import AbstractMetric
from gankit.plugin.plugins import Plugins
from gankit.recipe.file import Layers, check_document
from gankit.recipe.recipe import Recipe
from gankit.recipe.structure import Document, plain, structure_named
from gankit.run.directory import differences
from gankit.tuning.space import Range, Space, as_whole, parse_space

FORMAT = "gankit-study-1"
STUDY = "study.json"
COHORT = "cohort.safetensors"
REMEDY = "restore it, or tune in another place with `out`"
KEYS = ("format", "recipe", "settings", "device", "cohort")
"""What a study.json has, besides its digest."""
SHOWN = 3
"""Number of differing keys that a message names."""


@attrs.frozen(kw_only=True)
class Study:
    """Everything that the readings of trials depend on, but for the values that are tried."""

    folder: Path
    source: str
    """The recipe, as the user named it."""
    common: Mapping[str, Any]
    """Key path to value, for all trials."""
    steps: int | None
    """Training steps of each trial; None: the recipe's."""
    space: Space
    by: str
    """The reading, as the user named it."""
    judging: Judging
    metrics: Mapping[str, AbstractMetric]
    """The metric of the reading, by name."""
    seeds: int
    """Trainings of each trial."""
    first_seed: int
    """``training.seed`` of the first of them; the others count up."""
    seed: int
    """Seed of the values that are tried, of the patients that are held out, and of the evaluation."""
    validation: float | None
    """Share of the train patients to hold out; None: the default, where the cohort has no validation split."""
    recipe: Recipe
    document: Document
    """The completed recipe without values that are tried, as plain tables."""

    @property
    def file(self) -> Path:
        return self.folder / STUDY

    @property
    def cohort_file(self) -> Path:
        """The cohort of the trials. The path is absolute, since a recipe's is relative to the working directory."""
        return (self.folder / COHORT).resolve()

    @property
    def fixed(self) -> dict[str, Any]:
        """Key path to value for all trials, the number of steps included."""
        return {**self.common, **({} if self.steps is None else {"training.steps": self.steps})}

    # study.json -------------------------------------------------------------------------------------------

    def settings(self, plugins: Plugins) -> dict[str, Any]:
        """What may not change while a study goes on, as JSON."""
        sets = self.judging.sample_sets
        return {
            "recipe": self.document,
            "common": dict(self.common),
            "steps": self.steps,
            "over": {axis.key: axis.spec for axis in self.space},
            "whole": [axis.key for axis in self.space if isinstance(axis, Range) and axis.whole],
            "by": self.by,
            "seed": self.seed,
            "seeds": self.seeds,
            "first_seed": self.first_seed,
            "validation": self.validation,
            "judging": {
                "sets": sets.count,
                "per_set": sets.size,
                "replicates": self.judging.replicates,
                "label": self.judging.label,
                "modalities": list(self.judging.modalities),
            },
            "metrics": {name: plain(metric, plugins.registry) for name, metric in self.metrics.items()},
        }

    def refuse_other(self, plugins: Plugins, cohort: str | None = None) -> None:
        """Make sure that the folder is new, or has this study.

        Args:
            plugins: what is installed.
            cohort: digest of the cohort of the trials, where it is known already.

        Raises:
            InputError: it has another study; the message names what differs.
        """
        if not self.file.is_file():
            return
        there = read_document(self.file, FORMAT, REMEDY, KEYS)
        with _damaged(self.file):
            found = list(_differing(there["settings"], self.settings(plugins)))
            if not found and cohort not in (None, there["cohort"]["digest"]):
                found = [f"its cohort has another content: {there['cohort']['digest']} there, {cohort} here"]
        if found:
            more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise InputError(
                f"{self.folder}: holds another study ({'; '.join(found[:SHOWN])}{more}); give the same values, or"
                " another place with `out`"
            )

    def write(self, said: str, digest: str, plugins: Plugins) -> None:
        """Write study.json, with where the validation slices come from and the digest of the cohort of the trials."""
        document = {
            "format": FORMAT,
            "recipe": self.source,
            "device": self.judging.device,
            "settings": self.settings(plugins),
            "cohort": {"digest": digest, "said": said},
        }
        write_document(self.file, document)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What of a study differs, in words."""
    yield from differences(old["recipe"], new["recipe"])
    steps, now = (settings["recipe"]["training"]["steps"] for settings in (old, new))
    if steps != now:
        yield f"training.steps: {steps} there, {now} here"
    for key in dict.fromkeys([*old["over"], *new["over"]]):
        if (spec := old["over"].get(key, "not searched")) != (other := new["over"].get(key, "not searched")):
            yield f"{key}: {spec} there, {other} here"
    yield from differences(*({key: settings[key] for key in _SCALARS} for settings in (old, new)))


_SCALARS = ("by", "seed", "seeds", "first_seed", "validation", "judging", "metrics")
"""Settings that are compared key by key."""


@contextmanager
def _damaged(path: Path) -> Iterator[None]:
    """A context that raises InputError where a part of a study is missing or of another type."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path}: damaged, a part is missing or of another type ({error}); {REMEDY}") from error


def read_study(folder: Path, plugins: Plugins) -> tuple[Study, str]:
    """The study in a folder, and where its validation slices come from. Raises InputError: there is none, or it is
    damaged."""
    document = read_document(path := folder / STUDY, FORMAT, REMEDY, KEYS)
    with _damaged(path):
        settings = document["settings"]
        metrics, problems = structure_named(settings["metrics"], AbstractMetric, plugins.registry)
        if metrics is None:
            raise InputError(f"{path}: metrics.{problems[0]}; {REMEDY}")
        judging = Judging(
            metrics=tuple(metrics), headline=settings["by"], device=document["device"], seed=settings["seed"],
            **settings["judging"],
        )  # fmt: skip
        kept = {key: settings[key] for key in ("common", "steps", "by", "seed", "seeds", "first_seed", "validation")}
        study = Study(
            folder=folder,
            source=document["recipe"],
            space=tuple(
                as_whole(axis) if isinstance(axis, Range) and axis.key in settings["whole"] else axis
                for axis in parse_space(settings["over"])
            ),
            judging=judging,
            metrics=metrics,
            recipe=check_document(Layers(settings["recipe"], {}), str(path), plugins),
            document=settings["recipe"],
            **kept,
        )
        return study, document["cohort"]["said"]
