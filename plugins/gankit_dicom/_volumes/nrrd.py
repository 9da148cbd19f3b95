"""NRRD: read by ITK, which refuses a file that is cut short; a packed one is unpacked here once for its checksum."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gankit_dicom._dicom.modes import silent_itk
from gankit_dicom._refused import Refused
from gankit_dicom._volumes.packed import names_a_file, unpacked
from gankit_dicom._volumes.stored import Place, Stored, refuse_absurd_size

if TYPE_CHECKING:
    import SimpleITK as sitk

HEADER_BYTES = 1 << 20
"""Headers are sought in so many bytes."""


def read_nrrd(file: Path) -> Stored:
    """Values and place of all volumes of a file.

    Raises:
        Refused: damaged, cut short, or not volumes of 3 axes with one real number a voxel.
    """
    import SimpleITK as sitk

    reader = _reader(file)
    place = _place(reader)
    if reader.GetNumberOfComponents() != 1 or reader.GetPixelID() in (
        sitk.sitkComplexFloat32,
        sitk.sitkComplexFloat64,
    ):
        raise Refused("its voxels are complex numbers, vectors or colours; accepted: one real number each")
    refuse_absurd_size(math.prod(reader.GetSize()), 8)
    _refuse_damaged(file)
    try:
        with silent_itk():
            values = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise Refused("cannot be read: damaged, cut short or of an unknown kind") from error
    with np.errstate(over="ignore", invalid="ignore"):
        return Stored(values.reshape(-1, *values.shape[-3:]).astype(np.float32), place)


def nrrd_place(file: Path) -> Place:
    """Where its voxels are, read from its header alone.

    Raises:
        Refused: unreadable, or not 3 or 4 axes.
    """
    return _place(_reader(file))


def nrrd_files(file: Path) -> tuple[Path, ...]:
    """The file, and that of its voxels where it is another and there."""
    try:
        data = _data_of(file, _header(file)[0])
    except OSError:  # whoever reads it says why
        return (file,)
    return (file, data) if data != file and data.is_file() else (file,)


def _reader(file: Path) -> sitk.ImageFileReader:
    """ITK's reader, with the header read."""
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    reader.SetImageIO("NrrdImageIO")
    try:
        with silent_itk():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise Refused("cannot be read: damaged, cut short or of an unknown kind") from error
    if reader.GetDimension() not in (3, 4):
        raise Refused("not volumes of 3 axes, one or several in a file")
    return reader


def _place(reader: sitk.ImageFileReader) -> Place:
    axes = reader.GetDimension()
    direction = np.array(reader.GetDirection()).reshape(axes, axes)[:3, :3]
    x, y, z = reader.GetSize()[:3]
    return Place((x, y, z), np.array(reader.GetOrigin()[:3]), direction * np.array(reader.GetSpacing()[:3]))


def _refuse_damaged(file: Path) -> None:
    """Unpack the voxels of one packed file, for ITK does not heed their checksum."""
    fields, start = _header(file)
    data = _data_of(file, fields)
    skips = {fields.get(name, "0") for name in ("line skip", "byte skip")}
    if fields.get("encoding", "").lower() in ("gzip", "gz") and skips == {"0"} and data.is_file():
        unpacked(data, start if data == file else 0, 0)


def _header(file: Path) -> tuple[dict[str, str], int]:
    """Fields by their names in lower case, and where in the file its voxels would begin."""
    with file.open("rb") as opened:
        head = opened.read(HEADER_BYTES)
    fields: dict[str, str] = {}
    start = 0
    for line in head.splitlines(keepends=True):
        start += len(line)
        if not line.strip():
            break
        key, found, value = line.decode("latin-1").partition(": ")
        if found:
            fields[key.strip().lower().replace("datafile", "data file")] = value.strip()
    return fields, start


def _data_of(file: Path, fields: dict[str, str]) -> Path:
    """The file of the voxels: its own, or the one that it names."""
    name = fields.get("data file", "")
    return file.parent / name if names_a_file(name) else file
