"""Scans of as many patients as are asked for, to be imported: 20 planes of T2w, ADC and six phases of enhancement as
NIfTI, named as PI-CAI names them, masks of gland and lesion, and a marksheet by which each fifth patient has cancer.

    python -m benchmarks.large_import FOLDER 1500
    gankit import volumes FOLDER/scans --masks FOLDER/masks --marksheet FOLDER/marksheet.csv --lesion-means cs \
        --size 256 --need t2w,adc,dce -o whole.shards
"""

from __future__ import annotations

import sys
from pathlib import Path

import attrs
import nibabel
import numpy as np

PLANES, SPACING_MM = 20, 3.6
TIMES_S = (0, 10, 20, 30, 40, 60)


@attrs.frozen(eq=False)
class Grid:
    """Voxels of one modality around the middle of the field of view: (side, side, PLANES)."""

    pixel_mm: float
    side: int

    def inside(self, centre_mm: np.ndarray, radii_mm: np.ndarray) -> np.ndarray:
        """Whether a voxel is inside of an ellipsoid."""
        pixels, planes = (np.arange(count) - (count - 1) / 2 for count in (self.side, PLANES))
        axes = np.ix_(pixels * self.pixel_mm, pixels * self.pixel_mm, planes * SPACING_MM)
        parts = zip(axes, centre_mm, radii_mm, strict=True)
        within: np.ndarray = sum(((axis - centre) / radius) ** 2 for axis, centre, radius in parts) < 1
        return within

    def noise(self, seed: int) -> np.ndarray:
        """Standard normal, float32."""
        return np.random.default_rng(seed).standard_normal((self.side, self.side, PLANES), dtype=np.float32)

    def write(self, file: Path, values: np.ndarray, kind: type = np.int16) -> None:
        """A NIfTI file whose middle is the middle of the scanner."""
        spacing = np.array([-self.pixel_mm, -self.pixel_mm, SPACING_MM])
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = -spacing * (np.array(values.shape) - 1) / 2
        nibabel.save(nibabel.Nifti1Image(values.clip(0).astype(kind), affine), file)


FINE, COARSE = Grid(0.5, 320), Grid(1.5, 128)
"""Of T2w and masks; of ADC and enhancement."""


def write_scans(folder: Path, patients: int) -> None:
    """Write the scans of so many patients. Noise is one volume, rolled by another number of pixels in each."""
    scans, masks, lesions = folder / "scans", folder / "masks", folder / "masks/lesions"
    for made in (scans, lesions):
        made.mkdir(parents=True, exist_ok=True)
    body, noise = ({grid: made(grid) for grid in (FINE, COARSE)} for made in (_body, lambda grid: grid.noise(0)))
    rows = ["patient_id,study_id,case_csPCa"]
    for number in range(patients):
        draw, stem, cancer = np.random.default_rng([7, number]), f"{10000 + number}_{1000000 + number}", number % 5 == 0
        centre, radii = draw.uniform(-6, 6, 3) * [1, 1, 0.5], np.array([25, 21, 48]) * draw.uniform(0.85, 1.15)
        at, roll = centre + draw.uniform(-0.4, 0.4, 3) * radii, int(draw.integers(128))
        gland = {grid: grid.inside(centre, radii) for grid in (FINE, COARSE)}
        lesion = {grid: gland[grid] & grid.inside(at, np.array([6, 6, 9])) & cancer for grid in (FINE, COARSE)}
        t2w = body[FINE] * (150 + 250 * gland[FINE] - 120 * lesion[FINE]) + 20 * np.roll(noise[FINE], roll, 0)
        adc = body[COARSE] * (1100 + 500 * gland[COARSE] - 800 * lesion[COARSE]) + 60 * np.roll(noise[COARSE], roll, 0)
        FINE.write(scans / f"{stem}_t2w.nii", t2w)
        COARSE.write(scans / f"{stem}_adc.nii", adc)
        for time_s in TIMES_S:
            arrived = min(max(time_s - 10, 0) / 20, 1)
            dce = body[COARSE] * (100 + 60 * arrived * (gland[COARSE] + lesion[COARSE]))
            COARSE.write(scans / f"{stem}_dce-{time_s}s.nii", dce + 5 * np.roll(noise[COARSE], (roll, time_s), (0, 1)))
        FINE.write(masks / f"{stem}_gland.nii.gz", gland[FINE], np.uint8)
        if cancer:
            FINE.write(lesions / f"{stem}.nii.gz", lesion[FINE], np.uint8)
        rows.append(f"{stem.replace('_', ',')},{'YES' if cancer else 'NO'}")
    (folder / "marksheet.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _body(grid: Grid) -> np.ndarray:
    return grid.inside(np.zeros(3), np.array([80, 75, 200]))


if __name__ == "__main__":
    write_scans(Path(sys.argv[1]), int(sys.argv[2]))
