"""``Judging``: what is measured and how, one value that evaluations, comparisons and the command line share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit._errors import InputError
from gankit.recipe.file import parse_override


@attrs.frozen(kw_only=True)
class Sets:
    """How many sets of slices are judged, how large they are, and the seed that they come from."""

    count: int = 5
    size: int = 1942
    seed: int = 0
    """Of the draws that make them."""


def _as_names(given: str | Iterable[str]) -> tuple[str, ...]:
    """Names, or a single one."""
    return (given,) if isinstance(given, str) else tuple(given)


def _as_path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)


def _as_options(given: Mapping[str, Any] | str | Iterable[str]) -> dict[str, Any]:
    """``METRIC.OPTION`` to value, from a mapping or from texts as the command line has them."""
    if isinstance(given, Mapping):
        return dict(given)
    return dict(map(_option, _as_names(given)))


def _option(text: str) -> tuple[str, Any]:
    key, equals, _ = text.partition("=")
    metric, _, name = key.strip().partition(".")
    if not (equals and metric and name):
        raise InputError(f"`options` {text}: must be METRIC.OPTION=VALUE")
    return parse_override(text)


def _at_least(least: int) -> Callable[[Any, Any, Any], None]:
    """An attrs validator of whole numbers."""

    def check(_: Any, field: Any, value: Any) -> None:
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < least):
            raise InputError(f"`{field.name}` must be a whole number of at least {least}, got {value!r}")

    return check


def _asked(
    default: Any, help: str, *, converter: Any = None, least: int | None = None, metavar: str = "", many: bool = False
) -> Any:
    """A field of ``Judging``, which is also an option of the command line.

    Args:
        help: of the command line; it says the default.
        least: of a whole number.
        metavar: what stands for the value in the help.
        many: whether the command line takes it many times, names also separated by commas.
    """
    metadata = {"help": help, "least": least, "metavar": metavar, "many": many}
    validator = None if least is None else _at_least(least)
    return attrs.field(default=default, converter=converter, validator=validator, metadata=metadata)


@attrs.frozen(kw_only=True)
class Judging:
    """What is measured and how; ``evaluate`` and ``compare`` take it.

    Names may be given as one text or as several. What the help of a field calls the recipe's is what the recipe of the
    model says, or the recipe that ``evaluate`` is given.

    Raises:
        InputError: a number is out of its range, or an option is no ``METRIC.OPTION=VALUE``.
    """

    cohort: Path | None = _asked(None, "Real cohort file.  [default: the recipe's]", converter=_as_path)
    fresh: Path | None = _asked(
        None,
        "Cohort file of real patients that no training saw.  [default: what the recipe's cohort offers]",
        converter=_as_path,
    )
    metrics: tuple[str, ...] = _asked(
        (), "Metrics to measure.  [default: all]", converter=_as_names, metavar="NAME", many=True
    )
    options: Mapping[str, Any] = _asked(
        (), "Set one option of a metric.", converter=_as_options, metavar="METRIC.OPTION=VALUE", many=True
    )
    """``METRIC.OPTION`` to value, or texts ``METRIC.OPTION=VALUE``."""
    headline: tuple[str, ...] = _asked(
        (),
        "Readings in the short table: frechet, oracle.lesion, *.adc.*.  [default: one a metric]",
        converter=_as_names,
        metavar="PATTERN",
        many=True,
    )
    modalities: tuple[str, ...] = _asked(
        (), "Modalities to judge.  [default: all]", converter=_as_names, metavar="NAME", many=True
    )
    label: str | None = _asked(
        None, "Label that candidates are meant to have.  [default: the recipe's]", metavar="NAME[=0|1]"
    )
    sets: int | None = _asked(None, "Sets of slices.  [default: 5; of a cohort file 1]", least=1)
    per_set: int | None = _asked(None, "Slices in a set.  [default: 1942; of a cohort file all it has]", least=1)
    seed: int = _asked(0, "Seed of the evaluation; that of a training is another.", least=0)
    replicates: int = _asked(200, "Draws of each bootstrap interval.", least=20)
    device: str = _asked("auto", "Where to compute.", metavar="auto|cpu|cuda")

    @property
    def sample_sets(self) -> Sets:
        """The sets that are drawn from a model."""
        default = Sets()
        return Sets(count=self.sets or default.count, size=self.per_set or default.size, seed=self.seed)


EVERYTHING = Judging()
"""Every metric that is installed, with all defaults."""
