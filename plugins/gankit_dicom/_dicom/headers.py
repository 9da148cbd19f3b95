"""Headers of DICOM files: what an import needs of each, read whatever the file is called."""

from __future__ import annotations

import math
import struct
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from gankit_dicom._dicom.bounded import Bounded
from gankit_dicom._dicom.bvalues import b_value, has_direction, is_trace
from gankit_dicom._dicom.clock import acquired_s
from gankit_dicom._dicom.elements import finite, many
from gankit_dicom._dicom.enhanced import frames
from gankit_dicom._dicom.kinds import kind_of
from gankit_dicom._dicom.modes import lenient_pydicom
from gankit_dicom._dicom.mosaic import side_of, tiles
from gankit_dicom._dicom.plain import Grey, read_plain
from gankit_dicom._dicom.real_world import Meaning, meaning
from gankit_dicom._refused import Refused, damage_refused

if TYPE_CHECKING:
    from pydicom import Dataset

DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
"""The first that is there says which day it was."""
SKEW_TOLERANCE = 3e-3
"""Of lengths and scalar product of direction cosines, which are often rounded to three decimals."""
MR_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.30",
)  # fmt: skip
"""MR images, enhanced ones, those converted to them, parametric maps: what a file may be that has no modality."""
UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")
"""Transfer syntaxes whose pixels lie in the file as they are."""
BITS = {"Rows": None, "Columns": None, "BitsAllocated": None, "SamplesPerPixel": 1, "NumberOfFrames": 1}
"""What says how many bits the pixels take, and what holds of a file that does not say it."""
CUT_SHORT = "cut short: an image has fewer pixels than its header says"
ARCHIVES = {b"PK\x03\x04": "a zip archive", b"\x1f\x8b": "a gzip archive", b"7z\xbc\xaf": "a 7z archive"}


@attrs.frozen
class Header:
    """What the header of one image in space says: of a file, or of one frame of a file. Its texts stay in memory; an
    import writes none of them."""

    file: Path
    frame_number: int
    """Which of the file's frames or tiles it is, from 0; 0 where the file is one image."""
    mosaic: int
    """Tiles along a side of the mosaic that it is a tile of; 0 where it is none."""
    patient: str
    """Empty where unknown."""
    study: str
    series: str
    instance: str
    frame: str
    """Of reference; empty where unknown."""
    series_number: int
    image_number: int
    text: str
    """Description, protocol and sequence names, lower case, full-width forms of letters written plainly (NFKC)."""
    types: tuple[str, ...]
    sequence: tuple[str, ...]
    options: tuple[str, ...]
    """ScanOptions: FS where fat is saturated."""
    rows: int
    columns: int
    spacing_mm: tuple[float, float]
    """Between rows, between columns."""
    position_mm: tuple[float, float, float]
    orientation: tuple[float, ...]
    """Direction cosines along a row, then along a column."""
    gap_mm: float | None
    """Between slices, as the header says."""
    echo_ms: float | None
    repetition_ms: float | None
    flip_deg: float | None
    b_value: float | None
    """s/mm2."""
    trace: bool
    """Whether it is averaged over directions of diffusion."""
    directed: bool
    """Whether it is of one direction of diffusion."""
    time_s: float | None
    """Of acquisition, since midnight."""
    trigger_s: float | None
    """After the first phase of its series, or after a heart beat."""
    phase: int | None
    """Which phase of a dynamic series it is of, from 1."""
    phase_s: float | None
    """Time from phase to phase."""
    meaning: Meaning
    """From its stored values to what they measure."""
    inverted: bool
    """Whether it is stored as MONOCHROME1, the lowest value shown white."""
    thickness_mm: float | None
    acquisition: int | None
    """Number of the acquisition in its series' or study's own count."""
    date: str
    """Of the study; empty where unknown, as ``birth_date`` and ``sex``."""
    birth_date: str
    sex: str
    grey: Grey | None
    """Where the pixels of its file are, if that needs no parsing."""


def read_headers(file: Path) -> tuple[Header, ...]:
    """Read the headers of all images in one DICOM file: of one image, or of each frame of an enhanced file.

    Raises:
        Refused: not a file of DICOM, not MR images, damaged, or an image without a place in space.
    """
    import pydicom

    refuse_foreign(file, "not a DICOM file")
    with lenient_pydicom(), damage_refused("damaged: its header cannot be parsed"):
        with Bounded(file) as opened:
            plain = read_plain(opened)
            dataset = plain or pydicom.dcmread(opened, stop_before_pixels=True, force=True)
            start = plain.start if plain else opened.tell() + (8 if dataset.original_encoding[0] else 12)
            left = opened.seek(0, 2) - start
        _refuse_other_kinds(dataset)
        side = side_of(dataset)
        images = (tile for frame in frames(dataset) for tile in tiles(frame))
        grey = plain.grey if plain else None
        headers = tuple(_header(file, number, side, grey, image) for number, image in enumerate(images))
        if plain or dataset.file_meta.get("TransferSyntaxUID", UNCOMPRESSED[0]) in UNCOMPRESSED:
            _refuse_cut_short(dataset, left)
        return headers


def refuse_foreign(file: Path, otherwise: str) -> None:
    """Refuse what does not begin as DICOM does: with a word on archives and empty files, else with ``otherwise``."""
    try:
        with file.open("rb") as opened:
            start = opened.read(132)
    except OSError as error:
        raise Refused("cannot be read") from error
    if not start:
        raise Refused("an empty file")
    for magic, what in ARCHIVES.items():
        if start.startswith(magic):
            raise Refused(f"{what}; unpack it first")
    if start[128:132] != b"DICM" and not _is_bare(start):
        raise Refused(otherwise)


def _is_bare(start: bytes) -> bool:
    """Whether a file starts with an element of a header at once, as data sets without preamble do."""
    for order in "<>":
        group, element, length = struct.unpack(f"{order}HHL", start[:8].ljust(8, b"\xff"))
        if group in (0x0002, 0x0008) and element <= 0x0018 and (length <= 64 or start[4:6] in (b"UL", b"UI", b"CS")):
            return True
    return False


def _header(file: Path, number: int, side: int, grey: Grey | None, dataset: Dataset) -> Header:
    # The grid of pixels and its place in space.
    rows, columns = _whole(dataset, "Rows"), _whole(dataset, "Columns")
    if not (16 <= rows <= 4096 and 16 <= columns <= 4096):
        raise Refused(f"absurd size of {columns} x {rows} pixels")
    spacing = _numbers(dataset, "PixelSpacing", 2)
    if not all(0.1 <= size <= 10 for size in spacing):
        raise Refused("absurd pixel spacing; accepted: 0.1 to 10 mm")
    position = _numbers(dataset, "ImagePositionPatient", 3)
    if max(map(abs, position)) > 2000:
        raise Refused("absurd position, more than 2 m from the scanner's centre")
    orientation = _numbers(dataset, "ImageOrientationPatient", 6)
    _refuse_skewed(orientation)

    # What its values mean, and what it is called.
    texts = (str(dataset.get(name, "")) for name in ("SeriesDescription", "ProtocolName", "SequenceName"))
    types = tuple(str(word).upper() for word in many(dataset.get("ImageType")))
    return Header(
        file=file,
        frame_number=number,
        mosaic=side,
        patient=_optional_text(dataset, "PatientID"),
        study=_text(dataset, "StudyInstanceUID", "study"),
        series=_text(dataset, "SeriesInstanceUID", "series"),
        instance=_text(dataset, "SOPInstanceUID", "instance"),
        frame=_optional_text(dataset, "FrameOfReferenceUID"),
        series_number=int(_number(dataset, "SeriesNumber") or 0),
        image_number=int(_number(dataset, "InstanceNumber") or 0),
        text=unicodedata.normalize("NFKC", " ".join(texts)).lower(),
        types=types,
        sequence=tuple(str(word).upper() for word in many(dataset.get("ScanningSequence"))),
        options=tuple(str(word).upper() for word in many(dataset.get("ScanOptions"))),
        rows=rows,
        columns=columns,
        spacing_mm=(spacing[0], spacing[1]),
        position_mm=(position[0], position[1], position[2]),
        orientation=orientation,
        gap_mm=_number(dataset, "SpacingBetweenSlices"),
        echo_ms=_number(dataset, "EchoTime"),
        repetition_ms=_number(dataset, "RepetitionTime"),
        flip_deg=finite(dataset.get("FlipAngle")),
        b_value=b_value(dataset),
        trace=is_trace(dataset, types),
        directed=has_direction(dataset),
        time_s=acquired_s(dataset),
        trigger_s=_seconds(dataset, "TriggerTime"),
        phase=_count(dataset, "TemporalPositionIdentifier"),
        phase_s=_seconds(dataset, "TemporalResolution"),
        meaning=meaning(dataset),
        inverted=str(dataset.get("PhotometricInterpretation", "")).strip().upper() == "MONOCHROME1",
        thickness_mm=finite(dataset.get("SliceThickness")) or None,
        acquisition=_count(dataset, "AcquisitionNumber"),
        date=next(filter(None, (_optional_text(dataset, name) for name in DATES)), ""),
        birth_date=_optional_text(dataset, "PatientBirthDate"),
        sex=_optional_text(dataset, "PatientSex"),
        grey=grey,
    )


def _refuse_other_kinds(dataset: Dataset) -> None:
    """What has no greyscale MR images."""
    if kind := kind_of(str(dataset.get("SOPClassUID", ""))):
        raise Refused(kind)
    modality = str(dataset.get("Modality") or "").strip().upper()
    if modality not in ("", "MR"):
        raise Refused("not a magnetic resonance image")
    if "Rows" not in dataset:
        raise Refused("DICOM without an image, perhaps cut short")
    if not modality and str(dataset.get("SOPClassUID") or MR_CLASSES[0]) not in MR_CLASSES:
        raise Refused("not a magnetic resonance image")
    if (_number(dataset, "SamplesPerPixel") or 1) != 1 or str(
        dataset.get("PhotometricInterpretation") or "MONOCHROME2"
    ).strip().upper() not in ("MONOCHROME1", "MONOCHROME2"):
        raise Refused("not a greyscale image")


def _refuse_cut_short(dataset: Dataset, left: int) -> None:
    """An image that is not compressed, whose file has only so many bytes ``left`` from its first pixel on."""
    said = [dataset.get(name, otherwise) for name, otherwise in BITS.items()]
    if all(isinstance(value, int) for value in said) and 8 * left < math.prod(said):
        raise Refused(CUT_SHORT)


def _refuse_skewed(orientation: tuple[float, ...]) -> None:
    row, column = orientation[:3], orientation[3:]
    lengths = math.hypot(*row), math.hypot(*column)
    across = sum(a * b for a, b in zip(row, column, strict=True))
    if max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(across)) > SKEW_TOLERANCE:
        raise Refused("rows and columns are not at right angles")


def _optional_text(dataset: Dataset, name: str) -> str:
    return str(dataset.get(name) or "").strip()


def _text(dataset: Dataset, name: str, what: str) -> str:
    if not (text := _optional_text(dataset, name)):
        raise Refused(f"no {what} in its header")
    return text


def _number(dataset: Dataset, name: str) -> float | None:
    value = dataset.get(name)
    if value is None or value == "":
        return None
    if not math.isfinite(number := float(value)):
        raise Refused("a number in its header is not finite")
    return number


def _whole(dataset: Dataset, name: str) -> int:
    return int(_number(dataset, name) or 0)


def _numbers(dataset: Dataset, name: str, count: int) -> tuple[float, ...]:
    values = many(dataset.get(name))
    if len(values) != count:
        raise Refused("no pixel spacing, position or orientation in its header")
    numbers = tuple(float(value) for value in values)
    if not all(map(math.isfinite, numbers)):
        raise Refused("a number in its header is not finite")
    return numbers


def _seconds(dataset: Dataset, name: str) -> float | None:
    """A time that the header gives in ms; None where it gives no number."""
    milliseconds = finite(dataset.get(name))
    return None if milliseconds is None else milliseconds / 1000


def _count(dataset: Dataset, name: str) -> int | None:
    number = finite(dataset.get(name))
    return None if number is None else int(number)
