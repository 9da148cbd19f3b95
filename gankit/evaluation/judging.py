"""``Judging``: what is measured and how. Evaluations, comparisons and the command line share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError
from gankit.recipe.file import parse_override


@attrs.frozen(kw_only=True)
class Sets:
    """How many sets of slices are judged, how large they are, and the seed that they are drawn from."""

    count: int = 5
    """Number of sets."""
    size: int = 1942
    """Slices in each set."""
    seed: int = 0
    """Seed of the draws that make them."""


MOST_SETS, MOST_SLICES, MOST_REPLICATES = 1000, 10**7, 10**6
"""Upper bounds of what is judged, far above what a computer measures in a week."""

# How fields are given and checked; converters leave what they cannot convert for the validators to refuse ----


def _as_names(given: str | Iterable[str]) -> tuple[str, ...]:
    """Names, or a single one."""
    return tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)


def _as_path(given: str | Path | None) -> Path | None:
    return Path(given) if isinstance(given, str) else given


def _as_options(given: Mapping[str, Any] | str | Iterable[str]) -> Mapping[str, Any]:
    """``METRIC.OPTION`` to value, from a mapping or from texts as the command line has them."""
    if isinstance(given, Mapping):
        return dict(given)
    texts = _as_names(given)
    return dict(map(_option, texts)) if all(isinstance(text, str) for text in texts) else given  # type: ignore[return-value]


def _option(text: str) -> tuple[str, Any]:
    key, equals, _ = text.partition("=")
    metric, _, name = key.strip().partition(".")
    if not (equals and metric and name):
        raise InputError(f"`options` {text}: must be METRIC.OPTION=VALUE")
    return parse_override(text)


def _whole(least: int, most: int | None = None) -> Callable[[Any, Any, Any], None]:
    """An attrs validator of whole numbers. Without ``most`` they have no upper bound."""
    expected = f"a whole number of at least {least}" + ("" if most is None else f" and at most {most}")

    def check(_: Any, field: Any, value: Any) -> None:
        if value is None and field.default is None:
            return
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < least or (most is not None and value > most):
            raise InputError(f"`{field.name}` must be {expected}, got {value!r}")

    return check


def _only(accepted: Callable[[Any], bool], expected: str) -> Callable[[Any, Any, Any], None]:
    """An attrs validator: the value is accepted, or the message says what is expected."""

    def check(_: Any, field: Any, value: Any) -> None:
        if not accepted(value):
            raise InputError(f"`{field.name}` must be {expected}, got {value!r}")

    return check


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


_PATH = _only(lambda value: value is None or isinstance(value, Path), "a path or None")
_TEXT = _only(lambda value: isinstance(value, str), "a text")
_TEXT_OR_NONE = _only(lambda value: value is None or isinstance(value, str), "a text or None")
_NAMES = _only(_are_texts, "a name or several")
_OPTIONS = _only(
    lambda value: isinstance(value, Mapping) and _are_texts(value),
    "METRIC.OPTION to value, or texts METRIC.OPTION=VALUE",
)


def _flag(help: str, *, least: int | None = None, metavar: str = "", many: bool = False) -> dict[str, Any]:
    """What the command line needs to know of a field.

    Args:
        help: says the default, too.
        least: of a whole number.
        metavar: what stands for the value in the help.
        many: whether the command line takes it many times, names also separated by commas.
    """
    return {"help": help, "least": least, "metavar": metavar, "many": many}


@attrs.frozen(kw_only=True)
class Judging:
    """What is measured and how; ``evaluate`` and ``compare`` take it.

    A field of names takes one text or several. Where the help of a field speaks of the recipe, it means the recipe of
    the model, or the one that ``evaluate`` is given.

    Raises:
        InputError: a field is of another type, a number is out of its range, or an option is no
            ``METRIC.OPTION=VALUE``.
    """

    cohort: Path | None = attrs.field(
        default=None,
        converter=_as_path,
        validator=_PATH,
        metadata=_flag("Real cohort file.  [default: the recipe's]"),
    )
    fresh: Path | None = attrs.field(
        default=None,
        converter=_as_path,
        validator=_PATH,
        metadata=_flag(
            "Cohort file of real patients that no training saw.  [default: what the recipe's cohort offers]"
        ),
    )
    external: Path | None = attrs.field(
        default=None,
        converter=_as_path,
        validator=_PATH,
        metadata=_flag("Cohort file of real patients from elsewhere, for metrics that test on another cohort."),
    )
    metrics: tuple[str, ...] = attrs.field(
        default=(),
        converter=_as_names,
        validator=_NAMES,
        metadata=_flag("Metrics to measure.  [default: all but those that take long]", metavar="NAME", many=True),
    )
    options: Mapping[str, Any] = attrs.field(
        default=(),
        converter=_as_options,
        validator=_OPTIONS,
        metadata=_flag("Set one option of a metric.", metavar="METRIC.OPTION=VALUE", many=True),
    )
    """``METRIC.OPTION`` to value, or texts ``METRIC.OPTION=VALUE``."""
    headline: tuple[str, ...] = attrs.field(
        default=(),
        converter=_as_names,
        validator=_NAMES,
        metadata=_flag(
            "Readings in the short table: frechet, oracle.lesion, *.adc.*.  [default: each metric's own]",
            metavar="PATTERN",
            many=True,
        ),
    )
    modalities: tuple[str, ...] = attrs.field(
        default=(),
        converter=_as_names,
        validator=_NAMES,
        metadata=_flag("Modalities to judge.  [default: all]", metavar="NAME", many=True),
    )
    label: str | None = attrs.field(
        default=None,
        validator=_TEXT_OR_NONE,
        metadata=_flag("Label that candidates are meant to have.  [default: the recipe's]", metavar="NAME[=CLASS]"),
    )
    sets: int | None = attrs.field(
        default=None,
        validator=_whole(1, MOST_SETS),
        metadata=_flag("Sets of slices.  [default: 5; of a cohort file 1]", least=1),
    )
    per_set: int | None = attrs.field(
        default=None,
        validator=_whole(1, MOST_SLICES),
        metadata=_flag("Slices in a set.  [default: 1942; of a cohort file all it has]", least=1),
    )
    seed: int = attrs.field(
        default=0,
        validator=_whole(0),
        metadata=_flag("Seed of the evaluation; that of a training is another.", least=0),
    )
    replicates: int = attrs.field(
        default=200,
        validator=_whole(20, MOST_REPLICATES),
        metadata=_flag("Draws of each bootstrap interval.", least=20),
    )
    device: str = attrs.field(
        default="auto", validator=_TEXT, metadata=_flag("Where to compute.", metavar="auto|cpu|cuda")
    )

    @property
    def sample_sets(self) -> Sets:
        """The sets to draw from a model."""
        default = Sets()
        return Sets(count=self.sets or default.count, size=self.per_set or default.size, seed=self.seed)


EVERYTHING = Judging()
"""Every installed metric but those that take long, and the default of everything else."""
