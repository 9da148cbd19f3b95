"""NIfTI-1: float32 in the modality's unit, pixels in mm."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

from gankit import InputError, SyntheticSlice
from gankit_export._planes import NOTE, Plane, note, planes


def encode(synthetic: SyntheticSlice) -> dict[str, bytes]:
    """``<modality>.nii.gz`` for each modality: a slice is two-dimensional. A volume has its planes along the body,
    rows from front to back and columns from right to left, so its affine is diagonal.

    Raises:
        InputError: SimpleITK is missing, or the size of a pixel or the distance of planes is not known.
    """
    files, notes = {}, {}
    for plane in planes(synthetic):
        files[f"{plane.name}.nii.gz"] = gzip.compress(_nifti(plane, synthetic), mtime=0)
        notes[f"{plane.name}.nii.gz"] = {"unit": plane.unit, **plane.sizes()}
    return {**files, NOTE: note(synthetic, notes)}


def _nifti(plane: Plane, synthetic: SyntheticSlice) -> bytes:
    itk = _simple_itk()
    image = itk.GetImageFromArray(plane.values)
    rows_mm, columns_mm = plane.known_spacing_mm()
    spacing_mm = (columns_mm, rows_mm, *([plane.known_slice_spacing_mm()] if plane.values.ndim == 3 else []))
    image.SetSpacing(spacing_mm)
    image.SetOrigin([size / 2 for size in spacing_mm])  # so that the corners of all modalities meet
    # the header has room for 79 characters, of which the digest takes its own; the note beside the file has the whole
    room = 79 - len(f"SYNTHETIC gankit  {synthetic.digest}")
    image.SetMetaData("ITK_FileNotes", f"SYNTHETIC gankit {synthetic.recipe[:room]} {synthetic.digest}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plane.nii"
        itk.WriteImage(image, str(file))
        return file.read_bytes()


def _simple_itk() -> Any:
    try:
        import SimpleITK
    except ImportError as error:
        raise InputError("`format` nifti: needs SimpleITK; pip install 'gankit[dicom]'") from error
    return SimpleITK
