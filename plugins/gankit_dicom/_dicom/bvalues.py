"""The diffusion weighting of one image: its b-value and whether it is averaged over directions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gankit_dicom._dicom import csa
from gankit_dicom._dicom.csa import csa_values
from gankit_dicom._dicom.elements import finite, many, private_bytes, private_values

if TYPE_CHECKING:
    from pydicom import Dataset

B_VALUES = (
    ("SIEMENS MR HEADER", 0x0019, 0x0C, "IS"),
    ("GEMS_PARM_01", 0x0043, 0x39, "IS"),
    ("Philips Imaging DD 001", 0x2001, 0x03, "FL"),
    ("Image Private Header", 0x0065, 0x09, "FD"),
)
"""Private elements whose first number is a b-value: Siemens, GE, Philips, United Imaging."""
DIRECTIONALITIES = (
    ("SIEMENS MR HEADER", 0x0019, 0x0D, "CS"),
    ("Philips Imaging DD 001", 0x2001, 0x04, "CS"),
)
"""Private elements that say ISOTROPIC, or I, of an image that is averaged over directions."""
DIRECTION = ("SIEMENS MR HEADER", 0x0019, 0x0E, "FD")
GE_BIAS = 1e9
"""GE adds it to b-values of scans with several, and to those that it calculates."""
MAX_B = 50_000.0
"""s/mm2; a larger number is no b-value of a patient."""
IN_SEQUENCE_NAME = re.compile(r"(?:^|[_*])b(\d{1,5})(?:[t#]|$)")
"""As in ``*ep_b1000#1`` and ``ep_b50t``."""
IN_TEXT = re.compile(r"(?<![a-z0-9])b[ =_-]{0,2}(0|[1-9]\d{1,4})(?!\.?\d)")
SECOND = re.compile(r" ?[-_/,;+& ]? ?b?\d{2,5}(?!\.?\d|mm|x)")
"""What follows a b-value where there are several, as in ``b50-800`` and ``b 0, 500``."""


def b_value(dataset: Dataset) -> float | None:
    """The b-value in s/mm2 by the standard's element (0018,9087), by those of the vendors or by the sequence's name;
    None where none of them says it."""
    for values in _said(dataset):
        if values and (number := _as_b(values[0])) is not None:
            return number
    named = IN_SEQUENCE_NAME.search(str(dataset.get("SequenceName", "")).lower())
    return float(named[1]) if named else None


def b_value_in_text(text: str) -> float | None:
    """The only b-value in the words of a description, as in ``b=800`` and ``dwi_b800``; None where there is none, or
    several.

    Args:
        text: lower case.
    """
    found = {float(match[1]) for match in IN_TEXT.finditer(text)}
    several = any(SECOND.match(text, match.end()) for match in IN_TEXT.finditer(text))
    return found.pop() if len(found) == 1 and not several else None


def is_trace(dataset: Dataset, types: Iterable[str]) -> bool:
    """Whether an image is averaged over directions of diffusion, by its type, by the standard's Diffusion
    Directionality (0018,9075) or by those of the vendors."""
    said = [str(dataset.get("DiffusionDirectionality", ""))]
    said += [str(value) for where in DIRECTIONALITIES for value in private_values(dataset, *where)]
    return "TRACEW" in types or any(word.strip().upper() in ("ISOTROPIC", "I") for word in said)


def has_direction(dataset: Dataset) -> bool:
    """Whether an image is of one direction of diffusion, by the standard's Diffusion Gradient Orientation (0018,9089)
    or by Siemens' own."""
    standard = many(dataset.get("DiffusionGradientOrientation"))
    return any(finite(value) for value in standard or private_values(dataset, *DIRECTION))


def _said(dataset: Dataset) -> Iterable[tuple[Any, ...]]:
    """Values of every element that may say the b-value, the most trusted first."""
    yield many(dataset.get("DiffusionBValue"))
    for item in dataset.get("MRDiffusionSequence") or ():
        yield many(item.get("DiffusionBValue"))
    for where in B_VALUES:
        yield private_values(dataset, *where)
    yield csa_values(private_bytes(dataset, csa.CREATOR, csa.GROUP, csa.ELEMENT), "B_value")


def _as_b(value: Any) -> float | None:
    number = finite(value)
    if number is None or number < 0 or number % GE_BIAS > MAX_B:
        return None
    return round(number % GE_BIAS, 3)
