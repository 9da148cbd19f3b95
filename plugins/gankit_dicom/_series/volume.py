"""Volumes: an image in space, stacked from DICOM images or read from one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np

from gankit_dicom._dicom.headers import Header
from gankit_dicom._dicom.pixels import read_images
from gankit_dicom._refused import Refused
from gankit_dicom._series.stacking import COSINE_TOLERANCE, stacking

if TYPE_CHECKING:
    import SimpleITK as sitk

CORNERS = np.array([[corner >> axis & 1 for axis in range(3)] for corner in range(8)])
"""(8, 3): 0 where a corner is at the lower end of an axis, 1 at the upper end."""


@attrs.frozen(eq=False)
class Volume:
    """An image of 3 axes, in mm, patient coordinates (left, posterior, superior)."""

    image: sitk.Image
    """float32; axes as close as they can be to left, posterior, superior."""
    frame: str
    """Frame of reference; empty where the file has none."""
    padding: sitk.Image | None = None
    """1 where the scanner wrote padding, 0 where an intensity; none where there is no padding."""
    notes: tuple[str, ...] = ()
    """Warnings of how it was read, without a number of its study."""

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        x, y, z = self.image.GetSpacing()
        return x, y, z

    @property
    def array(self) -> np.ndarray:
        """Values (slices, rows, columns)."""
        import SimpleITK as sitk

        return sitk.GetArrayFromImage(self.image)

    def like(self, values: np.ndarray) -> Volume:
        """The same place, other values (slices, rows, columns)."""
        import SimpleITK as sitk

        image = sitk.GetImageFromArray(np.asarray(values, dtype=np.float32))
        image.CopyInformation(self.image)
        return attrs.evolve(self, image=image)


def stack(headers: Sequence[Header]) -> Volume:
    """Stack images of one series, one image for each place, to a volume.

    Raises:
        Refused: the images do not make one regular stack, or their pixels cannot be trusted.
    """
    import SimpleITK as sitk

    _refuse_mixed(headers)
    grid = stacking(headers)
    images = np.stack(read_images([headers[index] for index in grid.order]))
    images, padding = _without_padding(images)
    _refuse_blank(images)
    first = headers[0]

    def placed(values: np.ndarray) -> sitk.Image:
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((first.spacing_mm[1], first.spacing_mm[0], grid.gap_mm))
        image.SetOrigin(grid.origin_mm.tolist())
        image.SetDirection(grid.axes.ravel().tolist())
        return sitk.DICOMOrient(image, "LPS")

    return Volume(
        image=placed(images),
        frame=first.frame,
        padding=placed(padding.astype(np.float32)) if padding.any() else None,
    )


def _without_padding(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images with the lowest value, 0 at most, where they were padding (NaN), and where this was."""
    padding = np.isnan(images)
    if padding.all():
        raise Refused("images of padding alone")
    if padding.any():
        images = np.where(padding, min(0, float(np.nanmin(images))), images)
    return images, padding


def with_lowest_padding(volume: Volume) -> Volume:
    """The volume with its lowest intensity where it is padding, which may be above 0."""
    import SimpleITK as sitk

    if volume.padding is None:
        return volume
    values, padding = volume.array, sitk.GetArrayFromImage(volume.padding) > 0
    return volume.like(np.where(padding, values[~padding].min(), values))


def _refuse_mixed(headers: Sequence[Header]) -> None:
    first = headers[0]
    grids = {(each.rows, each.columns, each.spacing_mm, each.orientation, each.frame): each for each in headers}
    for header in grids.values():
        if (header.rows, header.columns) != (first.rows, first.columns):
            raise Refused("images of several sizes")
        if not np.allclose(header.spacing_mm, first.spacing_mm, rtol=1e-3):
            raise Refused("images of several pixel spacings")
        if not np.allclose(header.orientation, first.orientation, rtol=0, atol=COSINE_TOLERANCE):
            raise Refused("images of several orientations, as in a localizer")
        if header.frame != first.frame:
            raise Refused("images of several frames of reference")


def _refuse_blank(images: np.ndarray) -> None:
    inner = images[1:-1]
    if blank := int(blank_slices(inner).sum()):
        raise Refused(f"{blank} blank image{'s' if blank > 1 else ''} inside the stack")
    same = Counter(image.tobytes() for image in inner)
    if max(same.values()) > 1:
        raise Refused("two slices have the same pixels")


def blank_slices(values_ZYX: np.ndarray) -> np.ndarray:
    """Which slices have one value alone, (Z,) bool."""
    return values_ZYX.min(axis=(1, 2)) == values_ZYX.max(axis=(1, 2))


def middle(values_ZYX: np.ndarray) -> np.ndarray:
    """The central half of a volume's values along each axis."""
    return values_ZYX[tuple(slice(size // 4, size - size // 4) for size in values_ZYX.shape)]


def same_grid(one: sitk.Image, other: sitk.Image, tolerance_mm: float = 0.5) -> bool:
    """Whether two images have the same pixels at the same places: all eight corners within the tolerance."""
    if one.GetSize() != other.GetSize():
        return False
    return bool(np.abs(corners(one) - corners(other)).max() <= tolerance_mm)


def corners(image: sitk.Image) -> np.ndarray:
    """Centres of the eight corner voxels in mm, (8, 3)."""
    places = CORNERS * (np.array(image.GetSize()) - 1)
    return np.array([image.TransformIndexToPhysicalPoint(place) for place in places.tolist()])


def stack_corners(headers: Sequence[Header]) -> np.ndarray:
    """Centres of the eight corner voxels that images would have as a volume, in mm, (8, 3)."""
    first = headers[0]
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    places = sorted((np.array(header.position_mm) for header in headers), key=lambda place: float(place @ normal))
    right = np.array(first.orientation[:3]) * first.spacing_mm[1] * (first.columns - 1)
    down = np.array(first.orientation[3:]) * first.spacing_mm[0] * (first.rows - 1)
    return places[0] + CORNERS @ np.stack([right, down, places[-1] - places[0]])
