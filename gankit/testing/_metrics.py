"""Check of metrics."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import attrs
import numpy as np

from gankit._errors import Problem
from gankit.cohort.cohort import Cohort, Modality
from gankit.evaluation.evaluation import Candidate, Evaluation
from gankit.evaluation.ranges import ANY, declared, is_range, outside
from gankit.evaluation.results import Interval, Reading
from gankit.plugin.components import AbstractMetric
from gankit.recipe.recipe import ModalitySpec
from gankit.testing._promises import check_imports, no_global_draws, promise, require

BETTER = ("higher", "lower", "real")
SIDE = 16
SPECS = {
    "adc": ModalitySpec(shape=(1, SIDE, SIDE), unit="1e-6 mm2/s", range=(0.0, 3000.0)),
    "t2w": ModalitySpec(shape=(1, SIDE, SIDE), range=(0.0, 700.0)),
}


def check_metric(
    spec: AbstractMetric, candidate: Candidate | None = None, evaluation: Evaluation | None = None
) -> None:
    """Check that a metric gives valid readings of any candidate, and the same again for the same arguments.

    - Its module imports no torch, and the files that it names exist.
    - Measuring uses no global random generator, and changes neither the candidate nor the real slices.
    - The same arguments give the same readings: with an empty cache, with one that the metric has filled, and after
      another candidate was measured.
    - Each reading has a name of its own. Its value is finite, or None with a note, and within the range that the metric
      declares. Its interval has the value inside.
    - There are readings even without ground truth, without a test split, without fresh patients, with a cohort from
      elsewhere, of a single modality, of three slices, of slices with a single value, and of slices with four pixels
      along each side.
    - Where it finds a problem with the real slices, it says so as ``gankit.Problem``.

    Args:
        spec: the component with the options to check. Few training steps make the check quick.
        candidate: what is measured; default: a cohort of discs like the real ones, without a model. Give a candidate
            with a model for a metric of the model itself.
        evaluation: the real slices; default: bright discs of 16 x 16 pixels in two modalities, with a darker spot and
            ground truth where there is cancer. Its cache is not used.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    _check_files(spec, who)
    _check_ranges(spec, who)
    with tempfile.TemporaryDirectory() as folder:
        evaluation = attrs.evolve(evaluation or _discs(), cache=Path(folder) / "first")
        with promise(who, "checks its options"):
            found = list(spec.check(evaluation))
        require(all(isinstance(each, Problem) for each in found), f"{who}.check", "yields something else than Problems")
        candidate = candidate or Candidate(name="discs", cohort=_cohort("synthetic", 30, 0, synthetic=True, seed=9))
        first = _measured(spec, who, candidate, evaluation, watched=False)  # libraries may draw as they are loaded
        elsewhere = attrs.evolve(evaluation, cache=Path(folder) / "second")
        _require_same(who, first, _measured(spec, who, candidate, elsewhere), "from an empty cache")
        for number, (what, other, real) in enumerate(_odd_arguments(candidate, evaluation)):
            _measured(spec, who, other, attrs.evolve(real, cache=Path(folder) / str(number)), f" ({what})")
        _measured(spec, who, Candidate(name="real", cohort=evaluation.pool("train")), evaluation)
        _require_same(who, first, _measured(spec, who, candidate, evaluation), "after another candidate was measured")


def _check_files(spec: AbstractMetric, who: str) -> None:
    files = spec.files()
    require(
        isinstance(files, tuple) and all(isinstance(each, Path) for each in files),
        f"{who}.files",
        "is no tuple of paths",
    )
    for path in files:
        require(path.is_file(), f"{who}.files", f"names {path}, which is not there; check the metric where it is")


def _check_ranges(spec: AbstractMetric, who: str) -> None:
    for pattern, bounds in spec.ranges.items():
        require(is_range(bounds), f"{who}.ranges", f"has {bounds!r} for {pattern!r}; a range is (lowest, highest)")


def _measured(
    spec: AbstractMetric, who: str, candidate: Candidate, evaluation: Evaluation, where: str = "", watched: bool = True
) -> list[Reading]:
    """The readings of a candidate, after they were checked; ``where`` ends the messages."""
    sides = {
        "the candidate": candidate.cohort,
        "the real slices": evaluation.real,
        "the fresh slices": evaluation.fresh,
        "the slices from elsewhere": evaluation.external,
    }
    before = {what: _digest(side) for what, side in sides.items()}
    with promise(who, f"measures{where}"), no_global_draws(who) if watched else nullcontext():
        readings = list(spec.measure(candidate, evaluation))
    for what, side in sides.items():
        require(_digest(side) == before[what], who, f"writes into {what}{where}")
    require(readings, who, f"returns no reading{where}; what cannot be measured is a reading without value")
    for reading in readings:
        require(isinstance(reading, Reading), who, f"returns {type(reading).__name__}, not a Reading{where}")
        for broken in _broken(reading, declared(reading.name, spec.ranges) or ANY):
            require(False, who, f"reading {reading.name!r} {broken}{where}")
    names = [reading.name for reading in readings]
    twice = next((name for name in names if names.count(name) > 1), None)
    require(twice is None, who, f"returns reading {twice!r} twice{where}")
    return readings


def _broken(reading: Reading, bounds: Interval) -> Iterator[str]:
    """Yield what is wrong with a reading, as the end of a sentence."""
    if not (isinstance(reading.name, str) and reading.name.strip()):
        yield "has no name"
    if reading.better not in BETTER:
        yield f"has better {reading.better!r}; accepted: {', '.join(BETTER)}"
    if reading.value is None:
        if not reading.note.strip():
            yield "has no value and no note that says why"
        return
    if not _is_number(reading.value) or not math.isfinite(reading.value):
        yield f"has value {reading.value!r}; a value is a finite number, or None with a note"
    elif outside(reading.value, bounds):
        yield f"has value {reading.value:g}, but its metric's `ranges` say {bounds}"
    elif reading.interval is not None and not all(map(_is_nan, reading.interval)):
        low, high = reading.interval
        slack = 1e-6 * max(abs(low), abs(high))
        if not low - slack <= reading.value <= high + slack:
            yield f"has the interval {low:g} to {high:g}, which does not hold its value {reading.value:g}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _is_nan(end: float) -> bool:
    """Whether an end is NaN, as that of ``bootstrap`` is for a statistic that is defined on no draw."""
    return math.isnan(end)


def _require_same(who: str, first: list[Reading], again: list[Reading], when: str) -> None:
    one, other = ({each.name: repr(each) for each in readings} for readings in (first, again))
    name = next((name for name in one | other if one.get(name) != other.get(name)), None)
    require(name is None, who, f"reading {name!r} differs when the same is measured again {when}")


def _odd_arguments(candidate: Candidate, evaluation: Evaluation) -> Iterator[tuple[str, Candidate, Evaluation]]:
    """Yield arguments of ``measure`` for which a metric may have no value, after what they are in words."""
    yield "without ground truth", *_both(candidate, evaluation, lambda each: attrs.evolve(each, truth={}, tissues=()))
    yield "without fresh patients", candidate, attrs.evolve(evaluation, fresh=None)
    if evaluation.fresh is not None:
        yield "with a cohort from elsewhere", candidate, attrs.evolve(evaluation, fresh=None, external=evaluation.fresh)
    untested = evaluation.real.select(evaluation.real.split == "train")
    yield "without a test", candidate, attrs.evolve(evaluation, real=untested, fresh=None)
    yield "of three slices", attrs.evolve(candidate, cohort=candidate.cohort.select(np.arange(3))), evaluation
    flat = _with_values(candidate.cohort, lambda values: np.full_like(values, values.mean()))
    yield "of one value everywhere", attrs.evolve(candidate, cohort=flat), evaluation
    name, spec = next(iter(evaluation.modalities.items()))
    alone = attrs.evolve(evaluation, modalities={name: spec})
    yield (
        "of one modality",
        *_both(candidate, alone, lambda each: attrs.evolve(each, modalities={name: each.modalities[name]})),
    )
    corner = attrs.evolve(evaluation, modalities={
        name: attrs.evolve(spec, shape=(*spec.shape[:1], *[min(side, 4) for side in spec.shape[1:]]))
        for name, spec in evaluation.modalities.items()
    })  # fmt: skip
    yield "of four pixels a side", *_both(candidate, corner, _corner)


def _both(
    candidate: Candidate, evaluation: Evaluation, change: Callable[[Cohort], Cohort]
) -> tuple[Candidate, Evaluation]:
    """Candidate and real slices, all cohorts changed by the same function."""
    fresh, external = (None if each is None else change(each) for each in (evaluation.fresh, evaluation.external))
    return (
        attrs.evolve(candidate, cohort=change(candidate.cohort)),
        attrs.evolve(evaluation, real=change(evaluation.real), fresh=fresh, external=external),
    )


def _corner(cohort: Cohort) -> Cohort:
    """The first four pixels along each axis of the images, and the same part of the ground truth, whatever its size."""
    sides = next(iter(cohort.modalities.values())).values.shape[2:]

    def cut(truth: np.ndarray) -> np.ndarray:
        return truth[
            (slice(None), *[slice(4 * have // side) for have, side in zip(truth.shape[1:], sides, strict=True)])
        ]

    small = _with_values(cohort, lambda values: values[(slice(None), slice(None), *[slice(4)] * len(sides))])
    return attrs.evolve(small, truth={name: np.ascontiguousarray(cut(truth)) for name, truth in cohort.truth.items()})


def _with_values(cohort: Cohort, change: Callable[[np.ndarray], np.ndarray]) -> Cohort:
    modalities = {
        name: attrs.evolve(modality, values=np.ascontiguousarray(change(modality.values)))
        for name, modality in cohort.modalities.items()
    }
    return attrs.evolve(cohort, modalities=modalities)


def _digest(cohort: Cohort | None) -> str:
    if cohort is None:
        return ""
    digest = hashlib.blake2b(cohort.digest().encode())
    for truth in cohort.truth.values():
        digest.update(truth.tobytes())
    return digest.hexdigest()


def _discs() -> Evaluation:
    """Real slices: 40 of 20 patients to train and 24 of 12 to test, and as many of fresh patients, half with cancer."""
    real, fresh = (_cohort(name, 64, 24, synthetic=False, seed=seed) for seed, name in enumerate(("real", "fresh")))
    return Evaluation(real=real, fresh=fresh, modalities=SPECS, label="cs", replicates=20, cache=Path())


def _cohort(name: str, count: int, tests: int, synthetic: bool, seed: int) -> Cohort:
    """Bright discs of ``SIDE`` pixels, with a darker spot in every second patient, or in all synthetic slices."""
    numbers = np.random.default_rng(seed)
    patient_N = np.arange(count) if synthetic else np.arange(count) // 2
    cs_N = np.ones(count, bool) if synthetic else patient_N % 2 == 0
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    where_N2 = numbers.uniform(-2, 2, (count, 2))
    gland = np.hypot(y, x) < 0.4 * SIDE
    lesion = np.stack(
        [cs & (np.hypot(y - row, x - column) < 2) for cs, (row, column) in zip(cs_N, where_N2, strict=True)]
    )
    signal = (gland - 0.5 * lesion + 0.05 * numbers.standard_normal(lesion.shape)).clip(0)
    split_N = np.where(np.arange(count) < count - tests, "train", "test")
    return Cohort(
        modalities={"adc": Modality.of(1800 * signal, unit=SPECS["adc"].unit), "t2w": Modality.of(300 * signal + 50)},
        labels={"cs": cs_N.astype(np.int8)},
        patient=np.array([f"{name}-{number}" for number in patient_N]),
        split=split_N,
        truth={}
        if synthetic
        else {"lesion": lesion.astype(np.uint8), "tissue": np.uint8(gland) + 0 * lesion.astype(np.uint8)},
        tissues=() if synthetic else ("outside", "gland"),
        synthetic=synthetic,
        source="bright discs with a darker spot",
    )
