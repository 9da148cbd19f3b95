"""NIfTI-1 and NIfTI-2: where voxels are, by sform or qform, and their values, in one file or a pair of files."""

from __future__ import annotations

import gzip
import logging
import math
import zlib
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from gankit_dicom._refused import Refused
from gankit_dicom._volumes.stored import AGREE_MM, SPACING_MM, Place, Stored, moved_mm, refuse_absurd_size

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

GZIP = b"\x1f\x8b"
CHUNK = 1 << 20
LENGTHS = {348: "Nifti1Header", 540: "Nifti2Header"}
"""sizeof_hdr, by which the two versions differ."""
UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""mm of the spatial units of xyzt_units: unknown, metre, millimetre, micron."""
UNITS_S = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}
"""Seconds of its units of time: unknown, second, millisecond, microsecond."""
DISAGREE = "A file's sform and qform say different places; its sform was taken, as nibabel, FSL and SPM do."
SINGULAR = "A file's sform has no volume; its qform was taken."
NOWHERE = "A file says no place in space (sform_code and qform_code are 0); it was centred, as nibabel does."
MISNAMED = "A file's units of space cannot be true; its spacing was taken as mm."

_silent = logging.Logger("gankit_dicom.nifti", level=logging.CRITICAL + 1)


def read_nifti(file: Path) -> Stored:
    """Values and place of all volumes of a file; ``scl_slope`` and ``scl_inter`` are applied.

    Raises:
        Refused: damaged, cut short, or not volumes of 3 axes with one real number a voxel.
    """
    header, data, offset = _opened(file)
    shape = _shape(header)
    kind = header.get_data_dtype()
    if kind.kind not in "iuf":
        raise Refused("its voxels are complex numbers or colours; accepted: one real number each")
    count = math.prod(shape)
    refuse_absurd_size(count, kind.itemsize)
    content = _content(data, offset + count * kind.itemsize)
    stored_TZYX = np.frombuffer(content, kind, count, offset).reshape(shape[::-1])
    return Stored(_scaled(stored_TZYX, header), _place(header, shape), _step_s(header))


def nifti_place(file: Path) -> Place:
    """Where its voxels are, read from its header alone.

    Raises:
        Refused: as ``read_nifti`` does.
    """
    header, _, _ = _opened(file)
    return _place(header, _shape(header))


def nifti_files(file: Path) -> tuple[Path, ...]:
    """The file, and for a header the file of its voxels."""
    return tuple(dict.fromkeys((file, _data_file(file))))


# Bytes ----------------------------------------------------------------------------------------------------


def _opened(file: Path) -> tuple[Nifti1Header, Path, int]:
    """The header, the file that has the voxels, and where in it they begin."""
    from nibabel import nifti1, nifti2

    start = _content(file, 540, enough=348)
    length = next((n for n in LENGTHS for order in ("little", "big") if n == int.from_bytes(start[:4], order)), None)
    if length is None or len(start) < length:
        raise Refused("not a NIfTI file")
    kind = nifti1.Nifti1Header if length == 348 else nifti2.Nifti2Header
    try:
        header = kind(start[:length], check=False)
        header.check_fix(logger=_silent, error_level=40)
        magic = header["magic"].item()
        offset = int(header.get_data_offset())
        header.get_data_dtype(), header.get_data_shape()  # so that a bad code is refused here
    except MemoryError:
        raise
    except Exception as error:  # damaged bytes can raise anything from the depths of a parser
        raise Refused("damaged: its header cannot be parsed") from error
    single = magic.startswith(b"n+")
    return header, file if single else _data_file(file), max(offset, length + 4) if single else max(offset, 0)


def _data_file(file: Path) -> Path:
    """The voxels of a pair: ``x.img`` or ``x.img.gz`` beside ``x.hdr``."""
    stem = file.name.lower().removesuffix(".gz")
    if not stem.endswith(".hdr"):
        return file
    wanted = {stem.removesuffix(".hdr") + ending for ending in (".img", ".img.gz")}
    return next((other for other in sorted(file.parent.iterdir()) if other.name.lower() in wanted), file)


def _content(file: Path, length: int, enough: int | None = None) -> bytes:
    """The first bytes of a file, unpacked where it is gzip, whatever it is called.

    Raises:
        Refused: fewer than ``enough`` bytes (``length`` where it is not given), or damaged.
    """
    try:
        with file.open("rb") as opened:
            packed = opened.read(2) == GZIP
        with gzip.open(file) if packed else file.open("rb") as opened:
            content = _read(opened, length)
            while packed and enough is None and opened.read(CHUNK):  # the end of a gzip stream has its checksum
                pass
    except EOFError as error:
        raise Refused("cut short: its gzip stream has no end") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Refused("damaged: its gzip stream cannot be unpacked") from error
    except OSError as error:
        raise Refused("cannot be read") from error
    if len(content) < (length if enough is None else enough):
        raise Refused("cut short: it has fewer bytes than its header says")
    return content


def _read(opened: gzip.GzipFile | BufferedReader, length: int) -> bytes:
    """So many bytes, or those that are there: memory is taken for no others."""
    chunks = []
    while length > 0 and (chunk := opened.read(min(length, CHUNK))):
        chunks.append(chunk)
        length -= len(chunk)
    return b"".join(chunks)


# Values ---------------------------------------------------------------------------------------------------


def _shape(header: Nifti1Header) -> tuple[int, int, int, int]:
    """Voxels along each axis, and volumes; further axes must have one place."""
    x, y, z, *others = (*(int(size) for size in header.get_data_shape()), 1, 1, 1)
    if min(x, y, z, *others) < 1:
        raise Refused("absurd size: an axis without voxels")
    if max(others[1:], default=1) > 1:
        raise Refused("more than 4 axes; accepted: volumes of 3 axes, one or several in a file")
    return x, y, z, others[0]


def _scaled(stored_TZYX: np.ndarray, header: Nifti1Header) -> np.ndarray:
    """float32 values; a slope of 0 or NaN means that they are stored as they are."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or math.isnan(slope):
        slope, intercept = 1.0, 0.0
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise Refused("its slope or intercept is not finite")
    if slope < 0:
        raise Refused("its slope is negative: dark would be bright")
    values_TZYX = np.empty(stored_TZYX.shape, dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for volume, stored in zip(values_TZYX, stored_TZYX, strict=True):
            volume[:] = stored if (slope, intercept) == (1, 0) else stored.astype(np.float64) * slope + intercept
    return values_TZYX


def _step_s(header: Nifti1Header) -> float | None:
    step = float(header["pixdim"][4]) * UNITS_S.get(int(header["xyzt_units"]) & 0o70, 0.0)
    return step if math.isfinite(step) and step > 0 else None


# Place ----------------------------------------------------------------------------------------------------


def _place(header: Nifti1Header, shape: tuple[int, ...]) -> Place:
    """By sform where its code is above 0, else by qform, else centred; in mm."""
    with np.errstate(all="ignore"):  # numbers of a damaged header, which are refused where they are not finite
        return _chosen(header, shape)


def _chosen(header: Nifti1Header, shape: tuple[int, ...]) -> Place:
    sform = _of(header.get_sform(), shape) if int(header["sform_code"]) > 0 else None
    qform = _qform(header, shape) if int(header["qform_code"]) > 0 else None
    if sform is not None and _has_volume(sform):
        place = _in_mm(sform, header)
        if qform is not None and not moved_mm(place, _in_mm(qform, header)) <= AGREE_MM:
            return _noted(place, DISAGREE)
        return place
    if qform is not None:
        place = _in_mm(qform, header)
        return place if sform is None else _noted(place, SINGULAR)
    if sform is not None:
        raise Refused("its sform has no volume, and it has no qform")
    return _noted(_in_mm(_of(header.get_base_affine(), shape), header), NOWHERE)


def _qform(header: Nifti1Header, shape: tuple[int, ...]) -> Place | None:
    """None where its quaternion is no rotation."""
    from nibabel.spatialimages import HeaderDataError

    try:
        return _of(header.get_qform(), shape)
    except (HeaderDataError, ValueError):
        return None


def _of(affine: np.ndarray, shape: tuple[int, ...]) -> Place:
    """The place of an affine to right, anterior, superior, as NIfTI has it."""
    lps = np.array([[-1.0], [-1.0], [1.0]]) * np.asarray(affine, dtype=np.float64)[:3]
    return Place(size=(shape[0], shape[1], shape[2]), origin_mm=lps[:, 3], axes_mm=lps[:, :3])


def _has_volume(place: Place) -> bool:
    return bool((place.spacing_mm > 0).all() and abs(np.linalg.det(place.direction)) > 1e-3)


def _in_mm(place: Place, header: Nifti1Header) -> Place:
    """Heeds the unit of space that the header says, unless the spacing would be absurd in it and is not in mm."""
    scale = UNITS_MM.get(int(header["xyzt_units"]) & 0o7, 1.0)
    if scale == 1 or (not _likely(place.spacing_mm * scale) and _likely(place.spacing_mm)):
        return place if scale == 1 else _noted(place, MISNAMED)
    return attrs.evolve(place, origin_mm=place.origin_mm * scale, axes_mm=place.axes_mm * scale)


def _likely(spacing_mm: np.ndarray) -> bool:
    return bool(((spacing_mm >= SPACING_MM[0]) & (spacing_mm <= SPACING_MM[1])).all())


def _noted(place: Place, note: str) -> Place:
    return attrs.evolve(place, notes=(*place.notes, note))
