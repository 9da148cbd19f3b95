"""Protocols: a TOML file of rules that say which series is which modality, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import attrs

from gankit import InputError, nearest, option, read_toml, structure_table
from gankit_dicom._series.series import Series
from gankit_dicom._series.stacking import PLANES
from gankit_dicom._slices.preference import PREFERENCES
from gankit_dicom._volumes.pattern import expression

FOLDER = Path(__file__).parent / "protocols"
MEANINGS = ("gland", "peripheral zone", "transition zone", "lesion", "cs", "not cs")
"""What a value of a mask may mean. A lesion is of unknown grade; one that is "cs" or "not cs" is of known grade."""
Range = tuple[float, float]
RESEARCH = "RM"
"""ScanningSequence of what is none of the standard's sequences, as PROPELLER."""
SEQUENCE = "kind of sequence"


# What values are accepted ---------------------------------------------------------------------------------


def _ascending(rule: Any, field: Any, bounds: Range | None) -> None:
    if bounds is not None and not bounds[0] < bounds[1]:
        raise ValueError(f"must be two numbers, the smaller first, got {list(bounds)}")


def _percent(rule: Any, field: Any, bounds: Range) -> None:
    _ascending(rule, field, bounds)
    if not (bounds[0] >= 0 and bounds[1] <= 100):
        raise ValueError(f"must be within 0 and 100, got {list(bounds)}")


def _refuse_unknown(names: Iterable[str], known: Collection[str], what: str) -> None:
    listed = ", ".join(known)
    if wrong := [f"no {what} named {name!r}{nearest(name, known)}" for name in names if name not in known]:
        raise ValueError(f"{'; '.join(wrong)}; accepted: {listed}")


def _plane(rule: Any, field: Any, plane: str) -> None:
    _refuse_unknown([plane], PLANES, "plane")


def _preferences(rule: Any, field: Any, names: Sequence[str]) -> None:
    _refuse_unknown(names, PREFERENCES, "preference")


def _meanings(rule: Any, field: Any, values: Mapping[str, str]) -> None:
    _refuse_unknown(values.values(), MEANINGS, "meaning")
    for value in values:
        if not (re.fullmatch("[1-9][0-9]{0,2}", value) and int(value) <= 255):
            raise ValueError(f"must be whole numbers from 1 to 255 with what they mean, got {value!r}")


def _not_empty(rule: Any, field: Any, words: Sequence[str]) -> None:
    if "" in words:
        raise ValueError("has an empty text, which every name contains; leave it out")


def _seconds_in_text(rule: Any, field: Any, pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"must be a regular expression, got {pattern!r}: {error}") from None
    if pattern and not groups:
        raise ValueError(f"must have the seconds in its first group, got {pattern!r}, which has no group")


def _patterns(rules: Any, field: Any, patterns: Sequence[str]) -> None:
    for pattern in patterns:
        try:
            expression(pattern)
        except ValueError as error:
            raise ValueError(f"{pattern!r}: {error}") from None


# Kinds of keys --------------------------------------------------------------------------------------------


def _between(low: float, high: float) -> Any:
    """Two numbers, the smaller first."""
    return attrs.field(default=(low, high), validator=_ascending)


def _lower(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word.lower() for word in words)


def plain(text: str) -> str:
    """Lower case, with one ``_`` for whatever is between letters and digits and one at both ends, so that ``_pz_`` is
    found where pz is a word of its own."""
    return f"_{_between_words(text).strip('_')}_"


def _between_words(text: str) -> str:
    return re.sub(r"[\W_]+", "_", text.lower())


def _plain_words(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_between_words, words))


def _plain_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(plain, names))


def _upper(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple(tag.upper() for tag in tags)


def _words() -> Any:
    """Parts of texts, which are compared in lower case; a space stands for whatever parts words, and for both ends."""
    return attrs.field(default=(), converter=_lower, validator=_not_empty)


def _tags() -> Any:
    """Whole values of a header, which are compared in upper case."""
    return attrs.field(default=(), converter=_upper)


# Rules ----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Rule:
    """What a series must be to be of a modality."""

    plane: str = attrs.field(default="axial", validator=_plane)
    sequence: tuple[str, ...] = _tags()
    """ScanningSequence has one of these; any where none is given."""
    types: tuple[str, ...] = _tags()
    """ImageType has one of these, or the text has one of ``words``; any where neither is given."""
    words: tuple[str, ...] = _words()
    not_types: tuple[str, ...] = _tags()
    not_words: tuple[str, ...] = _words()
    not_sequence: tuple[str, ...] = _tags()
    """ScanningSequence has none of these."""
    echo_ms: Range | None = attrs.field(default=None, validator=_ascending)
    most_b: float | None = attrs.field(default=None)
    """No image has a larger b-value, s/mm2; any where none is given."""
    named: tuple[str, ...] = _words()
    """Where the header has no echo time, or no ScanningSequence but RM (research mode), the text has one of these
    instead; without any, such series are refused."""
    not_named: tuple[str, ...] = _words()
    """And none of these."""
    named_repetition_ms: Range | None = attrs.field(default=None, validator=_ascending)
    """And the repetition time, if the header has it, is within these."""
    pixel_mm: Range = _between(0.1, 10)
    slices: Range = _between(3, 500)
    prefer: tuple[str, ...] = attrs.field(default=("earlier",), validator=_preferences)
    """Which series is taken where several fit: names of ``PREFERENCES``, the first decides first."""

    def against(self, series: Series) -> str | None:
        """Why a series is not of this modality; none if it may be."""
        first, pixel_mm = series.first, max(series.first.spacing_mm)
        unsaid = self._unsaid(series)
        if SEQUENCE not in unsaid and self.sequence and not set(self.sequence) & set(first.sequence):
            return "another kind of sequence"
        if set(self.not_sequence) & set(first.sequence):
            return "another kind of sequence"
        if (self.types or self.words) and not (set(self.types) & set(first.types) or _any(self.words, first.text)):
            return "not tagged or named so"
        if set(self.not_types) & set(first.types):
            return "tagged as something else"
        if _any(self.not_words, first.text):
            return "named as something else"
        if unsaid and (why := self._against_name(series, unsaid)):
            return why
        if self.echo_ms and first.echo_ms is not None and not _within(first.echo_ms, self.echo_ms):
            return f"echo time {first.echo_ms:.4g} ms"
        if self.most_b is not None and series.b_values and max(series.b_values) > self.most_b:
            return f"a b-value of {max(series.b_values):g} s/mm2"
        if series.plane != self.plane:
            return f"{series.plane}, not {self.plane}"
        if not _within(pixel_mm, self.pixel_mm):
            return f"pixels of {pixel_mm:.3g} mm"
        if not _within(series.places, self.slices):
            return f"{series.places} slices"
        return None

    def note(self, series: Series) -> str:
        """What the report should say of a series that is taken; empty if nothing."""
        unsaid = self._unsaid(series)
        return f"its header does not say its {' and '.join(unsaid)}: taken by its description" if unsaid else ""

    def _unsaid(self, series: Series) -> tuple[str, ...]:
        """What the rule asks for and the header does not say."""
        no_sequence = self.sequence and not set(series.first.sequence) - {RESEARCH}
        no_echo = self.echo_ms and series.first.echo_ms is None
        return (SEQUENCE,) * bool(no_sequence) + ("echo time",) * bool(no_echo)

    def _against_name(self, series: Series, unsaid: Sequence[str]) -> str | None:
        """Why a series of which the header says too little is not of this modality by its name either."""
        first, missing = series.first, f"no {' and no '.join(unsaid)} in its header"
        if not _any(self.named, first.text):
            return f"{missing}, and its description does not name it" if self.named else missing
        if _any(self.not_named, first.text):
            return f"{missing}, and named as something else"
        repetition_ms = first.repetition_ms
        if self.named_repetition_ms and repetition_ms and not _within(repetition_ms, self.named_repetition_ms):
            return f"{missing}, and a repetition time of {repetition_ms:.4g} ms"
        return None


@attrs.frozen(kw_only=True)
class AdcRule(Rule):
    """ADC maps."""

    scale: float | None = option(
        None, gt=0, help="factor from the values of all maps to 1e-6 mm2/s; by each map's header or values if not given"
    )
    median: Range = _between(300, 3500)
    """Of the map's middle, 1e-6 mm2/s."""
    outside: float = option(0.1, ge=0, le=1, help="largest share of voxels that are negative or above 4000e-6 mm2/s")

    def against(self, series: Series) -> str | None:
        """As ``Rule.against``; a name alone makes no ADC map of trace images or of several b-values."""
        why = super().against(series)
        weighted = "TRACEW" in series.first.types or len(series.b_values) > 1
        if why is None and weighted and not set(self.types) & set(series.first.types):
            return "named so, but diffusion images"
        return why


@attrs.frozen(kw_only=True)
class DwiRule(Rule):
    """Diffusion images that ADC can be computed from."""

    b_range: Range = _between(0, 1000)
    """s/mm2."""
    skip_b_below: float = 40
    """s/mm2; where enough larger b-values are left."""


@attrs.frozen(kw_only=True)
class DceRule(Rule):
    """Dynamic series."""

    time_in_text: str = attrs.field(default="", validator=_seconds_in_text)
    """A regular expression whose first group is a phase's time in s; empty where texts do not say it."""
    phases: int = option(3, ge=2, help="least number of phases")
    early_s: Range = _between(10, 40)
    """After contrast arrives, as ``late_s``."""
    late_s: Range = _between(150, 400)


@attrs.frozen(kw_only=True)
class FileRules:
    """What a volume's file is by its name: the ``{name}`` of a pattern, in lower case.

    A word says what a name begins with; one with ``*``, which stands for any text, must fit the whole name.
    """

    patterns: tuple[str, ...] = attrs.field(default=(), validator=_patterns)
    """How files are called, where a user gives no pattern; a file has the first that fits and tells what it is. Without
    any, the usual ones are tried, that with which most studies have a T2w first."""
    channel_names: bool = False
    """Whether a name of four digits is a channel of nnU-Net, which a ``dataset.json`` in a folder above may name."""
    t2w: tuple[str, ...] = _words()
    adc: tuple[str, ...] = _words()
    dwi: tuple[str, ...] = _words()
    dce: tuple[str, ...] = _words()
    mask: tuple[str, ...] = _words()
    """These go before all others."""
    other: tuple[str, ...] = _words()
    """None of them, though it begins as one does."""

    @property
    def words(self) -> frozenset[str]:
        """All of them."""
        return frozenset((*self.t2w, *self.adc, *self.dwi, *self.dce, *self.mask))

    def role(self, name: str) -> str:
        """Which of these a file is by its name in lower case, by the longest word that fits; empty if none."""
        if any(_fits(name, word) for word in self.mask):
            return "mask"
        words = {"t2w": self.t2w, "adc": self.adc, "dwi": self.dwi, "dce": self.dce, "": self.other}
        fitting = {word: role for role, each in words.items() for word in each if _fits(name, word)}
        return fitting[max(fitting, key=len)] if fitting else ""


@attrs.frozen(kw_only=True)
class MaskRule:
    """What the values of a mask are."""

    words: tuple[str, ...] = attrs.field(converter=_plain_words, validator=_not_empty)
    """The rule is for masks with one of these in their path, and for segments that are called so."""
    values: dict[str, str] = attrs.field(validator=_meanings)
    """Value to what it means; 0 is the background. Without any, masks with these words are not used."""

    def names(self, text: str) -> bool:
        """Whether one of the words is in a text that ``plain`` wrote."""
        return _any(self.words, text)

    def meaning(self) -> dict[int, str]:
        return {int(value): name for value, name in self.values.items()}


@attrs.frozen(kw_only=True)
class Readers:
    """Who drew a mask, by words in its path: where a human drew any, those of an AI are not used."""

    human: tuple[str, ...] = attrs.field(default=(), converter=_plain_words, validator=_not_empty)
    ai: tuple[str, ...] = attrs.field(default=(), converter=_plain_words, validator=_not_empty)
    copies: tuple[str, ...] = attrs.field(default=(), converter=_plain_names, validator=_not_empty)
    """Folders that hold the same delineations on several grids; of these the T2w's is taken."""


@attrs.frozen(kw_only=True)
class Protocol:
    """Everything a site may want to say differently."""

    name: str
    t2w: Rule
    adc: AdcRule
    dwi: DwiRule
    dce: DceRule
    files: FileRules
    masks: tuple[MaskRule, ...]
    readers: Readers = Readers()
    gland_mm: float = option(55.0, gt=0, help="width of a gland that no mask shows, mm")
    gland_share: float = option(0.2, gt=0, le=1, help="least cross-section of a slice that is taken, over the largest")
    finding_mm: float = option(12.0, ge=0, help="with a finding and no mask: reach of the slices that are taken, mm")
    t2w_range: Range = _between(0, 700)
    t2w_percentiles: Range = attrs.field(default=(0.5, 99.5), validator=_percent)
    t2w_over_gland: float = option(4.5, gt=1, help="the T2w range ends at most this many times as high as the gland")


def load_protocol(name: str) -> Protocol:
    """A shipped protocol by name, or a user's by its path.

    ``extends`` names the shipped protocol whose rules hold where the file says nothing: of each table, keys that it
    lacks. Its own ``[[masks]]`` go before those of the other.

    Raises:
        InputError: no such protocol, or every problem of its content.
    """
    protocol, problems = structure_table(_extended(name), Protocol)
    if protocol is None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise InputError("\n  ".join([f"`protocol` {name}: {count}", *map(str, problems)]))
    return protocol


def _extended(name: str) -> dict[str, Any]:
    """The table of a protocol with what it takes over from another."""
    shipped = {file.stem: file for file in FOLDER.glob("*.toml")}
    table = _table(shipped.get(name, Path(name)), name, shipped)
    if (other := table.pop("extends", None)) is None:
        return table
    if other not in shipped or other == name:
        raise InputError(
            f"`protocol` {name}: extends {other!r}{nearest(str(other), shipped)};"
            f" accepted: shipped protocols, {', '.join(sorted(shipped))}"
        )
    return _merged(_extended(other), table)


def _table(file: Path, name: str, shipped: Iterable[str]) -> dict[str, Any]:
    try:
        return read_toml(file)
    except FileNotFoundError as error:
        raise InputError(
            f"`protocol` {name}: no such file{nearest(name, shipped)}; shipped protocols: {', '.join(sorted(shipped))}"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"`protocol` {name}: not a readable TOML file ({error})") from error


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Two tables, where the second decides what both say."""
    merged = {**base, **own}
    for key in base.keys() & own.keys():
        if isinstance(base[key], dict) and isinstance(own[key], dict):
            merged[key] = {**base[key], **own[key]}
        elif key == "masks" and isinstance(own[key], list):
            merged[key] = [*own[key], *base[key]]
    return merged


def _fits(name: str, word: str) -> bool:
    return fnmatchcase(name, word) if "*" in word else name.startswith(word)


def _any(words: tuple[str, ...], text: str) -> bool:
    parted = f" {re.sub('[^a-z0-9]+', ' ', text)} "
    return any(word in text or word in parted for word in words)


def _within(value: float, bounds: Range) -> bool:
    return bounds[0] <= value <= bounds[1]
