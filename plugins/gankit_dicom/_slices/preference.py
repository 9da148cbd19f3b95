"""Which of several series or files of one modality is preferred, and why, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs

ELSEWHERE = (
    "pelvi", "becken", "bassin", "bekken", "bacino", "node", "lymph", "abdom", "large_fov", "big_fov", "full_fov",
    "_lfov", "_hip", "_rect", "bladder", "_wb_",
)  # fmt: skip
"""Words of what is scanned beside the prostate; in texts that ``plain`` wrote, as ``PROSTATE`` and ``SUPPRESSED``."""
PROSTATE = ("prost", "small_fov", "_sfov")
SUPPRESSED = ("_fs_", "fatsat", "fat_sat", "fat_supp", "spair", "_spir", "stir", "tirm", "dixon", "_we_")
AGAIN = ("repeat", "_rep_", "_redo", "again", "_wdh", "wiederh", "_bis_")
"""Words of a scan that was done once more."""
REFORMATTED = ("MPR", "REFORMATTED", "CURVED_3D_MPR")
"""ImageType of slices that were cut from another stack."""
SLICE_MM = (2.0, 4.5)
"""From slice to slice, of T2w as PI-RADS asks for it (3 mm, no gap) and a little beside."""
HEIGHT_MM = 40.0
"""Of a stack that holds a usual prostate."""


@attrs.frozen(kw_only=True)
class Traits:
    """What is known of a series or file without reading its pixels."""

    number: int
    """Ours, in the order of the study."""
    text: str
    """What it is called, as ``plain`` writes it."""
    types: tuple[str, ...] = ()
    """ImageType; empty for a file."""
    suppressed: bool = False
    """Whether its header says that fat is saturated or inverted."""
    pixel_mm: tuple[float, float]
    field_mm: float
    """The longer side of an image."""
    gap_mm: float
    """From the middle of a slice to the next."""
    places: int
    time_s: float | None = None
    grid: tuple[object, ...] = ()
    """Equal for those at one place with the same pixels."""

    @property
    def height_mm(self) -> float:
        return self.gap_mm * self.places


@attrs.frozen
class Preference:
    """A measure that is smaller for the preferred; up to ``tolerance`` times the smallest counts as equal."""

    reason: str
    """Why one is preferred to another, with ``{one}`` and ``{other}`` for their figures."""
    measure: Callable[[Traits], float]
    tolerance: float = 1.0
    figure: Callable[[Traits], float] | None = None
    """What the reason says instead of the measure."""
    of_files: bool = False
    """Whether it counts for volumes too, whose files have no ImageType and no order in time."""

    def decides(self, one: Traits, other: Traits) -> bool:
        """Whether the first is preferred to the second."""
        return self.measure(other) > max(self.measure(one) * self.tolerance, self.measure(one)) + 1e-9

    def words(self, one: Traits, other: Traits) -> str:
        figure = self.figure or self.measure
        return self.reason.format(one=f"{figure(one):.3g}", other=f"{figure(other):.3g}")


def _has(words: Iterable[str], text: str) -> bool:
    return any(word in text for word in words)


def _region(traits: Traits) -> float:
    return 2.0 if _has(ELSEWHERE, traits.text) else 0.0 if _has(PROSTATE, traits.text) else 1.0


def _area(traits: Traits) -> float:
    return traits.pixel_mm[0] * traits.pixel_mm[1]


def _from_usual_slices(traits: Traits) -> float:
    thin, thick = SLICE_MM
    return max(thin / traits.gap_mm, traits.gap_mm / thick, 1.0)


PREFERENCES = {
    "earlier": Preference("earlier in the study", lambda traits: traits.number),
    "later": Preference("later in the study", lambda traits: -traits.number),
    "finer pixels": Preference("finer pixels", lambda traits: round(_area(traits), 2)),
    "much finer pixels": Preference(
        "finer pixels, {one} against {other} mm", _area, tolerance=1.5, figure=lambda traits: max(traits.pixel_mm)
    ),
    "shorter name": Preference("a shorter name", lambda traits: len(traits.text), of_files=True),
    "more slices": Preference("more slices, {one} against {other}", lambda traits: -traits.places,
                              figure=lambda traits: traits.places),
    "whole height": Preference(
        "covers more height, {one} against {other} mm", lambda traits: max(HEIGHT_MM / traits.height_mm, 1.0),
        tolerance=1.25, figure=lambda traits: traits.height_mm, of_files=True,
    ),
    "no trace": Preference("not trace-weighted", lambda traits: "TRACEW" in traits.types),
    "not reformatted": Preference(
        "scanned as it is, not reformatted", lambda traits: bool(set(REFORMATTED) & set(traits.types))
    ),
    "smaller field of view": Preference(
        "smaller field of view, {one} against {other} mm", lambda traits: traits.field_mm, tolerance=1.25, of_files=True
    ),
    "usual slices": Preference(
        "slices nearer to 3 mm, {one} against {other} mm", _from_usual_slices, figure=lambda traits: traits.gap_mm,
        tolerance=1.1, of_files=True,
    ),
    "named for the prostate": Preference("named for the prostate, not for more of the pelvis", _region, of_files=True),
    "no fat saturation": Preference(
        "without fat saturation", lambda traits: traits.suppressed or _has(SUPPRESSED, traits.text), of_files=True
    ),
    "repeat": Preference("scanned again, as after motion", lambda traits: 0.0),
}  # fmt: skip
"""What a rule may prefer, by name."""
REPEAT = "repeat"


def preferred(traits: Sequence[Traits], names: Sequence[str]) -> list[Traits]:
    """The most preferred first.

    The first preference keeps those that are as good as its best, the next decides among these, and so on; the rest
    follows in the same way.
    """
    left, ordered = list(traits), []
    while left:
        best = left
        for name in names:
            best = _best(name, best)
        ordered.append(min(best, key=lambda one: one.number))
        left.remove(ordered[-1])
    return ordered


def _best(name: str, traits: list[Traits]) -> list[Traits]:
    if name == REPEAT:
        return [one for one in traits if not any(_repeats(other, one) for other in traits)]
    least = min(traits, key=PREFERENCES[name].measure)
    return [one for one in traits if not PREFERENCES[name].decides(least, one)]


def reason(one: Traits, other: Traits, names: Sequence[str]) -> str:
    """Why the first is preferred to the second; empty where nothing of ``names`` says so."""
    for name in names:
        if _repeats(one, other) if name == REPEAT else PREFERENCES[name].decides(one, other):
            return PREFERENCES[name].words(one, other)
    return ""


def _repeats(one: Traits, other: Traits) -> bool:
    """Whether the first is a second scan of the other, by its name or because nothing lies between them.

    Nobody scans a good series twice in a row: the first one shows motion. Where others lie between, as diffusion, these
    follow the first, and a later T2w may be anything. Two reconstructions of one scan have one time.
    """
    if one.grid != other.grid or not one.grid:
        return False
    if _has(AGAIN, one.text) and not _has(AGAIN, other.text):
        return True
    if one.number != other.number + 1 or (one.text, one.types) != (other.text, other.types):
        return False
    return one.time_s is not None and other.time_s is not None and one.time_s > other.time_s
