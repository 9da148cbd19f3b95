"""A cohort: slices of many patients, and the file that holds one.

The file is safetensors with one metadata entry, ``gankit``, a JSON object. Intensities keep their units.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np

from gankit._errors import CohortError
from gankit.cohort.channels import channels_first
from gankit.files.atomic import write_bytes
from gankit.processes.progress import progress

if TYPE_CHECKING:
    from gankit.cohort.dataset import SliceDataset
    from gankit.recipe.recipe import Pool, Recipe

FORMAT = "gankit-cohort-1"
SPLITS = ("train", "test")


@attrs.frozen(eq=False, kw_only=True)
class Modality:
    """One modality of every slice of a cohort."""

    values: np.ndarray
    """(N, C, *S) float32 in ``unit``; zero where absent."""
    unit: str = "1"
    """UCUM-like text, "1" for arbitrary units."""
    present: np.ndarray
    """(N,) bool: whether the slice has this modality."""

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
            present: (N,) whether the slice has this modality; default: all have.
            channels: "none", "first" or "last": where the axis of channels is. Needed where the shape alone does not
                tell. It tells for (N, L), (N, H, W), (N, C, H, W) with at most 3 channels, and (N, C, D, H, W); not for
                (N, D, H, W), nor where the last axis, or the second of three, has at most 3 elements.

        Raises:
            CohortError: the shape can be read in several ways, or is none of ``channels``.
        """
        values = channels_first(np.asarray(values, dtype=np.float32), channels)
        if present is None:
            present = np.ones(len(values), dtype=bool)
        return cls(values=np.ascontiguousarray(values), unit=unit, present=np.asarray(present, dtype=bool))


@attrs.frozen(eq=False, kw_only=True)
class Cohort:
    """Slices of many patients, arrays aligned along their first axis of length N.

    Raises:
        CohortError: a part is of another type than below, arrays differ in length, a present value is not finite, a
            label is not -1, 0 or 1, a split is unknown, or a patient is in two splits.
    """

    modalities: dict[str, Modality]
    labels: dict[str, np.ndarray] = attrs.field(factory=dict)
    """Name to (N,) int8: 1 yes, 0 no, -1 unknown."""
    patient: np.ndarray
    """(N,) str."""
    split: np.ndarray
    """(N,) str, "train" or "test"; a patient is wholly in one."""
    spacing_mm: np.ndarray | None = None
    """(N,) float32, size of a pixel in the plane; nan where unknown."""
    truth: dict[str, np.ndarray] = attrs.field(factory=dict)
    """Ground truth such as ``tissue`` and ``lesion``, (N, *S) uint8."""
    tissues: tuple[str, ...] = ()
    """Names of the values of ``truth["tissue"]``."""
    synthetic: bool = False
    source: str = ""
    """One sentence: where it came from."""

    def __attrs_post_init__(self) -> None:
        if problem := next(_wrong_types(self), None) or next(_problems(self), None):
            raise CohortError(f"cohort: {problem}")

    def __len__(self) -> int:
        return len(self.patient)

    def digest(self) -> str:
        """Hex digest of images, presence, labels, patients and splits: what a training run depends on."""
        digest = hashlib.blake2b(digest_size=16)
        for name, modality in self.modalities.items():
            digest.update(f"{name} {modality.unit} {modality.values.shape}".encode())
            digest.update(np.ascontiguousarray(modality.values).data)
            digest.update(modality.present.tobytes())
        for name, values in self.labels.items():
            digest.update(name.encode() + values.tobytes())
        digest.update("\n".join([*self.patient, *self.split]).encode())
        return digest.hexdigest()

    def select(self, keep: np.ndarray) -> Cohort:
        """The slices chosen by a mask (N,) bool or by indices."""
        return attrs.evolve(
            self,
            modalities={
                name: attrs.evolve(modality, values=modality.values[keep], present=modality.present[keep])
                for name, modality in self.modalities.items()
            },
            labels={name: values[keep] for name, values in self.labels.items()},
            patient=self.patient[keep],
            split=self.split[keep],
            spacing_mm=None if self.spacing_mm is None else self.spacing_mm[keep],
            truth={name: values[keep] for name, values in self.truth.items()},
        )

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
            pool: name of a pool of the recipe, a ``Pool``, or a split: ``"train"``, ``"test"`` or ``"all"``.
            recipe: says the modalities, their size, to which larger slices are averaged down, and the range that
                becomes [-1, 1], as in training; ``model.recipe`` gives slices that go with those of the model.
            units: values in the modality's unit; without a recipe there are no others, at the cohort's own size.
            modalities: those wanted; default: all of the recipe, or of the cohort.
            label: which label; default: the one that the recipe's training approaches, or the only one of the cohort.
                Items of a cohort without labels have none.

        Raises:
            CohortError: the cohort does not fit the recipe, has no such label, or no slice is left.
            InputError: no such pool or modality, or neither ``recipe`` nor ``units``.
        """
        from gankit.cohort.dataset import cohort_dataset

        return cohort_dataset(self, pool, recipe, units, modalities, label)


def _wrong_types(cohort: Cohort) -> Iterator[str]:
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
        if not isinstance(modality.unit, str):
            yield f"unit of modality {name!r} must be text, got {modality.unit!r}"
    for name, values in cohort.labels.items():
        yield from _unlike(f"label {name!r}", values, "iufb", "numbers, as int8", rank=1)
    for name, values in cohort.truth.items():
        yield from _unlike(f"truth {name!r}", values, "iufb", "numbers, as uint8")
    yield from _unlike("patient", cohort.patient, "UO", "texts", rank=1)
    yield from _unlike("split", cohort.split, "UO", "texts", rank=1)
    if cohort.spacing_mm is not None:
        yield from _unlike("spacing_mm", cohort.spacing_mm, "f", "numbers, as float32", rank=1)
    if not all(isinstance(text, str) for text in (*cohort.patient, *cohort.split)):
        yield "patient and split must be texts; convert numbers by astype(str)"


def _unlike(what: str, values: object, kinds: str, expected: str, rank: int | None = None) -> Iterator[str]:
    """What makes a value no numpy array with a type among these, by ``dtype.kind``, and of this rank."""
    if not isinstance(values, np.ndarray):
        yield f"{what} must be a numpy array of {expected}, got {type(values).__name__}"
    elif values.dtype.kind not in kinds:
        yield f"{what} must be {expected}, got {values.dtype}; convert them, as by astype"
    elif rank is not None and values.ndim != rank:
        yield f"{what} must have one entry for each slice, got shape {values.shape}"


def _problems(cohort: Cohort) -> Iterator[str]:
    count = len(cohort.patient)
    lengths = {f"modality {name!r}": len(m.values) for name, m in cohort.modalities.items()}
    lengths |= {f"presence of {name!r}": len(m.present) for name, m in cohort.modalities.items()}
    lengths |= {f"label {name!r}": len(values) for name, values in cohort.labels.items()}
    lengths |= {f"truth {name!r}": len(values) for name, values in cohort.truth.items()}
    lengths |= {"split": len(cohort.split)}
    if cohort.spacing_mm is not None:
        lengths["spacing"] = len(cohort.spacing_mm)
    for what, length in lengths.items():
        if length != count:
            yield f"{what} has {length} slices, but there are {count} patient ids"
    if not cohort.modalities:
        yield "no modality; a cohort needs at least one"
    if not count:
        yield "no slice; a cohort needs at least one"
    for name, modality in cohort.modalities.items():
        if modality.values.ndim < 3:
            yield f"modality {name!r} has shape {modality.values.shape}, needs (slices, channels, *space)"
        finite = np.isfinite(modality.values.reshape(len(modality.values), -1)).all(axis=1)
        if len(bad := np.flatnonzero(~finite & modality.present)):
            yield (
                f"modality {name!r} has NaN or infinite values in {len(bad)} slices, the first is slice {bad[0]}"
                f" of patient '{cohort.patient[bad[0]]}'; mend them or leave the slices out"
            )
    for name, values in cohort.labels.items():
        if wrong := sorted(set(np.unique(values).tolist()) - {-1, 0, 1}):
            yield f"label {name!r} has values {wrong[:5]}; accepted: 1 yes, 0 no, -1 unknown"
    if unknown := sorted(set(np.unique(cohort.split).tolist()) - set(SPLITS)):
        yield f"split has values {unknown[:5]}; accepted: {', '.join(SPLITS)}"
    both = set(cohort.patient[cohort.split == "train"]) & set(cohort.patient[cohort.split == "test"])
    if both:
        some = ", ".join(sorted(both)[:3])
        yield f"{len(both)} patients are in train and in test ({some}); a patient belongs to one split"


def write_cohort(cohort: Cohort, path: str | Path) -> None:
    """Write a cohort file, whole or not at all.

    Raises:
        RunError: the place cannot be written.
    """
    from safetensors.numpy import save

    patients, index_N = np.unique(cohort.patient, return_inverse=True)
    arrays: dict[str, np.ndarray] = {
        "patient": index_N.astype(np.int32),
        "split": np.array([SPLITS.index(split) for split in cohort.split], dtype=np.uint8),
    }
    for name, modality in cohort.modalities.items():
        arrays[f"modality.{name}"] = np.ascontiguousarray(modality.values, dtype=np.float32)
        arrays[f"present.{name}"] = modality.present.astype(np.uint8)
    arrays |= {f"label.{name}": values.astype(np.int8) for name, values in cohort.labels.items()}
    arrays |= {f"truth.{name}": np.ascontiguousarray(values) for name, values in cohort.truth.items()}
    if cohort.spacing_mm is not None:
        arrays["spacing_mm"] = np.ascontiguousarray(cohort.spacing_mm, dtype=np.float32)
    header = {
        "format": FORMAT,
        "modalities": [[name, modality.unit] for name, modality in cohort.modalities.items()],
        "patients": patients.tolist(),
        "tissues": list(cohort.tissues),
        "synthetic": cohort.synthetic,
        "source": cohort.source,
    }
    write_bytes(Path(path), save(arrays, metadata={"gankit": json.dumps(header, sort_keys=True)}))


def read_cohort(path: str | Path) -> Cohort:
    """Read a cohort file.

    Raises:
        CohortError: missing, cut short, not a cohort, or its content breaks the cohort's rules.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise CohortError(f"{path}: no such cohort file; make one with 'gankit import' or 'gankit phantom'")
    if path.suffix == ".npz":
        raise CohortError(f"{path}: arrays are no cohort yet; make one with 'gankit import arrays {path}'")
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {}).get("gankit", "{}"))
            names = list(file.keys())
            arrays = {name: file.get_tensor(name) for name in progress(names, f"reading {path.name}")}
    except (SafetensorError, ValueError, OSError) as error:
        raise CohortError(
            f"{path}: not a readable cohort file, perhaps cut short ({error}); make or copy it again"
        ) from error
    found = header.get("format") if isinstance(header, dict) else None
    if found != FORMAT:
        raise CohortError(f"{path}: not a cohort file (format {found!r}, accepted: {FORMAT!r})")
    try:
        return _assemble(header, arrays)
    except CohortError as error:
        raise CohortError(f"{path}: {error}") from error
    except KeyError as error:
        raise CohortError(
            f"{path}: cohort file is incomplete (it lacks {error.args[0]!r}); make or copy it again"
        ) from error
    except (IndexError, TypeError, ValueError) as error:
        raise CohortError(
            f"{path}: cohort file is damaged, its arrays and its header do not fit together; make or copy it again"
        ) from error


def _assemble(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> Cohort:
    def named(prefix: str) -> dict[str, np.ndarray]:
        return {name[len(prefix) :]: values for name, values in arrays.items() if name.startswith(prefix)}

    return Cohort(
        modalities={
            name: Modality(values=arrays[f"modality.{name}"], unit=unit, present=arrays[f"present.{name}"].astype(bool))
            for name, unit in header["modalities"]
        },
        labels=named("label."),
        patient=np.array(header["patients"], dtype=str)[arrays["patient"]],
        split=np.array(SPLITS)[arrays["split"]],
        spacing_mm=arrays.get("spacing_mm"),
        truth=named("truth."),
        tissues=tuple(header.get("tissues", ())),
        synthetic=bool(header.get("synthetic", False)),
        source=header.get("source", ""),
    )
