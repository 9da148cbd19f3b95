"""Where images lie that are one stack: places, axes, order and gap, by their headers alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import attrs
import numpy as np

from gankit_dicom._dicom.headers import Header
from gankit_dicom._refused import Refused

GAP_TOLERANCE = 0.05
"""Part of a slice gap by which gaps may differ, and by which images may drift in the plane."""
SAME_PLACE_MM = 0.1
"""Images closer than this are at one place; the finest slices that are accepted are three times as far apart."""
COSINE_TOLERANCE = 2e-3
"""By which direction cosines of one stack may differ: they are often rounded to three decimals."""
GAPS_MM = (0.3, 15.0)
PLANES = ("sagittal", "coronal", "axial")


@attrs.frozen(eq=False)
class Stacking:
    """The regular grid that images lie on."""

    axes: np.ndarray
    """(3, 3), orthonormal and right-handed; its columns point along a row, down a column, and to the next slice."""
    order: tuple[int, ...]
    """Indices of the images along the third axis."""
    origin_mm: np.ndarray
    """Centre of the first voxel of the first image."""
    gap_mm: float


def plane(header: Header) -> str:
    """The plane of ``PLANES`` that an image is closest to."""
    return PLANES[int(np.abs(_orthonormal(header.orientation)[:, 2]).argmax())]


def by_place(headers: Sequence[Header]) -> list[list[Header]]:
    """Images at one place together, the places in order along the first image's normal."""
    normal = _axes(headers[:1])[:, 2]
    along = (np.array([header.position_mm for header in headers]) @ normal).tolist()
    places: list[tuple[float, list[Header]]] = []
    for index in sorted(range(len(headers)), key=along.__getitem__):
        header = headers[index]
        for start, images in reversed(places):
            if along[index] - start > SAME_PLACE_MM:
                places.append((along[index], [header]))
                break
            if math.dist(images[0].position_mm, header.position_mm) < SAME_PLACE_MM:
                images.append(header)
                break
        else:
            places.append((along[index], [header]))
    return [
        sorted(images, key=lambda header: (header.image_number, header.file, header.frame_number))
        for _, images in places
    ]


def stacking(headers: Sequence[Header]) -> Stacking:
    """The grid of images, one for each place. Positions say it; what headers say of the gap is not asked.

    Positions may be rounded to 0.1 mm and cosines to three decimals: axes are the nearest orthonormal ones to the mean
    cosines, the gap is the slope of a least squares line through the positions, and the middle is their mean.

    Raises:
        Refused: fewer than 3 images, or they are doubled, missing, unevenly spaced or shifted.
    """
    # The order of slices along their normal.
    if len(headers) < 3:
        raise Refused(f"{len(headers)} slice{'s' if len(headers) > 1 else ''}; a volume needs 3 or more")
    axes = _axes(headers)
    normal = axes[:, 2]
    positions = np.array([header.position_mm for header in headers])
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    along = positions @ normal

    # Slices at equal distances, none twice and none missing.
    gaps = np.diff(along)
    if doubled := int((gaps < SAME_PLACE_MM).sum()):
        raise Refused(f"several images at one place, {doubled} more than there are places")
    rounding_mm = _rounding_mm(positions)
    _refuse_uneven(gaps, rounding_mm)
    gap_mm = float(np.polyfit(np.arange(len(headers)), along, 1)[0])

    # Slices above each other.
    drift = positions - along[:, None] * normal
    tolerance_mm = max(GAP_TOLERANCE * gap_mm, 0.05) + rounding_mm + COSINE_TOLERANCE / 2 * float(np.ptp(along)) / 2
    if np.abs(drift - drift.mean(axis=0)).max() > tolerance_mm:
        raise Refused("slices are shifted against each other in their plane")
    if not GAPS_MM[0] <= gap_mm <= GAPS_MM[1]:
        raise Refused(f"slices {gap_mm:.2f} mm apart; accepted: {GAPS_MM[0]:g} to {GAPS_MM[1]:g} mm")
    origin_mm = positions.mean(axis=0) - normal * gap_mm * (len(headers) - 1) / 2
    return Stacking(axes=axes, order=tuple(order.tolist()), origin_mm=origin_mm, gap_mm=gap_mm)


def lattice(headers: Sequence[Header]) -> tuple[float, int]:
    """Gap in mm of the grid that images in order of place lie on, and how many are missing; -1 where there is none."""
    positions = np.array([header.position_mm for header in headers])
    gaps = np.diff(positions @ _axes(headers)[:, 2])
    return float(np.median(gaps)), _missing(gaps, _rounding_mm(positions))


def read_otherwise(headers: Sequence[Header]) -> tuple[str, ...]:
    """What is read otherwise than the headers of one stack say it, in words for the report."""
    notes = []
    positions = np.array([images[0].position_mm for images in by_place(headers)])
    gaps = np.diff(positions @ _axes(headers)[:, 2])
    gap_mm = float(np.median(gaps)) if len(gaps) else 0.0
    said = [abs(header.gap_mm) for header in headers if header.gap_mm]
    if gap_mm and said and max(abs(value - gap_mm) for value in said) > 0.1 * gap_mm:
        wrong = max(said, key=lambda value: abs(value - gap_mm))
        notes.append(f"its headers say {wrong:.2f} mm between slices; positions count, {gap_mm:.2f} mm")
    if any(_is_rounded(cosines) for cosines in {header.orientation for header in headers}):
        notes.append("its direction cosines are rounded; the nearest orthonormal ones count")
    return tuple(notes)


def _is_rounded(orientation: tuple[float, ...]) -> bool:
    axes = _orthonormal(orientation)
    return not np.allclose(axes[:, :2].T.ravel(), orientation, rtol=0, atol=1e-4)


def _axes(headers: Sequence[Header]) -> np.ndarray:
    """(3, 3), of the mean cosines."""
    first = headers[0].orientation
    if all(header.orientation == first for header in headers):
        return _orthonormal(first)
    return _orthonormal(tuple(np.mean([header.orientation for header in headers], axis=0).tolist()))


@lru_cache(maxsize=4096)
def _orthonormal(cosines: tuple[float, ...]) -> np.ndarray:
    """The nearest orthonormal matrix to a row's and a column's cosines and their cross product: the orthogonal factor
    of the polar decomposition. Nobody may change it."""
    row, column = cosines[:3], cosines[3:]
    turned, _, back = np.linalg.svd(np.stack([row, column, np.cross(row, column)], axis=1))
    axes = turned @ back
    axes.setflags(write=False)
    return axes


def _rounding_mm(positions: np.ndarray) -> float:
    """The largest error of positions that are rounded to 0.1 mm; 0 where they have more decimals."""
    return 0.05 * np.sqrt(3) if np.allclose(positions, positions.round(1), rtol=0, atol=1e-6) else 0.0


def _refuse_uneven(gaps: np.ndarray, rounding_mm: float) -> None:
    missing = _missing(gaps, rounding_mm)
    if missing > 0:
        raise Refused(f"{missing} slice{'s' if missing > 1 else ''} missing inside the stack")
    if missing < 0:
        raise Refused(f"slices are unevenly spaced, {gaps.min():.2f} to {gaps.max():.2f} mm apart")


def _missing(gaps: np.ndarray, rounding_mm: float) -> int:
    """How many slices are missing among gaps that are multiples of their median; -1 where they are not."""
    gap_mm = float(np.median(gaps))
    tolerance = max(GAP_TOLERANCE, min(2 * rounding_mm / gap_mm, 0.25))
    steps = gaps / gap_mm
    if np.abs(steps - 1).max() <= tolerance:
        return 0
    whole = np.rint(steps)
    return int((whole - 1).sum()) if np.abs(steps - whole).max() <= 2 * tolerance and (whole >= 1).all() else -1
