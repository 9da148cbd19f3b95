"""What is found inside the gland: CS lesions, the mimics that make the task non-trivial, and benign nodules."""

from __future__ import annotations

import numpy as np

from gankit_phantom._anatomy import Gland
from gankit_phantom._masks import coordinates, ellipse, smooth_noise, soft
from gankit_phantom._volume import LEAST_SECTION, AnyGenerator, Array, ball_section

NODULES = 3
"""At most so many nodules of benign hyperplasia in a slice."""


def benign(generator: AnyGenerator, size: int, gland: Gland, bulk_N: Array, extra_N: Array) -> list[tuple[str, Array]]:
    """Nodules of the transition zone, the anterior stroma and the capsule; ``extra_N`` slices have extra stroma."""
    count = len(bulk_N)
    x, y = coordinates(size)
    painted = []

    # Nodules: the more enlarged the transition zone, the more of them; later ones are rarer.
    for number in range(NODULES):
        here_N = generator.random(count) < np.clip(1.2 * bulk_N - 0.18 * number, 0.02, 0.95)
        stromal_N = generator.random(count) < 0.4
        if number == 0:
            here_N, stromal_N = here_N | extra_N, stromal_N | extra_N
        angle, reach = generator.uniform(0, 2 * np.pi, count), np.sqrt(generator.uniform(0, 0.45, count))
        radius = generator.gamma(9, 0.0135, count) * (0.7 + 0.6 * bulk_N)
        section = ball_section(generator, gland.section, radius)
        radius = radius * np.maximum(section, LEAST_SECTION)
        nodule = ellipse(
            size,
            gland.x + 0.62 * gland.half_width * reach * np.cos(angle),
            gland.y - 0.12 * gland.half_height + 0.6 * gland.half_height * reach * np.sin(angle),
            radius * generator.uniform(0.8, 1.25, count),
            radius,
            wave_NK=generator.normal(0, 0.05, (count, 4)),
        )
        nodule *= gland.transition
        for tissue, kind_N in (("stromal nodule", stromal_N), ("glandular nodule", ~stromal_N)):
            painted.append((tissue, nodule * _wide(0.9 * (here_N & kind_N & (section > 0)))))

    # Anterior stroma: a wedge in front that narrows towards the back.
    wedge = soft(
        (
            _wide(0.22 * gland.half_width)
            * (1 - (y - _wide(gland.y - gland.half_height)) / _wide(0.8 * gland.half_height))
            - np.abs(x - _wide(gland.x))
        )
        / 0.05
    )
    front = soft((_wide(gland.y - 0.25 * gland.half_height) - y) / 0.06)
    painted.append(("anterior stroma", wedge * front * gland.whole * _wide(generator.uniform(0.5, 1, count))))

    # The capsule: where the soft border of the gland is half in, half out.
    shell = 4 * gland.whole * (1 - gland.whole)
    painted.append(("capsule", 0.5 * shell))
    return painted


def focus(generator: AnyGenerator, size: int, gland: Gland, peripheral_share: float, mean_radius: float) -> Array:
    """One focal lesion in each slice (N, S, S): in the peripheral zone for a share of slices, else in the transition
    zone; the radius is gamma-distributed with this mean, in coordinates."""
    count = len(gland.x)
    peripheral_N = generator.random(count) < peripheral_share
    side_N = generator.choice([-1.0, 1.0], count)
    angle_N = np.where(peripheral_N, generator.uniform(0.12, 1.25, count), generator.uniform(-1.4, 0.9, count))
    depth_N = np.where(peripheral_N, generator.uniform(0.68, 0.84, count), generator.uniform(0.15, 0.5, count))
    radius_N = np.clip(generator.gamma(7, mean_radius / 7, count), 0.07, 0.26)
    section_N = ball_section(generator, gland.section, radius_N)
    radius_N = radius_N * np.maximum(section_N, LEAST_SECTION)
    x_N = gland.x + side_N * depth_N * gland.half_width * np.cos(angle_N)
    y_N = gland.y + depth_N * gland.half_height * np.sin(angle_N)
    stretch_N = np.where(peripheral_N, generator.uniform(1.0, 1.6, count), generator.uniform(0.8, 1.3, count))
    lesion = ellipse(
        size,
        x_N,
        y_N,
        radius_N * np.sqrt(stretch_N),
        radius_N / np.sqrt(stretch_N),
        angle_N=side_N * (np.pi / 2 - angle_N) * -1,
        wave_NK=generator.normal(0, 0.06, (count, 6)),
        edge=0.06,
    )
    return lesion * gland.whole * _wide(section_N > 0)


def diffuse(generator: AnyGenerator, size: int, gland: Gland) -> Array:
    """Prostatitis: an ill-defined part of the peripheral zone, on one side or both (N, S, S)."""
    count = len(gland.x)
    x, _ = coordinates(size)
    side_N = generator.choice([-1.0, 0.0, 1.0], count, p=[0.35, 0.3, 0.35])
    half = soft(_wide(side_N) * (x - _wide(gland.x)) / 0.15 + _wide(np.where(side_N == 0, 1.0, 0.3)))
    patchy = soft(1.2 * smooth_noise(generator, count, size, size / 9) + 0.4)
    return half * patchy * np.clip(gland.whole - gland.transition, 0, 1)


def _wide(values_N: Array) -> Array:
    return np.asarray(values_N, dtype=np.float32)[:, None, None]
