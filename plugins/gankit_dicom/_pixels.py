"""Pixels of one DICOM file, checked against its header."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gankit_dicom._headers import Header
from gankit_dicom._modes import lenient_pydicom, silent_itk
from gankit_dicom._refused import Refused

if TYPE_CHECKING:
    from pydicom import Dataset

UNCOMPRESSED = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"}

BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"


def read_pixels(header: Header) -> np.ndarray:
    """Image (rows, columns) float32, rescaled as the header says.

    Raises:
        Refused: cut short, too long, undecodable, or values that the stored bits cannot hold.
    """
    import pydicom

    with lenient_pydicom():
        try:
            dataset = pydicom.dcmread(header.file)
            _refuse_wrong_length(header.file, dataset)
            _refuse_overflow(dataset)
            stored = _stored(header.file, dataset)
        except (Refused, MemoryError):
            raise
        except Exception as error:  # damaged bytes can raise anything from the depths of a decoder
            raise Refused("damaged: an image cannot be decoded") from error
    if stored.shape != (header.rows, header.columns):
        raise Refused("an image's size differs from its header")
    image = stored.astype(np.float32) * np.float32(header.slope) + np.float32(header.intercept)
    if not np.isfinite(image).all():
        raise Refused("an image has NaN or infinite values")
    return image


def _refuse_wrong_length(file: Path, dataset: Dataset) -> None:
    if "PixelData" not in dataset:
        raise Refused("an image without pixels, perhaps cut short")
    if str(dataset.file_meta.TransferSyntaxUID) not in UNCOMPRESSED:
        return
    _refuse_tail(file, dataset)
    expected = int(dataset.Rows) * int(dataset.Columns) * int(dataset.BitsAllocated) // 8
    if len(dataset.PixelData) < expected:
        raise Refused("cut short: an image has fewer pixels than its header says")
    if len(dataset.PixelData) > expected + expected % 2:
        raise Refused("an image has more pixels than its header says")


def _refuse_tail(file: Path, dataset: Dataset) -> None:
    """Bytes after the pixels, other than padding, mean that bytes were put among them: every pixel would be shifted."""
    raw = dataset.get_item("PixelData")
    place, raw_length = getattr(raw, "value_tell", None), getattr(raw, "length", None)
    if place is None or raw_length is None or str(dataset.file_meta.TransferSyntaxUID) == DEFLATED:
        return
    with file.open("rb") as opened:
        opened.seek(place + raw_length)
        tail = opened.read(4)
    if tail and tail not in (b"\xfc\xff\xfc\xff", b"\xff\xfc\xff\xfc"):
        raise Refused("more bytes than its header says follow an image's pixels")


def _stored(file: Path, dataset: Dataset) -> np.ndarray:
    try:
        return dataset.pixel_array
    except (RuntimeError, NotImplementedError, ImportError):
        if str(dataset.file_meta.TransferSyntaxUID) in UNCOMPRESSED:
            raise
        return _decoded_by_itk(file, dataset)


def _decoded_by_itk(file: Path, dataset: Dataset) -> np.ndarray:
    """JPEG families, which pydicom decodes only with further packages."""
    import SimpleITK as sitk

    with silent_itk():
        rescaled = sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0].astype(np.float64)
    slope, intercept = float(dataset.get("RescaleSlope") or 1), float(dataset.get("RescaleIntercept") or 0)
    return np.rint((rescaled - intercept) / slope)


def _refuse_overflow(dataset: Dataset) -> None:
    """pydicom clears the bits above those stored; bits set there mean bytes that are no pixels."""
    allocated = int(dataset.BitsAllocated)
    bits = int(dataset.get("BitsStored") or allocated)
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax not in UNCOMPRESSED or int(dataset.get("PixelRepresentation") or 0) or allocated != 16 or bits >= 16:
        return
    stored = np.frombuffer(
        dataset.PixelData[: len(dataset.PixelData) // 2 * 2], dtype=">u2" if syntax == BIG_ENDIAN else "<u2"
    )
    if (stored >> bits).any():
        raise Refused(f"an image has values that its {bits} stored bits cannot hold")
