"""The subjects of an evaluation: models, cohorts, and real slices as references. Each gives sets of slices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from gankit._draws import Draws
from gankit._errors import CohortError, InputError
from gankit.cohort.augmented import augmented
from gankit.cohort.cohort import Cohort
from gankit.cohort.titles import cohort_item, counted
from gankit.evaluation.evaluation import Candidate, Evaluation, complete
from gankit.evaluation.judging import Judging, Sets
from gankit.evaluation.results import Kind
from gankit.files.header import header
from gankit.plugin.plugins import Plugins
from gankit.run.targets import about_run


@attrs.frozen(kw_only=True)
class Origin:
    """Where slices come from. The fields are those of the same name in ``Row``."""

    source: str
    note: str = ""
    path: str | None = None
    recipe: str | None = None
    seed: int | None = None
    steps: int | None = None
    wall_s: float | None = None
    device: str | None = None
    model_digest: str | None = None


@attrs.frozen(eq=False, kw_only=True)
class Subject:
    """The subject of a row: sets of slices, and where they come from."""

    name: str
    kind: Kind
    identity: Any
    """What the slices depend on, as JSON, besides the number of the set."""
    sets: int
    """Number of sets."""
    slices: int
    """Slices in each set."""
    make: Callable[[int], Candidate]
    """Makes the slices of a set, which is given by its number from 0."""
    origin: Origin


def model_subject(
    name: str, path: Path, file: Path, evaluation: Evaluation, judging: Judging, plugins: Plugins, note: str
) -> Subject:
    """Sets sampled from a model, of the judged label where the model is given it. The model is loaded for each set, so
    that a comparison keeps one model in memory.

    Args:
        name: name of the row.
        path: the run or file that the user named.
        file: the model file.
        evaluation: gives modalities and sizes.
        judging: gives sets and device.
        plugins: what is installed.
        note: a caution about the row.
    """
    sets = judging.sample_sets

    def make(number: int) -> Candidate:
        from gankit.run.model import load_model

        model = load_model(file, judging.device, plugins)
        places = [place for place, label in model.recipe.labels().items() if label.label == evaluation.label]

        def of_value(value: int) -> Cohort:
            try:
                cohort = model.cohort(sets.size, latents_seed(sets, number), given=dict.fromkeys(places, value))
            except CohortError as error:
                raise CohortError(f"{path}: the model makes slices that cannot be judged: {error}") from error
            return complete(cohort, evaluation.modalities, str(path))

        return Candidate(
            name=name, cohort=of_value(evaluation.value), model=model, of_value=of_value if places else None
        )

    return Subject(
        name=name,
        kind="model",
        identity=["model", _model_identity(file), sets.size, sets.seed],
        sets=sets.count,
        slices=sets.size,
        make=make,
        origin=Origin(source=f"sampled from {path}", note=note, path=str(path), **about_run(path, file, plugins)),
    )


def latents_seed(sets: Sets, number: int) -> int:
    """The seed of the latents of one set."""
    return Draws(sets.seed, number).torch_seed("evaluation/sets/latents")


def _model_identity(file: Path) -> str:
    """The digest of a model, which stays the same when a card is kept in its file; that of an old file's bytes."""
    digest = header(file).get("digest")
    return digest if isinstance(digest, str) else file_digest(file)


def file_digest(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def slices_subject(
    name: str, kind: Kind, slices: Cohort, sets: Sets, note: str = "", path: str | None = None
) -> Subject:
    """Disjoint sets drawn from a cohort.

    Raises:
        InputError: the cohort has too few slices.
    """
    needed = sets.count * sets.size
    if len(slices) < needed:
        raise InputError(
            f"{name}: {counted(len(slices), cohort_item(slices))} can be judged, {sets.count} disjoint sets of"
            f" {sets.size} need {needed}; lower `sets` or `per_set`"
        )
    order = Draws(sets.seed).generator("evaluation/sets/order").permutation(len(slices))

    def make(number: int) -> Candidate:
        chosen = order[number * sets.size : (number + 1) * sets.size]
        return Candidate(name=name, cohort=slices.select(chosen).loaded())

    return Subject(
        name=name,
        kind=kind,
        identity=["slices", slices.digest(), sets.size, sets.seed],
        sets=sets.count,
        slices=sets.size,
        make=make,
        origin=Origin(source=slices.source, note=note, path=path),
    )


# References -----------------------------------------------------------------------------------------------

REFERENCES = REAL, AUGMENTED = "real", "augmented real"
"""Names of the rows of real slices, with which the other rows are compared."""


def references(evaluation: Evaluation, sets: Sets) -> list[Subject]:
    """The subjects of real slices, with which the other rows are compared.

    The first has real slices that no model was trained on. It is left out where there are none. The second has
    augmented real training slices. It is left out where slices are signals, which cannot be rotated.
    """
    rank = len(next(iter(evaluation.modalities.values())).shape) - 1
    real = real_subject(evaluation, sets)
    augmented_real = augmented_subject(evaluation, sets) if rank >= 2 else None
    return [subject for subject in (real, augmented_real) if subject is not None]


def real_subject(evaluation: Evaluation, sets: Sets) -> Subject | None:
    """Real slices judged as if they were synthetic. Their readings are those of a perfect synthesizer.

    Where there are fresh patients, the slices are theirs. Otherwise they are the real test slices, and the readings are
    too good, since metrics compare these slices with themselves.

    Returns: None where there are neither.
    """
    slices, note = evaluation.fresh_pool("train"), ""
    if slices is None:
        try:
            slices = evaluation.pool("test")
        except InputError:
            return None
        note = "no fresh patients: the real test slices, compared with themselves"
    size = min(sets.size, len(slices))
    if size < sets.size:
        note = "; ".join(filter(None, (note, f"only {counted(size, cohort_item(slices))}")))
    fitting = Sets(count=min(sets.count, len(slices) // size), size=size, seed=sets.seed)
    return slices_subject(REAL, "real", slices, fitting, note)


def augmented_subject(evaluation: Evaluation, sets: Sets) -> Subject:
    """Real training slices that are rotated, moved, scaled and bent. Each set has draws of its own."""
    slices = evaluation.pool("train")

    def make(number: int) -> Candidate:
        generator = Draws(sets.seed, number).generator("evaluation/sets/augmented")
        return Candidate(name=AUGMENTED, cohort=augmented(slices, sets.size, generator))

    return Subject(
        name=AUGMENTED,
        kind="augmented real",
        identity=["augmented", slices.digest(), sets.size, sets.seed],
        sets=sets.count,
        slices=sets.size,
        make=make,
        origin=Origin(source=f"{len(slices)} real training slices, augmented"),
    )
