"""What a study offers, whether it is DICOM series or files of volumes: one face for both."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path

import attrs
import numpy as np

from gankit_dicom._protocol import Protocol, plain
from gankit_dicom._refused import Refused
from gankit_dicom._series.diffusion import Diffusion, weighted
from gankit_dicom._series.phases import APART_S, Dynamic, Phase
from gankit_dicom._series.series import Series
from gankit_dicom._series.volume import Volume, stack_corners
from gankit_dicom._slices.preference import PREFERENCES, Traits
from gankit_dicom._volumes.files import file_place, files_of, read_volume, read_volumes
from gankit_dicom._volumes.sidecars import b_values_beside, sidecars, times_beside
from gankit_dicom._volumes.stored import Place

LOOKS = {"ADC": "ADC map", "FA": "anisotropy map", "TRACEW": "trace-weighted", "DIFFUSION": "diffusion"}
SEQUENCES = {"SE": "spin echo", "GR": "gradient echo", "EP": "echo planar"}


class AbstractSource(ABC):
    """Something that a modality may be taken from. ``number`` is ours and unique in the study."""

    number: int

    @property
    @abstractmethod
    def looks(self) -> str:
        """What it seems to be, in words of our own."""

    @property
    @abstractmethod
    def grid(self) -> str:
        """Size, spacing and plane, where known without reading it."""

    @property
    @abstractmethod
    def frame(self) -> str:
        """Frame of reference; empty where unknown."""

    @property
    @abstractmethod
    def place(self) -> tuple[float, ...]:
        """Rows, columns, slices and middle in whole mm: equal for sources on one grid, as far as is known without
        reading them; empty where nothing is."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the report should say of it whatever becomes of it."""
        return ()

    @property
    def echo_ms(self) -> float | None:
        """Echo time; None where it is not known."""
        return None

    @property
    def types(self) -> tuple[str, ...]:
        """Image types, as its header says them."""
        return ()

    @property
    def weighting(self) -> tuple[float, ...]:
        """Equal for sources whose signals compare, by echo time in ms and flip angle in degrees; 0 for what is not
        known."""
        return ()

    @property
    def unit(self) -> str:
        """Unit of its values, as its header says it; empty where it does not."""
        return ""

    @property
    def phase_count(self) -> int:
        """How many phases it has if it is a dynamic series, as far as is known without reading it."""
        return 1

    @property
    @abstractmethod
    def files(self) -> tuple[Path, ...]:
        """What it is read from."""

    @abstractmethod
    def against(self, modality: str, protocol: Protocol) -> str | None:
        """Why it is not of a modality; none if it may be."""

    @abstractmethod
    def traits(self) -> Traits:
        """What a preference may look at. Raises Refused."""

    @abstractmethod
    def prefer(self, modality: str, protocol: Protocol) -> tuple[str, ...]:
        """Names of the preferences that decide between several, the first decides first."""

    def said(self, modality: str, protocol: Protocol) -> str:
        """What the report should say if a modality is taken from it; empty if nothing."""
        return ""

    @abstractmethod
    def lattice(self) -> Place:
        """Where its voxels are, without reading pixels. Raises Refused."""

    @abstractmethod
    def volume(self) -> Volume:
        """Read it as one volume. Raises Refused."""

    @abstractmethod
    def diffusion(self) -> Diffusion:
        """Read its volumes by b-value. Raises Refused."""

    @abstractmethod
    def phases(self, time_in_text: str) -> Dynamic:
        """Read its volumes by phase. Raises Refused."""


@attrs.frozen
class SeriesSource(AbstractSource):
    """A DICOM series."""

    series: Series

    @property
    def number(self) -> int:  # type: ignore[override]
        return self.series.number

    @property
    def looks(self) -> str:
        first = self.series.first
        if any(word in first.text for word in ("localizer", "scout", "survey")):
            return "localizer"
        tagged = [words for tag, words in LOOKS.items() if tag in first.types]
        kind = tagged[:1] or [words for tag, words in SEQUENCES.items() if tag in first.sequence] or ["other"]
        b = ", ".join(f"{value:g}" for value in self.series.b_values)
        return f"{kind[0]}, b {b}" if b and "ADC" not in first.types else kind[0]

    @property
    def grid(self) -> str:
        return self.series.grid

    @property
    def frame(self) -> str:
        return self.series.first.frame

    @property
    def notes(self) -> tuple[str, ...]:
        inverted = any(header.inverted for header in self.series.headers)
        return (*self.series.notes, *(["stored as MONOCHROME1, inverted"] if inverted else []))

    @property
    def echo_ms(self) -> float | None:
        return self.series.first.echo_ms

    @property
    def types(self) -> tuple[str, ...]:
        return self.series.first.types

    @property
    def weighting(self) -> tuple[float, ...]:
        first = self.series.first
        return round(first.echo_ms or 0, 1), round(first.flip_deg or 0)

    @property
    def unit(self) -> str:
        units = {header.meaning.unit for header in self.series.headers}
        return units.pop() if len(units) == 1 else ""

    @property
    def phase_count(self) -> int:
        return len(self.series.headers) // self.series.places

    @property
    def place(self) -> tuple[float, ...]:
        first = self.series.first
        middle = np.mean([header.position_mm for header in self.series.headers], axis=0)
        return (first.rows, first.columns, self.series.places, *middle.round().tolist())

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys(header.file for header in self.series.headers))

    def against(self, modality: str, protocol: Protocol) -> str | None:
        if modality == "adc" and self.series.first.inverted:
            return "stored as MONOCHROME1: whether its values or their inverse are the measure is not said"
        return self.series.problem or getattr(protocol, modality).against(self.series)

    def traits(self) -> Traits:
        series, first = self.series, self.series.first
        return Traits(
            number=self.number,
            text=plain(first.text),
            types=first.types,
            suppressed=bool({"FS", "SFS"} & set(first.options) or "IR" in first.sequence),
            pixel_mm=first.spacing_mm,
            field_mm=max(first.rows * first.spacing_mm[0], first.columns * first.spacing_mm[1]),
            gap_mm=series.gap_mm,
            places=series.places,
            time_s=first.time_s,
            grid=self.place,
        )

    def prefer(self, modality: str, protocol: Protocol) -> tuple[str, ...]:
        return getattr(protocol, modality).prefer

    def said(self, modality: str, protocol: Protocol) -> str:
        return getattr(protocol, modality).note(self.series)

    def lattice(self) -> Place:
        first = self.series.first
        return Place.spanned(stack_corners(self.series.headers), (first.columns, first.rows, self.series.places))

    def volume(self) -> Volume:
        return self.series.volume()

    def diffusion(self) -> Diffusion:
        return self.series.diffusion()

    def phases(self, time_in_text: str) -> Dynamic:
        return self.series.phases(time_in_text)


@attrs.frozen
class FileSource(AbstractSource):
    """A file whose name says what it is; ``name`` is what the pattern found, lower case."""

    number: int
    file: Path
    name: str
    role: str
    """Modality by the protocol's names of files; empty if none."""

    @property
    def looks(self) -> str:
        return {"t2w": "T2w", "adc": "ADC map", "dwi": "diffusion", "dce": "dynamic", "mask": "mask"}.get(
            self.role, "other"
        )

    @property
    def grid(self) -> str:
        try:
            place = file_place(self.file)
        except Refused:  # whoever reads it says why
            return ""
        columns, rows, slices = place.size
        return f"{columns} x {rows} x {slices}, {place.spacing_mm[0]:.3g} mm" + (place.plane and f", {place.plane}")

    @property
    def frame(self) -> str:
        return ""

    @property
    def place(self) -> tuple[float, ...]:
        return ()

    @property
    def files(self) -> tuple[Path, ...]:
        return (*files_of(self.file), *sidecars(self.file))

    def against(self, modality: str, protocol: Protocol) -> str | None:
        if self.role != modality:
            return "named as something else"
        try:
            plane, wanted = file_place(self.file).plane, getattr(protocol, modality).plane
        except Refused as why:
            return str(why)
        return f"{plane}, not {wanted}" if plane and plane != wanted else None

    def traits(self) -> Traits:
        place = file_place(self.file)
        upward = int(np.abs(place.direction[2]).argmax())
        size, spacing_mm = np.delete(place.size, upward), np.delete(place.spacing_mm, upward)
        return Traits(
            number=self.number,
            text=plain(self.name),
            pixel_mm=(float(spacing_mm[1]), float(spacing_mm[0])),
            field_mm=float((size * spacing_mm).max()),
            gap_mm=float(place.spacing_mm[upward]),
            places=place.size[upward],
        )

    def prefer(self, modality: str, protocol: Protocol) -> tuple[str, ...]:
        if modality != "t2w":
            return ("shorter name",)
        names = (name for name in protocol.t2w.prefer if PREFERENCES[name].of_files)
        return (*names, "shorter name")

    def lattice(self) -> Place:
        return file_place(self.file)

    def volume(self) -> Volume:
        return read_volume(self.file, holes=self.role == "adc")

    def diffusion(self) -> Diffusion:
        volumes, _ = read_volumes(self.file)
        b_values = b_values_beside(self.file, len(volumes))
        if b_values is not None:
            return weighted(volumes, b_values)
        if len(volumes) > 1:
            raise Refused(f"{len(volumes)} volumes without a .bval file beside them that has their b-values")
        if not (named := re.search(r"b(\d+)", self.name)):
            raise Refused("its name has no b-value, as in b800, and no .bval file is beside it")
        return Diffusion({float(named[1]): volumes[0]})

    def phases(self, time_in_text: str) -> Dynamic:
        volumes, step_s = read_volumes(self.file)
        if len(volumes) > 1:
            times = times_beside(self.file, len(volumes)) or _regular(len(volumes), step_s)
            return Dynamic(tuple(Phase({"text": time}, each) for time, each in zip(times, volumes, strict=True)))
        named = re.search(r"(\d+(?:\.\d+)?)s?$", self.name)
        if not named:
            raise Refused("its name does not end with a time in seconds, as in dce_12.5s")
        return Dynamic((Phase({"text": float(named[1])}, volumes[0]),))


def _regular(count: int, step_s: float | None) -> tuple[float, ...]:
    """Times of volumes that follow each other by one step."""
    if step_s is None or step_s < APART_S:
        raise Refused(
            f"{count} volumes without their times: the header gives none, and VolumeTiming is not in a .json beside"
        )
    return tuple(step_s * index for index in range(count))
