"""Siemens mosaics: several slices tiled in one image, from left to right and from top to bottom."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from gankit_dicom._dicom import csa
from gankit_dicom._dicom.csa import csa_values
from gankit_dicom._dicom.elements import finite, many, private_bytes, private_values
from gankit_dicom._dicom.flat import flat
from gankit_dicom._refused import Refused

if TYPE_CHECKING:
    from pydicom import Dataset

COUNT = ("SIEMENS MR HEADER", 0x0019, 0x0A, "US")
SERIES_HEADER = 0x20
"""Element of the CSA header of the series, which holds the protocol."""
PROTOCOL = re.compile(rb"### ASCCONV BEGIN.*?###(.*?)### ASCCONV END", re.DOTALL)
SLICE = re.compile(r"^sSliceArray\.asSlice\[(\d+)\]\.sPosition\.d(Sag|Cor|Tra)\s*=\s*(\S+)", re.MULTILINE)
NEAR_MM = 3.0
"""How far a slice's centre may lie from where the protocol says."""


def side_of(dataset: Dataset) -> int:
    """Tiles along a side of a mosaic; 0 for any other image.

    Raises:
        Refused: a mosaic that does not say how many slices it has.
    """
    if not _is_mosaic(dataset):
        return 0
    return math.ceil(math.sqrt(_count(dataset)))


def tiles(dataset: Dataset) -> list[Dataset]:
    """The header of each slice of a mosaic as the image that it would be alone; any other image's own header.

    A mosaic's position is that of an image of its size in the plane of the first slice, around its middle.

    Raises:
        Refused: a mosaic that does not say where its slices are.
    """
    if not _is_mosaic(dataset):
        return [dataset]
    count, side = _count(dataset), side_of(dataset)
    size = np.array([int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)])
    if (size % side).any():
        raise Refused(f"a mosaic whose size is no multiple of its {side} tiles a side")
    tile = size // side
    given = [many(dataset.get(name)) for name in ("ImageOrientationPatient", "PixelSpacing", "ImagePositionPatient")]
    if [len(values) for values in given] != [6, 2, 3]:
        raise Refused("a mosaic without pixel spacing, position or orientation in its header")
    cosines, spacing, corner = (np.array(values, dtype=float) for values in given)
    columns, rows = cosines[:3] * spacing[1], cosines[3:] * spacing[0]

    # Where the first slice is, and the step to the next.
    middle = corner + (columns * (size[1] - 1) + rows * (size[0] - 1)) / 2
    first = middle - (columns * (tile[1] - 1) + rows * (tile[0] - 1)) / 2
    step = _step(dataset, count, np.cross(cosines[:3], cosines[3:]), middle)
    return [
        flat(dataset, Rows=int(tile[0]), Columns=int(tile[1]), ImagePositionPatient=(first + step * index).tolist())
        for index in range(count)
    ]


def _is_mosaic(dataset: Dataset) -> bool:
    return "MOSAIC" in (str(word).upper() for word in many(dataset.get("ImageType")))


def _csa_of(dataset: Dataset, name: str) -> tuple[str, ...]:
    return csa_values(private_bytes(dataset, csa.CREATOR, csa.GROUP, csa.ELEMENT), name)


def _count(dataset: Dataset) -> int:
    for said in (_csa_of(dataset, "NumberOfImagesInMosaic"), private_values(dataset, *COUNT)):
        if said and 1 <= (count := finite(said[0]) or 0) <= 4096:
            return int(count)
    if (protocol := len(_protocol_mm(dataset))) > 0:
        return protocol
    raise Refused("a mosaic, several slices in one image, that does not say how many; export it as one image a slice")


def _step(dataset: Dataset, count: int, normal: np.ndarray, first: np.ndarray) -> np.ndarray:
    """From a slice's centre to the next one's in mm, by the CSA header of the image, else by the protocol."""
    gap_mm = finite(dataset.get("SpacingBetweenSlices"))
    said = [finite(text) for text in _csa_of(dataset, "SliceNormalVector")]
    if gap_mm and len(said) == 3 and None not in said:
        along = float(normal @ np.array(said, dtype=float))
        if abs(along) > 0.99:
            return normal * math.copysign(abs(gap_mm), along)
    planned = _protocol_mm(dataset)
    for slices in (planned, planned[::-1]):
        if len(slices) == count > 1 and np.linalg.norm(slices[0] - first) < NEAR_MM:
            return (slices[-1] - slices[0]) / (count - 1)
    raise Refused("a mosaic, several slices in one image, that does not say where they are; export it as one a slice")


def _protocol_mm(dataset: Dataset) -> np.ndarray:
    """Centres of the slices in mm by the protocol (ASCCONV), (slices, 3); none where it is not there."""
    found = PROTOCOL.search(private_bytes(dataset, csa.CREATOR, csa.GROUP, SERIES_HEADER))
    places: dict[int, dict[str, float]] = {}
    for index, axis, text in SLICE.findall(found[1].decode("ascii", "replace") if found else ""):
        places.setdefault(int(index), {})[axis] = finite(text) or 0.0
    ordered = [[places[index].get(axis, 0.0) for axis in ("Sag", "Cor", "Tra")] for index in sorted(places)]
    return np.array(ordered).reshape(-1, 3)
