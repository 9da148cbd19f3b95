"""Values of DICOM elements: as tuples, as numbers, and of private elements as their vendor wrote them."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

BINARY = {"FL": "f", "FD": "d", "US": "H"}


def many(value: Any) -> tuple[Any, ...]:
    """Values of an element, whether it has none, one or several."""
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str) or not hasattr(value, "__len__") else tuple(value)


def finite(value: Any) -> float | None:
    """A value as a number; None where it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def private_values(dataset: Dataset, creator: str, group: int, element: int, vr: str) -> tuple[Any, ...]:
    """Values of a vendor's private element: numbers of VR FL, FD and US, else texts; none where it is not there.

    The creator reserves a block of the group, which block being its own affair (PS3.5 section 7.8.1). In implicit VR,
    and where a tool wrote UN, the VR is the vendor's.
    """
    for block in _blocks(dataset, creator, group):
        tag = group << 16 | block << 8 | element
        if tag in dataset:
            return _decoded(dataset, tag, vr)
    return ()


def private_bytes(dataset: Dataset, creator: str, group: int, element: int) -> bytes:
    """The bytes of a vendor's private element; empty where it is not there."""
    for block in _blocks(dataset, creator, group):
        value = getattr(dataset.get_item(group << 16 | block << 8 | element), "value", None)
        if isinstance(value, bytes):
            return value
    return b""


def _blocks(dataset: Dataset, creator: str, group: int) -> list[int]:
    """Blocks of a group that a creator reserved."""
    reserved = [tag & 0xFF for tag in dataset.keys() if 0x10 <= tag - (group << 16) <= 0xFF]  # noqa: SIM118
    return [block for block in reserved if _text(dataset[group << 16 | block].value) == creator.lower()]


def _text(value: Any) -> str:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    return text.strip(" \0").lower()


def _decoded(dataset: Dataset, tag: int, vr: str) -> tuple[Any, ...]:
    item = dataset.get_item(tag)
    value = item.value if isinstance(item.value, bytes) and item.VR in (None, "UN", "OB", vr) else dataset[tag].value
    if isinstance(value, bytes):
        size = struct.calcsize(BINARY.get(vr, "B"))
        if vr in BINARY and value and len(value) % size == 0:
            order = "<" if getattr(item, "is_little_endian", True) else ">"
            return struct.unpack(f"{order}{len(value) // size}{BINARY[vr]}", value)
        value = value.decode("ascii", "replace").strip(" \0").split("\\")
    return many(value)
