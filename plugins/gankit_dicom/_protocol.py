"""Protocols: a TOML file of rules that say which series is which modality, and what follows from it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit import InputError, nearest, structure_table
from gankit_dicom._series import Series

FOLDER = Path(__file__).parent / "protocols"
MEANINGS = ("gland", "peripheral zone", "transition zone", "lesion", "cs")
ROLES = ("t2w", "adc", "dwi", "dce", "mask")
Range = tuple[float, float]
PREFERENCES: dict[str, Callable[[Series], float]] = {
    "earlier": lambda series: series.number,
    "later": lambda series: -series.number,
    "finer pixels": lambda series: round(series.first.spacing_mm[0] * series.first.spacing_mm[1], 2),
    "more slices": lambda series: -series.places,
    "no trace": lambda series: "TRACEW" in series.first.types,
}
"""What a rule may prefer: name to a number that is smaller for the preferred series."""


# What values are accepted ---------------------------------------------------------------------------------


def _ascending(rule: Any, field: Any, bounds: Range | None) -> None:
    if bounds is not None and not bounds[0] < bounds[1]:
        raise ValueError(f"must be two numbers, the smaller first, got {list(bounds)}")


def _percent(rule: Any, field: Any, bounds: Range) -> None:
    _ascending(rule, field, bounds)
    if not (bounds[0] >= 0 and bounds[1] <= 100):
        raise ValueError(f"must be within 0 and 100, got {list(bounds)}")


def _positive(rule: Any, field: Any, value: float) -> None:
    if not value > 0:
        raise ValueError(f"must be > 0, got {value:g}")


def _share(rule: Any, field: Any, value: float) -> None:
    if not 0 < value <= 1:
        raise ValueError(f"must be > 0 and <= 1, got {value:g}")


def _named(accepted: Iterable[str], what: str) -> Callable[[Any, Any, Iterable[str]], None]:
    known = list(accepted)

    def check(rule: Any, field: Any, names: Iterable[str]) -> None:
        for name in names:
            if name not in known:
                raise ValueError(f"no {what} named {name!r}{nearest(name, known)}; accepted: {', '.join(known)}")

    return check


def _meanings(rule: Any, field: Any, values: Mapping[str, str]) -> None:
    _named(MEANINGS, "meaning")(rule, field, values.values())
    for value in values:
        if not value.isdigit():
            raise ValueError(f"must be whole numbers with what they mean, got {value!r}")


def _seconds_in_text(rule: Any, field: Any, pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"must be a regular expression, got {pattern!r}: {error}") from None
    if pattern and not groups:
        raise ValueError(f"must have the seconds in its first group, got {pattern!r}, which has no group")


def _between(*default: float) -> Any:
    """Two numbers, the smaller first; without a default, none need be given."""
    bounds: Any = default or None
    return attrs.field(default=bounds, validator=_ascending)


# Rules ----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Rule:
    """What a series must be to be of a modality."""

    plane: str = "axial"
    sequence: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    not_types: tuple[str, ...] = ()
    not_words: tuple[str, ...] = ()
    echo_ms: Range | None = _between()
    pixel_mm: Range = _between(0.1, 10)
    slices: Range = _between(3, 500)
    prefer: tuple[str, ...] = attrs.field(default=("earlier",), validator=_named(PREFERENCES, "preference"))

    def against(self, series: Series) -> str | None:
        """Why a series is not of this modality; none if it may be."""
        first, pixel_mm = series.first, max(series.first.spacing_mm)
        if self.sequence and not set(self.sequence) & set(first.sequence):
            return "another kind of sequence"
        if (self.types or self.words) and not (set(self.types) & set(first.types) or _any(self.words, first.text)):
            return "not tagged or named so"
        if set(self.not_types) & set(first.types):
            return "tagged as something else"
        if _any(self.not_words, first.text):
            return "named as something else"
        if self.echo_ms and not (first.echo_ms is not None and _within(first.echo_ms, self.echo_ms)):
            return "no echo time" if first.echo_ms is None else f"echo time {first.echo_ms:.4g} ms"
        if series.plane != self.plane:
            return f"{series.plane}, not {self.plane}"
        if not _within(pixel_mm, self.pixel_mm):
            return f"pixels of {pixel_mm:.3g} mm"
        if not _within(series.places, self.slices):
            return f"{series.places} slices"
        return None

    def rank(self, series: Series) -> tuple[float, ...]:
        """Sorts the preferred first."""
        return tuple(PREFERENCES[name](series) for name in self.prefer)


@attrs.frozen(kw_only=True)
class AdcRule(Rule):
    """ADC maps."""

    scale: float = attrs.field(default=1.0, validator=_positive)
    median: Range = _between(300, 3500)


@attrs.frozen(kw_only=True)
class DwiRule(Rule):
    """Diffusion images that ADC can be computed from."""

    b_range: Range = _between(0, 1000)
    skip_b_below: float = 40


@attrs.frozen(kw_only=True)
class DceRule(Rule):
    """Dynamic series."""

    time_in_text: str = attrs.field(default="", validator=_seconds_in_text)
    phases: int = 3
    early_s: Range = _between(10, 40)
    late_s: Range = _between(150, 400)


@attrs.frozen(kw_only=True)
class MaskRule:
    """What the values of a mask are."""

    words: tuple[str, ...]
    values: dict[str, str] = attrs.field(validator=_meanings)

    def meaning(self) -> dict[int, str]:
        return {int(value): name for value, name in self.values.items()}


@attrs.frozen(kw_only=True)
class Protocol:
    """Everything a site may want to say differently."""

    name: str
    t2w: Rule
    adc: AdcRule
    dwi: DwiRule
    dce: DceRule
    files: dict[str, tuple[str, ...]] = attrs.field(validator=_named(ROLES, "role of a file"))
    masks: tuple[MaskRule, ...]
    gland_mm: float = attrs.field(default=55.0, validator=_positive)
    gland_share: float = attrs.field(default=0.2, validator=_share)
    finding_mm: float = 12.0
    t2w_range: Range = _between(0, 700)
    t2w_percentiles: Range = attrs.field(default=(0.5, 99.5), validator=_percent)


def load_protocol(name: str) -> Protocol:
    """A shipped protocol by name, or a user's by its path.

    Raises:
        InputError: no such protocol, or every problem of its content.
    """
    shipped = {file.stem: file for file in FOLDER.glob("*.toml")}
    file = shipped.get(name, Path(name))
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            f"`protocol` {name}: no such file{nearest(name, shipped)}; shipped protocols: {', '.join(sorted(shipped))}"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"`protocol` {name}: not a readable TOML file ({error})") from error
    protocol, problems = structure_table(table, Protocol)
    if protocol is None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InputError("\n  ".join([f"`protocol` {name}: {count}", *map(str, problems)]))
    return protocol


def _any(words: tuple[str, ...], text: str) -> bool:
    return any(word in text for word in words)


def _within(value: float, bounds: Range) -> bool:
    return bounds[0] <= value <= bounds[1]
