"""``[cohort] use = "phantom"``: the phantom as the cohort of a recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from gankit import AbstractCohortSource, Problem, Shapes, option

if TYPE_CHECKING:
    from gankit import Cohort

UNITS = {"adc": "1e-6 mm2/s", "t2w": "1", "dce": "1"}
"""Modality to its unit."""


@attrs.frozen(kw_only=True)
class Phantom(AbstractCohortSource):
    """Slices or volumes of the digital prostate phantom: ADC, T2w and early enhancement (dce) from one tissue map, with
    labels, tissue and lesion masks. The defaults are the counts of Wang et al., III: 360 patients, 2,525 slices.
    Volumes show the pelvis from feet to head; several of one patient differ by the scanner's noise alone."""

    seed: int = option(0, ge=0, le=2**63 - 1, help="seed of the patients and their slices, apart from training.seed")
    size: int = option(64, ge=32, le=4_096, help="pixels along each side")
    depth: int | None = option(
        None, ge=4, le=512, help="planes of a volume, from feet to head; counts are of volumes then; default: slices"
    )
    slice_spacing_mm: float | None = option(
        None, ge=0.5, le=20.0, help="distance of the planes of a volume in mm; default: 72 / depth"
    )
    neighbours: int | None = option(
        None, ge=1, le=16, help="make slabs: slices of the volumes with so many below and above as channels"
    )
    anatomy: Path | None = option(
        None, help=".npz of real label maps to draw over: labels, spacing_mm, patient_id, is_cs"
    )
    patients_cs: int = option(
        134, ge=2, le=1_000_000, help="patients with clinically significant cancer (CS), one a split at least"
    )
    patients_noncs: int = option(226, ge=2, le=1_000_000, help="patients without, one a split at least")
    train_cs: int = option(483, ge=1, le=1_000_000, help="CS slices for training")
    train_noncs: int = option(1942, ge=1, le=1_000_000, help="other slices for training")
    test_cs: int = option(50, ge=1, le=1_000_000, help="CS slices for testing")
    test_noncs: int = option(50, ge=1, le=1_000_000, help="other slices for testing")
    validation_cs: int | None = option(
        None, ge=1, le=1_000_000, help="CS slices for validation, of patients of their own; default: none"
    )
    validation_noncs: int | None = option(
        None, ge=1, le=1_000_000, help="other slices for validation, of patients of their own; default: none"
    )

    def check(self, modalities: Shapes) -> Iterator[Problem]:
        """Sizes that recipes cannot average down to theirs, before anything is drawn."""
        planes = () if self.depth is None or self.neighbours else (self.depth,)
        made = (1 if self.neighbours is None else 2 * self.neighbours + 1, *planes, self.size, self.size)
        for name in [name for name in UNITS if name in modalities]:
            wanted = modalities[name]
            if place := _misfit(made, wanted):
                shapes = [" x ".join(map(str, shape)) for shape in (made, wanted)]
                yield Problem(
                    place,
                    f"the phantom's images are {shapes[0]}, those of modalities.{name} {shapes[1]}; accepted: the same"
                    " size or a whole multiple, with equal channels and axes",
                )
                return

    def load(self) -> Cohort:
        from gankit_phantom._cohort import phantom_cohort

        return phantom_cohort(self)

    def fresh(self) -> Cohort | None:
        """Patients that this phantom does not have.

        Without an anatomy they are drawn with a seed of their own and have as many slices each as patients here: 1,942
        CS slices to set beside synthetic ones, and 1,000 CS and 1,000 other slices as a large test; of volumes 128,
        64 and 64. With an anatomy
        they are the patients that this phantom leaves, so there may be fewer slices.

        Returns: the cohort, or None if fewer slices are left than the test split has.
        """
        from gankit_phantom._cohort import fresh_cohort

        return fresh_cohort(self)


def _misfit(made: Sequence[int], wanted: Sequence[int]) -> str | None:
    """The option by which images (C, *S) of the phantom cannot be averaged down to those that are wanted."""
    if len(made) != len(wanted):
        return "depth"
    if made[0] != wanted[0]:
        return "neighbours"
    axes = ("depth", "size", "size")[-len(made[1:]) :]
    misfits = (axis for axis, have, want in zip(axes, made[1:], wanted[1:], strict=True) if have % want)
    return next(misfits, None)
