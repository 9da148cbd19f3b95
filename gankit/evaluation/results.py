"""The results of an evaluation and of a comparison, as values that are checked when they are made.

``evaluate`` returns an ``EvaluationResult``, ``compare`` a ``ComparisonResult``. Tables and reports are made from them.
Their JSON (see ``result_files``) has a key for each field named here: ``evaluation.json`` as they are,
``comparison.json`` with its figures in columns (``stored_comparison``).

Means and standard deviations (n - 1) are over the sets of a row, or over the training seeds of a method. An interval is
a 95% interval. Where the metric gives one for every set (``interval_of`` "patients"), the interval of a summary has the
mean of their lower ends and the mean of their upper ends, since all sets share the real slices. Otherwise it is
Student's interval of the mean. None stands for what could not be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from typing import Any, Literal, get_args

import attrs

from gankit._errors import InputError, PluginError, shown

Better = Literal["higher", "lower", "real"]
"""Which values of a reading are better; "real" means those nearer to the value that real slices have."""

Interval = tuple[float, float]
"""Lower and upper end."""

SIGNIFICANT = 0.05
"""Chance of any false verdict among the tests of a comparison."""

DIGITS = 9
"""Significant digits of the figures of summaries, from which tests are made."""

Kind = Literal["model", "cohort", "real", "augmented real"]
"""What the slices of a row are."""


# Checks ---------------------------------------------------------------------------------------------------


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _as_float(value: Any) -> Any:
    """A number of any type as float. Anything else stays as it is, and is refused by the check."""
    return float(value) if _is_number(value) else value


def _as_interval(value: Any) -> Any:
    return tuple(map(_as_float, value)) if isinstance(value, tuple | list) else value


def _as_figure(value: Any) -> Any:
    """A number as float of ``DIGITS`` significant digits."""
    return float(f"{value:.{DIGITS}g}") if _is_number(value) else value


def _as_figures(value: Any) -> Any:
    """Several such numbers. Rounding keeps their order, so an interval keeps its value inside."""
    return tuple(map(_as_figure, value)) if isinstance(value, tuple | list) else value


def _number_problems(field: str, value: object) -> Iterator[str]:
    if value is not None and not _is_number(value):
        yield f"`{field}` must be a number or None, got {value!r}"


def _interval_problems(field: str, value: object) -> Iterator[str]:
    if value is None:
        return
    if not (isinstance(value, tuple) and len(value) == 2 and all(map(_is_number, value))):
        yield f"`{field}` must be two numbers, lower and upper end, or None, got {value!r}"
    elif value[0] > value[1]:
        yield f"`{field}` must have its lower end first, got {value!r}"


def _better_problems(field: str, value: object) -> Iterator[str]:
    if value not in (known := get_args(Better)):
        yield f"`{field}` must be one of {', '.join(map(repr, known))}, got {value!r}"


def _text_problems(field: str, value: object) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"`{field}` must be a text, got {value!r}"


Check = Callable[[str, object], Iterator[str]]


def _problems(value: Any, checks: Mapping[str, Check]) -> list[str]:
    return [problem for field, check in checks.items() for problem in check(field, getattr(value, field))]


# Readings -------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Reading:
    """One figure of a metric.

    Raises:
        PluginError: a field has a value that is not accepted; the message names all such fields.
    """

    metric: str = ""
    """Name of the metric that measured it; the evaluation fills it in."""
    name: str
    """What the figure is of, unique within its metric, as in ``"pairs.accuracy"``."""
    value: float | None = attrs.field(converter=_as_float)
    """The figure, in ``unit``; None where it could not be measured, and ``note`` says why."""
    interval: Interval | None = attrs.field(default=None, converter=_as_interval)
    """The 95% confidence interval, lower end first."""
    unit: str = "1"
    """UCUM-like text; "1" for a number without unit."""
    better: Better
    """Which values are better: "higher", "lower", or "real" for those nearer to the value that real slices have."""
    note: str = ""
    """How it was measured, where there are several ways, or why it was not."""

    @property
    def id(self) -> str:
        """``"METRIC.READING"``."""
        return f"{self.metric}.{self.name}"

    def __attrs_post_init__(self) -> None:
        if problems := _problems(self, _OF_READING):
            raise PluginError(f"reading {self.name!r}: {'; '.join(problems)}")
        if not self.name:
            raise PluginError("a reading's `name` must say what it is of, got ''")


_OF_READING: dict[str, Check] = {
    "name": _text_problems,
    "value": _number_problems,
    "interval": _interval_problems,
    "unit": _text_problems,
    "better": _better_problems,
    "note": _text_problems,
}


@attrs.frozen(kw_only=True)
class Summary:
    """One reading over the sets of a row. Its figures have nine significant digits."""

    metric: str
    name: str
    unit: str
    better: Better
    notes: tuple[str, ...]
    """Notes of its readings, each once."""
    n: int
    """Number of values that were measured."""
    mean: float | None = attrs.field(converter=_as_figure)
    sd: float | None = attrs.field(converter=_as_figure)
    """Standard deviation (n - 1) of the values; None for a single value."""
    interval: Interval | None = attrs.field(converter=_as_figures)
    """95% interval of the mean."""
    interval_of: Literal["patients", "sets", "seeds"] | None
    """What was drawn or repeated for the interval."""

    @property
    def id(self) -> str:
        """``"METRIC.READING"``."""
        return f"{self.metric}.{self.name}"

    def __attrs_post_init__(self) -> None:
        problems = _problems(self, _OF_SUMMARY)
        if (self.interval is None) != (self.interval_of is None):
            problems.append("`interval` and `interval_of` must be given together, or neither")
        if (self.mean is None) != (self.n == 0):
            problems.append(f"`mean` must be None where `n` is 0 and a number elsewhere, got {self.mean!r}, {self.n!r}")
        if problems:
            raise InputError(f"summary of {shown(self.id)}: {'; '.join(problems)}")


_OF_SUMMARY: dict[str, Check] = {
    "mean": _number_problems,
    "sd": _number_problems,
    "interval": _interval_problems,
    "better": _better_problems,
}


@attrs.frozen(kw_only=True)
class MethodSummary(Summary):
    """One reading over the trainings of a method, or over the sets of its only training."""

    values: tuple[float, ...] = attrs.field(converter=_as_figures)
    """The values of mean and standard deviation, which are the samples of the tests: one for each training seed, or one
    for each set."""

    def __attrs_post_init__(self) -> None:
        Summary.__attrs_post_init__(self)
        if len(self.values) != self.n:
            raise InputError(f"summary of {shown(self.id)}: `values` must be {self.n}, got {len(self.values)}")


# Rows -----------------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class JudgedSet:
    """The readings of one set of slices."""

    set: int
    """Number of the set, from 0."""
    readings: tuple[Reading, ...]


@attrs.frozen(kw_only=True)
class RowFacts:
    """What is known of a row besides its figures."""

    name: str
    """Unique among the rows; the names of its files in readings/ begin with it."""
    kind: Kind
    path: str | None = None
    """The run, model file or cohort file that was judged. This field and the next six are None where unknown."""
    recipe: str | None = None
    """Name of the recipe."""
    seed: int | None = None
    """``training.seed`` of the training."""
    steps: int | None = None
    """Training steps of the model."""
    wall_s: float | None = None
    """Seconds that the training took."""
    device: str | None = None
    """Device of the training."""
    model_digest: str | None = None
    """Digest of the model file."""
    source: str
    """What the slices are, in one sentence."""
    note: str = ""
    """A caution about the row."""
    slices: int
    """Slices in each set."""


@attrs.frozen(kw_only=True)
class Row(RowFacts):
    """Slices of one origin, judged in one or more sets."""

    sets: tuple[JudgedSet, ...]
    """The sets; none in a comparison, whose folder keeps them in readings/."""
    summary: tuple[Summary, ...]
    """One summary over the sets for each reading."""


# How slices were judged -----------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class JudgedModality:
    """A modality as it was judged."""

    shape: tuple[int, ...]
    """Channels and spatial size, (C, *S)."""
    unit: str
    range: tuple[float, float]
    """Lowest and highest value, in the unit, to which images were clipped."""


@attrs.frozen(kw_only=True)
class RealSlices:
    """A cohort of real slices, as it was when slices were judged."""

    source: str
    digest: str
    slices: int
    patients: int


@attrs.frozen(kw_only=True)
class Settings:
    """How slices were judged: what was asked for, with every default filled in."""

    label: str
    """Name of the label that candidates should have."""
    value: int
    """The value of the label that candidates should have."""
    sets: int
    """Number of sets of each model."""
    per_set: int
    """Slices in a set."""
    seed: int
    """Seed of the evaluation."""
    replicates: int
    """Number of draws of each bootstrap interval."""
    modalities: dict[str, JudgedModality]
    metrics: dict[str, dict[str, Any]]
    """Metric to its options."""
    real: RealSlices
    """The cohort that training saw, with its test split."""
    fresh: RealSlices | None
    """The cohort of patients that no training saw."""
    external: RealSlices | None = None
    """The cohort from elsewhere that served as a test; absent where there is none."""
    versions: dict[str, str]
    """gankit, torch and every plugin to its version."""


@attrs.frozen(kw_only=True)
class EvaluationResult:
    """The result of an evaluation: the content of ``evaluation.json``."""

    settings: Settings
    headline: tuple[str, ...]
    """Ids of the readings in the short table."""
    rows: tuple[Row, ...]

    def row(self, name: str) -> Row:
        """The row of this name. Raises InputError: there is none."""
        return _named(name, self.rows, "row")


# Comparisons ----------------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class MethodFacts:
    """What is known of a method besides its figures."""

    name: str
    rows: tuple[str, ...]
    """Names of the rows of its trainings."""
    seeds: tuple[int | None, ...]
    """``training.seed`` of its trainings, in the order of ``rows``."""
    steps: int | None
    wall_s: float | None
    """Seconds that a training took, on average."""
    device: str | None


@attrs.frozen(kw_only=True)
class MethodResult(MethodFacts):
    """A method, which is a recipe or one point along the axes, over its trainings."""

    summary: tuple[MethodSummary, ...]


@attrs.frozen(kw_only=True)
class Difference:
    """The test of two methods on one reading. What cannot be tested is None, and ``note`` says why."""

    id: str
    """``"METRIC.READING"``."""
    a: str
    b: str
    """Names of the methods."""
    n: tuple[int, int]
    """Number of samples of each method."""
    of: Literal["means", "distances to real"] = "means"
    """What is compared: the means by Welch's test, or, where the reading should be as on real slices, how far the
    means are from the real value; see ``gankit.evaluation.statistics.nearer``."""
    real: float | None = None
    """The value of real slices, for distances."""
    margin: float | None = None
    """The difference of two distances that counts as none: half the real value's 95% interval."""
    difference: float | None = None
    """Mean of method a minus that of method b; or the distance of a's mean to the real value minus that of b's."""
    interval: Interval | None = attrs.field(default=None, converter=_as_interval)
    """Its 95% interval."""
    t: float | None = None
    """The statistic."""
    df: float | None = None
    """Degrees of freedom."""
    p: float | None = None
    """Two-sided p-value."""
    p_holm: float | None = None
    """The p-value with Holm's correction over all tests of the comparison."""
    p_alike: float | None = None
    """The p-value of the opposite test: small where the distances differ by less than ``margin``."""
    p_alike_holm: float | None = None
    """The same with Holm's correction over all such tests."""
    better: Literal["a", "b"] | None = None
    """The method for which the difference speaks, even where it may be due to chance; see ``verdict``."""
    note: str = ""

    @property
    def shown(self) -> bool:
        """Whether one method is shown to be better than the other, at a level of 5% over the whole comparison."""
        return self.p_holm is not None and self.p_holm < SIGNIFICANT and self.better is not None

    @property
    def alike(self) -> bool:
        """Whether both are shown to be as far from the real value, at that level."""
        return self.p_alike_holm is not None and self.p_alike_holm < SIGNIFICANT

    @property
    def verdict(self) -> str:
        """What is shown, in words; empty where nothing was tested."""
        to_real = self.of == "distances to real"
        if self.p_holm is None:
            return ""
        if self.shown:
            return f"{'nearer to real' if to_real else 'better'}: {self.a if self.better == 'a' else self.b}"
        if self.alike:
            return "both as far from real"
        return "not shown which is nearer to real" if to_real else "not shown which is better"


@attrs.frozen(kw_only=True)
class FailedTraining:
    """A training that failed, so that it has no row."""

    name: str
    """Name of its run."""
    reason: str
    """The last line of its log."""


@attrs.frozen(kw_only=True)
class ComparisonFacts:
    """What is known of a comparison besides the figures of its rows and methods."""

    settings: Settings
    headline: tuple[str, ...]
    """Ids of the readings in the short table. These readings are tested."""
    unit: Literal["training seed", "sample set"]
    """What the samples of the tests are. With one training of each method they are sample sets. Means, standard
    deviations and tests then show the noise of sampling, not whether another training would give the same."""
    note: str
    """``unit`` in words, and the names of the tests."""
    tests: tuple[Difference, ...]
    """Every pair of methods on every headline reading."""
    failed: tuple[FailedTraining, ...]
    warnings: tuple[str, ...] = ()
    """Settings of the recipes that are allowed but probably a mistake."""


@attrs.frozen(kw_only=True)
class ComparisonResult(ComparisonFacts):
    """The result of a comparison: the content of ``comparison.json``, which has its figures in columns."""

    rows: tuple[Row, ...]
    """One for each training, and rows of real slices."""
    methods: tuple[MethodResult, ...]

    def row(self, name: str) -> Row:
        """The row of this name. Raises InputError: there is none."""
        return _named(name, self.rows, "row")

    def method(self, name: str) -> MethodResult:
        """The method of this name. Raises InputError: there is none."""
        return _named(name, self.methods, "method")


Result = EvaluationResult | ComparisonResult


def _named(name: str, candidates: tuple[Any, ...], what: str) -> Any:
    found = next((each for each in candidates if each.name == name), None)
    if found is None:
        raise InputError(f"no {what} {name!r}; there are {', '.join(each.name for each in candidates)}")
    return found
