"""Soft masks on a square grid: ellipses with wavy borders, smooth noise. All vectorised over slices.

Coordinates run from -1 (left, anterior) to 1 (right, posterior) over the picture; N slices, S pixels a side.
"""

from __future__ import annotations

import numpy as np

from gankit_phantom._volume import AnyGenerator, Array, VolumeDraws


def coordinates(size: int) -> tuple[Array, Array]:
    """x (1, 1, S) to the right and y (1, S, 1) to the back, pixel centres."""
    line = ((np.arange(size) + 0.5) / size * 2 - 1).astype(np.float32)
    return line[None, None, :], line[None, :, None]


def ellipse(
    size: int,
    centre_x_N: Array,
    centre_y_N: Array,
    half_width_N: Array,
    half_height_N: Array,
    *,
    angle_N: Array | float = 0.0,
    wave_NK: Array | None = None,
    edge: float = 0.035,
) -> Array:
    """Soft ellipses (N, S, S) in [0, 1].

    Args:
        angle_N: rotation in radians.
        wave_NK: amplitudes of cos and sin of 2, 3, 4, ... times the polar angle, relative to the radius: (N, 2 K).
        edge: width of the border, in coordinates.
    """
    x, y = coordinates(size)
    along = x - _wide(centre_x_N)
    down = y - _wide(centre_y_N)
    cosine, sine = _wide(np.cos(angle_N)), _wide(np.sin(angle_N))
    u = (cosine * along + sine * down) / _wide(half_width_N)
    v = (cosine * down - sine * along) / _wide(half_height_N)
    radius = np.sqrt(u * u + v * v)

    # Distance inside the border in radii, with waves along the border.
    inside = 1 - radius
    if wave_NK is not None:
        turn = (u + 1j * v) / np.maximum(radius, 1e-6)  # exp(i angle); its powers are the waves
        power = turn
        for cos_N, sin_N in zip(wave_NK[:, ::2].T, wave_NK[:, 1::2].T, strict=True):
            power = power * turn
            inside += _wide(cos_N) * power.real + _wide(sin_N) * power.imag

    # In border widths.
    scale = _wide(np.sqrt(np.asarray(half_width_N) * np.asarray(half_height_N))) / edge
    return soft(scale * inside)


def soft(distance: Array) -> Array:
    """Signed distance in border widths, positive inside, to a mask in [0, 1] that is 1/2 on the border."""
    return np.clip(0.5 + 0.5 * distance, 0, 1).astype(np.float32)


def near(generator: AnyGenerator, count: int, mean: float, spread: float) -> Array:
    """One normal draw a slice, at most 3 ``spread`` from the mean, so that no size turns negative."""
    return mean + spread * generator.standard_normal(count).clip(-3, 3)


def smooth_noise(generator: AnyGenerator, count: int, size: int, wavelength: float) -> Array:
    """Gaussian noise of unit variance (N, S, S), low-passed by FFT at ``wavelength`` pixels.

    That of a volume is low-passed along its planes too, at the same length.
    """
    if isinstance(generator, VolumeDraws):
        white = generator.along_planes((size, size), wavelength * generator.planes.pixel_mm / (2 * np.pi))
    else:
        white = generator.standard_normal((count, size, size), dtype=np.float32)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    response = np.exp(-0.5 * (frequency * wavelength) ** 2).astype(np.float32)
    full = np.concatenate([response, response[:, 1 : (size + 1) // 2]], axis=1)
    response /= np.sqrt((full**2).mean())
    return np.fft.irfft2(np.fft.rfft2(white) * response, s=(size, size)).astype(np.float32)


def _wide(values_N: Array | float) -> Array:
    return np.asarray(values_N, dtype=np.float32).reshape(-1, 1, 1)
