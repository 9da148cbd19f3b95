"""Files beside a file of several volumes that say what each is: FSL's b-values, and times of BIDS."""

from __future__ import annotations

import json
import math
from pathlib import Path

from gankit_dicom._files import ending
from gankit_dicom._refused import Refused

B_VALUES = (".bval", ".bvals")
SIDECARS = (*B_VALUES, ".bvec", ".bvecs", ".json")
"""Endings in place of the volume's own."""
TIMES = ("VolumeTiming", "FrameTimesStart")
"""Keys of BIDS for the times of volumes, in s."""


def sidecars(file: Path) -> tuple[Path, ...]:
    """Files beside a volume's that are of it."""
    stem = file.name[: len(file.name) - len(ending(file))]
    named = (file.with_name(stem + written) for end in SIDECARS for written in (end, end.upper()))
    return tuple(other for other in named if other.is_file())


def b_values_beside(file: Path, count: int) -> tuple[float, ...] | None:
    """b-values in s/mm2 of a file's volumes, from the numbers of the ``.bval`` file beside it; None without one.

    Args:
        count: how many volumes the file has.

    Raises:
        Refused: it cannot be read, or has something else than a b-value for each volume.
    """
    beside = next((each for each in sidecars(file) if each.suffix.lower() in B_VALUES), None)
    if beside is None:
        return None
    try:
        numbers = tuple(float(word) for word in beside.read_text(encoding="utf-8-sig").replace(",", " ").split())
    except (OSError, ValueError) as error:  # a UnicodeDecodeError is a ValueError
        raise Refused("its .bval file cannot be read as numbers") from error
    if len(numbers) != count:
        raise Refused(f"{count} volumes, but {len(numbers)} b-values in its .bval file")
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise Refused("a b-value in its .bval file is negative or not finite")
    return numbers


def times_beside(file: Path, count: int) -> tuple[float, ...] | None:
    """Times in s of a file's volumes, from ``VolumeTiming`` or ``FrameTimesStart`` in the ``.json`` file beside it;
    None where there is neither.

    Raises:
        Refused: there are not as many times as volumes, or they are no numbers.
    """
    beside = next((each for each in sidecars(file) if each.suffix.lower() == ".json"), None)
    if beside is None:
        return None
    try:
        table = json.loads(beside.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    said = next((table[key] for key in TIMES if key in table), None) if isinstance(table, dict) else None
    if said is None:
        return None
    if not isinstance(said, list) or len(said) != count:
        raise Refused(f"{count} volumes, but not as many times in its .json file")
    if not all(isinstance(time, int | float) and math.isfinite(time) for time in said):
        raise Refused("a time in its .json file is no number")
    return tuple(float(time) for time in said)
