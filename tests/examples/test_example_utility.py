"""The utility curve in ``examples/``: its picture is drawn from an evaluation, its figures are those of the card."""

import runpy
from pathlib import Path

import attrs
import numpy as np
import pytest
from PIL import Image

from gankit import Judging, evaluate, model_card
from tests.evaluation.small import written

FOLDER = Path(__file__).parents[2] / "examples/utility"
SHARES = (5, 10, 25, 50, 100)


def test_the_picture_is_drawn_from_an_evaluation(tiny_cohort, plugins, tmp_path):
    """That of a model and of real slices; here both are slices of discs."""
    fresh = attrs.evolve(tiny_cohort, patient=np.char.add("f", tiny_cohort.patient))
    made = written(tiny_cohort, tmp_path / "made.safetensors", synthetic=True)
    judging = Judging(
        cohort=written(tiny_cohort, tmp_path / "real.safetensors"),
        fresh=written(fresh, tmp_path / "fresh.safetensors"),
        metrics="utility",
        options=("utility.shares=[50,100]", "utility.steps=1", "utility.repeats=1"),
        replicates=20,
    )
    found = evaluate(made, judging=judging, plugins=plugins, quiet=True)
    rows = tuple(attrs.evolve(row, kind="model") if row.name == "made" else row for row in found.rows)
    enough = tuple(attrs.evolve(row, summary=tuple(_with_interval(summary) for summary in row.summary)) for row in rows)
    draw = runpy.run_path(str(FOLDER / "draw.py"))["draw"]
    draw(attrs.evolve(found, rows=enough), str(tmp_path / "picture.png"))
    with Image.open(tmp_path / "picture.png") as drawn, Image.open(FOLDER / "utility.png") as shown:
        assert drawn.size == shown.size
    assert (FOLDER / "utility.png").stat().st_size < 60_000


def _with_interval(summary):
    """Few patients have none."""
    if summary.mean is None or summary.interval is not None:
        return summary
    return attrs.evolve(summary, interval=(summary.mean, summary.mean), interval_of="patients")


@pytest.mark.parametrize(
    ("title", "reading"),
    [
        ("gain in AUC by the model", "added.{}.gain"),
        ("worth real patients, the model", "added.{}.patients"),
    ],
)
def test_the_figures_that_decide_are_those_of_the_card(title, reading, plugins):
    """As rounded there, for the shares that the card has."""
    (line,) = (line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith(f"| {title} |"))
    cells = dict(zip(SHARES, line.split("|")[2:-1], strict=True))
    metrics = {each["id"]: each["mean"] for each in model_card("mpmri-demo", plugins=plugins).document["metrics"]}
    shown = {share: metrics[name] for share in SHARES if (name := f"utility.fresh.{reading.format(share)}") in metrics}
    assert shown
    for share, mean in shown.items():
        figure = cells[share].split()[0]
        assert float(figure) == pytest.approx(mean, abs=0.5 * 10 ** -len(figure.partition(".")[2]))
