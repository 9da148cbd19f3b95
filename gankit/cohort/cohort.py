"""A cohort: slices of many patients, with intensities in their units."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import attrs
import numpy as np

from gankit._errors import CohortError, shown
from gankit.cohort.channels import channels_first
from gankit.files.rows import StoredRows, blocks, selected

if TYPE_CHECKING:
    from gankit.cohort.dataset import SliceDataset
    from gankit.recipe.recipe import Pool, Recipe

VALIDATION = "validation"
"""The split on which settings are chosen. A cohort need not have one."""
SPLITS = ("train", "test", VALIDATION)
"""The splits of a cohort, in the order of their numbers in the file."""
SPACINGS = ("spacing_mm", "slice_spacing_mm")
"""Sizes (N,) in mm that a cohort may have, in the plane and from plane to plane."""


@attrs.frozen(eq=False, kw_only=True)
class Modality:
    """One modality of all slices of a cohort."""

    values: np.ndarray
    """(N, C, *S) float32 in ``unit``; 0 for slices that lack the modality. Of a cohort in shards they are
    ``StoredRows``: ``values[rows]`` is a numpy array that is read then."""
    unit: str = "1"
    """UCUM-like text, such as "um2/s"; "1" for arbitrary units."""
    present: np.ndarray
    """(N,) bool: whether the slice has this modality."""
    made: np.ndarray | None = None
    """(N,) bool: whether a model made the slice's image from other modalities; None: of no slice."""

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        unit: str = "1",
        present: np.ndarray | None = None,
        *,
        channels: Literal["none", "first", "last"] | None = None,
    ) -> Modality:
        """A modality from an array of N slices: signals, images or volumes, with channels or without.

        Args:
            values: numbers in ``unit``: (N, *S), (N, C, *S) or (N, *S, C), with one to three spatial axes.
            unit: UCUM-like text, "1" for arbitrary units.
            present: (N,) whether the slice has this modality; default: all have it.
            channels: where the axis of channels is: "none", "first" or "last". It is needed only where the shape can be
                read in several ways. (N, L), (N, H, W), (N, C, H, W) with at most 3 channels and (N, C, D, H, W) can
                be read in one way. (N, D, H, W) cannot, nor can a shape whose last axis, or second of three axes, has
                at most 3 elements.

        Raises:
            CohortError: the shape can be read in several ways, or does not fit ``channels``.
        """
        values = channels_first(np.asarray(values, dtype=np.float32), channels)
        if present is None:
            present = np.ones(len(values), dtype=bool)
        return cls(values=np.ascontiguousarray(values), unit=unit, present=np.asarray(present, dtype=bool))


@attrs.frozen(eq=False, kw_only=True)
class Cohort:
    """Slices of many patients. The first axis of every array is that of the N slices.

    Raises:
        CohortError: a part has another type than below, there is no modality or no slice, arrays differ in length, a
            present value is not finite, a label is no class number, a split is unknown, or a patient is in two splits.
    """

    modalities: dict[str, Modality]
    """Name to modality; modalities may differ in shape."""
    labels: dict[str, np.ndarray] = attrs.field(factory=dict)
    """Name to (N,) int8: 1 yes and 0 no, or the number of a class from 0 to 127; -1 unknown."""
    patient: np.ndarray
    """(N,) str: the patient of each slice."""
    split: np.ndarray
    """(N,) str, "train", "test" or "validation", which settings are chosen on; all slices of a patient are in the same
    split."""
    spacing_mm: np.ndarray | None = None
    """(N,) float32: side of a pixel in the plane, in mm; NaN where unknown."""
    slice_spacing_mm: np.ndarray | None = None
    """(N,) float32, for volumes (N, C, D, H, W): distance of neighbouring planes in mm, as DICOM's Spacing Between
    Slices; NaN where unknown."""
    truth: dict[str, np.ndarray] = attrs.field(factory=dict)
    """Name, such as ``tissue`` or ``lesion``, to ground truth (N, *S) uint8."""
    tissues: tuple[str, ...] = ()
    """Names of the values of ``truth["tissue"]``, from 0."""
    synthetic: bool = False
    """Whether the slices were made by a model."""
    source: str = ""
    """One sentence: where the slices came from."""

    def __attrs_post_init__(self) -> None:
        if problem := next(_wrong_types(self), None) or next(_problems(self), None):
            raise CohortError(f"cohort: {problem}")

    def __len__(self) -> int:
        return len(self.patient)

    def digest(self, truth: Iterable[str] = ()) -> str:
        """Hex digest of all that a training depends on: images, presence, labels, patients and splits, and the ground
        ``truth`` of these names, which a recipe's masks show."""
        digest = hashlib.blake2b(digest_size=16)
        for name, modality in self.modalities.items():
            digest.update(f"{name} {modality.unit} {modality.values.shape}".encode())
            for _, block in blocks(modality.values):
                digest.update(np.ascontiguousarray(block).data)
            digest.update(modality.present.tobytes())
        for name, values in self.labels.items():
            digest.update(name.encode() + values.tobytes())
        for name in truth:
            digest.update(f"truth {name} {self.truth[name].shape}".encode())
            for _, block in blocks(self.truth[name]):
                digest.update(np.ascontiguousarray(block).data)
        digest.update("\n".join([*self.patient, *self.split]).encode())
        return digest.hexdigest()

    def select(self, keep: np.ndarray | slice) -> Cohort:
        """The slices chosen by a mask (N,) bool, by indices or by a ``slice``. Of shards no image is read."""
        return attrs.evolve(
            self,
            modalities={
                name: attrs.evolve(
                    modality,
                    values=selected(modality.values, keep),
                    present=modality.present[keep],
                    made=None if modality.made is None else modality.made[keep],
                )
                for name, modality in self.modalities.items()
            },
            labels={name: values[keep] for name, values in self.labels.items()},
            patient=self.patient[keep],
            split=self.split[keep],
            spacing_mm=None if self.spacing_mm is None else self.spacing_mm[keep],
            slice_spacing_mm=None if self.slice_spacing_mm is None else self.slice_spacing_mm[keep],
            truth={name: selected(values, keep) for name, values in self.truth.items()},
        )

    def loaded(self) -> Cohort:
        """The cohort with all images in memory, as numpy arrays."""
        modalities = {
            name: attrs.evolve(modality, values=np.asarray(modality.values))
            for name, modality in self.modalities.items()
        }
        truth = {name: np.asarray(values) for name, values in self.truth.items()}
        return attrs.evolve(self, modalities=modalities, truth=truth)

    def dataset(
        self,
        pool: str | Pool = "train",
        recipe: Recipe | None = None,
        *,
        units: bool = False,
        modalities: Sequence[str] = (),
        label: str | None = None,
    ) -> SliceDataset:
        """The slices of a pool as a ``torch.utils.data.Dataset`` of {modality: (C, *S) float32, "label": 0 or 1}.

        Slices that lack one of the modalities, or whose label is unknown, are left out. Nothing is augmented.

        Args:
            pool: name of a pool of the recipe, a ``Pool``, or a split: ``"train"``, ``"test"``, ``"validation"`` or
                ``"all"``.
            recipe: gives the modalities, the size to which larger slices are averaged down, and the range that becomes
                [-1, 1], as in training. ``model.recipe`` gives slices that can be mixed with those of the model.
                Without a recipe, slices keep the cohort's size and ``units`` must be True.
            units: give values in the modality's unit, not in [-1, 1].
            modalities: which ones; default: all of the recipe, or of the cohort.
            label: which label; default: the one that the recipe's training approaches, or the only one of the cohort.
                Items of a cohort without labels have no "label".

        Raises:
            CohortError: the cohort does not fit the recipe, has no such label, or no slice is left.
            InputError: there is no such pool or modality, or neither ``recipe`` nor ``units`` is given.
        """
        from gankit.cohort.dataset import cohort_dataset

        return cohort_dataset(self, pool, recipe, units, modalities, label)


def _wrong_types(cohort: Cohort) -> Iterator[str]:
    """A sentence for each part of a cohort that has another type than ``Cohort`` documents."""
    for part in ("modalities", "labels", "truth"):
        if not isinstance(tables := getattr(cohort, part), dict):
            yield f"{part} must be a dict by name, got {type(tables).__name__}"
            return
    for name, modality in cohort.modalities.items():
        if not isinstance(modality, Modality):
            yield f"modality {name!r} must be a gankit.Modality, got {type(modality).__name__}"
            return
        yield from _unlike(f"values of modality {name!r}", modality.values, "f", "numbers, as float32")
        yield from _unlike(f"presence of {name!r}", modality.present, "b", "truth values, as bool", rank=1)
        if modality.made is not None:
            yield from _unlike(f"made of {name!r}", modality.made, "b", "truth values, as bool", rank=1)
        if not isinstance(modality.unit, str):
            yield f"unit of modality {name!r} must be text, got {modality.unit!r}"
    for name, values in cohort.labels.items():
        yield from _unlike(f"label {name!r}", values, "iufb", "numbers, as int8", rank=1)
    for name, values in cohort.truth.items():
        yield from _unlike(f"truth {name!r}", values, "iufb", "numbers, as uint8")
    yield from _unlike("patient", cohort.patient, "UO", "texts", rank=1)
    yield from _unlike("split", cohort.split, "UO", "texts", rank=1)
    for part in SPACINGS:
        if (spacing_mm_N := getattr(cohort, part)) is not None:
            yield from _unlike(part, spacing_mm_N, "f", "numbers, as float32", rank=1)
    if not all(isinstance(text, str) for text in (*cohort.patient, *cohort.split)):
        yield "patient and split must be texts; convert numbers by astype(str)"
    if not isinstance(cohort.tissues, tuple) or not all(isinstance(name, str) for name in cohort.tissues):
        yield f"tissues must be a tuple of names, got {shown(cohort.tissues)}"
    if not isinstance(cohort.synthetic, bool):
        yield f"synthetic must be True or False, got {shown(cohort.synthetic)}"
    if not isinstance(cohort.source, str):
        yield f"source must be text, got {shown(cohort.source)}"


def _unlike(what: str, values: object, kinds: str, expected: str, rank: int | None = None) -> Iterator[str]:
    """A sentence where a value is no array, its ``dtype.kind`` is not in ``kinds``, or it has another rank."""
    if not isinstance(values, np.ndarray | StoredRows):
        yield f"{what} must be a numpy array of {expected}, got {type(values).__name__}"
    elif values.dtype.kind not in kinds:
        yield f"{what} must be {expected}, got {values.dtype}; convert them, as by astype"
    elif rank is not None and values.ndim != rank:
        yield f"{what} must have one entry for each slice, got shape {values.shape}"


def _problems(cohort: Cohort) -> Iterator[str]:
    """A sentence for each thing that is wrong with a cohort."""
    yield from _length_problems(cohort)
    if not cohort.modalities:
        yield "no modality; a cohort needs at least one"
    if not len(cohort):
        yield "no slice; a cohort needs at least one"
    if cohort.slice_spacing_mm is not None and all(m.values.ndim != 5 for m in cohort.modalities.values()):
        yield "slice_spacing_mm is for volumes (N, C, D, H, W), and no modality has them; leave it out"
    for name, modality in cohort.modalities.items():
        yield from _modality_problems(name, modality, cohort.patient)

    # Labels and splits have few values.
    for name, values in cohort.labels.items():
        if wrong := sorted(set(np.unique(values).tolist()) - set(range(-1, 128))):
            yield (
                f"label {name!r} has values {wrong[:5]}; accepted: 1 yes and 0 no, or the number of a class up to 127;"
                " -1 unknown"
            )
    if unknown := sorted(set(np.unique(cohort.split).tolist()) - set(SPLITS)):
        yield f"split has values {unknown[:5]}; accepted: {', '.join(SPLITS)}"

    # A patient in two splits would leak from one into the other.
    for one, other in combinations(SPLITS, 2):
        if both := set(cohort.patient[cohort.split == one]) & set(cohort.patient[cohort.split == other]):
            some = ", ".join(sorted(both)[:3])
            yield f"{len(both)} patients are in {one} and in {other} ({some}); a patient belongs to one split"


def _length_problems(cohort: Cohort) -> Iterator[str]:
    count = len(cohort.patient)
    lengths = {f"modality {name!r}": len(m.values) for name, m in cohort.modalities.items()}
    lengths |= {f"presence of {name!r}": len(m.present) for name, m in cohort.modalities.items()}
    lengths |= {f"made of {name!r}": len(m.made) for name, m in cohort.modalities.items() if m.made is not None}
    lengths |= {f"label {name!r}": len(values) for name, values in cohort.labels.items()}
    lengths |= {f"truth {name!r}": len(values) for name, values in cohort.truth.items()}
    lengths |= {"split": len(cohort.split)}
    lengths |= {part: len(given) for part in SPACINGS if (given := getattr(cohort, part)) is not None}
    for what, length in lengths.items():
        if length != count:
            yield f"{what} has {length} slices, but there are {count} patient ids"


def _modality_problems(name: str, modality: Modality, patient_N: np.ndarray) -> Iterator[str]:
    if modality.values.ndim < 3:
        yield f"modality {name!r} has shape {modality.values.shape}, needs (slices, channels, *space)"
    if not isinstance(modality.values, StoredRows):  # see ``require_finite``
        yield from _not_finite(name, modality, patient_N)


def require_finite(cohort: Cohort) -> None:
    """Make sure that images that are still in files are finite, as those in memory are. Raises CohortError: not all
    are."""
    for name, modality in cohort.modalities.items():
        if isinstance(modality.values, StoredRows):
            for problem in _not_finite(name, modality, cohort.patient):
                raise CohortError(f"cohort: {problem}")


def _not_finite(name: str, modality: Modality, patient_N: np.ndarray) -> Iterator[str]:
    finite = np.ones(len(modality.values), dtype=bool)
    for place, block in blocks(modality.values):
        finite[place] = np.isfinite(block.reshape(len(block), -1)).all(axis=1)
    if len(bad := np.flatnonzero(~finite & modality.present)):
        yield (
            f"modality {name!r} has NaN or infinite values in {len(bad)} slices, the first is slice {bad[0]}"
            f" of patient '{patient_N[bad[0]]}'; mend them or leave the slices out"
        )
