"""What a user can ask of an import."""

from __future__ import annotations

import re
from collections.abc import Sequence
from numbers import Integral, Real

import attrs

from gankit import InputError, nearest

MODALITIES = ("t2w", "adc", "dce")
UNITS = {"t2w": "1", "adc": "1e-6 mm2/s", "dce": "1"}

ITEMS = ("slices", "slabs", "volumes")
"""What an item of the cohort is."""
SIZES = (16, 1024)
"""Pixels along a side, from and to."""
PLANES = (2, 512)
"""Planes of a volume, from and to."""
SLICE_SPACINGS_MM = (0.1, 20.0)
NEIGHBOURS = (1, 16)
"""Slices below and above that a slab has, from and to."""
MISSING_PLANES = ("refuse", "pad")
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
    "neighbours": (Integral, "a whole number"),
    "slice_spacing": (Real, "a number"),
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


def _sides(given: object) -> tuple[int, ...]:
    """``64``, ``"64x48"`` or ``[24, 64, 64]`` as whole numbers."""
    if isinstance(given, str) and re.fullmatch(r"\d+([x,]\d+)*", given.replace(" ", "")):
        given = [int(side) for side in re.findall(r"\d+", given)]
    sides = [given] if isinstance(given, Integral) else given
    if (
        isinstance(sides, str)
        or not isinstance(sides, Sequence)
        or not sides
        or not all(isinstance(side, Integral) and not isinstance(side, bool) for side in sides)
    ):
        raise InputError(f"`size` {given!r}: must be a whole number, or several, as in 64, 64x48 or 24x64x64")
    return tuple(map(int, sides))


@attrs.frozen(kw_only=True)
class Options:
    """Everything that changes what is written, apart from the protocol.

    Raises:
        InputError: a value that is not accepted.
    """

    items: str = "slices"
    """What an item of the cohort is; one of ``ITEMS``."""
    size: tuple[int, ...] = attrs.field(default=64, converter=_sides)
    """Pixels along both sides, or rows and columns; of volumes planes, rows and columns."""
    neighbours: int | None = None
    """Of slabs: how many slices below and above the middle one; 1 where none is given."""
    slice_spacing: float | None = None
    """Of volumes: mm from plane to plane; None: as the T2w's slices."""
    missing_planes: str = "refuse"
    """Of volumes: what becomes of a study whose T2w has fewer planes."""
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
        for name, (low, high) in (
            ("gland", GLANDS),
            ("neighbours", NEIGHBOURS),
            ("slice_spacing", SLICE_SPACINGS_MM),
        ):
            if (number := getattr(self, name)) is not None and not low <= number <= high:
                raise InputError(f"`{name}` {number!r}: accepted: {low} to {high}")
        for name, known in (
            ("items", ITEMS),
            ("missing_planes", MISSING_PLANES),
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
        self._refuse_sizes()
        self._refuse_unused()

    def _refuse_sizes(self) -> None:
        """Raise InputError where the sides do not fit what an item is."""
        said = "x".join(map(str, self.size))
        if self.items == "volumes" and len(self.size) != 3:
            raise InputError(
                f"`size` {said} is one of slices: volumes have planes, rows and columns; give three, as in 24x64x64"
            )
        if self.items != "volumes" and len(self.size) > 2:
            raise InputError(
                f"`size` {said}: {self.items} have rows and columns; give one number or two, as in 64 or 64x48, or"
                " `items` volumes"
            )
        for side in self.plane:
            if not SIZES[0] <= side <= SIZES[1]:
                raise InputError(f"`size` {said}: accepted: sides of {SIZES[0]} to {SIZES[1]} pixels")
        if self.items == "volumes" and not PLANES[0] <= self.size[0] <= PLANES[1]:
            raise InputError(f"`size` {said}: accepted: {PLANES[0]} to {PLANES[1]} planes")

    def _refuse_unused(self) -> None:
        """Raise InputError where something is asked for of what an item is not."""
        if self.neighbours is not None and self.items != "slabs":
            raise InputError(f"`neighbours` {self.neighbours}: {self.items} have none; give `items` slabs")
        if self.slice_spacing is not None and self.items != "volumes":
            raise InputError(
                f"`slice_spacing` {self.slice_spacing:g}: {self.items} are those of the T2w; give `items` volumes"
            )
        if self.missing_planes != "refuse" and self.items != "volumes":
            raise InputError(f"`missing_planes` {self.missing_planes}: {self.items} miss none; give `items` volumes")

    @property
    def plane(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.size[-2] if len(self.size) > 1 else self.size[0], self.size[-1]

    @property
    def reach(self) -> int:
        """How many slices below and above its own an item shows."""
        return 0 if self.items != "slabs" else self.neighbours or 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, then space, of a modality of one item."""
        return (1, self.size[0], *self.plane) if self.items == "volumes" else (2 * self.reach + 1, *self.plane)
