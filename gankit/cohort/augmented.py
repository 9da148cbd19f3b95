"""Real slices augmented to a larger number, as in the row "real data" of Wang et al., Table II."""

from __future__ import annotations

import attrs
import numpy as np

from gankit.cohort.cohort import Cohort

ANGLE = 10.0
"""Largest rotation, in degrees."""
SHIFT = 0.05
"""Largest translation along each axis, as a share of the axis' length."""
SCALE = 0.1
"""Largest change of size: the factor is in [1 - SCALE, 1 + SCALE]."""
BEND = 0.02
"""Standard deviation of the non-rigid displacement along each axis, as a share of the axis' length."""
KNOTS = 5
"""Points along each axis at which the non-rigid displacement is drawn. Between them it is interpolated."""
CHUNK = 128
"""Slices that are resampled at a time."""


@attrs.frozen(eq=False)
class _Warp:
    """A spatial transformation of each of B slices.

    Coordinates are those of torch's ``grid_sample``: from -1 to 1 along each of the D spatial axes, last axis first. So
    the length of an axis is 2.
    """

    turn_B: np.ndarray
    """Angle of rotation in the plane of the last two axes, in radians."""
    scale_B: np.ndarray
    """Factor of enlargement."""
    shift_BD: np.ndarray
    """Translation."""
    bend_BDK: np.ndarray
    """Non-rigid displacement at the knots, (B, D, K, ..., K)."""

    @classmethod
    def draw(cls, generator: np.random.Generator, count: int, rank: int) -> _Warp:
        return cls(
            np.deg2rad(generator.uniform(-ANGLE, ANGLE, count)),
            generator.uniform(1 - SCALE, 1 + SCALE, count),
            generator.uniform(-2 * SHIFT, 2 * SHIFT, (count, rank)),
            generator.normal(0, 2 * BEND, (count, rank, *[KNOTS] * rank)),
        )

    def apply(self, images: np.ndarray, nearest: bool = False) -> np.ndarray:
        """Resample images (B, C, *S). What lies outside of an image is mirrored at its edge.

        Args:
            images: any numbers.
            nearest: take the nearest value, for labels; else interpolate, without leaving the range of each image.
        """
        import torch
        from torch.nn.functional import affine_grid, grid_sample, interpolate

        # Where each pixel of the result comes from: rotation, scale and translation ...
        count, _, *size = images.shape
        rank = len(size)
        matrix = np.zeros((count, rank, rank + 1))
        matrix[:, range(rank), range(rank)] = (1 / self.scale_B)[:, None]
        cosine, sine = np.cos(self.turn_B) / self.scale_B, np.sin(self.turn_B) / self.scale_B
        matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1] = cosine, -sine, sine, cosine
        matrix[:, :, rank] = self.shift_BD
        source = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
        grid = affine_grid(torch.from_numpy(matrix).float(), list(source.shape), align_corners=False)

        # ... and the smooth displacement between the knots.
        smooth = "bilinear" if rank == 2 else "trilinear"
        bend = interpolate(torch.from_numpy(self.bend_BDK).float(), size=size, mode=smooth, align_corners=True)

        # Resample. Cubic interpolation keeps more of the fine detail, but overshoots, so its results are clipped.
        mode = "nearest" if nearest else "bicubic" if rank == 2 else "bilinear"
        moved = grid_sample(
            source, grid + bend.movedim(1, -1), mode=mode, padding_mode="reflection", align_corners=False
        )
        low, high = source.flatten(1).min(dim=1).values, source.flatten(1).max(dim=1).values
        shape = [count, *[1] * (rank + 1)]
        return moved.clamp(low.view(shape), high.view(shape)).numpy()


def augmented(cohort: Cohort, count: int, generator: np.random.Generator) -> Cohort:
    """``count`` slices made from those of a cohort, each of which is used equally often, give or take one.

    Every slice is rotated in the plane of its last two axes, moved, scaled and smoothly bent. The same transformation
    applies to all its modalities and its ground truth. A slice keeps its patient. All draws come from ``generator``.
    """
    # Choose slices, and draw a transformation for each.
    rounds = -(-count // len(cohort))
    order = np.concatenate([generator.permutation(len(cohort)) for _ in range(rounds)])[:count]
    chosen = cohort.select(order)
    rank = next(iter(chosen.modalities.values())).values.ndim - 2
    parts = [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
    warps = [_Warp.draw(generator, len(order[part]), rank) for part in parts]

    # Transform images and ground truth.
    def moved(values: np.ndarray, nearest: bool = False) -> np.ndarray:
        return np.concatenate([warp.apply(values[part], nearest) for part, warp in zip(parts, warps, strict=True)])

    return attrs.evolve(
        chosen,
        modalities={
            name: attrs.evolve(modality, values=moved(modality.values)) for name, modality in chosen.modalities.items()
        },
        truth={
            name: moved(values[:, None], nearest=True)[:, 0].astype(values.dtype)
            for name, values in chosen.truth.items()
        },
        source=f"augmented: {cohort.source}",
    )
