"""What the scanner makes of tissue: T2-weighted spin echo, diffusion at two b-values, early enhancement."""

from __future__ import annotations

import numpy as np

from gankit_phantom._masks import smooth_noise
from gankit_phantom._volume import AnyGenerator, Array

T2W_TE_MS = 104.0
DWI_TE_MS = 75.0
B_S_MM2 = 1000.0
DWI_GRID = 40
"""Pixels a side of the diffusion images, for a picture of 64: the ADC map is blurrier than T2w, as in life."""
T2W_GAIN = 620.0
"""Scanner units of a signal of 1; puts medians where real slices have them."""


def t2w_signal(proton_density: Array, t2_ms: Array, te_ms: float = T2W_TE_MS) -> Array:
    """``PD exp(-TE / T2)``, relative."""
    return proton_density * np.exp(-te_ms / t2_ms)


def t2w_image(generator: np.random.Generator, proton_density: Array, t2_ms: Array, bias: Array, noise: float) -> Array:
    """T2-weighted image (N, S, S) in scanner units with bias field (N, S, S) and Rician noise."""
    return T2W_GAIN * rician(generator, t2w_signal(proton_density, t2_ms) * bias, noise)


def adc_map(
    generator: np.random.Generator, proton_density: Array, t2_ms: Array, adc_um2_s: Array, noise: float
) -> Array:
    """ADC (N, S, S) in 1e-6 mm2/s as fitted to diffusion images at b = 0 and 1000 s/mm2 with Rician noise.

    The images are made on a coarser grid; where noise leaves the second no weaker than the first, the ADC is 0.
    """
    size = t2_ms.shape[-1]
    grid = max(8, round(DWI_GRID * size / 64))
    down, up = averaging(size, grid), interpolating(grid, size)
    unweighted = t2w_signal(proton_density, t2_ms, DWI_TE_MS)
    weighted = unweighted * np.exp(-B_S_MM2 * 1e-6 * adc_um2_s)
    first, second = (rician(generator, down @ image @ down.T, noise) for image in (unweighted, weighted))
    floor = np.float32(1e-6)
    fitted = np.log(np.maximum(first, floor) / np.maximum(second, floor)) / B_S_MM2 * 1e6
    return np.clip(up @ np.clip(fitted, 0, 3500) @ up.T, 0, None).astype(np.float32)


def enhancement_map(generator: np.random.Generator, wash_in: Array, noise: float) -> Array:
    """Early relative enhancement (N, S, S), signal over baseline minus 1, on a grid a little coarser than T2w."""
    size = wash_in.shape[-1]
    grid = max(8, round(0.75 * size))
    down, up = averaging(size, grid), interpolating(grid, size)
    measured = down @ (1.8 * wash_in) @ down.T
    measured = measured + noise * generator.standard_normal(measured.shape, dtype=np.float32)
    return np.clip(up @ measured @ up.T, 0, None).astype(np.float32)


def bias_field(generator: AnyGenerator, count: int, size: int, strength: float) -> Array:
    """Smooth multiplicative field (N, S, S) around 1."""
    return np.exp(strength * smooth_noise(generator, count, size, float(size)))


def rician(generator: np.random.Generator, signal: Array, noise: float) -> Array:
    """Magnitude of a complex signal with independent Gaussian noise of this deviation in both channels."""
    if not noise:
        return signal
    real = signal + noise * generator.standard_normal(signal.shape, dtype=np.float32)
    return np.hypot(real, noise * generator.standard_normal(signal.shape, dtype=np.float32))


def averaging(source: int, target: int) -> Array:
    """(target, source) weights that average a line of pixels over coarser pixels; rows sum to 1."""
    edges = np.linspace(0, source, target + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)[None, :]
    overlap = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    return (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)


def interpolating(source: int, target: int) -> Array:
    """(target, source) weights of linear interpolation between pixel centres, edges repeated."""
    at = np.clip((np.arange(target) + 0.5) * source / target - 0.5, 0, source - 1)
    weights = np.clip(1 - np.abs(at[:, None] - np.arange(source)[None, :]), 0, None)
    return weights.astype(np.float32)
