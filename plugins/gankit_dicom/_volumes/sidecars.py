"""Files beside a file of several volumes that say what each is: FSL's b-values, and times of BIDS."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from gankit_dicom._refused import Refused
from gankit_dicom._volumes.files import ending

B_VALUES = (".bval", ".bvals")
FSL = ("bvals", "bval", "bvals.txt", "bval.txt", "bvecs", "bvec", "bvecs.txt", "bvec.txt")
"""Names of FSL for the one file of several volumes in a folder."""
SIDECARS = (*B_VALUES, ".bvec", ".bvecs", ".json")
"""Endings in place of the volume's own."""
BETWEEN = r"[\s,;\[\]]+"
"""What may part b-values, in rows, columns or both."""
TIMES = ("VolumeTiming", "FrameTimesStart")
"""Keys of BIDS for the times of volumes, in s."""


def sidecars(file: Path) -> tuple[Path, ...]:
    """Files beside a volume's that are of it: those called as it is, or as FSL calls them."""
    stem = file.name[: len(file.name) - len(ending(file))]
    named = (file.with_name(stem + written) for end in SIDECARS for written in (end, end.upper()))
    found = tuple(other for other in named if other.is_file())
    if any(_has_b_values(other) for other in found):
        return found
    return (*found, *(other for name in FSL if (other := file.with_name(name)).is_file()))


def b_values_beside(file: Path, count: int) -> tuple[float, ...] | None:
    """b-values in s/mm2 of a file's volumes, from the numbers of the ``.bval`` file beside it; None without one.

    Args:
        count: how many volumes the file has.

    Raises:
        Refused: it cannot be read, or has something else than a b-value for each volume.
    """
    beside = next((each for each in sidecars(file) if _has_b_values(each)), None)
    if beside is None:
        return None
    try:
        numbers = tuple(float(word) for word in re.split(BETWEEN, beside.read_text(encoding="utf-8-sig")) if word)
    except (OSError, ValueError) as error:  # a UnicodeDecodeError is a ValueError
        raise Refused("its .bval file cannot be read as numbers") from error
    if len(numbers) != count and beside.name in FSL:
        return None
    if len(numbers) != count:
        raise Refused(f"{count} volumes, but {len(numbers)} b-values in its .bval file")
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise Refused("a b-value in its .bval file is negative or not finite")
    return numbers


def _has_b_values(sidecar: Path) -> bool:
    return sidecar.suffix.lower() in B_VALUES or sidecar.name.lower().startswith("bval")


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
