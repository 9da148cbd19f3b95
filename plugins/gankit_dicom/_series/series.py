"""DICOM images grouped to patients, studies and series, and series split by b-value or time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

import attrs
import numpy as np

from gankit_dicom._dicom.headers import Header
from gankit_dicom._refused import Refused
from gankit_dicom._series.diffusion import Diffusion, diffusion
from gankit_dicom._series.joining import join
from gankit_dicom._series.phases import Dynamic, Phase, rounds, times_of
from gankit_dicom._series.splitting import same_grid, split
from gankit_dicom._series.stacking import by_place, plane, read_otherwise
from gankit_dicom._series.visits import visits
from gankit_dicom._series.volume import Volume, stack

LEAST_GAP_MM = 0.01
"""Of a series of one slice, which has none."""


@attrs.frozen
class Series:
    """One series of a study; ``number`` is ours, by the order of series numbers."""

    number: int
    headers: tuple[Header, ...]
    problem: str = ""
    """Why it cannot be used whatever it is."""
    notes: tuple[str, ...] = ()
    """What was left out or read otherwise than its headers say, for the report."""

    @property
    def first(self) -> Header:
        return self.headers[0]

    @property
    def plane(self) -> str:
        """axial, coronal, sagittal or mixed."""
        planes = {plane(header) for header in self.headers}
        return planes.pop() if len(planes) == 1 else "mixed planes"

    @property
    def places(self) -> int:
        """How many places in space its images show."""
        return len(by_place(self.headers))

    @property
    def gap_mm(self) -> float:
        """From the middle of a slice to the next, on average."""
        normal = np.cross(self.first.orientation[:3], self.first.orientation[3:])
        along = np.array([header.position_mm for header in self.headers]) @ normal
        return max(float(np.ptp(along)) / max(self.places - 1, 1), LEAST_GAP_MM)

    @property
    def grid(self) -> str:
        first = self.first
        return f"{first.columns} x {first.rows} x {self.places}, {first.spacing_mm[1]:.3g} mm, {self.plane}"

    @property
    def b_values(self) -> tuple[float, ...]:
        return tuple(sorted({header.b_value for header in self.headers if header.b_value is not None}))

    def volume(self) -> Volume:
        """Its images as one volume.

        Raises:
            Refused: they are not one.
        """
        return stack(self.headers)

    def diffusion(self) -> Diffusion:
        """Its images by b-value.

        Raises:
            Refused: no image has a b-value, or those of none are one volume.
        """
        return diffusion(self.headers)

    def phases(self, time_in_text: str) -> Dynamic:
        """Its images by phase; one phase where every place is shown once.

        Args:
            time_in_text: a regular expression whose first group is a phase's time in s; may be empty.

        Raises:
            Refused: nothing tells the phases apart, or a phase is not one volume.
        """
        found, notes = rounds(by_place(self.headers))
        times = times_of(found)
        if len(found) == 1 and time_in_text and (named := re.search(time_in_text, self.first.text)):
            times[0]["text"] = _seconds(named[1])
        phases = (Phase(known, stack(images)) for known, images in zip(times, found, strict=True))
        return Dynamic(tuple(phases), tuple(notes))


def _seconds(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError as error:
        raise Refused("what the protocol's time_in_text finds is no number of seconds") from error


@attrs.frozen
class Study:
    """Series of one patient at one time; ``number`` is ours."""

    number: int
    patient: str
    keys: tuple[str, ...]
    """Study UIDs; several where studies of one visit are joined."""
    series: tuple[Series, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """For the report alone."""


def group(headers: Iterable[Header]) -> list[Study]:
    """Studies, in order of patient and study; series in order of their numbers, which are compared as numbers."""
    return [
        Study(number, visit.patient, visit.keys, _series(visit.headers), visit.warnings, visit.notes)
        for number, visit in enumerate(visits(headers), start=1)
    ]


def _series(headers: Sequence[Header]) -> tuple[Series, ...]:
    """Images of a study by series UID, split where they are several series and joined where they are parts of one."""
    by_series: dict[str, list[Header]] = defaultdict(list)
    for header in sorted(
        headers,
        key=lambda header: (header.series_number, header.series, header.image_number, header.file, header.frame_number),
    ):
        by_series[header.series].append(header)
    found = sorted(
        chain.from_iterable(map(split, by_series.values())), key=lambda images: images.headers[0].series_number
    )
    return tuple(
        Series(number, images.headers, images.problem, (*images.notes, *_read_otherwise(images.headers)))
        for number, images in enumerate(join(found), start=1)
    )


def _read_otherwise(headers: Sequence[Header]) -> tuple[str, ...]:
    return read_otherwise(headers) if all(same_grid(headers[0], header) for header in headers) else ()
