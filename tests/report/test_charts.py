"""Charts of readings along an axis, and the report of an evaluation alone."""

import xml.etree.ElementTree as ElementTree

import attrs
import pytest
from click.testing import CliRunner

from gankit import EvaluationResult, ReadingCurve, Summary
from gankit.cli import main
from gankit.evaluation.result_files import write_result
from gankit.report.charts import charts
from gankit.report.report import write_report
from tests.toy import Brightness

CURVE = ReadingCurve(title="area", pattern="{line}.{at}.area", axis="patients, %", logarithmic=True)


def points(line, **values):
    return tuple(
        Summary(
            metric="brightness",
            name=f"{line}.{at.removeprefix('at')}.area",
            unit="1",
            better="higher",
            notes=(),
            n=0 if value is None else 1,
            mean=value,
            sd=None,
            interval=None if value is None else (value - 0.1, value + 0.1),
            interval_of=None if value is None else "patients",
        )
        for at, value in values.items()
    )


@pytest.fixture
def result(measuring, trained, tmp_path, monkeypatch) -> EvaluationResult:
    """Of a model with two lines of three points, one of which has no value; real slices have another second line."""
    from gankit import Judging, evaluate

    monkeypatch.setattr(Brightness, "curves", (CURVE,))
    asked = Judging(metrics="brightness", sets=1, per_set=8, replicates=20)
    found = evaluate(trained, judging=asked, plugins=measuring, quiet=True)
    alone = points("alone", at5=0.5, at50=0.6, at100=0.7)
    rows = {
        "run": alone + points("added", at5=0.6, at50=None, at100=0.8),
        "real": alone + points("added", at5=0.7, at50=0.8, at100=0.9),
    }
    return attrs.evolve(
        found,
        headline=("brightness.alone.5.area",),
        rows=tuple(attrs.evolve(row, summary=rows[row.name]) for row in found.rows if row.name in rows),
    )


def test_a_chart_has_a_line_for_each_arm_and_that_of_real_slices(result, measuring):
    """Lines that real slices have alike are drawn once; points without value are left out."""
    (made,) = charts(result, measuring)
    (chart,) = made.charts
    assert (made.title, chart.title, chart.axis) == ("run: brightness", "area", "patients, %")
    assert [key.name for key in chart.keys] == ["alone", "added", "added, real slices"]
    lines = ElementTree.fromstring(chart.svg).findall("g")
    assert [len(line.findall("circle")) for line in lines] == [3, 2, 3]
    assert [len(line.findall("line")) for line in lines] == [3, 2, 3]  # an interval each
    assert [line.get("class") for line in lines] == ["series c0", "series c1", "series c2 open dashed"]


def test_points_are_where_their_figures_are(result, measuring):
    """Higher values above, and factors of the amount alike along a logarithmic axis."""
    ((chart,),) = (made.charts for made in charts(result, measuring))
    alone = ElementTree.fromstring(chart.svg).find("g").findall("circle")
    x, y = ([float(point.get(key)) for point in alone] for key in ("cx", "cy"))
    assert x == sorted(x)
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(1 / (1 + 0.30103), abs=1e-2)  # log 10 of log 20
    assert y[0] > y[1] > y[2]
    assert y[0] - y[1] == pytest.approx(y[1] - y[2], abs=0.2)


def test_a_result_without_such_readings_has_no_chart(result, measuring, plugins, monkeypatch):
    """Nor has one whose metric is not installed or asks for none."""
    assert charts(result, plugins) == ()
    monkeypatch.setattr(Brightness, "curves", ())
    assert charts(result, measuring) == ()


def test_an_evaluation_alone_has_a_report(result, measuring, tmp_path):
    """With charts, tables, and how it was judged."""
    write_result(tmp_path / "evaluation.json", result)
    page = write_report(tmp_path, plugins=measuring).read_text()
    assert "Evaluation of run" in page
    assert '<div class="charts">' in page
    assert "added, real slices" in page
    assert "bootstrap draws" in page


def test_the_command_reports_an_evaluation_and_refuses_one_beside_it(result, tmp_path):
    """The folder is what is reported."""
    write_result(tmp_path / "evaluation.json", result)
    assert CliRunner().invoke(main, ["report", str(tmp_path)]).exit_code == 0
    twice = CliRunner().invoke(main, ["report", str(tmp_path), "--evaluation", str(tmp_path)])
    assert twice.exit_code == 2
    assert "is an evaluation itself" in twice.output
