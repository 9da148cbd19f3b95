"""The choice of a study's volumes: candidates by the protocol, tried in order of preference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import attrs
import numpy as np

from gankit_dicom._log import Log
from gankit_dicom._protocol import Protocol
from gankit_dicom._refused import Refused
from gankit_dicom._series.diffusion import combine
from gankit_dicom._series.phases import timed
from gankit_dicom._series.splitting import alike
from gankit_dicom._series.volume import Volume, blank_slices, with_lowest_padding
from gankit_dicom._slices.adc import Adc, checked_adc, computed_adc
from gankit_dicom._slices.dce import Enhancement, enhancement
from gankit_dicom._slices.preference import preferred, reason
from gankit_dicom._sources import AbstractSource

AnyVolume = TypeVar("AnyVolume", bound=Volume)
NOTHING_DRAWN: Mapping[int, int] = {}


@attrs.frozen(eq=False)
class Chosen:
    """Volumes of one study."""

    t2w: Volume
    adc: Adc | None
    dce: Enhancement | None


def choose(
    sources: Sequence[AbstractSource], protocol: Protocol, log: Log, drawn_on: Mapping[int, int] = NOTHING_DRAWN
) -> Chosen:
    """The volumes of a study; every decision goes to the log.

    Args:
        drawn_on: how many masks lie on a T2w, by its number; the one with the most goes before all others.

    Raises:
        Refused: no T2w.
    """
    t2w = _first("t2w", sources, protocol, log, lambda source: _checked_t2w(source.volume()), drawn_on)
    if t2w is None:
        raise Refused("no usable axial T2w series")

    def scanner_adc(source: AbstractSource) -> Adc:
        _refuse_other_frame(source, t2w)
        return _overlapping(checked_adc(source.volume(), protocol.adc, source.unit), t2w)

    adc = _first("adc", sources, protocol, log, scanner_adc)
    if adc is None:
        adc = _computed(sources, t2w, protocol, log)
    return Chosen(t2w, adc, _dynamic(sources, t2w, protocol, log))


def _candidates(
    modality: str,
    sources: Sequence[AbstractSource],
    protocol: Protocol,
    log: Log,
    drawn_on: Mapping[int, int] = NOTHING_DRAWN,
) -> list[AbstractSource]:
    """Sources that may be of a modality, the preferred first; why the others may not goes to the log."""
    candidates = []
    for source in sources:
        if why := source.against(modality, protocol):
            log.refuse(source.number, modality, why)
        else:
            candidates.append(source)
    if not candidates:
        return []
    by_number = {source.number: source for source in candidates}
    traits = [source.traits() for source in candidates]
    ordered = [by_number[each.number] for each in preferred(traits, candidates[0].prefer(modality, protocol))]
    return sorted(ordered, key=lambda source: -drawn_on.get(source.number, 0))


def _first(
    modality: str,
    sources: Sequence[AbstractSource],
    protocol: Protocol,
    log: Log,
    load: Callable[[AbstractSource], AnyVolume],
    drawn_on: Mapping[int, int] = NOTHING_DRAWN,
) -> AnyVolume | None:
    """The volume of the first candidate that loads."""
    chosen, volume = None, None
    for source in _candidates(modality, sources, protocol, log, drawn_on):
        if chosen is not None:
            _say_why(modality, chosen, source, protocol, log, drawn_on)
            continue
        try:
            volume = load(source)
        except Refused as why:
            log.refuse(source.number, modality, str(why))
        else:
            chosen = source
            log.use(source.number, modality, source.said(modality, protocol), warnings=volume.notes)
    return volume


def _say_why(
    modality: str,
    chosen: AbstractSource,
    other: AbstractSource,
    protocol: Protocol,
    log: Log,
    drawn_on: Mapping[int, int],
) -> None:
    """Why one source is used and another is not, in the rows of both."""
    same = "at the same place, " if other.place and other.place == chosen.place else ""
    if drawn_on.get(chosen.number, 0) > drawn_on.get(other.number, 0):
        why = "masks are drawn on it"
    else:
        why = reason(chosen.traits(), other.traits(), chosen.prefer(modality, protocol))
    log.refuse(other.number, modality, f"{same}series {chosen.number} is preferred" + (why and f": {why}"))
    if why:
        log.say(chosen.number, f"preferred to series {other.number}: {why}")


def _checked_t2w(volume: Volume) -> Volume:
    volume = with_lowest_padding(volume)
    middle = volume.array[:, volume.array.shape[1] // 4 : -(volume.array.shape[1] // 4)]
    if len(np.unique(middle)) < 16:
        raise Refused("its intensities hardly vary")
    shown = np.flatnonzero(~blank_slices(volume.array))
    if blank := int(shown[-1] - shown[0] + 1 - len(shown)):
        raise Refused(f"{blank} blank image{'s' if blank > 1 else ''} inside the stack")
    return volume


def _refuse_other_frame(source: AbstractSource, t2w: Volume) -> None:
    if source.frame and t2w.frame and source.frame != t2w.frame:
        raise Refused("another frame of reference than the T2w's")


def _overlapping(volume: AnyVolume, t2w: Volume) -> AnyVolume:
    """The volume, if it reaches the middle of the T2w."""
    size = t2w.image.GetSize()
    middle = t2w.image.TransformContinuousIndexToPhysicalPoint([(length - 1) / 2 for length in size])
    index = volume.image.TransformPhysicalPointToContinuousIndex(middle)
    if not all(-0.5 <= place <= length - 0.5 for place, length in zip(index, volume.image.GetSize(), strict=True)):
        raise Refused("it does not reach the middle of the T2w")
    return volume


def _computed(sources: Sequence[AbstractSource], t2w: Volume, protocol: Protocol, log: Log) -> Adc | None:
    """An ADC map computed from the diffusion series; None if it cannot be computed."""
    # Volumes by b-value, of series whose signals compare.
    found = []
    for source in _candidates("dwi", sources, protocol, log):
        try:
            _refuse_other_frame(source, t2w)
            weighted = source.diffusion()
        except Refused as why:
            log.refuse(source.number, "dwi", str(why))
        else:
            found.append((source.number, source.echo_ms, weighted))
            for sentence in weighted.notes:
                log.say(source.number, sentence)

    # The fit of the first that has enough b-values, and in the log the series that it used.
    for combination in combine(found):
        try:
            adc, chosen = computed_adc(combination.by_b, protocol.dwi, protocol.adc)
            _overlapping(adc, t2w)
        except Refused as why:
            for number in sorted(set(combination.numbers.values())):
                log.refuse(number, "dwi", str(why))
            continue
        for number in sorted({combination.numbers[b] for b in chosen}):
            log.use(number, "dwi", "no ADC map: computed from it", adc.notes)
        return adc
    return None


def _dynamic(sources: Sequence[AbstractSource], t2w: Volume, protocol: Protocol, log: Log) -> Enhancement | None:
    """Enhancement from the largest group of dynamic series, at one place and of one weighting, that gives any; None if
    none does."""
    for group in _dynamic_groups(_candidates("dce", sources, protocol, log)):
        found, used = [], []
        for source in group:
            try:
                _refuse_other_frame(source, t2w)
                found.append(source.phases(protocol.dce.time_in_text))
            except Refused as why:
                log.refuse(source.number, "dce", str(why))
            else:
                used.append(source.number)
                for sentence in found[-1].notes:
                    log.say(source.number, sentence)
        try:
            enhanced = enhancement(timed(found), protocol.dce)
            _overlapping(enhanced.pre, t2w)
        except Refused as why:
            for number in used:
                log.refuse(number, "dce", str(why))
            continue
        for number in used:
            log.use(number, "dce", warnings=enhanced.pre.notes)
        return enhanced
    return None


def _dynamic_groups(sources: Sequence[AbstractSource]) -> list[list[AbstractSource]]:
    """Series that may be one dynamic scan, the largest first: those at one place of one weighting; then those of them
    that are of one type, since a scan may be reconstructed twice."""
    together = alike(sources, lambda one, other: one.weighting == other.weighting and _one_place(one, other))
    parted = [
        kinds for group in together if len(kinds := alike(group, lambda one, other: one.types == other.types)) > 1
    ]
    apart = [group for kinds in parted for group in kinds]
    return [*sorted(together, key=_phase_count, reverse=True), *sorted(apart, key=_phase_count, reverse=True)]


def _phase_count(sources: Sequence[AbstractSource]) -> int:
    return sum(source.phase_count for source in sources)


def _one_place(one: AbstractSource, other: AbstractSource) -> bool:
    if len(one.place) != len(other.place) or one.place[:3] != other.place[:3]:
        return False
    return all(abs(a - b) <= 1 for a, b in zip(one.place, other.place, strict=True))
