"""Phases of a dynamic series: which images make each, and when each was acquired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

import attrs
import numpy as np

from gankit_dicom._dicom.clock import DAY_S, unwrapped
from gankit_dicom._dicom.headers import Header
from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import Volume

APART_S = 0.5
"""Least time from phase to phase; what differs less does not tell phases apart."""
COMPLETE = 0.5
"""Least part of the phases that must be complete."""

SHARED = 1.5
"""Most different times, over the images at one place, for each time to be a phase's and not a slice's."""

Times = dict[str, float]
"""When a phase was acquired, in s, by each way of knowing it: ``text``, ``trigger``, ``clock`` or ``position``."""


@attrs.frozen(eq=False)
class Phase:
    """One volume of a dynamic series, and when it was acquired by each way of knowing it."""

    times: Times
    volume: Volume


@attrs.frozen(eq=False)
class Dynamic:
    """Phases of one source, and what the report should say of them."""

    phases: tuple[Phase, ...]
    notes: tuple[str, ...] = ()


def rounds(places: Sequence[Sequence[Header]]) -> tuple[list[list[Header]], list[str]]:
    """Images of each complete phase, given the images at each place, and what was left out, in words for the report.

    Images make one phase by the number of their temporal position, else by a time that all of the phase have, else by
    the order of their times at each place.

    Raises:
        Refused: nothing tells the phases apart, or most of them are incomplete.
    """
    if all(len(images) == 1 for images in places):
        return [[images[0] for images in places]], []

    # Places that are shown in most phases; an image elsewhere is of something else.
    most = max(map(len, places))
    kept = [images for images in places if 2 * len(images) >= most]
    elsewhere = sum(map(len, places)) - sum(map(len, kept))
    notes = [f"{elsewhere} images at places that hardly a phase shows: left out"] if elsewhere else []

    # Phases, and those that show every place.
    clocks = _clocks([header for images in kept for header in images])
    keys: tuple[Callable[[Header], float | None], ...] = (
        lambda header: header.phase,
        lambda header: header.trigger_s,
        lambda header: clocks.get(header),
    )
    found = _by_equal(kept, keys, most) or _by_order(kept, keys[1:], most)
    complete = [images for images in found if len(images) == len(kept)]
    if len(complete) < COMPLETE * len(found):
        raise Refused("places are shown unequally often: phases are incomplete")
    if unfinished := len(found) - len(complete):
        notes.append(f"{unfinished} of {len(found)} phases are unfinished: left out")
    return complete, notes


def _clocks(headers: Sequence[Header]) -> dict[Header, float]:
    """Acquisition times that rise past midnight; empty where an image has none."""
    times = [header.time_s for header in headers if header.time_s is not None]
    return dict(zip(headers, unwrapped(times).tolist(), strict=True)) if len(times) == len(headers) else {}


def _by_equal(
    places: Sequence[Sequence[Header]], keys: Sequence[Callable[[Header], float | None]], most: int
) -> list[list[Header]]:
    """Images of one number or time together, by the first key that each phase has for itself; empty if none does."""
    for key in keys:
        phases: dict[float, list[Header]] = defaultdict(list)
        values = [[key(header) for header in images] for images in places]
        if any(None in found or len(set(found)) < len(found) for found in values):
            continue
        for images in places:
            for header in images:
                phases[key(header)].append(header)  # type: ignore[index]
        if len(phases) <= SHARED * most:
            return [phases[value] for value in sorted(phases)]
    return []


def _by_order(
    places: Sequence[Sequence[Header]], keys: Sequence[Callable[[Header], float | None]], most: int
) -> list[list[Header]]:
    """The n-th image at each place by the first key that tells them apart. Where a place has fewer images than others,
    each belongs to the phase whose middle time is nearest.

    Raises:
        Refused: no key tells them apart, two images of one place would belong to one phase, or phases overlap.
    """
    for key in keys:
        values = [[key(header) for header in images] for images in places]
        if not any(None in found or len(set(found)) < len(found) for found in values):
            break
    else:
        if all(header.time_s is None and header.trigger_s is None for images in places for header in images):
            raise Refused("phases without a time")
        raise Refused("two phases at one time")
    ordered = [sorted(images, key=lambda header: (key(header), header.image_number)) for images in places]
    whole = [images for images in ordered if len(images) == most]
    middle_T = np.median([[key(header) for header in images] for images in whole], axis=0)
    phases: list[list[Header]] = [[] for _ in range(most)]
    for images in ordered:
        nearest = range(most) if len(images) == most else [int(np.abs(middle_T - key(one)).argmin()) for one in images]
        if len(set(nearest)) < len(images):
            raise Refused("places are shown unequally often: phases are incomplete")
        for phase, header in zip(nearest, images, strict=True):
            phases[phase].append(header)
    span_T = [[key(header) for header in images] for images in phases]
    if any(max(one) > min(following) + APART_S for one, following in pairwise(span_T)):  # type: ignore[operator, type-var]
        raise Refused("phases that overlap in time")
    return phases


def times_of(phases: Sequence[Sequence[Header]]) -> list[Times]:
    """When each phase of one series was acquired, by each way that its headers know.

    A clock that stands still, since it is of the whole series, is moved on by the trigger times or by the temporal
    positions.
    """
    every = [header for images in phases for header in images]
    clocks = _clocks(every)
    ways: dict[str, list[float]] = {}
    if all(header.trigger_s is not None for header in every):
        ways["trigger"] = [_median([header.trigger_s for header in images]) for images in phases]
    if all(header.phase is not None and header.phase_s for header in every):
        ways["position"] = [_median([(header.phase - 1) * header.phase_s for header in images]) for images in phases]  # type: ignore[operator]
    if clocks:
        clock = [_median([clocks[header] for header in images]) for images in phases]
        moving = next((ways[way] for way in ("trigger", "position") if way in ways and _apart(ways[way])), None)
        if len(phases) > 1 and not _apart(clock) and moving is not None:
            clock = [at + after for at, after in zip(clock, moving, strict=True)]
        ways["clock"] = clock
    return [{way: times[index] for way, times in ways.items()} for index in range(len(phases))]


def _median(values: Sequence[float | None]) -> float:
    return float(np.median(np.array(values, dtype=np.float64)))


def _apart(times: Sequence[float]) -> bool:
    """Whether times are all far enough apart, in whatever order."""
    return bool((np.diff(np.sort(times)) >= APART_S).all())


def timed(sources: Sequence[Dynamic]) -> list[tuple[float, Volume]]:
    """Phases of all series of one dynamic scan with their times in s, by the first way that tells all of them apart.

    A name goes first. Of one series, times from its first phase go before times of day; of several they go after, since
    each series may count from its own start.

    Raises:
        Refused: a phase has no time, or two have one.
    """
    phases = [phase for source in sources for phase in source.phases]
    relative = ("trigger", "position")
    ways = ("text", "clock", *relative) if len(sources) > 1 else ("text", "trigger", "clock", "position")
    known = [way for way in ways if all(way in phase.times for phase in phases)]
    if not known:
        raise Refused("phases without a time")
    for way in known:
        times = [phase.times[way] for phase in phases]
        times = unwrapped([time % DAY_S for time in times]).tolist() if way == "clock" else times
        if _apart(times):
            return list(zip(times, (phase.volume for phase in phases), strict=True))
    raise Refused("two phases at one time")
