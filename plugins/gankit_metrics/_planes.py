"""Volumes judged by their planes: the middle plane along each axis, as slices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import numpy as np

from gankit import Candidate, Cohort, Evaluation, Reading, Rows, StoredRows

PLANES = ("axial", "coronal", "sagittal")
"""The planes in which one axis of a volume (D, H, W) is held fixed, in the order of the axes: D goes from feet to head,
H from front to back, W from the patient's right to left."""

Measure = Callable[[Candidate, Evaluation], Iterable[Reading]]


def and_of_planes(measure: Measure, candidate: Candidate, evaluation: Evaluation) -> Iterator[Reading]:
    """Readings of slices or volumes as they are. Those of volumes are followed by the same readings of the middle
    planes, ``{plane}.{reading}``: a volume gives one slice of each plane, and keeps its patient and label."""
    yield from measure(candidate, evaluation)
    if len(next(iter(evaluation.modalities.values())).shape) != 4:
        return
    for axis, plane in enumerate(PLANES):
        slices = Candidate(name=candidate.name, cohort=middle_planes(candidate.cohort, axis))
        for reading in measure(slices, _side(evaluation, axis)):
            yield attrs.evolve(reading, name=f"{plane}.{reading.name}")


def _side(evaluation: Evaluation, axis: int) -> Evaluation:
    """The real side, of one plane; without fresh patients, whom distances do not need."""
    modalities = {
        name: attrs.evolve(spec, shape=(spec.shape[0], *np.delete(spec.shape[1:], axis).tolist()))
        for name, spec in evaluation.modalities.items()
    }
    real = middle_planes(evaluation.real, axis)
    return attrs.evolve(evaluation, real=real, fresh=None, external=None, modalities=modalities)


def middle_planes(cohort: Cohort, axis: int) -> Cohort:
    """The middle plane of each volume along an axis of its space, the later of two."""

    def middle(values: Rows, first: int) -> Any:
        along = first + axis
        if not isinstance(values, StoredRows):
            return np.asarray(values).take(values.shape[along] // 2, axis=along)
        shape = values.shape[1:along] + values.shape[along + 1 :]
        return values.changed(lambda rows: middle(rows, first), shape, values.dtype)

    return attrs.evolve(
        cohort,
        modalities={
            name: attrs.evolve(modality, values=middle(modality.values, 2))
            for name, modality in cohort.modalities.items()
        },
        truth={name: middle(values, 1) for name, values in cohort.truth.items()},
        spacing_mm=None,
        slice_spacing_mm=None,
    )
