"""DICOM images grouped to patients, studies and series, and series split by b-value or time."""

from __future__ import annotations

import filecmp
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import attrs
import numpy as np

from gankit_dicom._diffusion import Diffusion, diffusion
from gankit_dicom._headers import Header
from gankit_dicom._phases import Dynamic, Phase, rounds, times_of
from gankit_dicom._refused import Refused
from gankit_dicom._stacking import by_place, read_otherwise
from gankit_dicom._volume import Volume, stack

PLANES = ("sagittal", "coronal", "axial")


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
        normals = {_plane(header) for header in self.headers}
        return normals.pop() if len(normals) == 1 else "mixed planes"

    @property
    def places(self) -> int:
        """How many places in space its images show."""
        return len(by_place(self.headers))

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


def _plane(header: Header) -> str:
    normal = np.abs(np.cross(header.orientation[:3], header.orientation[3:]))
    return PLANES[int(normal.argmax())]


@attrs.frozen
class Study:
    """Series of one patient at one time; ``number`` is ours."""

    number: int
    patient: str
    key: str
    series: tuple[Series, ...]


def group(headers: Iterable[Header]) -> list[Study]:
    """Studies, in order of patient and study; series in order of their numbers, which are compared as numbers."""
    by_study: dict[tuple[str, str], dict[str, list[Header]]] = defaultdict(lambda: defaultdict(list))
    for header in headers:
        by_study[header.patient, header.study][header.series].append(header)
    studies = []
    for number, ((patient, key), by_series) in enumerate(sorted(by_study.items()), start=1):
        ordered = sorted(by_series.values(), key=lambda images: (images[0].series_number, images[0].series))
        series = tuple(_series(place, images) for place, images in enumerate(ordered, start=1))
        studies.append(Study(number, patient, key, series))
    return studies


def _series(number: int, headers: list[Header]) -> Series:
    by_instance: dict[tuple[str, int], list[Header]] = defaultdict(list)
    for header in sorted(headers, key=lambda header: (header.image_number, header.file, header.frame_number)):
        by_instance[header.instance, header.frame_number].append(header)
    copies = sum(len(images) - 1 for images in by_instance.values())
    kept = tuple(images[0] for images in by_instance.values())
    notes = read_otherwise(kept)
    if not copies:
        return Series(number, kept, notes=notes)
    if any(not _identical(images) for images in by_instance.values()):
        return Series(number, kept, problem="two different files claim to be one image")
    return Series(number, kept, notes=(f"{copies} exact copies of its files left out", *notes))


def _identical(headers: Sequence[Header]) -> bool:
    return all(filecmp.cmp(headers[0].file, header.file, shallow=False) for header in headers[1:])
