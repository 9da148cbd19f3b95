"""Images that are given more than once: one of them is kept where they are the same beyond doubt."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, combinations
from pathlib import Path

import attrs

from gankit_dicom._dicom.headers import Header
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._refused import Refused
from gankit_dicom._series.images import Images
from gankit_dicom._series.stacking import by_place


def without_copies(headers: Sequence[Header]) -> Images:
    """Images of one grid without those that are given again: as a copy of the file, or with the same pixels at the same
    place, whatever their instance UIDs. Of different pixels at one place none is left out."""
    known, copies = _without_equal_files(headers)
    kept, doubled = _without_equal_pixels(known)
    notes = []
    if copies:
        notes.append(f"{copies} exact cop{'ies' if copies > 1 else 'y'} of its files left out")
    if doubled:
        notes.append(
            f"{doubled} image{'s' if doubled > 1 else ''} left out, the same pixels at the same place as others"
        )
    kept = sorted(kept, key=_order)
    return Images(tuple(kept), tuple(notes), _problem(kept))


def same_pixels(one: Header, other: Header) -> bool:
    """Whether two images have the same values; not where one cannot be read."""
    return _digest(one) == _digest(other)


def _order(header: Header) -> tuple[int, Path, int]:
    return header.image_number, header.file, header.frame_number


def _without_equal_files(headers: Sequence[Header]) -> tuple[list[Header], int]:
    """Images, and how many files of the same bytes were left out."""
    by_instance: dict[str, list[Header]] = defaultdict(list)
    for header in sorted(headers, key=_order):
        by_instance[header.instance].append(header)
    kept, left_out = [], set()
    for images in by_instance.values():
        files = sorted({header.file for header in images})
        first: dict[bytes, Path] = {}
        if len(files) > 1:
            for file in files:
                first.setdefault(_file_digest(file), file)
            left_out |= set(files) - set(first.values())
        kept += [header for header in images if header.file not in left_out]
    return kept, len(left_out)


def _file_digest(file: Path) -> bytes:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "blake2b").digest()


def _without_equal_pixels(headers: Sequence[Header]) -> tuple[list[Header], int]:
    """Images, and how many of the same pixels were left out."""
    places = sorted((images for images in by_place(headers) if len(images) > 1), key=len, reverse=True)
    left_out = _equal_and_alike(places) or _equal_at_every_place(places)
    return [header for header in headers if header not in left_out], len(left_out)


def _equal_and_alike(places: Sequence[Sequence[Header]]) -> set[Header]:
    """Images with the pixels of another at their place that was measured alike.

    Where a place with several such images has none to leave out, places of fewer images are not read: all of a series
    of many directions would be.
    """
    left_out: set[Header] = set()
    for images in places:
        images = sorted(images, key=_completeness)
        pairs = [(one, other) for one, other in combinations(images, 2) if _alike(one, other)]
        digest = {header: _digest(header) for header in dict.fromkeys(chain.from_iterable(pairs))}
        found = {other for one, other in pairs if digest[one] == digest[other]}
        if pairs and not found:
            break
        left_out |= found
    return left_out


def _equal_at_every_place(places: Sequence[Sequence[Header]]) -> set[Header]:
    """All images but one of each place, if they have the same pixels everywhere, as when a series was sent at two times
    and its times were changed; none if they differ anywhere."""
    left_out: set[Header] = set()
    for first, *others in (sorted(images, key=_completeness) for images in places):
        if not all(
            _alike(attrs.evolve(first, time_s=other.time_s), other) and same_pixels(first, other) for other in others
        ):
            return set()
        left_out |= set(others)
    return left_out


def _alike(one: Header, other: Header) -> bool:
    """Whether two images are the same by UID, or were measured in one way at one time. Of two directions of diffusion
    the second does no harm if it is the first again: directions are averaged."""
    same_uid = one.instance == other.instance and one.file != other.file
    return same_uid or (not one.directed and _measured(one) == _measured(other))


def _measured(header: Header) -> tuple[object, ...]:
    diffusion = header.b_value, header.trace
    return diffusion, header.phase, header.trigger_s, header.time_s, header.echo_ms, header.sequence, header.types


def _completeness(header: Header) -> tuple[int, int, Path, int]:
    """Sorts first the image of which its header says most."""
    unknown = sum(value in (None, "", ()) for value in attrs.astuple(header, recurse=False))
    return unknown, *_order(header)


def _problem(headers: Sequence[Header]) -> str:
    """Whether images at one place that were measured alike have one instance UID, and so different pixels."""
    if len({header.instance for header in headers}) == len(headers):
        return ""
    for images in by_place(headers):
        if any(
            one.instance == other.instance and one.file != other.file and _measured(one) == _measured(other)
            for one, other in combinations(images, 2)
        ):
            return "two different files claim to be one image"
    return ""


def _digest(header: Header) -> bytes:
    try:
        return hashlib.blake2b(read_images([header])[0].tobytes()).digest()
    except Refused:
        return repr(header).encode()
