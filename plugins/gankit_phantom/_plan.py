"""Who the patients are: how many slices each has, in which split, and what they show."""

from __future__ import annotations

import attrs
import numpy as np

from gankit_phantom._anatomy import Anatomy
from gankit_phantom._volume import Array

MIMICS = {"prostatitis": 0.30, "indolent": 0.32, "stromal": 0.13, "none": 0.25}
"""What slices without CS cancer show, and how often."""


@attrs.frozen(kw_only=True)
class SliceCounts:
    """How many patients and slices; the defaults are those of Wang et al., III.

    Raises:
        ValueError: a count is below 1, or there are fewer patients of a class than splits that have it.
    """

    patients_cs: int = 134
    patients_noncs: int = 226
    train_cs: int = 483
    train_noncs: int = 1942
    test_cs: int = 50
    test_noncs: int = 50
    validation_cs: int = 0
    """0: no validation slice of this class."""
    validation_noncs: int = 0

    def __attrs_post_init__(self) -> None:
        for name, value in attrs.asdict(self).items():
            if value < (least := 0 if name.startswith("validation") else 1):
                raise ValueError(f"{name} must be at least {least}, got {value}")
        for name, validation in (("patients_cs", self.validation_cs), ("patients_noncs", self.validation_noncs)):
            if (value := getattr(self, name)) < (least := 3 if validation else 2):
                raise ValueError(f"{name} must be at least {least}, one for each split, got {value}")


@attrs.frozen(eq=False, kw_only=True)
class Plan:
    """What each of N slices is, before anything is drawn."""

    cs: Array
    """(N,) int8."""
    patient: Array
    """(N,) str."""
    patient_number: Array
    """(N,) counted from 0."""
    split: Array
    """(N,) str: "train", "test" or "validation"."""
    level: Array
    """(N,) 0 base to 1 apex."""
    finding: Array
    """(N,) str: a key of ``MIMICS``; "none" where there is CS cancer."""
    spacing_mm: Array
    """(N,) float32."""
    map_number: Array | None = None
    """(N,) which label map, in anatomy mode."""

    def select(self, chosen: slice | Array) -> Plan:
        """Some of the slices, by a range or by indices."""
        fields = attrs.asdict(self, recurse=False)
        return attrs.evolve(self, **{name: value[chosen] for name, value in fields.items() if value is not None})


def procedural_plan(counts: SliceCounts, generator: np.random.Generator, spacing_mm: float) -> Plan:
    """Spread slices over patients as evenly as whole numbers allow; a patient is wholly in one split."""
    cs, number, split = [], [], []
    first = 0
    for label, patients, train, test, validation in (
        (1, counts.patients_cs, counts.train_cs, counts.test_cs, counts.validation_cs),
        (0, counts.patients_noncs, counts.train_noncs, counts.test_noncs, counts.validation_noncs),
    ):
        in_test = _members(patients, test, train + test + validation, others=2 if validation else 1)
        in_validation = _members(patients - in_test, validation, train + validation, others=1) if validation else 0
        shares = (
            ("train", train, patients - in_test - in_validation),
            ("test", test, in_test),
            ("validation", validation, in_validation),
        )
        for name, slices, members in shares[: 3 if validation else 2]:
            owner = np.sort(np.arange(slices) % min(members, slices)) + first
            first += members
            number.append(owner)
            cs.append(np.full(slices, label, dtype=np.int8))
            split.append(np.full(slices, name))
    number_N, cs_N = np.concatenate(number), np.concatenate(cs)
    return Plan(
        cs=cs_N,
        patient=np.array([f"phantom-{value:04d}" for value in number_N]),
        patient_number=number_N,
        split=np.concatenate(split),
        level=generator.random(len(cs_N)),
        finding=_findings(generator, cs_N),
        spacing_mm=np.full(len(cs_N), spacing_mm, dtype=np.float32),
    )


def _members(patients: int, slices: int, of: int, others: int) -> int:
    """How many of the patients have ``slices`` of the slices ``of``: at least one, at most one a slice, and so that at
    least ``others`` are left."""
    return min(max(1, round(patients * slices / of)), patients - others, slices)


def map_classes(anatomy: Anatomy) -> Array:
    """(M,) 1 for a label map with a gland and CS cancer, 0 for one with a gland and none, -1 for others."""
    usable = (anatomy.labels > 0).sum(axis=(1, 2)) >= 64
    has_lesion = (anatomy.labels == 3).any(axis=(1, 2))
    classes = np.where(anatomy.is_cs == 1, np.where(has_lesion, 1, -1), np.where(has_lesion, -1, 0))
    return np.where(usable, classes, -1)


def anatomy_plan(
    counts: SliceCounts, generator: np.random.Generator, anatomy: Anatomy, scale: float, *, at_most: bool = False
) -> Plan:
    """Choose real label maps: whole patients go to the test split until it has enough, then to validation, where slices
    of it are asked for, and the others train.

    Args:
        at_most: take as many as there are where that is fewer than ``counts`` asks for.

    Raises:
        ValueError: there are too few maps with a gland.
    """
    # Patients and their maps in random order, and how many slices of each class and split are wanted.
    classes = map_classes(anatomy)
    patients = generator.permutation(np.unique(anatomy.patient))
    members = {patient: generator.permutation(np.flatnonzero(anatomy.patient == patient)) for patient in patients}
    wanted = {
        (label, split): getattr(counts, f"{split}_{name}")
        for split in ("test", "validation", "train")
        for label, name in ((1, "cs"), (0, "noncs"))
    }
    taken: dict[tuple[int, str], list[int]] = {key: [] for key in wanted}

    # All maps of a patient go to one split: to test while test lacks slices of a class that the patient has, then to
    # validation in the same way, else to train.
    for patient in patients:
        maps = members[patient]
        shown = [label for label in (1, 0) if (classes[maps] == label).any()]
        lacking = [
            split
            for split in ("test", "validation")
            if any(len(taken[label, split]) < wanted[label, split] for label in shown)
        ]
        split = lacking[0] if lacking else "train"
        for label in (1, 0):
            room = wanted[label, split] - len(taken[label, split])
            taken[label, split] += maps[classes[maps] == label][:room].tolist()

    # Fewer than wanted are refused, unless the caller takes fewer.
    for (label, split), found in taken.items():
        if len(found) < wanted[label, split] and not at_most:
            raise ValueError(
                f"the anatomy has {len(found)} usable {'CS' if label else 'other'} slices for {split},"
                f" {wanted[label, split]} are asked for; lower the count"
            )

    # The chosen maps, class by class, as a plan.
    order = [(label, split) for label in (1, 0) for split in ("train", "test", "validation")]
    chosen_N = np.concatenate([taken[key] for key in order]).astype(int)
    cs_N = np.concatenate([np.full(len(taken[key]), key[0], dtype=np.int8) for key in order])
    patient_N = anatomy.patient[chosen_N].astype(str)
    return Plan(
        cs=cs_N,
        patient=patient_N,
        patient_number=np.unique(patient_N, return_inverse=True)[1],
        split=np.concatenate([np.full(len(taken[key]), key[1]) for key in order]),
        level=generator.random(len(cs_N)),
        finding=_findings(generator, cs_N),
        spacing_mm=(anatomy.spacing_mm[chosen_N] * scale).astype(np.float32),
        map_number=chosen_N,
    )


def _findings(generator: np.random.Generator, cs_N: Array) -> Array:
    """(N,) a key of ``MIMICS``, drawn by its frequency; "none" where there is CS cancer."""
    drawn = generator.choice(list(MIMICS), len(cs_N), p=list(MIMICS.values()))
    return np.where(cs_N == 1, "none", drawn)
