"""Images under one series UID that are several series, and images that do not belong to the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, pairwise
from typing import TypeVar

import attrs

from gankit_dicom._dicom.headers import Header
from gankit_dicom._series.copies import without_copies
from gankit_dicom._series.images import Images
from gankit_dicom._series.stacking import COSINE_TOLERANCE, by_place, plane

Item = TypeVar("Item")

KINDS = frozenset(
    ("ADC", "EADC", "FA", "P", "R", "I", "PHASE MAP", "WATER", "FAT", "IN_PHASE", "OUT_PHASE", "OPP_PHASE",
     "SUBTRACTION", "SUB", "NORM", "DIS2D", "MIP", "MPR", "PROJECTION IMAGE", "REFORMATTED", "LOCALIZER")
)  # fmt: skip
"""Image types that are another series than images without them, though they may have its UID."""
ODD, ODD_SHARE = 4, 0.25
"""Images of other grids or kinds are left out if they are at most so many of each, and this share of the largest
stack."""


def alike(items: Iterable[Item], same: Callable[[Item, Item], bool]) -> list[list[Item]]:
    """Items in groups: each joins the first group whose first item is the same in what is asked."""
    groups: list[list[Item]] = []
    for item in items:
        group = next((group for group in groups if same(group[0], item)), None)
        if group is None:
            groups.append([item])
        else:
            group.append(item)
    return groups


def same_kind(one: Header, other: Header) -> bool:
    """Whether two images are of one sequence, echo time and kind of image."""
    return (
        one.sequence == other.sequence
        and KINDS.intersection(one.types) == KINDS.intersection(other.types)
        and close(one.echo_ms, other.echo_ms)
    )


def same_grid(one: Header, other: Header) -> bool:
    """Whether two images may be of one stack: of one size, spacing, orientation and frame of reference."""
    return (
        (one.rows, one.columns, one.frame) == (other.rows, other.columns, other.frame)
        and all(abs(a - b) <= 1e-3 * b for a, b in zip(one.spacing_mm, other.spacing_mm, strict=True))
        and all(abs(a - b) <= COSINE_TOLERANCE for a, b in zip(one.orientation, other.orientation, strict=True))
    )


def close(one: float | None, other: float | None) -> bool:
    """Whether two times of a sequence are one to 2%, or both unknown."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= 0.02 * max(abs(one), abs(other))


def split(headers: Iterable[Header]) -> list[Images]:
    """Images under one series UID as the series that they are, by series number, kind, grid and acquisition."""
    by_number = alike(headers, lambda one, other: one.series_number == other.series_number)
    found = list(chain.from_iterable(_of_one_number(images) for images in by_number))
    if len(found) == 1:
        return found
    said = f"its images share a series UID with {len(found) - 1} other series"
    return [attrs.evolve(images, notes=(said, *images.notes)) for images in found]


def _of_one_number(headers: Sequence[Header]) -> list[Images]:
    # Kinds of images, and grids of each.
    kinds = [alike(images, same_grid) for images in alike(headers, same_kind)]
    grids = list(chain.from_iterable(kinds))
    main = max(grids, key=len)

    # Images that do not belong to the rest.
    odd = [images for images in grids if len(images) <= ODD and images is not main]
    count = sum(map(len, odd))
    if count > ODD_SHARE * len(main):
        odd, count = [], 0
    found: list[Images] = []
    for of_kind in kinds:
        rest = [images for images in of_kind if not any(images is other for other in odd)]
        for stack in _stacks(rest) if rest else []:
            found += _acquisitions(without_copies(stack))

    # What the report says of each.
    largest = max(found, key=lambda images: len(images.headers))
    left_out = f"{count} image{'s' if count > 1 else ''} of another size, spacing, orientation or kind left out"
    return [
        attrs.evolve(images, notes=((left_out,) if count and images is largest else ()) + images.notes)
        for images in found
    ]


def _stacks(grids: Sequence[Sequence[Header]]) -> list[list[Header]]:
    """Images of one kind by grid. Three planes that nothing else tells apart, and grids of one or two images, stay
    together and so are no volume: a localizer is no study of three series."""
    together = list(chain.from_iterable(grids))
    if len(grids) == 1 or (len({plane(images[0]) for images in grids}) < 3 and min(map(len, grids)) >= 3):
        return list(map(list, grids))
    by_text = alike(together, lambda one, other: one.text == other.text)
    if len(by_text) == 1:
        return [together]
    return list(chain.from_iterable(_stacks(alike(images, same_grid)) for images in by_text))


def _acquisitions(images: Images) -> list[Images]:
    """Images at the same places as the acquisitions that they are of, where their numbers or times tell which."""
    places = by_place(images.headers)
    counts = {len(shown) for shown in places}
    if images.problem or counts not in ({2}, {3}) or any(map(_of_series_in_time, images.headers)):
        return [images]
    for key in (lambda header: header.acquisition, lambda header: header.time_s):
        if any(key(header) is None for header in images.headers):
            continue
        rounds = list(zip(*(sorted(shown, key=key) for shown in places), strict=True))
        bounds = [(min(map(key, shown)), max(map(key, shown))) for shown in rounds]
        if all(before[1] < after[0] for before, after in pairwise(bounds)):
            return [attrs.evolve(images, headers=shown) for shown in rounds]
    return [images]


def _of_series_in_time(header: Header) -> bool:
    """Whether an image may be one phase or b-value of several at its place."""
    numbered = (header.b_value, header.trigger_s, header.phase)
    return "GR" in header.sequence or any(number is not None for number in numbered)
