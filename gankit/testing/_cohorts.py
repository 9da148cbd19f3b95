"""Check of cohort sources."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gankit.cohort.cohort import SPACINGS, Cohort
from gankit.cohort.stored import read_cohort, write_cohort
from gankit.plugin.components import AbstractCohortSource
from gankit.testing._promises import check_imports, no_global_draws, promise, require


def check_cohort_source(spec: AbstractCohortSource) -> None:
    """Check that a source gives the same valid cohort every time, and fresh patients that are not in it.

    - The module of the source imports no torch.
    - ``load`` and ``fresh`` use no global random generator and give the same cohort again.
    - Every array has the type and length that ``Cohort`` documents. Values are finite where the modality is present and
      0 where it is absent. Spacing is positive or NaN.
    - A cohort file can hold the cohort.
    - ``fresh``, where it is not None, has the modalities, units, sizes and labels of ``load``, and none of its patients
      or images.

    Args:
        spec: the component with the options to check. Few and small slices make the check quick.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    cohort = _same_twice(spec, "load")
    require(cohort is not None, f"{who}.load", "returns None, not a Cohort")
    assert cohort is not None
    _check_cohort(f"{who}.load", cohort)
    if (fresh := _same_twice(spec, "fresh")) is not None:
        _check_cohort(f"{who}.fresh", fresh)
        _check_fresh(f"{who}.fresh", cohort, fresh)


def _same_twice(spec: AbstractCohortSource, method: str) -> Cohort | None:
    who = f"{type(spec).__name__}.{method}"
    with promise(who, "returns a cohort"), no_global_draws(who):
        first = getattr(spec, method)()
    require(first is None or isinstance(first, Cohort), who, f"returns {type(first).__name__}, not a Cohort")
    again = getattr(spec, method)()
    require((first is None) == (again is None), who, "gives a cohort at one time and none at another")
    if first is not None:
        for part in _differences(first, again):
            require(False, who, f"gives another cohort when called again: {part} differs")
    return first


def _check_cohort(who: str, cohort: Cohort) -> None:
    for what, found, wanted in _types(cohort):
        require(found == wanted, who, f"{what} is {found}, not {wanted}")
    for name, modality in cohort.modalities.items():
        require(
            isinstance(modality.unit, str) and modality.unit, who, f"modality {name!r} has no unit; '1' is arbitrary"
        )
        require(not modality.values[~modality.present].any(), who, f"modality {name!r} is not zero where it is absent")
    shapes = {modality.values.shape[2:] for modality in cohort.modalities.values()}
    for name, truth in cohort.truth.items():
        require(truth.shape[1:] in shapes, who, f"truth {name!r} is {truth.shape[1:]} in space, as no modality is")
    if cohort.tissues and "tissue" in cohort.truth:
        most = int(cohort.truth["tissue"].max())
        require(
            most < len(cohort.tissues), who, f"truth 'tissue' has value {most}, but tissues names {len(cohort.tissues)}"
        )
    for part in SPACINGS:
        if (spacing_mm := getattr(cohort, part)) is not None:
            known = spacing_mm[~np.isnan(spacing_mm)]
            require(bool((known > 0).all() and np.isfinite(known).all()), who, f"{part} is not positive, nor NaN")
    require(cohort.source.strip(), who, "source is empty; say in one sentence where the slices come from")
    with tempfile.TemporaryDirectory() as folder, promise(who, "gives what a cohort file can hold"):
        write_cohort(cohort, file := Path(folder) / "cohort.safetensors")
        for part in _differences(cohort, read_cohort(file)):
            require(False, who, f"gives what a cohort file does not hold: {part} differs when it is read back")


def _types(cohort: Cohort) -> Iterator[tuple[str, str, str]]:
    """For each array: its name in words, its type, and the type that ``Cohort`` documents."""
    for name, modality in cohort.modalities.items():
        yield f"values of modality {name!r}", str(modality.values.dtype), "float32"
    for name, values in cohort.labels.items():
        yield f"label {name!r}", str(values.dtype), "int8"
    for name, values in cohort.truth.items():
        yield f"truth {name!r}", str(values.dtype), "uint8"
    yield "patient", cohort.patient.dtype.kind, "U"
    yield "split", cohort.split.dtype.kind, "U"
    for part in SPACINGS:
        if (spacing_mm := getattr(cohort, part)) is not None:
            yield part, str(spacing_mm.dtype), "float32"


def _differences(one: Cohort, other: Cohort) -> Iterator[str]:
    """Names of the parts in which two cohorts differ."""
    parts, others = _parts(one), _parts(other)
    for name in parts | others:
        if name not in parts or name not in others:
            yield name
        elif isinstance(values := parts[name], np.ndarray) and isinstance(found := others[name], np.ndarray):
            numbers = values.dtype.kind == "f"
            if values.shape != found.shape or not np.array_equal(values, found, equal_nan=numbers):
                yield name
        elif values != others[name]:
            yield name


def _parts(cohort: Cohort) -> dict[str, object]:
    parts: dict[str, object] = {"tissues": cohort.tissues, "synthetic": cohort.synthetic, "source": cohort.source}
    parts |= {"patient": cohort.patient, "split": cohort.split}
    parts |= {part: getattr(cohort, part) for part in SPACINGS}
    for name, modality in cohort.modalities.items():
        parts |= {f"modality {name!r}": modality.values, f"presence of {name!r}": modality.present}
        parts[f"unit of {name!r}"] = modality.unit
    parts |= {f"label {name!r}": values for name, values in cohort.labels.items()}
    return parts | {f"truth {name!r}": values for name, values in cohort.truth.items()}


def _check_fresh(who: str, cohort: Cohort, fresh: Cohort) -> None:
    require(not fresh.synthetic, who, "is marked synthetic; real slices are judged by it")
    for what, found, wanted in (
        ("modalities", list(fresh.modalities), list(cohort.modalities)),
        (
            "units",
            [each.unit for each in fresh.modalities.values()],
            [each.unit for each in cohort.modalities.values()],
        ),
        ("sizes", _sizes(fresh), _sizes(cohort)),
        ("labels", list(fresh.labels), list(cohort.labels)),
    ):
        require(found == wanted, who, f"has {what} {found}, load has {wanted}")
    shared = sorted(set(fresh.patient) & set(cohort.patient))
    require(not shared, who, f"has {len(shared)} patients of load, the first is {', '.join(shared[:1])!r}")
    for name in cohort.modalities:
        same = _images(fresh, name) & _images(cohort, name)
        require(not same, who, f"has {len(same)} images of load in modality {name!r}, under other patients")


def _sizes(cohort: Cohort) -> list[tuple[int, ...]]:
    return [modality.values.shape[1:] for modality in cohort.modalities.values()]


def _images(cohort: Cohort, name: str) -> set[bytes]:
    """The bytes of the images of a modality, without images of a single value."""
    modality = cohort.modalities[name]
    return {image.tobytes() for image in modality.values[modality.present] if image.min() < image.max()}
