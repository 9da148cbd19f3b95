"""Kinds of DICOM that are no images of a scanner, by SOP class (PS3.4 B.5), in words of our own."""

from __future__ import annotations

STORAGE = "1.2.840.10008.5.1.4.1.1."
SEGMENTATION = "a DICOM segmentation of a patient or study that is not here"
SEGMENTATIONS = (f"{STORAGE}66.4", f"{STORAGE}66.7")
"""Segmentation and label map segmentation."""
KINDS = {
    f"{STORAGE}66.4": SEGMENTATION,
    f"{STORAGE}66.7": SEGMENTATION,
    f"{STORAGE}66.5": "a surface segmentation, which is not read; save it as DICOM SEG or NIfTI",
    f"{STORAGE}66": "raw data of a scanner",
    f"{STORAGE}67": "a real world value map",
    f"{STORAGE}481.3": "contours of an RTSTRUCT, which are not read; save them as DICOM SEG or NIfTI",
    f"{STORAGE}88": "a report or a selection of images",
    f"{STORAGE}11": "a presentation state",
    f"{STORAGE}104": "a document",
    f"{STORAGE}7": "a screenshot",
    "1.2.840.10008.1.3.10": "a directory of DICOM files",
}
"""What a SOP class is, by the longest beginning of its UID that is there."""


def kind_of(sop_class: str) -> str:
    """What a file of a SOP class is; empty where it may be an image of a scanner."""
    parts = sop_class.split(".")
    beginnings = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((KINDS[beginning] for beginning in beginnings if beginning in KINDS), "")
