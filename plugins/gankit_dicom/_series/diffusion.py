"""Diffusion images of one source by b-value, averaged over directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs
import numpy as np

from gankit_dicom._dicom.bvalues import b_value_in_text
from gankit_dicom._dicom.headers import Header
from gankit_dicom._refused import Refused
from gankit_dicom._series.stacking import by_place
from gankit_dicom._series.volume import Volume, middle, same_grid, stack

SHELL = 0.02
"""Part of a b-value by which its directions may differ: the imaging gradients add to each another b."""


@attrs.frozen(eq=False)
class Diffusion:
    """Volumes of one source by b-value in s/mm2."""

    by_b: Mapping[float, Volume]
    traces: frozenset[float] = frozenset()
    """b-values whose volume the scanner averaged over directions."""
    notes: tuple[str, ...] = ()
    """What the report should say of them."""


@attrs.define(eq=False)
class Combination:
    """Volumes by b-value in s/mm2 of several sources, with one echo time and on one grid, so that their signals
    compare."""

    echo_ms: float | None
    by_b: dict[float, Volume] = attrs.field(factory=dict)
    numbers: dict[float, int] = attrs.field(factory=dict)
    """Of the source of each volume."""
    traces: set[float] = attrs.field(factory=set)

    def takes(self, echo_ms: float | None, volume: Volume) -> bool:
        """Whether a volume's signal compares with those that are here."""
        mine = next(iter(self.by_b.values()))
        one_echo = self.echo_ms is None or echo_ms is None or abs(self.echo_ms - echo_ms) < 1
        return one_echo and same_grid(mine.image, volume.image)

    def add(self, number: int, b: float, volume: Volume, trace: bool) -> None:
        """Take a volume, unless there is one of its b-value; a trace image goes before a single direction."""
        if b not in self.by_b or (trace and b not in self.traces):
            self.by_b[b], self.numbers[b] = volume, number
            self.traces |= {b} if trace else set()


def combine(sources: Iterable[tuple[int, float | None, Diffusion]]) -> list[Combination]:
    """Combinations of sources, given with their numbers and echo times in ms, in order of their first source."""
    combinations: list[Combination] = []
    for number, echo_ms, found in sources:
        for b, volume in found.by_b.items():
            fitting = (each for each in combinations if each.takes(echo_ms, volume))
            if (chosen := next(fitting, None)) is None:
                combinations.append(chosen := Combination(echo_ms))
            chosen.add(number, b, volume, b in found.traces)
    return combinations


def diffusion(headers: Sequence[Header]) -> Diffusion:
    """One volume for each b-value of a series.

    Images at one place with one b-value are of several directions or repetitions: trace images are taken where there
    are any, and several are averaged geometrically. Images without a b-value are those of b = 0 where all others have a
    larger one and are darker. Where no image has a b-value, the description may say it.

    Raises:
        Refused: no image has a b-value, or none of them make a volume.
    """
    # Images by b-value.
    notes: list[str] = []
    without = [header for header in headers if header.b_value is None]
    by_b = shells({header.b_value for header in headers if header.b_value is not None})
    images = {b: [header for header in headers if header.b_value in members] for b, members in by_b.items()}
    if not images:
        if (said := b_value_in_text(headers[0].text)) is None:
            raise Refused("images without a b-value")
        images, without = {said: without}, []
        notes.append(f"b {said:g} is said by its description alone")

    # A volume of each; what makes none is left out.
    volumes: dict[float, Volume] = {}
    for b, members in images.items():
        try:
            volumes[b], said_of_it = _averaged(members)
        except Refused as why:
            if len(images) == 1:
                raise
            notes.append(f"b {b:g} left out: {why}")
        else:
            notes += [f"b {b:g}: {sentence}" for sentence in said_of_it]
    if not volumes:
        raise Refused("its images of no b-value make a volume")

    # Images without a b-value.
    if without:
        zero, sentence = _without_weighting(without, volumes)
        notes.append(sentence)
        volumes = {0.0: zero, **volumes} if zero is not None else volumes
    traces = (b for b, members in images.items() if any(header.trace for header in members))
    return Diffusion(volumes, frozenset(traces), tuple(notes))


def weighted(volumes: Sequence[Volume], b_values: Sequence[float]) -> Diffusion:
    """One volume for each b-value of the volumes of one file, averaged geometrically where there are several.

    Args:
        b_values: of each volume, in s/mm2.

    Raises:
        Refused: volumes on several grids.
    """
    by_b, notes = {}, []
    for b, members in shells(b_values).items():
        of_b = [volume for volume, its_b in zip(volumes, b_values, strict=True) if its_b in members]
        by_b[b] = geometric_mean(of_b)
        if len(of_b) > 1:
            notes.append(f"b {b:g}: geometric mean of {len(of_b)} volumes")
    return Diffusion(by_b, notes=tuple(notes))


def shells(b_values: Iterable[float]) -> dict[float, frozenset[float]]:
    """b-values that are one but for what the imaging gradients add, by their median, ascending."""
    groups: list[list[float]] = []
    for b in sorted(set(b_values)):
        if groups and b - groups[-1][0] <= SHELL * b:
            groups[-1].append(b)
        else:
            groups.append([b])
    return {group[len(group) // 2]: frozenset(group) for group in groups}


def geometric_mean(volumes: Iterable[Volume]) -> Volume:
    """``exp(mean(ln S))`` of volumes on one grid; 0 where a signal is not positive.

    The mean over directions at one b-value, whose logarithm decays with the mean ADC.

    Raises:
        Refused: volumes on several grids.
    """
    total, measured, first, count = np.array(0.0), np.array(True), None, 0
    for volume in volumes:
        first = first or volume
        if not same_grid(first.image, volume.image):
            raise Refused("its directions are on several grids")
        values = volume.array
        total = total + np.log(np.maximum(values, 1e-6), dtype=np.float64)
        measured, count = measured & (values > 0), count + 1
    assert first is not None, "a mean of no volumes"
    return first if count == 1 else first.like(np.where(measured, np.exp(total / count), 0))


def _averaged(headers: Sequence[Header]) -> tuple[Volume, list[str]]:
    """The volume of images of one b-value, and what the report should say of it."""
    # Trace images where there are any.
    notes = []
    chosen = [header for header in headers if header.trace] or list(headers)
    if len(chosen) < len(headers):
        notes.append("trace images are taken, single directions left out")

    # The n-th image at each place, as often as every place is shown.
    places = by_place(chosen)
    count = min(map(len, places))
    if left := len(chosen) - count * len(places):
        notes.append(f"{left} images that not every place has are left out")
    if count > 1:
        notes.append(f"geometric mean of {count} images at each place")
    return geometric_mean(stack([images[n] for images in places]) for n in range(count)), notes


def _without_weighting(headers: Sequence[Header], weighted: Mapping[float, Volume]) -> tuple[Volume | None, str]:
    """The volume of b = 0 if images without a b-value are those, and what the report should say."""
    left_out = f"{len(headers)} images without a b-value left out"
    if 0 in weighted or any(header.directed for header in headers):
        return None, left_out
    try:
        volume, _ = _averaged(headers)
    except Refused as why:
        return None, f"{left_out}: {why}"
    least = weighted[min(weighted)]
    if not same_grid(volume.image, least.image) or np.median(middle(volume.array)) <= np.median(middle(least.array)):
        return None, left_out
    return volume, f"b 0 are {len(headers)} images without a b-value, the brightest"
