"""``dataset.json`` of an nnU-Net data set: what its channels and the values of its labels are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from gankit_dicom._refused import Refused

MEANINGS = {
    "cs": ("cspca", "clinically", "significant"),
    "not cs": ("insignificant", "indolent", "non-cspca", "non_cspca", "noncspca", "not cspca"),
    "lesion": ("lesion", "tumor", "tumour", "cancer", "carcinoma", "pca"),
    "peripheral zone": ("pz", "peripheral"),
    "transition zone": ("tz", "transition", "central", "cg"),
    "gland": ("gland", "prostate", "wg", "wp"),
}
"""Parts of a label's name by what the label means; the longest part that is in a name decides."""


@attrs.frozen
class Dataset:
    """What a ``dataset.json`` says."""

    channels: Mapping[str, str]
    """Name in lower case by channel number, as in ``0000``."""
    labels: Mapping[str, str]
    """What a value means, one of a protocol's meanings."""


def datasets_of(files: Sequence[Path], given: Sequence[Path]) -> dict[Path, Dataset | str]:
    """The data set that each folder of files belongs to, or why it cannot be read; folders without one are left out.

    The ``dataset.json`` of a folder holds for all below it, up to the next one.

    Args:
        given: folders that the user gave. As each may be one of a data set's own, as ``imagesTr``, the
            ``dataset.json`` in it and beside it count as well.
    """
    places = [place for folder in given for place in (folder, folder.absolute().parent)]
    beside = [file for place in places if (file := place / "dataset.json").is_file()]
    own = {
        file.parent.absolute(): _read(file)
        for file in dict.fromkeys([*files, *beside])
        if file.name.lower() == "dataset.json"
    }
    found = {}
    for folder in {*given, *(file.parent for file in files)}:
        above = folder.absolute()
        nearest = next((each for each in (above, *above.parents) if each in own), None)
        if nearest is not None:
            found[folder] = own[nearest]
    return found


def _read(file: Path) -> Dataset | str:
    try:
        return read_dataset(file)
    except Refused as why:
        return f"dataset.json {why}"


def read_dataset(file: Path) -> Dataset:
    """Read a ``dataset.json`` of version 1 (``modality``, labels by value) or 2 (``channel_names``, values by label).

    Raises:
        Refused: it cannot be read.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise Refused("is no JSON file that can be read") from error
    if not isinstance(document, dict):
        raise Refused("is no table")
    channels = document.get("channel_names", document.get("modality", {}))
    labels = document.get("labels", {})
    if not (isinstance(channels, dict) and isinstance(labels, dict)):
        raise Refused("has channel_names or labels that are no tables")
    return Dataset(
        channels={f"{int(key):04}": str(name).strip().lower() for key, name in channels.items() if key.isdigit()},
        labels=dict(pair for key, value in labels.items() for pair in _label(key, value)),
    )


def _label(key: str, value: Any) -> list[tuple[str, str]]:
    """Values with what they mean, of one label in either version; none where its name does not tell, or for one of
    regions, which overlap."""
    name, number = (value, key) if isinstance(value, str) else (key, value)
    if not str(number).isdigit() or int(number) == 0 or not (meaning := _meaning(name.lower())):
        return []
    return [(str(int(number)), meaning)]


def _meaning(name: str) -> str:
    parts = {part: meaning for meaning, parts in MEANINGS.items() for part in parts if part in name}
    return parts[max(parts, key=len)] if parts else ""
