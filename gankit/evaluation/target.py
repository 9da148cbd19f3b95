"""The target of an evaluation: a model, or the slices of a cohort file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from gankit._errors import CohortError, InputError
from gankit.cohort.cohort import Cohort
from gankit.cohort.fit import cohort_digest
from gankit.cohort.shards import is_sharded
from gankit.cohort.stored import read_cohort
from gankit.evaluation.evaluation import Evaluation
from gankit.evaluation.judging import Judging, Sets
from gankit.evaluation.real_side import judged_slices, refuse_tested, shared_modalities, trains_on_tests
from gankit.evaluation.subjects import REFERENCES, Subject, model_subject, slices_subject
from gankit.files.header import header
from gankit.plugin.plugins import Plugins
from gankit.recipe.recipe import ModalitySpec, Recipe
from gankit.run.targets import cohort_note, model_file, recipe_of


@attrs.frozen(eq=False)
class ModelTarget:
    """A run directory, a model file or a shipped model."""

    path: Path
    """What the user named."""
    file: Path
    """The model file."""
    recipe: Recipe
    """The recipe in the model file."""

    def modalities(self, recipe: Recipe | None, real: Cohort, names: Sequence[str]) -> dict[str, ModalitySpec]:
        """The modalities to judge: those of the evaluation's recipe, else those of the model's recipe."""
        return (recipe or self.recipe).images()

    def subject(self, evaluation: Evaluation, judging: Judging, own: Cohort | None, plugins: Plugins) -> Subject:
        """Sets sampled from the model.

        Args:
            evaluation: the real side.
            judging: what is measured and how.
            own: the real cohort, where it is the cohort of the model's recipe; else None.
            plugins: what is installed.

        Raises:
            InputError: the device does not exist, or the model makes slices of another label.
            CohortError: the model was trained on test slices of the real side.
        """
        from gankit.processes.device import choose_device

        choose_device(judging.device)  # raises where there is no such device, before any work
        self._refuse_another_label(evaluation)
        note = cohort_note(self.path, cohort_digest(self.recipe, own)) if own is not None else ""
        if own is None or trains_on_tests(self.recipe):
            note = refuse_tested(self.recipe, evaluation, str(self.path))
        name = self.path.resolve().name if self.path.is_dir() else self.path.stem
        return model_subject(_row_name(name), self.path, self.file, evaluation, judging, plugins, note)

    def _refuse_another_label(self, evaluation: Evaluation) -> None:
        made = self.recipe.approached_label()
        if made and made != {evaluation.label: evaluation.value}:
            ((label, value),) = made.items()
            raise InputError(
                f"{self.path}: its recipe makes slices with {label!r} = {value}, asked for are slices with"
                f" {evaluation.label!r} = {evaluation.value}; choose with `label`"
            )


@attrs.frozen(eq=False)
class CohortTarget:
    """A cohort file."""

    path: Path
    cohort: Cohort
    recipe: None = None

    def modalities(self, recipe: Recipe | None, real: Cohort, names: Sequence[str]) -> dict[str, ModalitySpec]:
        """The modalities to judge: those of the evaluation's recipe, else those that the real cohort has too."""
        return recipe.images() if recipe else shared_modalities(self.cohort, real, str(self.path), names)

    def subject(self, evaluation: Evaluation, judging: Judging, own: Cohort | None, plugins: Plugins) -> Subject:
        """Disjoint sets of the cohort's slices. Unless sets are asked for, one set has all slices.

        Raises:
            CohortError: no slice can be judged, or test patients are among them.
            InputError: there are too few slices.
        """
        slices = judged_slices(self.cohort, evaluation, str(self.path))
        asked = judging.sets or judging.per_set
        sets = judging.sample_sets if asked else Sets(count=1, size=len(slices), seed=judging.seed)
        return slices_subject(_row_name(self.path.stem), "cohort", slices, sets, path=str(self.path))


Target = ModelTarget | CohortTarget


def find_target(path: Path, plugins: Plugins) -> Target:
    """The target that the user named: a run directory, a model file, a cohort file, or the name of a shipped model.

    Raises:
        InputError: nothing is there, the run has no model yet, or it is neither a model nor a cohort.
    """
    if (file := model_file(path, plugins)) is not None:
        return ModelTarget(path, file, recipe_of(file, plugins))
    try:
        return CohortTarget(path, read_cohort(path))
    except CohortError as error:
        if is_sharded(path) or header(path):  # it is a cohort file, and the message says what is wrong with it
            raise
        raise CohortError(f"{error}; a target is a run directory, a model file or a cohort file") from error


def _row_name(name: str) -> str:
    """The name of a target's row; it differs from the names of the rows of real slices."""
    return f"{name} (judged)" if name in REFERENCES else name
