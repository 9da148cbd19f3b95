"""Real slices augmented to a larger number, the "real data" row of Wang et al., Table II."""

from __future__ import annotations

import attrs
import numpy as np

from gankit.cohort.cohort import Cohort

ANGLE = 10.0
"""Largest rotation, in degrees."""
SHIFT = 0.05
"""Largest translation along each axis, as a share of its length."""
SCALE = 0.1
"""Largest change of size, as a share."""
BEND = 0.02
"""Standard deviation of the non-rigid displacement, as a share of the length."""
KNOTS = 5
"""Points along each axis at which the non-rigid displacement is drawn; it is interpolated between them."""
CHUNK = 128
"""Slices resampled at a time."""


@attrs.frozen(eq=False)
class _Warp:
    """One change of place for each of B slices, in coordinates from -1 to 1; D spatial axes, last axis first."""

    turn_B: np.ndarray
    """Rotation in the plane of the last two axes, in radians."""
    scale_B: np.ndarray
    shift_BD: np.ndarray
    bend_BDK: np.ndarray
    """Displacement at the knots, (B, D, K, ..., K)."""

    @classmethod
    def draw(cls, generator: np.random.Generator, count: int, rank: int) -> _Warp:
        return cls(
            np.deg2rad(generator.uniform(-ANGLE, ANGLE, count)),
            generator.uniform(1 - SCALE, 1 + SCALE, count),
            generator.uniform(-2 * SHIFT, 2 * SHIFT, (count, rank)),
            generator.normal(0, 2 * BEND, (count, rank, *[KNOTS] * rank)),
        )

    def apply(self, images: np.ndarray, nearest: bool = False) -> np.ndarray:
        """Images (B, C, *S) resampled; what lies outside is mirrored at the edge. ``nearest`` keeps labels whole."""
        import torch
        from torch.nn.functional import affine_grid, grid_sample, interpolate

        count, _, *size = images.shape
        rank = len(size)
        matrix = np.zeros((count, rank, rank + 1))
        matrix[:, range(rank), range(rank)] = (1 / self.scale_B)[:, None]
        cosine, sine = np.cos(self.turn_B) / self.scale_B, np.sin(self.turn_B) / self.scale_B
        matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 0], matrix[:, 1, 1] = cosine, -sine, sine, cosine
        matrix[:, :, rank] = self.shift_BD
        source = torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
        grid = affine_grid(torch.from_numpy(matrix).float(), list(source.shape), align_corners=False)
        smooth = "bilinear" if rank == 2 else "trilinear"
        bend = interpolate(torch.from_numpy(self.bend_BDK).float(), size=size, mode=smooth, align_corners=True)
        mode = "nearest" if nearest else "bicubic" if rank == 2 else "bilinear"  # cubic keeps more of fine detail
        moved = grid_sample(
            source, grid + bend.movedim(1, -1), mode=mode, padding_mode="reflection", align_corners=False
        )
        low, high = source.flatten(1).min(dim=1).values, source.flatten(1).max(dim=1).values  # cubic overshoots
        shape = [count, *[1] * (rank + 1)]
        return moved.clamp(low.view(shape), high.view(shape)).numpy()


def augmented(cohort: Cohort, count: int, generator: np.random.Generator) -> Cohort:
    """``count`` slices made of a cohort's, each used as often as any other give or take one.

    Every slice is rotated, moved, scaled and bent smoothly, all its modalities and its ground truth alike; rotation is
    in the plane of the last two axes. Slices stay with their patients. Draws come from ``generator`` alone.
    """
    rounds = -(-count // len(cohort))
    order = np.concatenate([generator.permutation(len(cohort)) for _ in range(rounds)])[:count]
    chosen = cohort.select(order)
    rank = next(iter(chosen.modalities.values())).values.ndim - 2
    parts = [slice(start, start + CHUNK) for start in range(0, count, CHUNK)]
    warps = [_Warp.draw(generator, len(order[part]), rank) for part in parts]

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
