"""Masks of a study on its T2w grid, and which of them say what: the gland, its zones, and all of its lesions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
import numpy as np
import SimpleITK as sitk

from gankit_dicom._labels.labels import Lesions
from gankit_dicom._labels.lattice import on_lattice, place_of
from gankit_dicom._labels.masks import MaskFile, copy_of, reader_of, rule_of
from gankit_dicom._labels.segmentation import Segment, read_segmentation, read_segments
from gankit_dicom._protocol import Protocol
from gankit_dicom._refused import Refused
from gankit_dicom._slices.geometry import image_like, on_grid_of
from gankit_dicom._volumes.files import read_volume

TISSUES = ("not outlined", "gland", "peripheral zone", "transition zone")
LESIONS = ("lesion", "cs", "not cs")
OTHER_GRID = "its grid is neither the T2w's nor the ADC's"
WHOLE = 0.01
"""By which a value may be off from the whole number that it means."""
MANY = 32
"""Values that no mask has as many of."""
EMPTY = "empty"
AI_NOT_NEEDED = "not used: a human delineation goes before an AI's"


class NoMask(Refused):
    """A file that is no mask, though it is in the place of one."""


@attrs.frozen(eq=False)
class Mask:
    """A mask on the T2w grid."""

    number: int
    shown: Mapping[str, np.ndarray]
    """What it may show, and where it does, (slices, rows, columns) bool."""
    reader: str
    """"human", "AI", or empty where nothing says it."""
    copy: tuple[str, ...]
    """Equal for masks of one delineation on several grids."""
    on_t2w: bool
    """Whether it was given on the T2w's voxels, and not on the ADC's."""

    @property
    def shows(self) -> str:
        """zones, gland, lesion, or several of these."""
        parts = [("zones", TISSUES[2:]), ("gland", ("gland",)), ("lesion", LESIONS)]
        return " and ".join(what for what, any_of in parts if self.shown.keys() & set(any_of))

    def where(self, *meanings: str) -> np.ndarray | None:
        """Voxels that mean one of these; none where it cannot show any."""
        found = [self.shown[name] for name in meanings if name in self.shown]
        return np.logical_or.reduce(found) if found else None


@attrs.frozen
class Lost:
    """A mask of lesions that cannot be read."""

    reader: str
    copy: tuple[str, ...]


@attrs.frozen(eq=False)
class Delineations:
    """What the masks of a study say together."""

    tissue: np.ndarray | None
    """Places in ``TISSUES`` on the T2w grid, (slices, rows, columns) uint8; none where no mask shows the gland."""
    lesions: Lesions | None
    complete: bool
    """Whether all delineations of lesions that were given can be used."""
    used: Mapping[int, str]
    """What a mask is used for, by its number."""
    passed_over: Mapping[int, str]
    """Why it is not used, by its number."""


# One mask --------------------------------------------------------------------------------------------------


def read_mask(mask: MaskFile, protocol: Protocol, t2w: sitk.Image, other: sitk.Image | None) -> Mask:
    """A mask on the T2w grid, given there, on the grid of ``other``, or on a box of one of these.

    Raises:
        Refused: unreadable, on another grid, or with values or segments that no rule names.
    """
    read = _read_values if mask.owner is None else _read_segments
    return read(mask, protocol, [grid for grid in (t2w, other) if grid is not None])


def may_show_lesions(mask: MaskFile, protocol: Protocol) -> bool:
    """Whether a mask that cannot be read is of lesions, as far as its name or its segments say it."""
    try:
        if mask.owner is None:
            meanings = set(rule_of(mask.parts, protocol.masks).values.values())
        else:
            meanings = {_meaning(segment, protocol) for segment in read_segments(mask.file)}
    except Refused:
        return False
    return bool(meanings & set(LESIONS))


def _read_values(mask: MaskFile, protocol: Protocol, grids: Sequence[sitk.Image]) -> Mask:
    rule = rule_of(mask.parts, protocol.masks)
    image = read_volume(mask.file, holes=True).image
    values = _whole(sitk.GetArrayViewFromImage(image))
    found = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
    meaning = rule.meaning()
    if found.tolist() in ([0, 255], [255]) and 255 not in meaning:  # a mask of 8 bits at full scale
        values, found = np.minimum(values, 1), np.minimum(found, 1)
    if unknown := [value for value in found.tolist() if value and value not in meaning]:
        kind = NoMask if len(found) > MANY else Refused
        raise kind(f"it has the value {unknown[0]}, which its rule in the protocol does not name")
    grid = next((grid for grid in grids if on_lattice(place_of(image), place_of(grid))), None)
    if grid is None:
        raise Refused(OTHER_GRID)
    if meaning.get(1) == "lesion" and _are_numbers(found):
        meaning = dict.fromkeys(meaning, "lesion")
    on_t2w = on_grid_of(image_like(values, image), grids[0])
    shown: dict[str, np.ndarray] = {}
    for value, name in meaning.items():
        shown[name] = shown.get(name, False) | (on_t2w == value)
    return Mask(mask.number, shown, reader_of(mask.parts, protocol), copy_of(mask.parts, protocol), grid is grids[0])


def _are_numbers(found: np.ndarray) -> bool:
    """Whether the values of a mask may number its lesions: 1, 2 and so on, none left out. Grades, then, are unknown."""
    values = found[found > 0]
    return len(values) > 1 and values.tolist() == list(range(1, len(values) + 1))


def _whole(values: np.ndarray) -> np.ndarray:
    """Values as whole numbers, uint8.

    Raises:
        Refused: they are none.
    """
    whole = np.rint(values)
    off = (np.abs(values - whole) > WHOLE) | (whole < 0) | (whole > 255)
    if off.any():
        wrong = values[off]
        kind = NoMask if len(np.unique(wrong[:100_000])) > MANY else Refused
        raise kind(f"it has the value {float(wrong[0]):g}, which its rule in the protocol does not name")
    return whole.astype(np.uint8)


def _read_segments(mask: MaskFile, protocol: Protocol, grids: Sequence[sitk.Image]) -> Mask:
    segmentation = read_segmentation(mask.file)
    numbers: dict[str, list[int]] = {}
    for segment in segmentation.segments:
        if meaning := _meaning(segment, protocol):
            numbers.setdefault(meaning, []).append(segment.number)
    if not numbers:
        raise Refused("no rule of the protocol has a word for any of its segments")
    for grid in grids:
        try:
            images = {name: segmentation.image(each, grid) for name, each in numbers.items()}
        except Refused:
            continue
        if on_lattice(place_of(next(iter(images.values()))), place_of(grid)):
            break
    else:
        raise Refused(OTHER_GRID)
    shown = {name: on_grid_of(image, grids[0]) > 0 for name, image in images.items()}
    by_ai = all(segment.by_ai for segment in segmentation.segments)
    reader = "AI" if by_ai else reader_of(mask.parts, protocol)
    return Mask(mask.number, shown, reader, copy_of(mask.parts, protocol), grid is grids[0])


def _meaning(segment: Segment, protocol: Protocol) -> str:
    """What a segment shows, by its label, else by its codes; empty where no rule names it."""
    for name in reversed(segment.names):
        for rule in protocol.masks:
            if rule.names(name):
                return rule.meaning().get(1, "")
    return ""


# All masks of a study --------------------------------------------------------------------------------------


def delineations(masks: Sequence[Mask], lost: Sequence[Lost], shape: tuple[int, ...]) -> Delineations:
    """What masks say together.

    Of copies of one delineation on several grids, the T2w's is taken. Where a human drew any mask of the gland and its
    zones, or of lesions, those that an AI drew of the same are not used. All lesions count. Zones of several masks are
    joined, and a mask of the gland is joined where a zone is missing; where two masks show the same, the first counts.

    Args:
        lost: masks of lesions that cannot be read.
        shape: slices, rows and columns of the T2w volume.
    """
    used: dict[int, str] = {}
    passed_over: dict[int, str] = {}
    kept = list(_without_copies(masks, passed_over))
    copies = {mask.copy for mask in kept}
    lost = [each for each in lost if each.copy not in copies]

    # Lesions.
    drawn = [mask for mask in kept if mask.where(*LESIONS) is not None]
    if any(reader != "AI" for reader in [*(mask.reader for mask in drawn), *(each.reader for each in lost)]):
        passed_over |= {mask.number: AI_NOT_NEEDED for mask in drawn if mask.reader == "AI"}
        drawn = [mask for mask in drawn if mask.reader != "AI"]
        lost = [each for each in lost if each.reader != "AI"]
    used |= {mask.number: "labels" for mask in drawn}

    # The gland and its zones.
    tissue = _tissue([mask for mask in kept if mask.where(*TISSUES) is not None], shape, used, passed_over)
    passed_over = {number: why for number, why in passed_over.items() if number not in used}
    return Delineations(tissue, _lesions(drawn, shape), not lost, used, passed_over)


def _without_copies(masks: Iterable[Mask], passed_over: dict[int, str]) -> Iterable[Mask]:
    kept: dict[tuple[str, ...], Mask] = {}
    for mask in sorted(masks, key=lambda mask: (not mask.on_t2w, mask.number)):
        if mask.copy in kept:
            passed_over[mask.number] = "not needed: the same delineation is there on another grid"
        else:
            kept[mask.copy] = mask
    return sorted(kept.values(), key=lambda mask: mask.number)


def _lesions(drawn: Sequence[Mask], shape: tuple[int, ...]) -> Lesions | None:
    if not drawn:
        return None

    def joined(name: str) -> np.ndarray:
        found = [voxels for mask in drawn if (voxels := mask.where(name)) is not None]
        return np.logical_or.reduce(found) if found else np.zeros(shape, dtype=bool)

    cs, not_cs = joined("cs"), joined("not cs")
    readers = {mask.reader for mask in drawn}
    by = readers.pop() if len(readers) == 1 else ""
    return Lesions(cs, not_cs & ~cs, joined("lesion") & ~cs & ~not_cs, by)


def _tissue(
    masks: Sequence[Mask], shape: tuple[int, ...], used: dict[int, str], passed_over: dict[int, str]
) -> np.ndarray | None:
    if any(mask.reader != "AI" for mask in masks):
        passed_over |= {mask.number: AI_NOT_NEEDED for mask in masks if mask.reader == "AI"}
        masks = [mask for mask in masks if mask.reader != "AI"]
    tissue = np.zeros(shape, dtype=np.uint8)
    there: set[str] = set()
    for mask in sorted(masks, key=lambda mask: "zones" not in mask.shows):
        own = {name for name in TISSUES[1:] if (voxels := mask.where(name)) is not None and voxels.any()}
        new = own - there - ({"gland"} if there >= set(TISSUES[2:]) else set())
        for name in sorted(new, key=TISSUES.index, reverse=True):
            tissue[mask.shown[name] & (tissue == 0)] = TISSUES.index(name)
        there |= new
        if new:
            what = "zones" if new & set(TISSUES[2:]) else "gland"
            used[mask.number] = f"{used[mask.number]} and {what}" if mask.number in used else what
        else:
            passed_over.setdefault(mask.number, "not needed: another mask shows the same" if own else EMPTY)
    return tissue if there else None
