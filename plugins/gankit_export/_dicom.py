"""DICOM: derived secondary MR images that say they are synthetic (PS3.3 A.4, MR Image IOD)."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import attrs
import numpy as np

from gankit import InputError, SyntheticSlice
from gankit_export._planes import NOTE, Plane, note, planes

WHITE = 2**16 - 1
DIFFUSION_UNIT = re.compile(r"(?:(?P<times>\d\S*) )?mm2/s")
"""A unit of diffusion coefficients, as in ``1e-6 mm2/s``."""


def encode(synthetic: SyntheticSlice) -> dict[str, bytes]:
    """``<modality>.dcm`` for each modality; of volumes ``<modality>-plane-000.dcm`` for each plane, from feet to head:
    one study of one made-up patient, one series a modality, one frame of reference, since the modalities are
    registered. A volume is an axial series of a patient who lies on the back.

    Stored values are unsigned 16 bit over the modality's range: value = RescaleSlope * stored + RescaleIntercept in
    the modality's unit. A diffusion coefficient has a Real World Value Mapping to mm2/s beside it
    (PS3.3 C.7.6.16.2.11), for the rescale of an MR image names no unit. UIDs follow from the model's digest, the seed,
    the index, the size of a pixel and what was given; there is no date and no time. A modality that no network made is
    not called synthetic.

    Raises:
        InputError: pydicom is missing, or the size of a pixel or the distance of planes is not known.
    """
    try:
        import pydicom
    except ImportError as error:
        raise InputError("`format` dicom: needs pydicom; pip install 'gankit[dicom]'") from error
    files, notes = {}, {}
    for number, plane in enumerate(planes(synthetic), start=1):
        for name, dataset in _datasets(plane, number, synthetic):
            content = io.BytesIO()
            pydicom.dcmwrite(content, dataset, enforce_file_format=True)
            files[name] = content.getvalue()
            notes[name] = {"unit": plane.unit, **plane.sizes()}
    return {**files, NOTE: note(synthetic, notes)}


def _datasets(plane: Plane, number: int, synthetic: SyntheticSlice) -> Iterator[tuple[str, Any]]:
    """File names and datasets: one of a slice, one of each plane of a volume."""
    if plane.values.ndim == 2:
        yield f"{plane.name}.dcm", _dataset(plane, number, synthetic)
        return
    apart_mm = plane.known_slice_spacing_mm()
    for k, values in enumerate(plane.values):
        dataset = _dataset(attrs.evolve(plane, values=values), number, synthetic, f" plane {k}")
        dataset.InstanceNumber = k + 1
        height_mm = _decimal((k + 0.5) * apart_mm)
        dataset.ImagePositionPatient = [*dataset.ImagePositionPatient[:2], height_mm]
        dataset.SliceLocation = height_mm
        dataset.SpacingBetweenSlices = _decimal(apart_mm)
        dataset.PatientPosition = "HFS"
        yield f"{plane.name}-plane-{k:03d}.dcm", dataset


def _dataset(plane: Plane, number: int, synthetic: SyntheticSlice, which: str = "") -> Any:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = MRImageStorage
    dataset.SOPInstanceUID = _uid(synthetic, f"image {plane.name}{which}")
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = MRImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _say_what_it_is(dataset, plane, synthetic)
    _place(dataset, plane, number, synthetic)
    _set_pixels(dataset, plane, synthetic)
    return dataset


def _say_what_it_is(dataset: Any, plane: Plane, synthetic: SyntheticSlice) -> None:
    """Patient, equipment and image, in words; what does not exist for a synthetic slice is empty."""
    which = f"{synthetic.digest[:8]}-{synthetic.seed}-{synthetic.index:06d}"
    if not plane.given:
        dataset.SyntheticData = "YES"
    dataset.PatientName = f"SYNTHETIC^{synthetic.index:06d}"
    dataset.PatientID = f"SYNTHETIC-{which}"
    dataset.PatientBirthDate = dataset.PatientSex = ""
    dataset.StudyDate = dataset.StudyTime = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyID = "SYNTHETIC"
    dataset.StudyDescription = f"SYNTHETIC {synthetic.recipe}"[:64]
    dataset.SeriesDescription = f"{'GIVEN' if plane.given else 'SYNTHETIC'} {plane.name}"[:64]
    dataset.Modality = "MR"
    dataset.Manufacturer = "gankit"
    dataset.ManufacturerModelName = synthetic.recipe[:64]
    dataset.SoftwareVersions = version("gankit")
    dataset.ImageType = ["DERIVED", "SECONDARY", "OTHER", "GIVEN" if plane.given else "SYNTHETIC"]
    dataset.ImageComments = f"{synthetic.statement()} {plane.name} in units of {plane.unit}."
    dataset.DerivationDescription = synthetic.statement()
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.ScanningSequence = "RM"  # research mode: no scanner sequence made it
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = dataset.MRAcquisitionType = ""
    dataset.RepetitionTime = dataset.EchoTime = dataset.EchoTrainLength = None


def _place(dataset: Any, plane: Plane, number: int, synthetic: SyntheticSlice) -> None:
    """Study, series and the place in space: each modality's corner is the origin, for the model knows no other."""
    dataset.StudyInstanceUID = _uid(synthetic, "study")
    dataset.SeriesInstanceUID = _uid(synthetic, f"series {plane.name}")
    dataset.FrameOfReferenceUID = _uid(synthetic, "frame of reference")
    dataset.PositionReferenceIndicator = dataset.PatientPosition = ""
    dataset.Laterality = ""  # no part of a body that may be one of two
    dataset.SeriesNumber = number
    dataset.InstanceNumber = 1
    dataset.PixelSpacing = [_decimal(size) for size in plane.known_spacing_mm()]
    dataset.SliceThickness = None
    rows_mm, columns_mm = plane.known_spacing_mm()
    dataset.ImagePositionPatient = [_decimal(columns_mm / 2), _decimal(rows_mm / 2), 0]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]


def _set_pixels(dataset: Any, plane: Plane, synthetic: SyntheticSlice) -> None:
    low, high = synthetic.modalities[plane.modality].range
    slope, intercept = _decimal((high - low) / WHITE), _decimal(low)
    stored = np.rint((plane.values.astype(np.float64) - intercept) / slope).clip(0, WHITE).astype("<u2")
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = slope, intercept, "US"
    black, white = synthetic.window(plane.modality)
    dataset.WindowCenter, dataset.WindowWidth = _decimal((black + white) / 2), _decimal(white - black)
    if diffusion := DIFFUSION_UNIT.fullmatch(plane.unit):
        times = float(diffusion["times"] or 1)
        dataset.RealWorldValueMappingSequence = [_diffusion_mapping(slope * times, intercept * times)]
    dataset.PixelData = stored.tobytes()


def _diffusion_mapping(slope: float, intercept: float) -> Any:
    """Every stored value in mm2/s (PS3.16 CID 7277)."""
    from pydicom.dataset import Dataset

    mapping = Dataset()
    mapping.add_new("RealWorldValueFirstValueMapped", "US", 0)
    mapping.add_new("RealWorldValueLastValueMapped", "US", WHITE)
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, intercept
    mapping.LUTExplanation, mapping.LUTLabel = "Apparent Diffusion Coefficient", "ADC_MM2_S"
    mapping.MeasurementUnitsCodeSequence = [_code("mm2/s", "UCUM", "mm2/s")]
    quantity = Dataset()
    quantity.ValueType = "CODE"
    quantity.ConceptNameCodeSequence = [_code("246205007", "SCT", "Quantity")]
    quantity.ConceptCodeSequence = [_code("113041", "DCM", "Apparent Diffusion Coefficient")]
    mapping.QuantityDefinitionSequence = [quantity]
    return mapping


def _code(value: str, scheme: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def _decimal(value: float) -> float:
    """The nearest number that DICOM's decimal strings, of 16 characters, hold."""
    return float(f"{value:.9g}")


def _uid(synthetic: SyntheticSlice, what: str) -> str:
    from pydicom.uid import generate_uid

    facts = [synthetic.digest, synthetic.seed, synthetic.index, sorted(synthetic.spacing_mm.items()), what]
    facts += [sorted(synthetic.slice_spacing_mm.items())] if synthetic.slice_spacing_mm else []
    facts += [sorted(synthetic.given.items())] if synthetic.given else []
    return generate_uid(entropy_srcs=["gankit", *map(str, facts)])
