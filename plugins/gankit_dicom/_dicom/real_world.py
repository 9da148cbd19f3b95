"""From stored values to what they measure: by Real World Value Mapping, by rescale slope, by a vendor's scaling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from gankit_dicom._dicom.elements import finite, many, private_values
from gankit_dicom._dicom.units import mm2_per_s
from gankit_dicom._refused import Refused

if TYPE_CHECKING:
    from pydicom import Dataset

ORIGINAL = tuple(("Philips MR Imaging DD 005", 0x2005, element, "DS") for element in (0x0A, 0x09))
"""Slope and intercept that Philips keeps beside the standard's, which a tool may have removed."""
SCALE = tuple(("Philips MR Imaging DD 001", 0x2005, element, "FL") for element in (0x0E, 0x0D))
"""Scale slope SS and intercept SI of Philips: floating-point value = (stored value - SI) / SS."""
DIFFUSIVITY = "um2/s"


@attrs.frozen
class Meaning:
    """Measured value = slope * stored value + intercept, or slope * what a table gives for the stored value."""

    slope: float
    intercept: float
    unit: str
    """Empty where the header does not say it."""
    first: int = 0
    """Stored value that the table begins with."""
    table: tuple[float, ...] = ()

    def of(self, stored: np.ndarray) -> np.ndarray:
        """Measured values of stored ones; NaN for NaN and beside the table."""
        if not self.table:
            return stored * self.slope + self.intercept
        places = stored - self.first
        inside = (places >= 0) & (places < len(self.table))
        values = np.array(self.table)[np.where(inside, places, 0).astype(np.int64)]
        return np.where(inside, values * self.slope + self.intercept, np.nan)


def meaning(dataset: Dataset) -> Meaning:
    """What the stored values of an image mean.

    A Real World Value Mapping (PS3.3 section C.7.6.16.2.11) in a unit of diffusivity goes before all others, and is
    given in 1e-6 mm2/s. Then comes the rescale slope, where it does not leave values as they are; then the only
    mapping in another unit; then Philips' own elements.

    Raises:
        Refused: a slope that is not above 0, or numbers that are not finite.
    """
    mappings = [found for item in dataset.get("RealWorldValueMappingSequence") or () if (found := _mapping(item))]
    diffusivities = [found for found in mappings if found.unit == DIFFUSIVITY]
    rescale = _rescale(dataset)
    if diffusivities:
        return _positive(diffusivities[0])
    if rescale and (rescale.slope, rescale.intercept) != (1, 0):
        return _positive(rescale)
    if len(mappings) == 1:
        return _positive(mappings[0])
    return _positive(rescale or _philips(dataset) or Meaning(1.0, 0.0, ""))


def _mapping(item: Dataset) -> Meaning | None:
    """One item of the sequence; None where it maps nothing."""
    code = next(iter(item.get("MeasurementUnitsCodeSequence") or ()), None)
    said = [str(code.get(name) or "") for name in ("CodeValue", "LongCodeValue", "CodeMeaning")] if code else []
    per_unit = next((factor for text in said if (factor := mm2_per_s(text)) is not None), None)
    times, unit = (1.0, next(filter(None, said), "")) if per_unit is None else (1e6 * per_unit, DIFFUSIVITY)
    table = tuple(float(value) * times for value in many(item.get("RealWorldValueLUTData")))
    if table:
        first = finite(item.get("RealWorldValueFirstValueMapped"))
        return None if first is None else Meaning(1.0, 0.0, unit, int(first), table)
    slope, intercept = finite(item.get("RealWorldValueSlope")), finite(item.get("RealWorldValueIntercept"))
    return None if slope is None else Meaning(slope * times, (intercept or 0.0) * times, unit)


def _rescale(dataset: Dataset) -> Meaning | None:
    given = [many(dataset.get(name))[:1] for name in ("RescaleSlope", "RescaleIntercept")]
    if not given[0] and not given[1]:
        return None
    slope, intercept = (float(values[0]) if values else other for values, other in zip(given, (1.0, 0.0), strict=True))
    return Meaning(slope, intercept, str(dataset.get("RescaleType") or ""))


def _philips(dataset: Dataset) -> Meaning | None:
    """By Philips' copy of the rescale slope, else by the scale slope to floating-point values."""
    slope, intercept = (_first(dataset, where) for where in ORIGINAL)
    if slope:
        return Meaning(slope, intercept or 0.0, "")
    scale, offset = (_first(dataset, where) for where in SCALE)
    return Meaning(1 / scale, -(offset or 0.0) / scale, "") if scale else None


def _first(dataset: Dataset, where: tuple[str, int, int, str]) -> float | None:
    values = private_values(dataset, *where)
    return finite(values[0]) if values else None


def _positive(found: Meaning) -> Meaning:
    if not all(map(math.isfinite, (found.slope, found.intercept, *found.table))):
        raise Refused("a number in its header is not finite")
    if found.slope <= 0:
        raise Refused("a rescale slope of 0" if found.slope == 0 else "a negative rescale slope; accepted: above 0")
    return found
