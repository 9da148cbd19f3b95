"""Files of volumes: NIfTI, MetaImage and NRRD, whatever the case of their endings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gankit_dicom._modes import silent_itk
from gankit_dicom._nifti import nifti_files, nifti_place, read_nifti
from gankit_dicom._promised import data_files, refuse_cut_short
from gankit_dicom._refused import Refused
from gankit_dicom._stored import Place, Stored, refuse_absurd_size
from gankit_dicom._volume import Volume

if TYPE_CHECKING:
    import SimpleITK as sitk

NIFTI = (".nii.gz", ".nii", ".hdr.gz", ".hdr")
READERS = {".mha": "MetaImageIO", ".mhd": "MetaImageIO", ".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO"}
"""ITK's reader by ending."""
ENDINGS = (*NIFTI, *READERS)
FILLED = "Voxels that are NaN or infinite, as a tool writes them outside of the body, were taken as background."


def ending(file: Path) -> str:
    """Which of ``ENDINGS`` a file's name has, whatever its case; empty if none."""
    return next((each for each in ENDINGS if file.name.lower().endswith(each)), "")


def files_of(file: Path) -> tuple[Path, ...]:
    """The file and those that hold its voxels."""
    return nifti_files(file) if ending(file) in NIFTI else (file, *data_files(file))


def read_volume(file: Path, holes: bool = False) -> Volume:
    """The one volume of a file.

    Args:
        holes: whether voxels without a number (NaN, infinite) may be anywhere, as in an ADC map where the signal was
            noise. If not, they may be outside of the middle half along each axis. They become 0, or the smallest value
            where this is negative.

    Raises:
        Refused: unreadable, cut short, not one scalar volume of 3 axes, without a number in its middle, sheared, or of
            absurd spacing.
    """
    volumes, _ = read_volumes(file, holes)
    if len(volumes) > 1:
        raise Refused(f"{len(volumes)} volumes in one file; accepted here: one")
    return volumes[0]


def read_volumes(file: Path, holes: bool = False) -> tuple[list[Volume], float | None]:
    """All volumes of a file of 3 or 4 axes, and the time between them in s where the file says it.

    Raises:
        Refused: as ``read_volume`` does.
    """
    stored = read_nifti(file) if ending(file) in NIFTI else _read_by_itk(file)
    place = stored.place.checked()
    return [_volume(values, place, holes) for values in stored.values_TZYX], stored.step_s


def file_place(file: Path) -> Place:
    """Where a file's voxels are, read from its header alone.

    Raises:
        Refused: unreadable, not 3 axes, sheared, or of absurd spacing.
    """
    place = nifti_place(file) if ending(file) in NIFTI else _place(_itk_header(file))
    return place.checked()


def _volume(values_ZYX: np.ndarray, place: Place, holes: bool) -> Volume:
    import SimpleITK as sitk

    values_ZYX, filled = _filled(values_ZYX, holes)
    image = sitk.GetImageFromArray(values_ZYX)
    image.SetSpacing(place.spacing_mm.tolist())
    image.SetOrigin(place.origin_mm.tolist())
    image.SetDirection(place.direction.ravel().tolist())
    notes = (*place.notes, FILLED) if filled else place.notes
    return Volume(image=sitk.DICOMOrient(image, "LPS"), frame="", notes=notes)


def _filled(values_ZYX: np.ndarray, holes: bool) -> tuple[np.ndarray, bool]:
    """Values with a number at every voxel, and whether any had none."""
    measured = np.isfinite(values_ZYX)
    if measured.all():
        return values_ZYX, False
    middle = tuple(slice(size // 4, size - size // 4) for size in values_ZYX.shape)
    if not (measured[middle].any() if holes else measured[middle].all()):
        raise Refused("it has NaN or infinite values in its middle")
    background = min(0.0, float(values_ZYX[measured].min()))
    return np.where(measured, values_ZYX, np.float32(background)), True


# Files that ITK reads -------------------------------------------------------------------------------------


def _read_by_itk(file: Path) -> Stored:
    """Values and place of a MetaImage or NRRD file, of which every byte is there."""
    import SimpleITK as sitk

    reader = _itk_header(file)
    place = _place(reader)
    if reader.GetNumberOfComponents() != 1 or reader.GetPixelID() in _complex():
        raise Refused("its voxels are complex numbers, vectors or colours; accepted: one real number each")
    size = reader.GetSize()
    refuse_absurd_size(int(np.prod(size, dtype=object)), 8)
    refuse_cut_short(file)
    try:
        with silent_itk():
            values = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise Refused("cannot be read: damaged, cut short or of an unknown kind") from error
    with np.errstate(over="ignore", invalid="ignore"):
        return Stored(values.reshape(-1, *values.shape[-3:]).astype(np.float32), place)


def _complex() -> tuple[int, ...]:
    import SimpleITK as sitk

    return sitk.sitkComplexFloat32, sitk.sitkComplexFloat64


def _itk_header(file: Path) -> sitk.ImageFileReader:
    """A reader that has read the header.

    Raises:
        Refused: unreadable, or not 3 or 4 axes.
    """
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    reader.SetImageIO(READERS.get(ending(file), ""))
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
