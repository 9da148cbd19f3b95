"""Series that are parts of one scan: packages, halves, or a series UID for each image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

import attrs

from gankit_dicom._dicom.headers import Header
from gankit_dicom._refused import Refused
from gankit_dicom._series.copies import same_pixels
from gankit_dicom._series.images import Images
from gankit_dicom._series.splitting import close, same_grid, same_kind
from gankit_dicom._series.stacking import by_place, lattice, stacking

PART = "part of a scan that came in several series, and slices between them are missing"
MANY = 8
"""So many series are tried as parts of one scan; more only where they are all of them."""
OVERLAP = "not joined with a series of its kind that shows some of its places, and others, for their pixels differ"
UNCLEAR = "part of a scan that came in several series, and it is unclear of which scan"


def join(series: Sequence[Images]) -> list[Images]:
    """Series in their order; those that are parts of one regular stack are one.

    Parts have one description, but for numbers, and the same sequence, times, b-values, grid and frame of reference;
    their places adjoin or interleave without a gap, or overlap in part with the same pixels. Two acquisitions of the
    same places, and acquisitions that overlap each other's slices, are not parts. Parts between which slices are
    missing are a problem, for alone each would pass as the whole.
    """
    joined: list[Images] = []
    for bucket in _alike_in_order(series):
        joined += _joined(bucket)
    order = {id(images.headers[0]): place for place, images in enumerate(series)}
    return sorted(joined, key=lambda images: order[id(images.headers[0])])


def _alike_in_order(series: Sequence[Images]) -> list[list[Images]]:
    buckets: list[list[Images]] = []
    for images in series:
        fitting = (bucket for bucket in buckets if _may_be_parts(bucket[0], images))
        if (bucket := next(fitting, None)) is not None:
            bucket.append(images)
        else:
            buckets.append([images])
    return buckets


def _may_be_parts(one: Images, other: Images) -> bool:
    first, second = one.headers[0], other.headers[0]
    return (
        _without_counts(first.text) == _without_counts(second.text)
        and same_kind(first, second)
        and close(first.repetition_ms, second.repetition_ms)
        and same_grid(first, second)
        and {header.b_value for header in one.headers} == {header.b_value for header in other.headers}
        and not (one.problem or other.problem)
    )


def _without_counts(text: str) -> str:
    return re.sub(r"\d+", "", text)


def _joined(bucket: list[Images]) -> list[Images]:
    """Series that may be parts of one scan: runs of them joined where they are, with a problem where one is unclear."""
    places = [images.places for images in bucket]
    found: list[Images] = []
    start = 0
    while start < len(bucket):
        end = start + next((n for n in _lengths(places[start:]) if _is_one_scan(bucket[start : start + n])), 1)
        one = _one(bucket[start:end])
        if end - start > 1 and any(before.places & one.places and not before.places >= one.places for before in found):
            return [
                attrs.evolve(images, problem=UNCLEAR) if images.places & one.places else images for images in bucket
            ]
        found.append(one)
        start = end
    return [_judged(images, found) for images in found]


def _judged(images: Images, found: Sequence[Images]) -> Images:
    """A series with what is to be said of it beside others that may be parts of the same scan."""
    if any(_lacks_a_part(images, other) for other in found):
        return attrs.evolve(images, problem=PART)
    own = images.places
    others = [other.places for other in found if other is not images]
    if any(own & other and own - other and other - own for other in others):
        return attrs.evolve(images, notes=(*images.notes, OVERLAP))
    return images


def _one(parts: Sequence[Images]) -> Images:
    """Parts as one series; of places that several show, the first image."""
    if len(parts) == 1:
        return parts[0]
    headers = [places[0] for same_b in _by_b(parts) for places in by_place(same_b)]
    notes = dict.fromkeys(chain.from_iterable(images.notes for images in parts))
    return Images(tuple(headers), (f"joined from {len(parts)} series, parts of one scan", *notes))


def _lengths(places: Sequence[frozenset[tuple[float | None, ...]]]) -> list[int]:
    """How many series from the first on may be parts of one scan, the most first: each adds places and none has all."""
    union, length = places[0], 1
    while length < len(places) and not (places[length] <= union or places[length] >= union):
        union |= places[length]
        length += 1
    return [length, *range(min(length - 1, MANY), 1, -1)] if length > 1 else []


def _by_b(parts: Sequence[Images]) -> list[list[Header]]:
    headers = list(chain.from_iterable(images.headers for images in parts))
    return [
        [header for header in headers if header.b_value == b]
        for b in dict.fromkeys(header.b_value for header in headers)
    ]


def _is_one_scan(parts: Sequence[Images]) -> bool:
    return all(_is_one_stack(same_b, parts) for same_b in _by_b(parts))


def _is_one_stack(headers: Sequence[Header], parts: Sequence[Images]) -> bool:
    places = by_place(headers)
    try:
        gap_mm = stacking([images[0] for images in places]).gap_mm
    except Refused:
        return False
    part_of = {header: number for number, images in enumerate(parts) for header in images.headers}
    return _is_own_gap(gap_mm, headers, parts) and all(
        len({part_of[header] for header in images}) == len(images)
        and all(same_pixels(images[0], other) for other in images[1:])
        for images in places
    )


def _is_own_gap(gap_mm: float, headers: Sequence[Header], parts: Sequence[Images]) -> bool:
    """Whether slices may lie this close in one scan: as close as in a part, or as far as they are thick, or as headers
    say. Two acquisitions of which one is shifted by half a gap lie closer."""
    own = [gap for images in parts if (gap := _gap_mm(images)) is not None]
    if own and min(own) <= 1.2 * gap_mm:
        return True
    thickness, said = headers[0].thickness_mm, headers[0].gap_mm
    if thickness is None and not said:
        return True
    return (thickness is not None and thickness <= 1.1 * gap_mm) or bool(
        said and abs(abs(said) - gap_mm) <= 0.1 * gap_mm
    )


def _gap_mm(images: Images) -> float | None:
    try:
        return stacking([shown[0] for shown in by_place(images.headers)]).gap_mm
    except Refused:
        return None


def _lacks_a_part(images: Images, other: Images) -> bool:
    """Whether another series lies on the grid of this one, beside or between its slices, and fewer slices are missing
    between them than are there."""
    if images is other or min(len(images.headers), len(other.headers)) < 3 or images.places & other.places:
        return False
    headers = [shown[0] for shown in by_place([*images.headers, *other.headers])]
    gap_mm, missing = lattice(headers)
    return 0 < missing <= len(headers) / 2 and _is_own_gap(gap_mm, headers, [images, other])
