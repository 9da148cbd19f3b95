"""Whether a slice shows clinically significant cancer: 1 yes, 0 no, -1 unknown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk

from gankit_dicom._tables import Finding

YES, NO, UNKNOWN = 1, 0, -1


def from_lesion(cs_ZYX: np.ndarray) -> np.ndarray:
    """A slice is CS where its own lesion says so, (slices,)."""
    return np.asarray(cs_ZYX.any(axis=(1, 2)), dtype=np.int8)


def from_findings(findings: Sequence[Finding], t2w: sitk.Image) -> np.ndarray:
    """CS is the slice that a significant finding lies in, (slices,).

    Findings are points, so the slices around a significant one are unknown, as are all where a finding has no
    result; without a significant or unresolved finding, every slice is known not to be CS.
    """
    slices = t2w.GetSize()[2]
    if all(finding.cs is False for finding in findings):
        return np.zeros(slices, dtype=np.int8)
    label_Z = np.full(slices, UNKNOWN, dtype=np.int8)
    for finding in findings:
        at = slice_of(finding, t2w)
        if finding.cs and at is not None:
            label_Z[at] = YES
    return label_Z


def from_case(cs: bool, slices: int) -> np.ndarray:
    """A case without cancer has no CS slice; one with cancer does not say which, (slices,)."""
    return np.full(slices, UNKNOWN if cs else NO, dtype=np.int8)


def slice_of(finding: Finding, t2w: sitk.Image) -> int | None:
    """The T2w slice that a finding lies in; none if it is outside the volume."""
    index = t2w.TransformPhysicalPointToContinuousIndex(finding.position_mm)
    within = all(-0.5 <= place < size - 0.5 for place, size in zip(index, t2w.GetSize(), strict=True))
    return math.floor(index[2] + 0.5) if within else None
