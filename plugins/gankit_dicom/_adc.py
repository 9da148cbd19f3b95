"""ADC maps: checked where the scanner made one, computed from diffusion images where it did not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gankit_dicom._protocol import AdcRule, DwiRule
from gankit_dicom._refused import Refused
from gankit_dicom._volume import Volume, middle, same_grid

MAX_ADC = 4000.0
"""1e-6 mm2/s; free water at body temperature is near 3000."""
APART_S_MM2 = 300.0
"""Two b-values make an ADC without a third if they are this far apart, in s/mm2."""


def checked_adc(volume: Volume, rule: AdcRule) -> Volume:
    """A scanner's map in 1e-6 mm2/s, negative values made 0.

    Raises:
        Refused: its values are not an ADC's, or are in another unit.
    """
    values = volume.array * np.float32(rule.scale)
    central = middle(values)
    measured = central[central > 0]
    if measured.size < 0.1 * central.size:
        raise Refused("an ADC map that is zero in its middle")
    median = float(np.median(measured))
    if 0.3 <= median <= 4:
        raise Refused(
            f"its median is {median:.2f}: in 1e-3 mm2/s, not 1e-6; a protocol with [adc] scale = 1000 takes it"
        )
    if not rule.median[0] <= median <= rule.median[1]:
        low, high = rule.median
        raise Refused(f"its median is {median:.4g}; an ADC map has {low:.4g} to {high:.4g} 1e-6 mm2/s")
    return volume.like(np.clip(values, 0, None))


def computed_adc(by_b: Mapping[float, Volume], rule: DwiRule) -> tuple[Volume, tuple[float, ...]]:
    """ADC in 1e-6 mm2/s from volumes by b-value, and the b-values used.

    Raises:
        Refused: fewer than two b-values in the rule's range, or volumes on several grids.
    """
    chosen = _without_perfusion([b for b in sorted(by_b) if rule.b_range[0] <= b <= rule.b_range[1]], rule)
    if len(chosen) < 2:
        low, high = rule.b_range
        raise Refused(f"{len(chosen)} b-values between {low:.4g} and {high:.4g} s/mm2; an ADC needs two")
    volumes = [by_b[b] for b in chosen]
    if not all(same_grid(volumes[0].image, volume.image) for volume in volumes):
        raise Refused("its b-values are on several grids")
    return volumes[0].like(fit_adc(np.array(chosen), np.stack([volume.array for volume in volumes]))), tuple(chosen)


def _without_perfusion(b_values: list[float], rule: DwiRule) -> list[float]:
    """Leave out b-values below ``skip_b_below`` if three others are left, or two that are far enough apart.

    Args:
        b_values: s/mm2, ascending.
    """
    left = [b for b in b_values if b >= rule.skip_b_below]
    enough = len(left) >= 3 or (len(left) == 2 and left[1] - left[0] >= APART_S_MM2)
    return left if enough else b_values


def fit_adc(b_B: np.ndarray, signal_BZYX: np.ndarray) -> np.ndarray:
    """Least squares of ``ln S = ln S0 - b ADC``, the mono-exponential decay (Stejskal and Tanner 1965).

    Args:
        b_B: b-values in s/mm2, at least two that differ.
        signal_BZYX: signal at each, arbitrary units.

    Returns: ADC (Z, Y, X) in 1e-6 mm2/s, in [0, 4000]; 0 where a signal is not positive or does not decay.
    """
    log_S = np.log(np.maximum(signal_BZYX, 1e-6), dtype=np.float64)
    centred_B = b_B - b_B.mean()
    slope = np.tensordot(centred_B, log_S, axes=1) / (centred_B**2).sum()
    measured = (signal_BZYX > 0).all(axis=0)
    return np.where(measured, np.clip(-slope * 1e6, 0, MAX_ADC), 0).astype(np.float32)
