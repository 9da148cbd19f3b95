"""Masks of glands, zones and lesions: which file belongs to which study, and what its values are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs
import numpy as np
import SimpleITK as sitk

from gankit import progress
from gankit_dicom._files import ENDINGS, file_place, read_volume
from gankit_dicom._geometry import on_grid_of
from gankit_dicom._protocol import MaskRule
from gankit_dicom._refused import Refused
from gankit_dicom._sources import AbstractSource
from gankit_dicom._volume import same_grid

SAME_PLACE_MM = 0.5


@attrs.frozen
class MaskFile:
    """One file of a mask; ``number`` is ours, by the order of names."""

    number: int
    file: Path
    text: str
    """Its path below the folder of masks, lower case; stays in memory."""


@attrs.frozen(eq=False)
class Mask:
    """A mask on the T2w grid."""

    number: int
    values: np.ndarray
    """(slices, rows, columns) uint8."""
    meaning: dict[int, str]

    def where(self, *meanings: str) -> np.ndarray:
        """Voxels whose value means one of these."""
        return np.isin(self.values, [value for value, name in self.meaning.items() if name in meanings])

    @property
    def shows(self) -> str:
        """zones, gland, lesion, or zones and lesion."""
        names = set(self.meaning.values())
        parts = [("zones", {"peripheral zone", "transition zone"}), ("gland", {"gland"}), ("lesion", {"lesion", "cs"})]
        return " and ".join(what for what, any_of in parts if names & any_of)


def find_masks(folder: Path) -> list[MaskFile]:
    """Every image file below a folder, in order of names."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name.lower().endswith(ENDINGS))
    return [
        MaskFile(number, file, file.relative_to(folder).as_posix().lower())
        for number, file in enumerate(files, start=1)
    ]


def names_it(text: str, name: str) -> bool:
    """Whether a path holds an id as a word of its own: 1 is not in 11."""
    return re.search(rf"(?<![a-z0-9]){re.escape(name.lower())}(?![a-z0-9])", text) is not None


def assign(
    masks: Iterable[MaskFile], studies: Sequence[tuple[int, str, Sequence[AbstractSource]]]
) -> tuple[dict[int, list[MaskFile]], list[tuple[MaskFile, str]]]:
    """Masks of each study, by the study's name in their path, else by where they are in space.

    Args:
        studies: number, name and sources of each.

    Returns: masks by number of study, and those of no study with the reason.
    """
    chosen: dict[int, list[MaskFile]] = {number: [] for number, _, _ in studies}
    refused = []
    grids: list[tuple[int, np.ndarray]] = []
    for mask in progress(masks, "matching masks"):
        named = [number for number, name, _ in studies if names_it(mask.text, name)]
        if not named and not grids:
            grids = [(number, place) for number, _, sources in studies for place in _places(sources)]
        try:
            numbers = named or _by_place(mask.file, grids)
        except Refused as error:
            refused.append((mask, str(error)))
            continue
        for number in numbers:
            chosen[number].append(mask)
    return chosen, refused


def _by_place(file: Path, grids: Sequence[tuple[int, np.ndarray]]) -> list[int]:
    place = file_place(file).corners()
    found = sorted({number for number, other in grids if _same_place(place, other)})
    if not found:
        raise Refused("no patient's id in its name, and no series on its grid")
    if len(found) > 1:
        raise Refused(f"no patient's id in its name, and {len(found)} studies have series on its grid")
    return found


def _places(sources: Sequence[AbstractSource]) -> Iterator[np.ndarray]:
    for source in sources:
        try:
            yield source.corners()
        except Refused:  # the import of its study says why
            continue


def _same_place(one: np.ndarray, other: np.ndarray) -> bool:
    distances = np.linalg.norm(one[:, None] - other[None], axis=2)
    return bool(distances.min(axis=1).max() <= SAME_PLACE_MM)


def rule_of(text: str, rules: Sequence[MaskRule]) -> MaskRule:
    """The first rule that has a word which is in the path.

    Raises:
        Refused: there is no such rule.
    """
    for rule in rules:
        if any(word in text for word in rule.words):
            return rule
    raise Refused("no rule of the protocol says what its values are")


def read_mask(mask: MaskFile, rules: Sequence[MaskRule], t2w: sitk.Image, other: sitk.Image | None) -> Mask:
    """A mask on the T2w grid, given there or on the grid of ``other``.

    Raises:
        Refused: unreadable, on another grid, or with values that its rule does not name.
    """
    rule = rule_of(mask.text, rules)
    image = read_volume(mask.file).image
    if not any(grid is not None and same_grid(image, grid) for grid in (t2w, other)):
        raise Refused("its grid is neither the T2w's nor the ADC's")
    meaning = rule.meaning()
    found = np.unique(sitk.GetArrayViewFromImage(image))
    if unknown := sorted(set(found.tolist()) - {0.0, *map(float, meaning)}):
        raise Refused(f"it has the value {unknown[0]:g}, which its rule in the protocol does not name")
    return Mask(mask.number, on_grid_of(image, t2w), meaning)
