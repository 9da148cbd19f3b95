"""What a user can ask of an import."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import attrs

from gankit import InputError, nearest

MODALITIES = ("t2w", "adc", "dce")
UNITS = {"t2w": "1", "adc": "1e-6 mm2/s", "dce": "1"}

SIZES = (16, 1024)
"""Pixels along a side, from and to."""
GLANDS = (0.1, 1.0)
"""Part of the crop's width that the gland has, from and to."""
REGISTER = ("none", "rigid", "deformable")
ZEROS = {
    "mark": "marked by 0, pixels beside them blend with 0",
    "exclude": "marked by 0, pixels beside them are means of what was measured",
    "inpaint": "filled with the nearest measurement",
}
DCE = ("early", "late")
LESION_MEANS = ("lesion", "cs")
BIAS = ("none", "n4")
PATIENT_FROM = ("header", "study", "folder")


KINDS: dict[str, tuple[type, str]] = {
    "size": (Integral, "a whole number"),
    "gland": (Real, "a number"),
    "seed": (Integral, "a whole number"),
    "keep_ids": (bool, "True or False"),
    "jobs": (Integral, "a whole number"),
    "test_fraction": (Real, "a number"),
    "validation_fraction": (Real, "a number"),
}
"""Type of a parameter, and what to call it."""


def refuse_other_kinds(asked: object) -> None:
    """Raise InputError where an attribute that ``KINDS`` names is of another type."""
    for name, (kind, word) in KINDS.items():
        value = getattr(asked, name, None)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool) != (kind is bool)):
            raise InputError(f"`{name}` {value!r}: must be {word}")


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    """``"t2w, adc"``, or a list of names, as names."""
    if isinstance(given, str):
        given = given.split(",")
    if not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        raise InputError(f"`need` {given!r}: must be names, as in t2w,adc")
    return tuple(name.strip() for name in given)


@attrs.frozen(kw_only=True)
class Options:
    """Everything that changes what is written, apart from the protocol.

    Raises:
        InputError: a value that is not accepted.
    """

    size: int = 64
    gland: float = 0.6
    """Part of the crop's width that the gland has."""
    register: str = "none"
    zeros: str = "mark"
    """What becomes of ADC voxels without a measurement; a key of ``ZEROS``."""
    dce: str = "early"
    """Which enhancement the modality ``dce`` is: early or late."""
    lesion_means: str = "lesion"
    """What a lesion mask without a grade says: that there is a lesion, or that it is clinically significant."""
    bias: str = "none"
    """How the bias field of T2w is corrected."""
    need: tuple[str, ...] = attrs.field(default=("t2w", "adc"), converter=_names)
    seed: int = 0
    keep_ids: bool = False

    def __attrs_post_init__(self) -> None:
        refuse_other_kinds(self)
        for name, (low, high) in (("size", SIZES), ("gland", GLANDS)):
            if not low <= (number := getattr(self, name)) <= high:
                raise InputError(f"`{name}` {number!r}: accepted: {low} to {high}")
        for name, known in (
            ("register", REGISTER),
            ("zeros", ZEROS),
            ("dce", DCE),
            ("lesion_means", LESION_MEANS),
            ("bias", BIAS),
        ):
            if (word := getattr(self, name)) not in known:
                raise InputError(f"`{name}` {word!r}{nearest(str(word), known)}; accepted: {', '.join(known)}")
        if "t2w" not in self.need or set(self.need) - set(MODALITIES):
            raise InputError(
                f"`need` {','.join(self.need)}: must be t2w, the grid of everything, and any of adc, dce; as in t2w,adc"
            )
        if self.seed < 0:
            raise InputError(f"`seed` {self.seed}: accepted: 0 and more")
