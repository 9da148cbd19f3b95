"""Small made-up studies as a scanner would export them: oblique, with every trap, and with planted texts."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import correct_ambiguous_vr
from pydicom.uid import ExplicitVRLittleEndian

TILT = np.deg2rad(18)
ROW = np.array([1.0, 0.0, 0.0])
COLUMN = np.array([0.0, np.cos(TILT), -np.sin(TILT)])
NORMAL = np.cross(ROW, COLUMN)
CENTRE_MM = np.array([12.0, -20.0, 31.0])
"""Of the gland, and of the axial T2w stack."""
SECRETS = {
    "PatientName": "Zebediah^Planted",
    "PatientBirthDate": "19411207",
    "PatientAddress": "7 Planted Lane",
    "InstitutionName": "Planted General Hospital",
    "ReferringPhysicianName": "Planted^Doctor",
    "StudyDate": "20110707",
    "SeriesDate": "20110708",
    "AcquisitionDate": "20110709",
    "StudyDescription": "Planted study words",
    "ImageComments": "Planted comment",
    "AccessionNumber": "PLANTED77",
    "StationName": "PLANTEDSTATION",
    "OperatorsName": "Planted^Operator",
}
ROOT = "1.2.826.0.1.3680043.8.498.77"


@attrs.frozen(kw_only=True)
class Grid:
    """A stack of ``slices`` images of ``size`` x ``size`` pixels around the gland."""

    size: int
    pixel_mm: float
    slices: int
    gap_mm: float
    column: np.ndarray = attrs.field(default=COLUMN)
    row: np.ndarray = attrs.field(default=ROW)
    centre_mm: np.ndarray = attrs.field(default=CENTRE_MM)

    def places(self) -> np.ndarray:
        """Patient coordinates of every voxel, (slices, rows, columns, 3)."""
        normal = np.cross(self.row, self.column)
        z, y, x = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in (self.slices, self.size, self.size)), indexing="ij")
        steps = x[..., None] * self.pixel_mm * self.row + y[..., None] * self.pixel_mm * self.column
        return self.centre_mm + steps + z[..., None] * self.gap_mm * normal


T2W = Grid(size=72, pixel_mm=1.1, slices=10, gap_mm=3.0)
DIFFUSION = Grid(size=40, pixel_mm=2.0, slices=10, gap_mm=3.0, centre_mm=CENTRE_MM + np.array([1.0, 0.7, 0.4]))
DYNAMIC = Grid(size=44, pixel_mm=1.9, slices=10, gap_mm=3.0, centre_mm=CENTRE_MM - np.array([0.8, 0.5, 0.2]))


def gland(places: np.ndarray) -> np.ndarray:
    """An ellipsoid of 40 x 30 x 24 mm, bool."""
    along = (places - CENTRE_MM) @ np.stack([ROW, COLUMN, NORMAL]).T
    return (along / [20, 15, 12.5]).__pow__(2).sum(axis=-1) < 1


def lesion(places: np.ndarray) -> np.ndarray:
    """A ball of 5 mm radius in the gland, bool."""
    centre = CENTRE_MM + 8 * ROW + 5 * COLUMN
    return np.linalg.norm(places - centre, axis=-1) < 5


def body(places: np.ndarray) -> np.ndarray:
    """Something smooth that varies everywhere and mirrors left and right, in [0, 1]."""
    x, y, z = np.moveaxis((places - CENTRE_MM) @ np.stack([ROW, COLUMN, NORMAL]).T, -1, 0)
    return 0.5 + 0.2 * np.cos(np.abs(x) / 7) + 0.15 * np.sin(y / 9) + 0.05 * np.sin(z / 5)


def t2w_values(places: np.ndarray) -> np.ndarray:
    return 200 * body(places) + 200 * gland(places) - 150 * lesion(places)


def adc_values(places: np.ndarray) -> np.ndarray:
    """1e-6 mm2/s."""
    return 900 + 200 * body(places) + 500 * gland(places) - 600 * lesion(places)


def dynamic_values(places: np.ndarray, after_s: float) -> np.ndarray:
    """Contrast arrives 20 s after the first phase; the lesion takes up most."""
    uptake = 1 - np.exp(-max(0.0, after_s - 20) / 15)
    return 100 * body(places) * (1 + uptake * (0.8 * gland(places) + 0.7 * lesion(places)))


def write_series(
    folder: Path,
    number: int,
    values: np.ndarray,
    grid: Grid,
    *,
    patient: str = "Planted-0001",
    study: int = 1,
    **tags: Any,
) -> list[Path]:
    """One file a slice; ``tags`` overrides any attribute. File names tell nothing and everything."""
    folder.mkdir(parents=True, exist_ok=True)
    places = grid.places()
    files = []
    for index, image in enumerate(np.clip(np.rint(values), 0, 4095).astype(np.uint16)):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
        unique = f"{ROOT}.{study}.{sum(patient.encode())}"
        b = tags.get("DiffusionBValue", 0)
        dataset.SOPInstanceUID = f"{unique}.{number}.{index + 1}.{int(b)}.{int(tags.get('phase', 0))}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.PatientID, dataset.StudyInstanceUID = patient, f"{unique}.9"
        dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = f"{unique}.{number}", f"{unique}.8"
        dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "MR", number, index + 1
        dataset.Rows = dataset.Columns = grid.size
        dataset.PixelSpacing = [grid.pixel_mm, grid.pixel_mm]
        dataset.ImagePositionPatient = [round(float(value), 6) for value in places[index, 0, 0]]
        dataset.ImageOrientationPatient = [round(float(value), 9) for value in (*grid.row, *grid.column)]
        dataset.SliceThickness = dataset.SpacingBetweenSlices = grid.gap_mm
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
        dataset.PixelData = image.tobytes()
        for name, value in {**SECRETS, **tags}.items():
            if name != "phase":
                setattr(dataset, name, value)
        file = folder / f"{number}-{int(b)}-{int(tags.get('phase', 0))}-{index:03}"
        dataset.save_as(file, enforce_file_format=True)
        files.append(file)
    return files


def write_t2w(folder: Path, number: int = 2, grid: Grid = T2W, noise: int = 0, **tags: Any) -> list[Path]:
    values = t2w_values(grid.places())
    if noise:
        values = values + np.random.default_rng(noise).normal(0, 40, values.shape)
    kind = {"ScanningSequence": "SE", "EchoTime": 104, "ImageType": ["ORIGINAL", "PRIMARY", "M"],
            "SeriesDescription": "planted t2 words"}  # fmt: skip
    return write_series(folder, number, values, grid, **{**kind, **tags})


def write_adc(folder: Path, number: int = 4, grid: Grid = DIFFUSION, scale: float = 1.0, **tags: Any) -> list[Path]:
    kind = {"ScanningSequence": "EP", "EchoTime": 63, "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"],
            "SeriesDescription": "planted ep2d_ADC"}  # fmt: skip
    return write_series(folder, number, scale * adc_values(grid.places()), grid, **{**kind, **tags})


def write_diffusion(folder: Path, number: int = 3, b_values: tuple[int, ...] = (50, 400, 800), **tags: Any) -> None:
    """Every b-value at every place in one series."""
    kind = {"ScanningSequence": "EP", "EchoTime": 63, "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"],
            "SeriesDescription": "planted ep2d_diff"}  # fmt: skip
    adc = adc_values(DIFFUSION.places())
    for b in b_values:
        signal = 3000 * np.exp(-b * 1e-6 * adc)
        write_series(folder, number, signal, DIFFUSION, **{**kind, "DiffusionBValue": float(b), **tags})


def write_dynamic(
    folder: Path, first: int = 9, times_s: tuple[int, ...] = (0, 10, 20, 30, 45, 60, 200), **tags: Any
) -> None:
    """One series a phase, the time in its description; series numbers past 9, to be sorted as numbers."""
    for phase, time_s in enumerate(times_s):
        kind = {"ScanningSequence": "GR", "EchoTime": 1.4, "ImageType": ["ORIGINAL", "PRIMARY", "M"],
                "SeriesDescription": f"planted twist_TT={time_s}.5s"}  # fmt: skip
        values = dynamic_values(DYNAMIC.places(), time_s)
        write_series(folder, first + phase, values, DYNAMIC, **{**kind, **tags})


MACRO_OF = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "EffectiveEchoTime": "MREchoSequence",
    "RepetitionTime": "MRTimingAndRelatedParametersSequence",
    "FrameType": "MRImageFrameTypeSequence",
    "DiffusionBValue": "MRDiffusionSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
    "FrameAcquisitionDateTime": "FrameContentSequence",
    "TemporalPositionIndex": "FrameContentSequence",
    "TemporalPositionTimeOffset": "TemporalPositionSequence",
    "NominalCardiacTriggerDelayTime": "CardiacSynchronizationSequence",
}
"""Which sequence of a functional group holds an attribute."""


def functional_group(attributes: dict[str, Any]) -> Dataset:
    """Attributes in the sequences that hold them; those that no sequence holds, in that of converted images."""
    group = Dataset()
    for name, value in attributes.items():
        macro = MACRO_OF.get(name, "UnassignedPerFrameConvertedAttributesSequence")
        if macro not in group:
            setattr(group, macro, [Dataset()])
        setattr(group[macro].value[0], name, value)
    return group


def write_enhanced(
    folder: Path,
    number: int,
    frames: Iterable[tuple[int, np.ndarray, dict[str, Any]]],
    grid: Grid,
    *,
    shared: dict[str, Any],
    syntax: str = ExplicitVRLittleEndian,
    **tags: Any,
) -> Path:
    """One file of many frames, each given as its place in the stack, its image and attributes of its own.

    ``shared`` attributes are of all frames; ``tags`` are of the file.
    """
    frames = list(frames)
    (file,) = write_series(folder, number, frames[0][1][None], attrs.evolve(grid, slices=1), **tags)
    dataset = pydicom.dcmread(file)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4.1"
    dataset.NumberOfFrames = len(frames)
    for name in ("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "SpacingBetweenSlices"):
        delattr(dataset, name)
    measures = {"PixelSpacing": [grid.pixel_mm] * 2, "SpacingBetweenSlices": grid.gap_mm}
    cosines = [round(float(value), 9) for value in (*grid.row, *grid.column)]
    dataset.SharedFunctionalGroupsSequence = [
        functional_group({**measures, "ImageOrientationPatient": cosines, **shared})
    ]
    corners = grid.places()[:, 0, 0]
    dataset.PerFrameFunctionalGroupsSequence = [
        functional_group({"ImagePositionPatient": [round(float(value), 6) for value in corners[place]], **own})
        for place, _, own in frames
    ]
    images = np.stack([image for _, image, _ in frames])
    dataset.PixelData = np.clip(np.rint(images), 0, 4095).astype(np.uint16).tobytes()
    if syntax != ExplicitVRLittleEndian:
        dataset.compress(syntax, generate_instance_uid=False)
    dataset.save_as(file)
    return file


def csa_header(form: int, **values: list[str]) -> bytes:
    """Siemens' CSA header of the first or the second form."""
    header = b"SV10\4\3\2\1" if form == 2 else b""
    header += struct.pack("<II", len(values), 77)
    for name, texts in values.items():
        header += struct.pack("<64si4siii", name.encode(), 1, b"IS", 6, len(texts), 77)
        for text in texts:
            item = text.encode() + b"\0"
            lengths = (len(item),) * 4 if form == 2 else (len(item) + len(next(iter(values.values()))), 0, 77, 0)
            header += struct.pack("<4i", *lengths) + item + bytes(-len(item) % 4)
    return header


def write_localizer(folder: Path, number: int = 1, **tags: Any) -> None:
    """Three planes in one series, in a frame of their own."""
    for plane, (row, column) in enumerate(
        (([1.0, 0, 0], [0, 1.0, 0]), ([0, 1.0, 0], [0, 0, -1.0]), ([1.0, 0, 0], [0, 0, -1.0]))
    ):
        grid = Grid(size=32, pixel_mm=4.0, slices=4, gap_mm=10.0, row=np.array(row), column=np.array(column))
        kind = {"ScanningSequence": "SE", "EchoTime": 92, "SeriesDescription": "planted localizer",
                "FrameOfReferenceUID": f"{ROOT}.3.3", "phase": plane}  # fmt: skip
        write_series(folder, number, t2w_values(grid.places()), grid, **{**kind, **tags})


def write_study(folder: Path, *, adc: bool = True, dynamic: bool = False, **tags: Any) -> None:
    """A study with a localizer, a sagittal and two axial T2w, mixed b-values, and ADC and DCE if wanted."""
    write_localizer(folder / "c", **tags)
    sagittal = Grid(
        size=48, pixel_mm=1.1, slices=9, gap_mm=3.6, row=np.array([0, 1.0, 0]), column=np.array([0, 0, -1.0])
    )
    write_t2w(folder / "a" / "deep", 5, sagittal, **tags)
    write_t2w(folder / "b", 2, **tags)
    write_t2w(folder / "b", 10, noise=1, **tags)
    write_diffusion(folder, **tags)
    if adc:
        write_adc(folder / "a", **tags)
    if dynamic:
        write_dynamic(folder / "d", first=20, **tags)


def write_volume(file: Path, values: np.ndarray, grid: Grid = T2W) -> None:
    """A volume or mask (slices, rows, columns) on a grid, in a file of the kind its name says."""
    image = sitk.GetImageFromArray(values.astype(np.uint8) if values.dtype == bool else values.astype(np.float32))
    image.SetSpacing((grid.pixel_mm, grid.pixel_mm, grid.gap_mm))
    image.SetOrigin(grid.places()[0, 0, 0].tolist())
    direction = np.stack([grid.row, grid.column, np.cross(grid.row, grid.column)], axis=1)
    image.SetDirection(direction.ravel().tolist())
    file.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(file))


def write_masks(folder: Path, name: str, grid: Grid = T2W) -> None:
    """Gland and lesion of the made-up patient."""
    places = grid.places()
    write_volume(folder / f"{name}_gland.nii.gz", gland(places), grid)
    write_volume(folder / f"{name}_lesion.nii.gz", 3.0 * lesion(places), grid)


def change(file: Path, **tags: Any) -> None:
    """Overwrite attributes of a file; None removes one."""
    dataset = pydicom.dcmread(file)
    for name, value in tags.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    correct_ambiguous_vr(dataset, dataset.original_encoding[1])
    dataset.save_as(file)
