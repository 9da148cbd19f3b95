"""Whether a slice shows clinically significant cancer: 1 yes, 0 no, -1 unknown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from gankit_dicom._labels.tables import Finding

YES, NO, UNKNOWN = 1, 0, -1
NEAR_MM = 5.0
"""A finding is of an outlined lesion that is not farther away."""

UNREADABLE = "An outline of a lesion cannot be used: no slice is labelled as without cancer."
UNPLACED = "A significant finding is in no place of the T2w volume: no slice is labelled as without cancer."
NOT_OUTLINED = "A significant finding is in no outlined lesion: no slice is labelled as without cancer."
UNGRADED = (
    "An outlined lesion has no grade: its slices are unknown; a table of cases or findings, `lesion_means`, or values"
    " that the protocol names can say more."
)
DISPUTED = "A table says both yes and no of the case: labels that depend on it are unknown."
TABLES = "Tables contradict each other on clinically significant cancer: labels are unknown."
EMPTY = (
    "The lesion mask shows no lesion that may be significant, but a table says clinically significant cancer: labels"
    " are unknown."
)
NEGATIVE = "The lesion mask shows clinically significant cancer, but a table says there is none: labels are unknown."


@attrs.frozen(eq=False)
class Lesions:
    """All outlined lesions of a study on the T2w grid, (slices, rows, columns) bool each."""

    cs: np.ndarray
    """Lesions that are graded as clinically significant."""
    not_cs: np.ndarray
    """Lesions that are graded as not significant."""
    ungraded: np.ndarray
    """Lesions of which it is known where they are, and not how bad."""
    by: str = ""
    """"human", "AI", or empty where nothing says whose outlines these are."""

    @property
    def all(self) -> np.ndarray:
        return np.asarray(self.cs | self.not_cs | self.ungraded)


@attrs.frozen(eq=False)
class Labels:
    """Labels of the slices of a T2w volume."""

    cs_Z: np.ndarray
    """(slices,) int8."""
    by: str
    """What they are taken from, in words for the report."""
    cs: np.ndarray | None = None
    """Voxels known to be of a significant lesion, (slices, rows, columns) bool; None where no outline shows them."""
    warnings: tuple[str, ...] = ()
    in_case: bool = False
    """Whether the marksheet says significant cancer, and nothing contradicts it; where it is need not be known."""


def labels_of(
    t2w: sitk.Image,
    lesions: Lesions | None,
    findings: Sequence[Finding],
    case: Sequence[bool],
    *,
    complete: bool = True,
    ungraded_is_cs: bool = False,
) -> Labels:
    """Labels that follow from outlines and tables; what does not follow is unknown.

    1. An outline that grades a lesion as significant makes its slices 1. One without a grade says where, not how bad:
       its slices are 1 where ``ungraded_is_cs``, where a finding within 5 mm of it is significant, or where a table
       says significant cancer and it is the only lesion; they are 0 where the findings within 5 mm are not significant;
       else they are unknown. Slices without any lesion are 0.
    2. A table that says no significant cancer makes all slices 0. Against the outline of a human that is graded as
       significant, or against another table, it makes all slices unknown; the outline of an AI it overrules.
    3. Where something is known to be missing, no slice is 0: an outline cannot be used, or a significant finding is in
       no outlined lesion. Where a table says significant cancer and no outlined lesion can be it, all slices are
       unknown.
    4. Without an outline, a significant finding makes its slice 1, and all others are unknown; a case with significant
       cancer is unknown in all slices.

    Args:
        t2w: the volume whose slices are labelled.
        lesions: None where no outline was given.
        case: what the marksheet says of the case: nothing, one thing, or both. Of both, what follows from either is
            known.
        complete: whether the outlines of all lesions can be used.
    """
    if len(case) == 2:
        one, other = (
            labels_of(t2w, lesions, findings, [each], complete=complete, ungraded_is_cs=ungraded_is_cs) for each in case
        )
        agreed = np.where(one.cs_Z == other.cs_Z, one.cs_Z, UNKNOWN).astype(np.int8)
        return Labels(agreed, "contradictory", one.cs if other.cs is None else other.cs, (DISPUTED,))
    results = [finding.cs for finding in findings]
    says_yes = True in case or True in results
    says_no = False in case or (bool(results) and set(results) == {False})
    if says_yes and says_no:
        return Labels(_all(t2w, UNKNOWN), "contradictory", warnings=(TABLES,))
    if lesions is None:
        return attrs.evolve(_by_tables(t2w, findings, says_yes, says_no, complete), in_case=True in case)
    if says_no:
        return _cleared(t2w, lesions)
    resolved = _resolved(t2w, lesions, findings, says_yes, ungraded_is_cs)
    if says_yes and not (resolved.cs | resolved.ungraded).any():
        return Labels(_all(t2w, UNKNOWN), "contradictory", warnings=(EMPTY,))
    return attrs.evolve(_by_outlines(t2w, resolved, findings, complete), in_case=True in case)


def volume_label(cs_Z: np.ndarray, labels: Labels, whole: bool) -> np.ndarray:
    """The label of one volume, (1,) int8, by those of the slices that it shows.

    It is 1 where one of them is, and where it shows the whole gland of a case of which the marksheet says significant
    cancer. Else it is unknown where one of them is, and 0 where all are.

    Args:
        cs_Z: labels of its slices, (slices,).
        whole: whether it is known to show the whole gland.
    """
    known = [YES] if YES in cs_Z or (whole and labels.in_case) else [UNKNOWN] if UNKNOWN in cs_Z else [NO]
    return np.array(known, dtype=np.int8)


def _by_tables(t2w: sitk.Image, findings: Sequence[Finding], says_yes: bool, says_no: bool, complete: bool) -> Labels:
    if says_no:
        return Labels(_all(t2w, NO), "findings" if findings else "marksheet")
    warnings = () if complete else (UNREADABLE,)
    if findings:
        unplaced = any(finding.cs and slice_of(finding, t2w) is None for finding in findings)
        return Labels(from_findings(findings, t2w), "findings", warnings=(*warnings, *([UNPLACED] if unplaced else [])))
    return Labels(_all(t2w, UNKNOWN), "marksheet" if says_yes else "no mask and no table", warnings=warnings)


def _cleared(t2w: sitk.Image, lesions: Lesions) -> Labels:
    """Labels where a table says that there is no significant cancer."""
    if lesions.cs.any() and lesions.by != "AI":
        return Labels(_all(t2w, UNKNOWN), "contradictory", warnings=(NEGATIVE,))
    return Labels(_all(t2w, NO), f"{_name(lesions)} and table", np.zeros_like(lesions.cs))


def _resolved(
    t2w: sitk.Image, lesions: Lesions, findings: Sequence[Finding], says_yes: bool, ungraded_is_cs: bool
) -> Lesions:
    """Lesions with the grades that follow from tables that do not say that there is no cancer."""
    if ungraded_is_cs:
        return attrs.evolve(lesions, cs=lesions.cs | lesions.ungraded, ungraded=np.zeros_like(lesions.cs))
    cs, not_cs = lesions.cs.copy(), lesions.not_cs.copy()
    parts, count = _parts(lesions.ungraded)
    for number in range(1, count + 1):
        part = parts == number
        results = {finding.cs for finding in findings if _is_near(finding, part, t2w)}
        if results == {True} or (not results and says_yes and _is_only(part, lesions, findings, t2w)):
            cs |= part
        elif results == {False}:
            not_cs |= part
    return attrs.evolve(lesions, cs=cs, not_cs=not_cs, ungraded=lesions.ungraded & ~cs & ~not_cs)


def _is_only(part: np.ndarray, lesions: Lesions, findings: Sequence[Finding], t2w: sitk.Image) -> bool:
    """Whether a lesion is the only one that outlines or significant findings show."""
    elsewhere = any(finding.cs and slice_of(finding, t2w) is not None for finding in findings)
    return not elsewhere and not (lesions.all & ~part).any()


def _by_outlines(t2w: sitk.Image, lesions: Lesions, findings: Sequence[Finding], complete: bool) -> Labels:
    """Labels of lesions whose grades are known as far as they can be."""
    label_Z = _all(t2w, NO)
    label_Z[lesions.ungraded.any(axis=(1, 2))] = UNKNOWN
    label_Z[lesions.cs.any(axis=(1, 2))] = YES
    warnings = [UNGRADED] if lesions.ungraded.any() else []

    # What is known to be missing: a significant finding that no outline shows is a lesion without one, or of one of
    # the outlined lesions where it has no place.
    shown = lesions.cs | lesions.ungraded
    placed = [finding for finding in findings if finding.cs and slice_of(finding, t2w) is not None]
    unplaced = sum(finding.cs is True for finding in findings) - len(placed)
    parts, count = _parts(shown)
    without = sum(
        not any(_is_near(finding, parts == number, t2w) for finding in placed) for number in range(1, count + 1)
    )
    if any(not _is_near(finding, shown, t2w) for finding in placed):
        warnings.append(NOT_OUTLINED)
    if unplaced > without:
        warnings.append(UNPLACED)
    if not complete:
        warnings.append(UNREADABLE)
    if {NOT_OUTLINED, UNPLACED, UNREADABLE} & set(warnings):
        label_Z[label_Z == NO] = UNKNOWN
    return Labels(label_Z, _name(lesions), lesions.cs, tuple(warnings))


def _name(lesions: Lesions) -> str:
    return f"{lesions.by} lesion mask".strip()


def _all(t2w: sitk.Image, label: int) -> np.ndarray:
    return np.full(t2w.GetSize()[2], label, dtype=np.int8)


def _parts(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Connected lesions by number, voxels that touch at a corner included, and how many there are."""
    parts, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    return parts, count


def _is_near(finding: Finding, mask: np.ndarray, t2w: sitk.Image) -> bool:
    """Whether a finding lies within ``NEAR_MM`` of the centre of a voxel of a mask on the T2w grid."""
    if finding.position_mm is None or not mask.any():
        return False
    index = np.array(t2w.TransformPhysicalPointToContinuousIndex(finding.position_mm))
    steps = (np.argwhere(mask)[:, ::-1] - index) * t2w.GetSpacing()
    return bool(np.linalg.norm(steps, axis=1).min() <= NEAR_MM)


def from_findings(findings: Sequence[Finding], t2w: sitk.Image) -> np.ndarray:
    """CS is the slice that a significant finding lies in, (slices,).

    Findings are points, so the slices around a significant one are unknown, as are all where a finding has no
    result; without a significant or unresolved finding, every slice is known not to be CS.
    """
    if all(finding.cs is False for finding in findings):
        return _all(t2w, NO)
    label_Z = _all(t2w, UNKNOWN)
    for finding in findings:
        at = slice_of(finding, t2w)
        if finding.cs and at is not None:
            label_Z[at] = YES
    return label_Z


def slice_of(finding: Finding, t2w: sitk.Image) -> int | None:
    """The T2w slice that a finding lies in; none if it is outside the volume or has no position."""
    if finding.position_mm is None:
        return None
    index = t2w.TransformPhysicalPointToContinuousIndex(finding.position_mm)
    within = all(-0.5 <= place < size - 0.5 for place, size in zip(index, t2w.GetSize(), strict=True))
    return math.floor(index[2] + 0.5) if within else None
