"""The part of a run's report that shows, by patient, the training slices to which synthetic ones come nearest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
import numpy as np

from gankit._errors import GankitError
from gankit.cohort.cohort import Cohort
from gankit.evaluation.alignment import Nearest, nearest_slices
from gankit.evaluation.evaluation import complete
from gankit.files.tables import Table
from gankit.recipe.recipe import ModalitySpec, Recipe
from gankit.report.figures import colour_bars, sheet_row
from gankit.report.page import Absent, Block, Pictures, Section, TableBlock, Text, missing
from gankit.run.model import Model

TITLE = "Nearest training slices"
SAMPLES = 128
"""Synthetic slices that are compared."""
PATIENTS = 8
"""Patients that are shown."""
TESTED = 512
"""Test slices, spread over all, that are compared with the others."""
AT_ONCE = 1 << 24
"""Bytes of training slices that are compared at a time."""


@attrs.frozen(eq=False)
class _Sides:
    """What is compared: modality to (N, C, *S) in units."""

    train: Cohort
    test: Cohort | None
    samples: dict[str, np.ndarray]
    specs: dict[str, ModalitySpec]
    aspects: Mapping[str, float]

    def stacked(self, images: dict[str, np.ndarray]) -> np.ndarray:
        """All modalities along channels, in [-1, 1]."""
        return np.concatenate([spec.to_network(images[name]) for name, spec in self.specs.items()], axis=1).clip(-1, 1)

    def of(self, cohort: Cohort) -> dict[str, np.ndarray]:
        return {name: cohort.modalities[name].values for name in self.specs}


def nearest_section(model: Model | Absent, cohort: Cohort | Absent) -> Section:
    """Synthetic slices above the training slices that they come nearest to, for the patients who are nearest."""
    lacking = [each.why for each in (model, cohort) if isinstance(each, Absent)]
    if isinstance(model, Absent) or isinstance(cohort, Absent):
        return missing(TITLE, *lacking)
    if why := _obstacle(model.recipe):
        return missing(TITLE, why)
    try:
        sides = _sides(model, cohort)
    except GankitError as error:
        return missing(TITLE, f"Not compared: {error}.")
    x = sides.stacked(sides.samples)
    found = _nearest_of(sides, x)
    apart = _least_apart(sides, x)
    return Section(TITLE, (Text(_caption(sides, apart)), *_blocks(sides, found, apart)))


def _obstacle(recipe: Recipe) -> str:
    if given := [name for name in recipe.given() if name in recipe.images()]:
        return f"Not compared: slices are made of real ones ({', '.join(given)}), to which they are meant to be near."
    if len({spec.shape[1:] for spec in recipe.images().values()}) > 1:
        return "Not compared: modalities are of several sizes."
    return ""


def _sides(model: Model, cohort: Cohort) -> _Sides:
    specs = dict(model.recipe.images())
    whole = complete(cohort, specs, "the cohort")
    train_N, test_N = whole.split == "train", whole.split == "test"
    drawn = model.sample(SAMPLES, model.recipe.training.seed)
    return _Sides(
        train=whole.select(train_N),
        test=whole.select(test_N) if test_N.any() else None,
        samples={name: drawn[name].numpy() for name in specs},
        specs=specs,
        aspects=model.aspects,
    )


def _least_apart(sides: _Sides, x: np.ndarray) -> float | None:
    """The least distance between a test slice and a synthetic or training slice; None where there is no test slice."""
    if sides.test is None:
        return None
    few = np.linspace(0, len(sides.test) - 1, min(TESTED, len(sides.test))).astype(int)
    test = sides.stacked(sides.of(sides.test.select(few)))
    return float(min(nearest_slices(test, other).distance_N.min() for other in (x, *_parts(sides))))


def _parts(sides: _Sides) -> Iterator[np.ndarray]:
    """The training slices as they are compared, so many at a time."""
    slice_bytes = sum(values[:1].nbytes for values in sides.samples.values())
    at_once = max(1, AT_ONCE // slice_bytes)
    for start in range(0, len(sides.train), at_once):
        yield sides.stacked(sides.of(sides.train.select(slice(start, start + at_once))))


def _nearest_of(sides: _Sides, x: np.ndarray) -> Nearest:
    """For each training slice the nearest sample."""
    found = [attrs.astuple(nearest_slices(part, x), recurse=False) for part in _parts(sides)]
    return Nearest(*map(np.concatenate, zip(*found, strict=True)))


def _caption(sides: _Sides, apart: float | None) -> str:
    patients = len(np.unique(sides.train.patient))
    said = (
        f"{SAMPLES} synthetic slices, seed of the training, beside {len(sides.train)} training slices of {patients}"
        " patients, moved by up to an eighth of the side and mirrored or not. The distance is the root mean square of"
        " the difference, where a range is from -1 to 1."
    )
    if apart is None:
        return f"{said} There are no test slices to measure it by."
    return (
        f"{said} It is also given as a share of {apart:.3f}, the least distance between a test slice and any of these"
        " slices: shares of a copy are far below 1, those of new slices about 1 or above."
    )


def _blocks(sides: _Sides, found: Nearest, apart: float | None) -> tuple[Block, ...]:
    """Pictures of the pairs of the nearest patients, and their distances."""
    order = np.argsort(found.distance_N, kind="stable")
    _, first = np.unique(sides.train.patient[order], return_index=True)
    pairs = order[np.sort(first)][:PATIENTS]
    real = {name: values[pairs] for name, values in sides.of(sides.train).items()}
    synthetic = {name: _as_compared(values, found, pairs) for name, values in sides.samples.items()}
    rows = tuple(
        (
            str(sides.train.patient[pair]),
            f"{found.distance_N[pair]:.3f}",
            "–" if not apart else f"{found.distance_N[pair] / apart:.2f}",
            "yes" if found.mirrored_N[pair] else "no",
            ", ".join(str(int(by)) for by in found.shift_NA[pair]),
        )
        for pair in pairs
    )
    columns = ("patient", "distance", "share of the least of test slices", "mirrored", "moved by pixels")
    shown = {"synthetic": synthetic, "nearest training slice": real}
    panels = tuple(sheet_row(title, images, sides.specs, sides.aspects) for title, images in shown.items())
    table = Table(title="Nearest patients", columns=columns, rows=rows)
    return Pictures(colour_bars(sides.specs), panels), TableBlock(table)


def _as_compared(values: np.ndarray, found: Nearest, pairs: np.ndarray) -> np.ndarray:
    """The synthetic slices of pairs, mirrored where they were compared so."""
    chosen = values[found.index_N[pairs]]
    mirrored = found.mirrored_N[pairs].reshape(-1, *[1] * (chosen.ndim - 1))
    return np.where(mirrored, chosen[..., ::-1], chosen)
