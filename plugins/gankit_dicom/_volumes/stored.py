"""What a file of volumes holds before it is turned to the patient's axes: values, and the place of its voxels."""

from __future__ import annotations

import attrs
import numpy as np

from gankit_dicom._refused import Refused
from gankit_dicom._series.volume import CORNERS

AGREE_MM = 0.5
"""Two places of one grid agree where no corner is farther from its twin, in mm."""
SPACING_MM = (0.05, 15.0)
"""Between voxels; beyond, a spacing is absurd."""
THICK = 1.5
"""Voxels are thick where their longest side is so many times their shortest; only then do they have a plane."""
PLANES = ("sagittal", "coronal", "axial")
MAX_BYTES = 2**31
"""Of a file's values as they are stored and as float32 together."""


@attrs.frozen(eq=False)
class Place:
    """Where voxels are, in mm, patient coordinates (left, posterior, superior)."""

    size: tuple[int, int, int]
    """Voxels along each axis as it is stored."""
    origin_mm: np.ndarray
    """Centre of the first voxel, (3,)."""
    axes_mm: np.ndarray
    """(3, 3): column n is the step from a voxel to the next one along axis n."""
    notes: tuple[str, ...] = ()
    """What a reader should know of how the place was read."""

    @property
    def spacing_mm(self) -> np.ndarray:
        return np.linalg.norm(self.axes_mm, axis=0)

    @property
    def direction(self) -> np.ndarray:
        """(3, 3): column n is the unit vector along axis n."""
        return self.axes_mm / self.spacing_mm

    @property
    def plane(self) -> str:
        """axial, coronal or sagittal by the axis with the largest spacing; empty where no axis stands out, for then it
        can be cut in any plane."""
        spacing = self.spacing_mm
        if spacing.max() < THICK * spacing.min():
            return ""
        return PLANES[int(np.abs(self.axes_mm[:, spacing.argmax()]).argmax())]

    def corners(self) -> np.ndarray:
        """Centres of the eight corner voxels in mm, (8, 3)."""
        return self.origin_mm + CORNERS * (np.array(self.size) - 1) @ self.axes_mm.T

    @classmethod
    def spanned(cls, corners: np.ndarray, size: tuple[int, int, int]) -> Place:
        """Of as many voxels along each axis between ``corners`` (8, 3) in mm.

        Raises:
            Refused: one voxel along an axis, so that nothing says how large it is.
        """
        if min(size) < 2:
            raise Refused("one voxel along an axis")
        edges = corners[[1, 2, 4]] - corners[0]
        return cls(size, corners[0], (edges / (np.array(size)[:, None] - 1)).T)

    def checked(self) -> Place:
        """The same place with axes at right angles, turned about its middle.

        The nearest rotation is taken, the orthogonal factor of the direction's polar decomposition (Higham 1986).

        Raises:
            Refused: not finite, of absurd spacing, or sheared so that a corner would move by more than ``AGREE_MM``.
        """
        if not (np.isfinite(self.origin_mm).all() and np.isfinite(self.axes_mm).all()):
            raise Refused("its place in space is not finite")
        low, high = SPACING_MM
        if not all(low <= size <= high for size in self.spacing_mm):
            raise Refused(f"absurd spacing; accepted: {low:g} to {high:g} mm")
        left, _, right = np.linalg.svd(self.direction)
        axes_mm = left @ right * self.spacing_mm
        middle = (np.array(self.size) - 1) / 2
        straight = attrs.evolve(self, axes_mm=axes_mm, origin_mm=self.origin_mm + (self.axes_mm - axes_mm) @ middle)
        if moved_mm(self, straight) > AGREE_MM:
            raise Refused("its affine is sheared: axes are not at right angles; resample it to a grid without shear")
        return straight


@attrs.frozen(eq=False)
class Stored:
    """Values of a file's volumes, on one grid."""

    values_TZYX: np.ndarray
    """float32."""
    place: Place
    step_s: float | None = None
    """Time between volumes, in s, where the file says it."""


def moved_mm(one: Place, other: Place) -> float:
    """The largest distance between a corner and its twin, in mm."""
    return float(np.linalg.norm(one.corners() - other.corners(), axis=1).max())


def refuse_absurd_size(count: int, bytes_each: int) -> None:
    """Refuse ``count`` voxels that no import could hold, before room is made for them."""
    if count < 1 or count * (bytes_each + 4) > MAX_BYTES:
        raise Refused("absurd size: no voxels, or more than an import can hold")
