"""Protocols: a TOML file of rules that say which series is which modality, and what follows from it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
from cattrs import Converter, transform_error
from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError
from cattrs.v import format_exception

from gankit import InputError
from gankit_dicom._series import Series

FOLDER = Path(__file__).parent / "protocols"
MEANINGS = ("gland", "peripheral zone", "transition zone", "lesion", "cs")
Range = tuple[float, float]
RANGES = ("echo_ms", "pixel_mm", "slices", "median", "b_range", "early_s", "late_s")


@attrs.frozen(kw_only=True)
class Rule:
    """What a series must be to be of a modality."""

    plane: str = "axial"
    sequence: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    not_types: tuple[str, ...] = ()
    not_words: tuple[str, ...] = ()
    echo_ms: Range | None = None
    pixel_mm: Range = (0.1, 10)
    slices: Range = (3, 500)
    prefer: tuple[str, ...] = ("earlier",)

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


PREFERENCES: dict[str, Any] = {
    "earlier": lambda series: series.number,
    "later": lambda series: -series.number,
    "finer pixels": lambda series: round(series.first.spacing_mm[0] * series.first.spacing_mm[1], 2),
    "more slices": lambda series: -series.places,
    "no trace": lambda series: "TRACEW" in series.first.types,
}


@attrs.frozen(kw_only=True)
class AdcRule(Rule):
    """ADC maps."""

    scale: float = 1.0
    median: Range = (300, 3500)


@attrs.frozen(kw_only=True)
class DwiRule(Rule):
    """Diffusion images that ADC can be computed from."""

    b_range: Range = (0, 1000)
    skip_b_below: float = 40


@attrs.frozen(kw_only=True)
class DceRule(Rule):
    """Dynamic series."""

    time_in_text: str = ""
    phases: int = 3
    early_s: Range = (10, 40)
    late_s: Range = (150, 400)


@attrs.frozen(kw_only=True)
class MaskRule:
    """What the values of a mask are."""

    words: tuple[str, ...]
    values: dict[str, str]

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
    files: dict[str, tuple[str, ...]]
    masks: tuple[MaskRule, ...]
    gland_mm: float = 55.0
    gland_share: float = 0.2
    finding_mm: float = 12.0
    t2w_range: Range = (0, 700)
    t2w_percentiles: Range = (0.5, 99.5)


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
        raise InputError(f"`protocol` {name}: no such file; shipped protocols: {', '.join(sorted(shipped))}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"`protocol` {name}: not a readable TOML file ({error})") from error
    try:
        protocol = _converter().structure(table, Protocol)
    except ClassValidationError as error:
        raise InputError(
            "\n  ".join([f"`protocol` {name}: wrong content", *transform_error(error, format_exception=_words)])
        ) from error
    if problems := list(_problems(protocol)):
        raise InputError("\n  ".join([f"`protocol` {name}: wrong content", *problems]))
    return protocol


def _converter() -> Converter:
    """One that does not take a text for the list of its letters."""
    converter = Converter(forbid_extra_keys=True)
    converter.register_structure_hook_func(lambda wanted: wanted == tuple[str, ...], _texts)
    return converter


def _texts(found: Any, _: Any) -> tuple[str, ...]:
    if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
        raise InputError(f'{found!r}; accepted: a list of texts, as in ["ADC"]')
    return tuple(found)


def _words(error: BaseException, wanted: type[Any] | None) -> str:
    if isinstance(error, InputError):
        return str(error)
    if not isinstance(error, ForbiddenExtraKeysError):
        return format_exception(error, wanted)
    known = ", ".join(field.name for field in attrs.fields(error.cl))
    return f"no such key: {', '.join(sorted(error.extra_fields))}; accepted: {known}"


def _problems(protocol: Protocol) -> Iterator[str]:
    yield from _wrong_names(protocol)
    yield from _wrong_numbers(protocol)
    if why := _not_a_time(protocol.dce.time_in_text):
        yield f"dce.time_in_text: {why}; accepted: a regular expression with the seconds in its first group"


def _wrong_names(protocol: Protocol) -> Iterator[str]:
    for name in ("t2w", "adc", "dwi", "dce"):
        for wish in getattr(protocol, name).prefer:
            if wish not in PREFERENCES:
                yield f"{name}.prefer: no preference {wish!r}; accepted: {', '.join(PREFERENCES)}"
    for number, mask in enumerate(protocol.masks):
        for value, meaning in mask.values.items():
            if not value.isdigit() or meaning not in MEANINGS:
                yield f"masks[{number}].values: {value} = {meaning!r}; accepted: a number = {', '.join(MEANINGS)}"
    if unknown := sorted(set(protocol.files) - {"t2w", "adc", "dwi", "dce", "mask"}):
        yield f"files.{unknown[0]}: accepted: t2w, adc, dwi, dce, mask"


def _wrong_numbers(protocol: Protocol) -> Iterator[str]:
    ranges = {name: getattr(protocol, name) for name in ("t2w_range", "t2w_percentiles")}
    for name in ("t2w", "adc", "dwi", "dce"):
        rule = attrs.asdict(getattr(protocol, name), recurse=False)
        ranges |= {f"{name}.{key}": rule[key] for key in RANGES if rule.get(key) is not None}
    for name, (low, high) in ranges.items():
        if not low < high:
            yield f"{name}: from {low:g} to {high:g}; accepted: the smaller first"
    if not all(0 <= percent <= 100 for percent in protocol.t2w_percentiles):
        yield "t2w_percentiles: accepted: 0 to 100"
    for name, value in {"gland_mm": protocol.gland_mm, "adc.scale": protocol.adc.scale}.items():
        if not value > 0:
            yield f"{name}: {value:g}; accepted: more than 0"
    if not 0 < protocol.gland_share <= 1:
        yield f"gland_share: {protocol.gland_share:g}; accepted: more than 0, at most 1"


def _not_a_time(pattern: str) -> str | None:
    try:
        return None if not pattern or re.compile(pattern).groups else "it has no group"
    except re.error as error:
        return str(error)


def _any(words: tuple[str, ...], text: str) -> bool:
    return any(word in text for word in words)


def _within(value: float, bounds: Range) -> bool:
    return bounds[0] <= value <= bounds[1]
