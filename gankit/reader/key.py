"""The answer key of a reader study: what each case is, and in which order each reader sees the cases."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs
import numpy as np

from gankit._errors import InputError
from gankit.files.json_file import read_document, write_document
from gankit.files.toml_types import structure_table
from gankit.reader.questions import Questions

FORMAT = "gankit-reader-key-1"
REMEDY = "take the copy that 'gankit reader make' wrote, or make a new study"

OriginName = Literal["real", "synthetic"]


@attrs.frozen(kw_only=True)
class Shown:
    """A modality as the pages show it."""

    unit: str
    size: tuple[int, int]
    """Rows and columns."""
    range: tuple[float, float]
    """Least and greatest value, in ``unit``."""
    window: tuple[float, float]
    """Values that are black and white at first, in ``unit``."""


@attrs.frozen(kw_only=True)
class Source:
    """Where cases come from."""

    name: str
    origin: OriginName
    path: str
    """What the user named."""
    about: str
    """One sentence: the source of the cohort, or the recipe, steps and seed of the model."""


@attrs.frozen(kw_only=True)
class Case:
    """One case, which every reader sees."""

    source: str
    """Name of its source."""
    origin: OriginName
    label: int | None
    """Value of the study's label; None where the study has none."""
    patient: str
    """The patient; each synthetic slice of a model is a patient of its own."""
    lesion: str = ""
    """Pixels of the true lesion, row by row, packed to bits and written in hexadecimal; empty where unknown."""

    def lesion_mask(self, size: tuple[int, int]) -> np.ndarray | None:
        """The true lesion, (rows, columns) bool; None where it is unknown or empty."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(self.lesion), dtype=np.uint8))
        return bits[: size[0] * size[1]].reshape(size).astype(bool) if bits.any() else None


def packed(mask_HW: np.ndarray) -> str:
    """A mask (H, W) as ``Case.lesion``."""
    return np.packbits(np.asarray(mask_HW, dtype=bool)).tobytes().hex()


@attrs.frozen(kw_only=True)
class Reader:
    """One reader: the page, and the cases in the order in which it shows them."""

    number: int
    page: str
    """File name of the page."""
    order: tuple[int, ...]
    """Index of a case for each position; a repeated case is at two positions."""

    def first(self) -> dict[int, int]:
        """Case to the position at which it is shown first, in the order of these positions."""
        positions: dict[int, int] = {}
        for position, case in enumerate(self.order):
            positions.setdefault(case, position)
        return positions

    def second(self) -> dict[int, int]:
        """Repeated case to the position at which it is shown again."""
        first = self.first()
        return {case: position for position, case in enumerate(self.order) if position != first[case]}


@attrs.frozen(kw_only=True)
class Key:
    """The answer key."""

    study: str
    """Id of the study; pages and answers have it, and it tells nothing of the cases."""
    seed: int
    label: str | None
    """Label by which cases are balanced; None for none."""
    modalities: Mapping[str, Shown]
    sources: tuple[Source, ...]
    questions: Questions
    cases: tuple[Case, ...]
    readers: tuple[Reader, ...]

    @property
    def repeats(self) -> int:
        """Cases that each reader sees twice."""
        return len(self.readers[0].order) - len(self.cases)


def write_key(file: Path, key: Key) -> None:
    """Write a key. Raises RunError: the file cannot be written."""
    write_document(file, {"format": FORMAT, **attrs.asdict(key)})


def read_key(file: Path) -> Key:
    """The key of a file.

    Raises:
        InputError: there is none, or it is damaged or of another format.
    """
    document = read_document(file, FORMAT, REMEDY, ())
    key, problems = structure_table({name: value for name, value in document.items() if name != "format"}, Key)
    if key is None:
        raise InputError(f"{file}: damaged ({problems[0]}); {REMEDY}")
    return key
