"""JPEG, JPEG-LS and JPEG 2000 images, decoded by ITK."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from gankit_dicom._dicom.modes import silent_itk

if TYPE_CHECKING:
    from pydicom.uid import UID


def decoded(encoded: bytes, syntax: UID, options: Mapping[str, Any]) -> np.ndarray:
    """The stored values (rows, columns) of one compressed frame.

    ITK reads files alone, so the frame goes to a file of its own, without slope or any other meaning of its values.

    Args:
        encoded: the frame's bytes.
        syntax: transfer syntax, which says how they are encoded.
        options: the image's size and bits, by pydicom's names of decoding options.

    Raises:
        RuntimeError: ITK cannot decode it.
    """
    import SimpleITK as sitk

    with TemporaryDirectory(prefix="gankit-frame-") as folder, silent_itk():
        file = Path(folder) / "frame.dcm"
        _write(file, encoded, syntax, options)
        return sitk.GetArrayFromImage(sitk.ReadImage(str(file)))[0]


def _write(file: Path, encoded: bytes, syntax: UID, options: Mapping[str, Any]) -> None:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    image.Rows, image.Columns = options["rows"], options["columns"]
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored = options["bits_allocated"], options["bits_stored"]
    image.HighBit, image.PixelRepresentation = options["bits_stored"] - 1, options["pixel_representation"]
    image.PixelData = encapsulate([encoded])
    image["PixelData"].is_undefined_length = True
    image.save_as(file, enforce_file_format=True)
