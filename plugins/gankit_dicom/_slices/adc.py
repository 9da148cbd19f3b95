"""ADC maps: checked where the scanner made one, computed from diffusion images where it did not."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from gankit_dicom._dicom.units import mm2_per_s
from gankit_dicom._protocol import AdcRule, DwiRule
from gankit_dicom._refused import Refused
from gankit_dicom._series.diffusion import SHELL
from gankit_dicom._series.volume import Volume, middle, same_grid

MAX_ADC = 4000.0
"""1e-6 mm2/s; free water at body temperature is near 3000."""
SEVERAL_UNITS = 30.0
"""Medians of two slices of one map never differ by so many times; units differ by 1000."""
APART_S_MM2 = 300.0
"""Two b-values make an ADC without a third if they are this far apart, in s/mm2."""


FACTORS = (1.0, 1e3, 1e-3, 0.1, 1e6)
"""To 1e-6 mm2/s, tried in this order on a map whose header does not say its unit: from 1e-6, 1e-3, 1e-9, 1e-7 and
1 mm2/s."""
WRONG_UNIT = "The unit in the header of an ADC map does not fit its values; the unit that fits them was taken."


@attrs.frozen(eq=False, kw_only=True)
class Adc(Volume):
    """An ADC map in 1e-6 mm2/s, from 0 to 4000; 0 where nothing was measured."""

    made: str
    """How it came to be, in words for the report."""
    outside: float
    """Share of the voxels in the middle, of those that are not 0, that were negative or above 4000."""


def checked_adc(volume: Volume, rule: AdcRule, unit: str = "") -> Adc:
    """A scanner's map in 1e-6 mm2/s, cut at 0 and 4000.

    Its unit is what the protocol's ``scale`` says, else its header, else the first of ``FACTORS`` that puts its median
    where an ADC's is.

    Args:
        unit: what its header says; empty where it says nothing.

    Raises:
        Refused: its values are not an ADC's in any unit, or slices are in several.
    """
    values = _without_padding(volume)
    _refuse_several_units(values)
    factor, how = _factor(_median(values), rule, unit)
    wrong = how == "its values" and mm2_per_s(unit) is not None
    made = "a map as given" if factor == 1 else f"a map as given, times {factor:.10g} to 1e-6 mm2/s by {how}"
    return _cut(volume, values * np.float32(factor), rule, made, (WRONG_UNIT,) if wrong else ())


def _without_padding(volume: Volume) -> np.ndarray:
    """Values of a map, 0 where the scanner wrote padding, which is no measurement."""
    import SimpleITK as sitk

    if volume.padding is None:
        return volume.array
    return np.where(sitk.GetArrayViewFromImage(volume.padding) > 0, np.float32(0), volume.array)


def _refuse_several_units(values_ZYX: np.ndarray) -> None:
    """Slices whose headers scale some to one unit and some to another."""
    height, width = (size // 4 for size in values_ZYX.shape[1:])
    central = values_ZYX[:, height : values_ZYX.shape[1] - height, width : values_ZYX.shape[2] - width]
    measured = [image[image > 0] for image in central if (image > 0).mean() >= 0.1]
    medians = [float(np.median(values)) for values in measured]
    if medians and max(medians) > SEVERAL_UNITS * min(medians):
        raise Refused(
            f"its slices are in several units: their medians are {min(medians):.4g} to {max(medians):.4g}; export it"
            " anew, all slices with one rescale slope"
        )


def _median(values: np.ndarray) -> float:
    """The median of what was measured in the middle of a map.

    Raises:
        Refused: almost nothing was.
    """
    central = middle(values)
    measured = central[central > 0]
    if measured.size < 0.1 * central.size:
        raise Refused("an ADC map that is zero in its middle")
    return float(np.median(measured))


def _factor(median: float, rule: AdcRule, unit: str) -> tuple[float, str]:
    """The factor to 1e-6 mm2/s for a map with this median in its middle, and by what it is known."""

    def fits(factor: float) -> bool:
        return rule.median[0] <= median * factor <= rule.median[1]

    low, high = rule.median
    if rule.scale is not None:
        if not fits(rule.scale):
            raise Refused(
                f"its median times the protocol's scale of {rule.scale:g} is {median * rule.scale:.4g}; an ADC map has"
                f" {low:.4g} to {high:.4g} 1e-6 mm2/s; without [adc] scale its unit is found by its header or values"
            )
        return rule.scale, "the protocol's scale"
    told = mm2_per_s(unit)
    if told is not None and fits(factor := round(told * 1e6, 12)):
        return factor, "its header's unit"
    if (found := next(filter(fits, FACTORS), None)) is None:
        tried = ", ".join(f"{factor:.10g}" for factor in FACTORS)
        raise Refused(
            f"its median is {median:.4g}; an ADC map has {low:.4g} to {high:.4g} 1e-6 mm2/s; factors tried: {tried};"
            " a protocol with [adc] scale gives another"
        )
    return found, "its values"


def _cut(volume: Volume, values: np.ndarray, rule: AdcRule, made: str, notes: tuple[str, ...] = ()) -> Adc:
    """A map cut at 0 and ``MAX_ADC``.

    Raises:
        Refused: too many of its voxels are outside of them.
    """
    central = middle(values)
    wrong = (central < 0) | (central > MAX_ADC)
    outside = float(wrong.sum() / max(1, (central != 0).sum()))
    if outside > rule.outside:
        raise Refused(
            f"{outside:.0%} of its voxels are negative or above {MAX_ADC:g}e-6 mm2/s; accepted: {rule.outside:.0%},"
            " or what a protocol's [adc] outside says"
        )
    cut = volume.like(np.clip(values, 0, MAX_ADC))
    return Adc(image=cut.image, frame=cut.frame, notes=(*cut.notes, *notes), made=made, outside=outside)


def computed_adc(by_b: Mapping[float, Volume], rule: DwiRule, adc: AdcRule) -> tuple[Adc, tuple[float, ...]]:
    """An ADC map from volumes by b-value, and the b-values used.

    Raises:
        Refused: fewer than two b-values in the rule's range, volumes on several grids, or a result that is no ADC's.
    """
    low, high = rule.b_range
    chosen = _without_perfusion([b for b in sorted(by_b) if low <= b <= (1 + SHELL) * high], rule)
    if len(chosen) < 2:
        raise Refused(f"{len(chosen)} b-values between {low:.4g} and {high:.4g} s/mm2; an ADC needs two")
    volumes = [by_b[b] for b in chosen]
    if not all(same_grid(volumes[0].image, volume.image) for volume in volumes):
        raise Refused("its b-values are on several grids")
    fitted = decay(np.array(chosen), np.stack([volume.array for volume in volumes]))
    median = _median(fitted)
    if not adc.median[0] <= median <= adc.median[1]:
        raise Refused(f"computed from it, an ADC map has a median of {median:.4g} 1e-6 mm2/s")
    made = "computed from b " + ", ".join(f"{b:g}" for b in chosen)
    return _cut(volumes[0], fitted, adc, made), tuple(chosen)


def _without_perfusion(b_values: list[float], rule: DwiRule) -> list[float]:
    """Leave out b-values below ``skip_b_below`` if three others are left, or two that are far enough apart.

    Args:
        b_values: s/mm2, ascending.
    """
    left = [b for b in b_values if b >= rule.skip_b_below]
    enough = len(left) >= 3 or (len(left) == 2 and left[1] - left[0] >= APART_S_MM2)
    return left if enough else b_values


def decay(b_B: np.ndarray, signal_BZYX: np.ndarray) -> np.ndarray:
    """Least squares of ``ln S = ln S0 - b ADC``, the mono-exponential decay (Stejskal and Tanner 1965).

    Args:
        b_B: b-values in s/mm2, at least two that differ.
        signal_BZYX: signal at each, arbitrary units.

    Returns: ADC (Z, Y, X) in 1e-6 mm2/s, negative where the signal rises; 0 where a signal is not positive.
    """
    log_S = np.log(np.maximum(signal_BZYX, 1e-6), dtype=np.float64)
    centred_B = b_B - b_B.mean()
    slope = np.tensordot(centred_B, log_S, axes=1) / (centred_B**2).sum()
    return np.where((signal_BZYX > 0).all(axis=0), -slope * 1e6, 0).astype(np.float32)
