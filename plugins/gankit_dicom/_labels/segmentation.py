"""DICOM segmentations (PS3.3 A.51 and A.87): whose they are, what their segments are, and where.

Read are BINARY, FRACTIONAL and LABELMAP, of any number of segments, with frames in any order; a place without a frame
is empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import SimpleITK as sitk

from gankit_dicom._dicom.kinds import SEGMENTATIONS, kind_of
from gankit_dicom._dicom.modes import lenient_pydicom
from gankit_dicom._protocol import plain
from gankit_dicom._refused import Refused, damage_refused

if TYPE_CHECKING:
    from pydicom import Dataset

CODES = {
    ("41216001", "T-92000"): "prostate",
    ("279706003", "279491002", "T-D05E4"): "peripheral zone",
    ("399384005", "T-D0823"): "transition zone",
    ("717025007", "R0-00024"): "anterior fibromuscular stroma",
    ("64739004", "T-93000"): "seminal vesicle",
    ("52988006", "M-01000", "108369006", "M-8FFFF", "86049000", "M-80003"): "lesion",
}
"""SNOMED CT and SRT codes of segmented property types, whatever language their meaning is written in."""
CODED = ("AnatomicRegionSequence", "SegmentedPropertyTypeCodeSequence")
DAMAGED = "a damaged segmentation"
MAX_VOXELS = 500_000_000
MAX_SLICES = 1000


@attrs.frozen
class Owner:
    """What a segmentation says of whose it is; it stays in memory."""

    patient: str
    study: str
    series: tuple[str, ...]
    """Series that it was drawn on; empty where it does not say."""


@attrs.frozen
class Segment:
    """One segment of a segmentation."""

    number: int
    names: tuple[str, ...]
    """Its label and the meanings of its codes, as ``plain`` writes them, the most telling last."""
    by_ai: bool


@attrs.frozen(eq=False)
class Segmentation:
    """Frames of a segmentation in space."""

    segments: tuple[Segment, ...]
    frames: np.ndarray
    """(frames, rows, columns) bool, or the segments' numbers for a label map."""
    numbers: np.ndarray | None
    """(frames,) segment of each; none for a label map."""
    positions_mm: np.ndarray
    """(frames, 3) of the first voxel."""
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float]
    """Between rows, between columns."""

    def image(self, numbers: Sequence[int], grid: sitk.Image) -> sitk.Image:
        """Where any of some segments is, uint8, on slices as far apart as those of ``grid``.

        Raises:
            Refused: frames are not above each other at whole slices of the grid.
        """
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        axis = int(np.abs(np.array(grid.GetDirection()).reshape(3, 3).T @ normal).argmax())
        gap_mm = grid.GetSpacing()[axis]
        along = self.positions_mm @ normal
        slices = (along - along.min()) / gap_mm
        across = self.positions_mm - along[:, None] * normal
        shifted = np.abs(across - across[0]).max() > 0.25 * min(self.spacing_mm)
        if shifted or np.abs(slices - np.rint(slices)).max() > 0.1 or slices.max() > MAX_SLICES:
            raise Refused("its grid is neither the T2w's nor the ADC's")
        place = np.rint(slices).astype(int)
        values = np.zeros((place.max() + 1, *self.frames.shape[1:]), dtype=np.uint8)
        for index, at in enumerate(place):
            if self.numbers is None:
                values[at] |= np.isin(self.frames[index], numbers)
            elif self.numbers[index] in numbers:
                values[at] |= self.frames[index]
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((self.spacing_mm[1], self.spacing_mm[0], gap_mm))
        image.SetOrigin(self.positions_mm[along.argmin()].tolist())
        image.SetDirection(np.stack([self.orientation[:3], self.orientation[3:], normal], axis=1).ravel().tolist())
        return sitk.DICOMOrient(image, "LPS")


def read_owner(file: Path) -> Owner:
    """Whose a segmentation is, by its header alone.

    Raises:
        Refused: not a segmentation, or damaged.
    """
    with lenient_pydicom(), damage_refused(DAMAGED):
        dataset = _dataset(file, pixels=False)
        series = [str(each.get("SeriesInstanceUID", "")) for each in dataset.get("ReferencedSeriesSequence") or ()]
        patient, study = (str(dataset.get(name) or "").strip() for name in ("PatientID", "StudyInstanceUID"))
        return Owner(patient, study, tuple(filter(None, series)))


def read_segments(file: Path) -> tuple[Segment, ...]:
    """Segments of a segmentation, by its header alone.

    Raises:
        Refused: not a segmentation, damaged, or without segments.
    """
    with lenient_pydicom(), damage_refused(DAMAGED):
        return _segments(_dataset(file, pixels=False))


def read_segmentation(file: Path) -> Segmentation:
    """Read a segmentation.

    Raises:
        Refused: not a segmentation, damaged, or without a place in space.
    """
    with lenient_pydicom(), damage_refused(DAMAGED):
        return _segmentation(_dataset(file, pixels=True))


def _dataset(file: Path, pixels: bool) -> Dataset:
    import pydicom

    dataset = pydicom.dcmread(file, stop_before_pixels=not pixels, force=True)
    kind = str(dataset.get("SOPClassUID", ""))
    if kind not in SEGMENTATIONS:
        raise Refused(kind_of(kind) or "DICOM of another kind than a segmentation")
    return dataset


def _segments(dataset: Dataset) -> tuple[Segment, ...]:
    segments = []
    for item in dataset.get("SegmentSequence") or ():
        codes = [code for name in CODED for code in item.get(name) or ()]
        names = [str(code.get("CodeMeaning", "")) for code in codes]
        names += [word for code in codes for values, word in CODES.items() if str(code.get("CodeValue", "")) in values]
        names.append(str(item.get("SegmentLabel", "")))
        by_ai = item.get("SegmentAlgorithmType") == "AUTOMATIC"
        segments.append(Segment(int(item.SegmentNumber), tuple(map(plain, filter(None, names))), by_ai))
    if not segments:
        raise Refused("a segmentation without segments")
    return tuple(segments)


def _segmentation(dataset: Dataset) -> Segmentation:
    # Where every frame is.
    shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
    groups = list(dataset.get("PerFrameFunctionalGroupsSequence") or ())
    count, rows, columns = int(dataset.get("NumberOfFrames") or 1), int(dataset.Rows), int(dataset.Columns)
    if not groups or len(groups) != count:
        raise Refused("a segmentation whose frames have no place")
    if count * rows * columns > MAX_VOXELS:
        raise Refused(f"a segmentation of more than {MAX_VOXELS // 1_000_000} million voxels")
    positions = [_group("PlanePositionSequence", group, shared).ImagePositionPatient for group in groups]
    orientations = [_group("PlaneOrientationSequence", group, shared).ImageOrientationPatient for group in groups]
    spacings = [_group("PixelMeasuresSequence", group, shared).PixelSpacing for group in groups]
    positions_mm, cosines = np.array(positions, dtype=float), np.array(orientations, dtype=float)
    spacing_mm = np.array(spacings, dtype=float)
    if np.ptp(cosines, axis=0).max() > 1e-3 or np.ptp(spacing_mm, axis=0).max() > 1e-3:
        raise Refused("a segmentation whose frames have several orientations or spacings")
    axes = cosines[0].reshape(2, 3)
    if not np.isfinite(positions_mm).all() or np.abs(axes @ axes.T - np.eye(2)).max() > 1e-3:
        raise Refused("a segmentation whose frames have no place")
    if not ((spacing_mm >= 0.05) & (spacing_mm <= 15)).all():
        raise Refused("absurd spacing; accepted: 0.05 to 15 mm")

    # What every frame shows.
    kind = str(dataset.get("SegmentationType", "BINARY"))
    frames = np.asarray(dataset.pixel_array).reshape(count, rows, columns)
    if kind == "FRACTIONAL":
        frames = frames >= 0.5 * float(dataset.get("MaximumFractionalValue") or 255)
    numbers = None
    if kind != "LABELMAP":
        identified = [_group("SegmentIdentificationSequence", group, shared) for group in groups]
        numbers = np.array([int(each.ReferencedSegmentNumber) for each in identified])
        frames = frames > 0
    return Segmentation(
        _segments(dataset),
        frames,
        numbers,
        positions_mm,
        tuple(cosines[0].tolist()),
        (float(spacing_mm[0, 0]), float(spacing_mm[0, 1])),
    )


def _group(name: str, group: Any, shared: Any) -> Any:
    """A functional group of a frame, its own or that of all frames."""
    for owner in (group, shared):
        if owner is not None and (found := owner.get(name)):
            return found[0]
    raise Refused("a segmentation whose frames have no place")
