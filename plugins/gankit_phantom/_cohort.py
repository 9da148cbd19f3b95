"""The phantom's slices as a cohort, and the file of label maps that it can be drawn over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from gankit import Cohort, CohortError, Draws, Modality, read_npz
from gankit_phantom._draw import TISSUES, Anatomy, SliceCounts, draw_phantom, phantom_plan
from gankit_phantom._plan import map_classes
from gankit_phantom._slabs import slabs_of
from gankit_phantom.source import UNITS

if TYPE_CHECKING:
    from gankit_phantom.source import Phantom

MAKER = "digital prostate phantom"
"""How the source of its cohorts begins."""
ANATOMY_ARRAYS = {
    "labels": "(maps, height, width)",
    "spacing_mm": "(maps,)",
    "patient_id": "(maps,)",
    "is_cs": "(maps,)",
}


def phantom_cohort(spec: Phantom) -> Cohort:
    """Draw the phantom of a spec.

    Raises:
        CohortError: the anatomy cannot be read or has too few slices, or the counts are impossible.
    """
    if spec.depth is None and spec.slice_spacing_mm is not None:
        raise CohortError("phantom: slice_spacing_mm is of volumes; give a depth too, or leave it out")
    if spec.depth is not None and spec.anatomy is not None:
        raise CohortError("phantom: label maps of an anatomy are slices, not volumes; leave out anatomy or depth")
    if spec.neighbours is not None and (spec.depth is None or spec.depth <= 2 * spec.neighbours):
        raise CohortError(
            f"phantom: slabs are cut out of volumes; give a depth of {2 * spec.neighbours + 1} planes or more, or leave"
            " out neighbours"
        )
    anatomy = None if spec.anatomy is None else read_anatomy(spec.anatomy)
    over = "" if spec.anatomy is None else f" over the anatomy of {spec.anatomy.name}"
    return _drawn(spec, anatomy, f"{MAKER}, seed {spec.seed}{over}")


def _counts(spec: Phantom) -> SliceCounts:
    return SliceCounts(
        patients_cs=spec.patients_cs,
        patients_noncs=spec.patients_noncs,
        train_cs=spec.train_cs,
        train_noncs=spec.train_noncs,
        test_cs=spec.test_cs,
        test_noncs=spec.test_noncs,
        validation_cs=spec.validation_cs or 0,
        validation_noncs=spec.validation_noncs or 0,
    )


def _drawn(
    spec: Phantom,
    anatomy: Anatomy | None,
    source: str,
    *,
    at_most: bool = False,
) -> Cohort:
    try:
        drawn = draw_phantom(
            spec.seed,
            spec.size,
            _counts(spec),
            anatomy,
            at_most=at_most,
            depth=spec.depth,
            slice_spacing_mm=spec.slice_spacing_mm,
        )
    except ValueError as error:
        raise CohortError(f"phantom: {error}") from error
    images = {name: getattr(drawn, name)[:, None] for name in UNITS}
    cohort = Cohort(
        modalities={name: Modality.of(images[name], unit, channels="first") for name, unit in UNITS.items()},
        labels={"cs": drawn.cs},
        patient=drawn.patient,
        split=drawn.split,
        spacing_mm=drawn.spacing_mm,
        slice_spacing_mm=drawn.slice_spacing_mm,
        truth={"tissue": drawn.tissue, "lesion": drawn.lesion},
        tissues=TISSUES,
        source=source,
    )
    return cohort if spec.neighbours is None else slabs_of(cohort, spec.neighbours)


FRESH_CANDIDATES, FRESH_TEST = 1942, 1000
"""How many CS slices the fresh cohort has in its train split, and how many of each class in its test split. Over an
anatomy there may be fewer."""
FRESH_VOLUMES, FRESH_TEST_VOLUMES = 128, 64
"""The same of volumes."""


def fresh_cohort(spec: Phantom) -> Cohort | None:
    """Patients that the spec's phantom does not have, drawn with a seed derived from the spec's.

    Without an anatomy, they have names of their own and as many slices each as the spec's patients. With an anatomy,
    they are the patients whom the phantom does not use, with half of their CS slices in each split. None if that is
    fewer than the spec's own test split has.
    """
    further = attrs.evolve(
        spec,
        seed=Draws(spec.seed).torch_seed("phantom/fresh"),
        train_cs=FRESH_CANDIDATES if spec.depth is None else FRESH_VOLUMES,
        train_noncs=1,  # the least there can be
        validation_cs=None,
        validation_noncs=None,
    )
    if spec.anatomy is None:
        return _further_patients(spec, further)
    return _patients_left(spec, further, read_anatomy(spec.anatomy), spec.anatomy.name)


def _further_patients(spec: Phantom, further: Phantom) -> Cohort:
    per_cs = (spec.train_cs + spec.test_cs + (spec.validation_cs or 0)) / spec.patients_cs
    test = FRESH_TEST if spec.depth is None else FRESH_TEST_VOLUMES
    per_noncs = (spec.train_noncs + spec.test_noncs + (spec.validation_noncs or 0)) / spec.patients_noncs
    further = attrs.evolve(
        further,
        test_cs=test,
        test_noncs=test,
        patients_cs=max(2, round((further.train_cs + test) / per_cs)),
        patients_noncs=max(2, round((1 + test) / per_noncs)),
    )
    cohort = _drawn(further, None, f"{MAKER}, patients that no cohort of seed {spec.seed} has")
    return attrs.evolve(cohort, patient=np.char.add("fresh-", cohort.patient))


def _patients_left(spec: Phantom, further: Phantom, anatomy: Anatomy, name: str) -> Cohort | None:
    left = anatomy.without(phantom_plan(spec.seed, spec.size, _counts(spec), anatomy).patient)
    classes = map_classes(left)
    test = min(FRESH_TEST, int((classes == 1).sum()) // 2, int((classes == 0).sum()))
    if test < max(spec.test_cs, spec.test_noncs):
        return None
    further = attrs.evolve(further, test_cs=test, test_noncs=test)
    source = f"{MAKER}, patients that seed {spec.seed} leaves of those of {name}"
    return _drawn(further, left, source, at_most=True)


def read_anatomy(path: Path) -> Anatomy:
    """Read label maps: 0 outside, 1 transition zone, 2 peripheral zone, 3 CS lesion.

    Raises:
        CohortError: the file cannot be read, or lacks an array, or the arrays do not fit.
    """
    if not path.is_file():
        raise CohortError(f"cohort.anatomy: {path}: no such file")
    try:
        arrays = read_npz(path, ANATOMY_ARRAYS)
    except ValueError as error:
        raise CohortError(f"cohort.anatomy: {path}: not a readable .npz file of plain arrays ({error})") from error
    if missing := sorted(set(ANATOMY_ARRAYS) - set(arrays)):
        wanted = ", ".join(f"{name} {shape}" for name, shape in ANATOMY_ARRAYS.items())
        raise CohortError(f"cohort.anatomy: {path}: no array {missing[0]!r}; needs {wanted}")
    try:
        return Anatomy(
            labels=arrays["labels"],
            spacing_mm=arrays["spacing_mm"],
            patient=arrays["patient_id"].astype(str),
            is_cs=arrays["is_cs"],
        )
    except ValueError as error:
        raise CohortError(f"cohort.anatomy: {path}: {error}") from error
