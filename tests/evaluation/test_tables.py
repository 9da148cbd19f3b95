"""Figures of the tables of results: as many digits as their uncertainty allows."""

import attrs
import pytest

from gankit import Summary
from gankit.evaluation.results import JudgedModality
from gankit.evaluation.tables import evaluation_tables, figure, in_common


@pytest.mark.parametrize(
    ("mean", "sd", "interval", "shown"),
    [
        (0.66151, 0.007607, (0.65211, 0.67094), "0.6615 ± 0.0076 [0.6521, 0.6709]"),
        (10.343, 8.938, (-0.7541, 21.44), "10.3 ± 8.9 [-0.8, 21.4]"),
        (33.5, None, (33.13, 33.84), "33.50 [33.13, 33.84]"),
        (0.97, 0.0, (0.95, 0.98), "0.970 ± 0.000 [0.950, 0.980]"),
        (1234.5, None, None, "1234"),
        (1e-9, 2e-10, None, "1e-09 ± 2e-10"),
        (0.0, 0.0, (0.0, 0.0), "0 ± 0 [0, 0]"),
    ],
)
def test_a_figure_has_two_digits_of_its_uncertainty(mean, sd, interval, shown):
    """Of the SD, or where there is none or it is 0 of half the interval; mean and ends have as many decimals."""
    of = None if interval is None else "sets"
    values = {"n": 1, "mean": mean, "sd": sd, "interval": interval, "interval_of": of}
    assert figure(Summary(metric="m", name="r", unit="1", better="higher", notes=(), **values)) == shown


@pytest.mark.parametrize(
    ("notes", "shown"),
    [
        ((), ""),
        (("perfect: 1",), "perfect: 1"),
        (
            (
                "549 + 549 slices, sensitivity 0.44",
                "549 + 549 slices, sensitivity 0.4",
                "549 + 549 slices, sensitivity 0.51",
            ),
            "549 + 549 slices, sensitivity 0.4 to 0.51",
        ),
        (("9 of 10", "10 of 10"), "9 to 10 of 10"),
        (("needs 3 slices", "too dark"), "needs 3 slices; too dark"),
        (("inception-2015.pt is v2", "inception-2015.pt is v3"), "inception-2015.pt is v2; inception-2015.pt is v3"),
    ],
)
def test_notes_that_differ_in_numbers_alone_are_one(notes, shown):
    """With the least and the greatest of each number; numbers in names are part of the name."""
    assert in_common(notes) == shown


@pytest.mark.parametrize(("shape", "items"), [((1, 32, 32), "slices"), ((1, 24, 32, 32), "volumes")])
def test_tables_call_what_was_judged_by_its_name(judge, trained, shape, items):
    """A table of volumes has no word of slices."""
    result = judge(trained, sets=1)
    size = JudgedModality(shape=shape, unit="1", range=(0.0, 1.0))
    settings = attrs.evolve(result.settings, modalities={"t2w": size})
    short, _ = evaluation_tables(attrs.evolve(result, rows=result.rows[:1], settings=settings))
    assert {word for note in short.notes for word in ("slices", "volumes") if word in note} == {items}
