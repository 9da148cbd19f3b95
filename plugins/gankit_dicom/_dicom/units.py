"""Units of diffusivity, as headers of many vendors write them."""

from __future__ import annotations

import re

LENGTHS = {"um": 1e-6, "mm": 1.0, "cm": 1e2, "m": 1e6}
"""Its square in mm2."""
TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "second": 1.0}
SPELLINGS = str.maketrans("µμ⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "uu0123456789--")
FACTOR = r"(?:(?:1(?:\.0*)?)?[x*]?10[*e]?(?P<exponent{0}>[-+]\d+)|(?P<number{0}>\d+(?:\.\d*)?(?:e[-+]?\d+)?))"
UNIT = re.compile(
    rf"(?:{FACTOR.format(1)}[.*x/]?)?(?P<length>um|mm|cm|m)2[./]?(?P<time>us|ms|s|sec|second)(?P<inverse>-1)?"
    rf"(?:[.*x]?{FACTOR.format(2)})?"
)


def mm2_per_s(unit: str) -> float | None:
    """How many mm2/s one of a unit of diffusivity is; None where the text is none.

    Accepted are powers of ten and numbers before or after a square length over a time, in UCUM's spelling
    (``10*-6.mm2/s``) and in what scanners make of it: ``10-3 mm2/s``, ``x10^-6 mm²/s``, ``1e-3mm2/s``, ``um2/s``.
    """
    text = re.sub(r"[\s^()\[\]{}_]", "", unit.translate(SPELLINGS).lower()).replace("×", "x").replace("·", ".")
    found = UNIT.fullmatch(re.sub(r"[*]{2}", "", text))
    if not found or not (found["inverse"] or "/" in text):
        return None
    factor = _factor(found["exponent1"], found["number1"]) * _factor(found["exponent2"], found["number2"])
    return factor * LENGTHS[found["length"]] / TIMES[found["time"]]


def _factor(exponent: str | None, number: str | None) -> float:
    return 10.0 ** int(exponent) if exponent else float(number or 1)
