"""Files of volumes: NIfTI, MetaImage and NRRD, whatever the case of their endings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np

from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import Volume
from gankit_dicom._volumes.metaimage import metaimage_files, metaimage_place, read_metaimage
from gankit_dicom._volumes.nifti import nifti_files, nifti_place, read_nifti
from gankit_dicom._volumes.nrrd import nrrd_files, nrrd_place, read_nrrd
from gankit_dicom._volumes.stored import Place, Stored


@attrs.frozen
class _Kind:
    """How files of one kind are read."""

    endings: tuple[str, ...]
    read: Callable[[Path], Stored]
    place: Callable[[Path], Place]
    files: Callable[[Path], tuple[Path, ...]]


KINDS = (
    _Kind((".nii.gz", ".nii", ".hdr.gz", ".hdr"), read_nifti, nifti_place, nifti_files),
    _Kind((".mha", ".mhd"), read_metaimage, metaimage_place, metaimage_files),
    _Kind((".nrrd", ".nhdr"), read_nrrd, nrrd_place, nrrd_files),
)
ENDINGS = tuple(ending for kind in KINDS for ending in kind.endings)
FILLED = "Voxels that are NaN or infinite, as a tool writes them outside of the body, were taken as background."


def ending(file: Path) -> str:
    """Which of ``ENDINGS`` a file's name has, whatever its case; empty if none."""
    return next((each for each in ENDINGS if file.name.lower().endswith(each)), "")


def files_of(file: Path) -> tuple[Path, ...]:
    """The file and those that hold its voxels."""
    return _kind(file).files(file)


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
    stored = _kind(file).read(file)
    place = stored.place.checked()
    return [_volume(values, place, holes) for values in stored.values_TZYX], stored.step_s


def file_place(file: Path) -> Place:
    """Where a file's voxels are, read from its header alone.

    Raises:
        Refused: unreadable, not 3 axes, sheared, or of absurd spacing.
    """
    return _kind(file).place(file).checked()


def _kind(file: Path) -> _Kind:
    for kind in KINDS:
        if ending(file) in kind.endings:
            return kind
    raise Refused(f"not a file of a volume; accepted: {', '.join(ENDINGS)}")


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
