"""Enhanced DICOM: many images in one file, described by functional groups (PS3.3 section C.7.6.16)."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from gankit_dicom._dicom.flat import flat, put
from gankit_dicom._refused import Refused

if TYPE_CHECKING:
    from pydicom import Dataset

GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
"""Of all frames, and of each; the latter are as many as the frames."""
MACROS = (
    "UnassignedSharedConvertedAttributesSequence", "UnassignedPerFrameConvertedAttributesSequence",
    "PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence", "FrameContentSequence",
    "MRImageFrameTypeSequence", "ParametricMapFrameTypeSequence", "MREchoSequence",
    "MRTimingAndRelatedParametersSequence", "MRDiffusionSequence", "DiffusionGradientDirectionSequence",
    "PixelValueTransformationSequence", "CardiacSynchronizationSequence", "TemporalPositionSequence",
)  # fmt: skip
"""Parts of a functional group; the first two hold what a file converted from classic images had (C.8.13.1)."""
CLASSIC = {
    "EffectiveEchoTime": "EchoTime",
    "FrameType": "ImageType",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
    "FrameReferenceDateTime": "AcquisitionDateTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "NominalCardiacTriggerDelayTime": "TriggerTime",
    "PulseSequenceName": "SequenceName",
}
"""What an enhanced image says, and how a classic image says it."""


def frames(dataset: Dataset) -> list[Dataset]:
    """Each frame of a file as the classic image that it would be alone; a classic image itself.

    Raises:
        Refused: many frames that no functional groups place, or not as many groups as frames.
    """
    from pydicom import Dataset

    count = int(dataset.get("NumberOfFrames") or 1)
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    if not groups:
        if count > 1:
            raise Refused("many frames in one file without a place for each; export it as one image a file")
        return [dataset]
    if len(groups) != count:
        raise Refused(f"{count} frames in one file, but a place for {len(groups)}")
    shared = Dataset()
    for group in [dataset, *(dataset.get("SharedFunctionalGroupsSequence") or ())[:1]]:
        _add(shared, group)
    shared.decode()  # parsed once, not for each frame
    return [_merged(shared, group) for group in groups]


def _merged(header: Dataset, group: Dataset) -> Dataset:
    """A flat header with the attributes of a functional group, which go before those that it has."""
    merged = flat(header)
    _add(merged, group)
    if found := re.match(r"(\d{8})(\d{2,6}(?:\.\d+)?)", str(merged.get("AcquisitionDateTime", ""))):
        put(merged, "AcquisitionDate", found[1])
        put(merged, "AcquisitionTime", found[2])
    if "TemporalPositionTimeOffset" in merged:
        put(merged, "TriggerTime", 1000 * merged.TemporalPositionTimeOffset)
    if "DiffusionBValue" not in merged and merged.get("DiffusionDirectionality") == "NONE":
        put(merged, "DiffusionBValue", 0.0)
    if "ScanningSequence" not in merged and (sequence := _sequence(merged)):
        put(merged, "ScanningSequence", sequence)
    return merged


def _add(merged: Dataset, group: Dataset) -> None:
    for tag in group.keys():  # noqa: SIM118 (iterating a data set gives its elements)
        if tag in _tags(GROUPS):
            continue
        if tag in _tags(MACROS):
            for item in group[tag].value[:1]:
                _add(merged, item)
        else:
            merged[tag] = group[tag]
            if classic := _classic().get(tag):
                put(merged, classic, group[tag].value)


@cache
def _tags(keywords: tuple[str, ...]) -> frozenset[int]:
    from pydicom.tag import Tag

    return frozenset(map(Tag, keywords))


@cache
def _classic() -> dict[int, str]:
    """``CLASSIC`` by tag."""
    from pydicom.tag import Tag

    return {Tag(enhanced): classic for enhanced, classic in CLASSIC.items()}


def _sequence(header: Dataset) -> list[str]:
    """ScanningSequence of a classic image, by the MR Pulse Sequence module (C.8.13.4). Echo planar images are no other,
    whatever echo they start from."""
    if header.get("EchoPlanarPulseSequence") == "YES":
        return ["EP"]
    echo = str(header.get("EchoPulseSequence", "")).upper()
    is_of = {"SE": "SPIN" in echo or echo == "BOTH", "GR": "GRADIENT" in echo or echo == "BOTH"}
    return [kind for kind, is_so in is_of.items() if is_so]
