"""What is judged: models, cohorts, and real slices as references. Each gives sets of slices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from gankit._draws import Draws
from gankit._errors import CohortError, InputError
from gankit.cohort.augmented import augmented
from gankit.cohort.cohort import Cohort
from gankit.evaluation.evaluation import Candidate, Evaluation, complete

if TYPE_CHECKING:
    from gankit.run.model import Model


@attrs.frozen(kw_only=True)
class Sets:
    """How many sets of slices are judged, how large they are, and the seed that they come from."""

    count: int = 5
    size: int = 1942
    seed: int = 0

    def draws_seed(self, name: str, number: int) -> int:
        """A seed for one set."""
        return Draws(self.seed, number).torch_seed(f"evaluation/sets/{name}")


@attrs.frozen(eq=False, kw_only=True)
class Subject:
    """One row: sets of slices and where they come from."""

    name: str
    kind: str
    identity: Any
    """What the slices follow from, as JSON, besides the number of the set."""
    sets: int
    slices: int
    """In each set."""
    make: Callable[[int], Candidate]
    """The slices of a set, counted from 0."""
    about: dict[str, Any]
    """What the row says of them; see ``_evaluate``."""


UNKNOWN = dict.fromkeys(("path", "recipe", "seed", "steps", "wall_s", "device"))


def model_subject(
    name: str, path: Path, file: Path, load: Callable[[], Model], evaluation: Evaluation, sets: Sets, **about: Any
) -> Subject:
    """Sets sampled from a model.

    Args:
        path: the run or file that the user named.
        file: the model file.
        load: loads it; called for each set, so that not every model of a comparison stays in memory.
        about: what else the row says.
    """

    def make(number: int) -> Candidate:
        model = load()
        try:
            cohort = model.cohort(sets.size, sets.draws_seed("latents", number))
        except CohortError as error:
            raise CohortError(f"{path}: the model makes slices that cannot be judged: {error}") from error
        return Candidate(name=name, cohort=complete(cohort, evaluation.modalities, str(path)), model=model)

    return Subject(
        name=name,
        kind="model",
        identity=["model", file_digest(file), sets.size, sets.seed],
        sets=sets.count,
        slices=sets.size,
        make=make,
        about=UNKNOWN | {"source": f"sampled from {path}", "note": "", "path": str(path)} | about,
    )


def file_digest(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def slices_subject(name: str, kind: str, slices: Cohort, sets: Sets, note: str = "", **about: Any) -> Subject:
    """Disjoint sets drawn from slices at hand.

    Raises:
        InputError: there are too few.
    """
    needed = sets.count * sets.size
    if len(slices) < needed:
        raise InputError(
            f"{name}: {len(slices)} slices can be judged, {sets.count} disjoint sets of {sets.size} need {needed};"
            " lower --sets or --per-set"
        )
    order = Draws(sets.seed).generator("evaluation/sets/order").permutation(len(slices))

    def make(number: int) -> Candidate:
        chosen = order[number * sets.size : (number + 1) * sets.size]
        return Candidate(name=name, cohort=slices.select(chosen))

    return Subject(
        name=name,
        kind=kind,
        identity=["slices", slices.digest(), sets.size, sets.seed],
        sets=sets.count,
        slices=sets.size,
        make=make,
        about=UNKNOWN | {"source": slices.source, "note": note} | about,
    )


# References -----------------------------------------------------------------------------------------------

REFERENCES = REAL, AUGMENTED = "real", "augmented real"
"""Names of the rows to read the others by."""


def references(evaluation: Evaluation, sets: Sets) -> list[Subject]:
    """The rows to read the others by: real slices that no model was trained on, where there are any, and real training
    slices augmented, where they have a plane to be turned in."""
    rank = len(next(iter(evaluation.modalities.values())).shape) - 1
    real = real_subject(evaluation, sets)
    augmented_real = augmented_subject(evaluation, sets) if rank >= 2 else None
    return [subject for subject in (real, augmented_real) if subject is not None]


def real_subject(evaluation: Evaluation, sets: Sets) -> Subject | None:
    """Real slices judged as if they were synthetic: what a perfect synthesizer would read.

    They are of fresh patients where there are any, else the real test slices, which flatters: metrics compare them
    with themselves. None without either.
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
        note = "; ".join(filter(None, (note, f"only {size} slices")))
    fitting = Sets(count=min(sets.count, len(slices) // size), size=size, seed=sets.seed)
    return slices_subject(REAL, "real", slices, fitting, note)


def augmented_subject(evaluation: Evaluation, sets: Sets) -> Subject:
    """Real training slices rotated, moved, scaled and bent to the size of a set, anew for each set."""
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
        about=UNKNOWN | {"source": f"{len(slices)} real training slices, augmented", "note": ""},
    )
