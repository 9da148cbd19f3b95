"""Charts of readings along an axis, which metrics ask for in ``curves``: lines with intervals, as SVG in the colours of
the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs
import numpy as np

from gankit._errors import GankitError
from gankit.cohort.titles import real_title
from gankit.evaluation.results import EvaluationResult, Row, Summary
from gankit.plugin.components import AbstractMetric
from gankit.plugin.curves import ReadingCurve
from gankit.plugin.plugins import Plugins
from gankit.report.figures import tick_text, ticks
from gankit.report.page import Chart, Charts, Key

WIDTH, HEIGHT = 480, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 8, 38
"""Size and margins of a chart, in units of its SVG."""
APART = 5
"""Distance of the points of two lines at the same amount, so that their intervals stand beside each other."""
COLOURS = 4
"""Number of colours; further lines have them again, with hollow points."""


@attrs.frozen
class _Line:
    """One line of a chart."""

    name: str
    points: Mapping[float, Summary]
    """Amount to its reading, which has a value."""
    of_real: bool = False
    """Whether it is of real slices in the place of those that are judged; it is drawn with dashes."""


def charts(result: EvaluationResult, plugins: Plugins) -> tuple[Charts, ...]:
    """The charts of each judged row: those that the installed metrics of a result ask for, of readings that are there.

    Lines of the row of real slices that differ stand beside the row's own.
    """
    real = next((row for row in result.rows if row.kind == "real"), None)
    judged = [row for row in result.rows if row.kind in ("model", "cohort")]
    return tuple(made for row in judged for made in _of_row(row, real, result, plugins))


def _of_row(row: Row, real: Row | None, result: EvaluationResult, plugins: Plugins) -> Iterator[Charts]:
    for name in result.settings.metrics:
        drawn = [_chart(curve, _lines(curve, name, row, real)) for curve in reading_curves(name, plugins)]
        if shown := tuple(chart for chart in drawn if chart is not None):
            yield Charts(f"{row.name}: {name}", shown)


def reading_curves(metric: str, plugins: Plugins) -> tuple[ReadingCurve, ...]:
    """What an installed metric wants to be drawn; nothing of a metric that is not installed."""
    try:
        component = plugins.registry.find(metric, AbstractMetric.kind)
    except GankitError:
        return ()
    return component.curves if issubclass(component, AbstractMetric) else ()


def _lines(curve: ReadingCurve, metric: str, row: Row, real: Row | None) -> list[_Line]:
    own = _measured(curve, metric, row)
    if real is None:
        return own
    there = {line.name: [each.mean for each in line.points.values()] for line in own}
    beside = [
        attrs.evolve(line, name=f"{line.name}, {real_title(real.source)} slices", of_real=True)
        for line in _measured(curve, metric, real)
        if there.get(line.name) != [each.mean for each in line.points.values()]
    ]
    return [*own, *beside]


def _measured(curve: ReadingCurve, metric: str, row: Row) -> list[_Line]:
    """The lines of a row, each with the points that have a value."""
    found = {summary.name: summary for summary in row.summary if summary.metric == metric and summary.mean is not None}
    return [
        _Line(line, {at: found[name] for at, name in points.items()}) for line, points in curve.lines(found).items()
    ]


# Drawing --------------------------------------------------------------------------------------------------


def _chart(curve: ReadingCurve, lines: Sequence[_Line]) -> Chart | None:
    """The chart of these lines; None where there is no point."""
    if not lines:
        return None
    scale = _Scale(lines, curve.logarithmic)
    styles = [_style(number, line) for number, line in enumerate(lines)]
    parts = [*scale.rules(), *scale.feet()]
    middle = (len(lines) - 1) / 2
    for number, (line, style) in enumerate(zip(lines, styles, strict=True)):
        parts += _drawn(line, style, scale, APART * (number - middle))
    svg = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(parts)}</svg>'
    keys = tuple(Key(line.name, _sample(style)) for line, style in zip(lines, styles, strict=True))
    return Chart(curve.title, curve.axis, svg, keys)


def _style(number: int, line: _Line) -> str:
    """The classes of a line."""
    hollow = " open" if number >= COLOURS or line.of_real else ""
    return f"series c{number % COLOURS}{hollow}{' dashed' if line.of_real else ''}"


class _Scale:
    """Where amounts and values are in a chart."""

    def __init__(self, lines: Sequence[_Line], logarithmic: bool):
        self.logarithmic = logarithmic
        self.amounts = sorted({at for line in lines for at in line.points})
        ends = [end for line in lines for each in line.points.values() for end in (each.mean, *(each.interval or ()))]
        known = [end for end in ends if end is not None]
        room = 0.03 * (max(known) - min(known)) or 0.1 * abs(known[0]) or 1.0
        self.low, self.high = min(known) - room, max(known) + room
        first, last = self._position(self.amounts[0]), self._position(self.amounts[-1])
        self.left, self.right = (first, last) if last > first else (first - 1, last + 1)

    def _position(self, amount: float) -> float:
        return float(np.log(amount)) if self.logarithmic and amount > 0 else amount

    def across(self, amount: float) -> float:
        share = (self._position(amount) - self.left) / (self.right - self.left)
        return LEFT + 20 + share * (WIDTH - LEFT - RIGHT - 40)

    def down(self, value: float) -> float:
        return TOP + (self.high - value) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def rules(self) -> Iterator[str]:
        for tick in ticks(self.low, self.high):
            y = self.down(tick)
            yield f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick_text(tick)}</text>'

    def feet(self) -> Iterator[str]:
        """The amounts; those that would touch the one before are left out."""
        taken = -1e9
        for amount in self.amounts:
            x = self.across(amount)
            y = HEIGHT - BOTTOM
            yield f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 4}"/>'
            if x - taken > 24:
                yield f'<text x="{x:.1f}" y="{y + 16}" text-anchor="middle">{tick_text(amount)}</text>'
                taken = x


def _drawn(line: _Line, style: str, scale: _Scale, aside: float) -> Iterable[str]:
    """A line through its means, with a bar for each interval."""
    places = [
        (scale.across(at) + aside, scale.down(each.mean), each)
        for at, each in sorted(line.points.items())
        if each.mean is not None
    ]
    yield f'<g class="{style}">'
    for x, _, each in places:
        if each.interval is not None:
            low, high = map(scale.down, each.interval)
            yield f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
    yield f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in places)}"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>' for x, y, _ in places)
    yield "</g>"


def _sample(style: str) -> str:
    """A piece of a line for the key."""
    drawn = '<polyline points="1,6 27,6"/><circle cx="14" cy="6" r="3.2"/>'
    return f'<svg class="sample" viewBox="0 0 28 12" aria-hidden="true"><g class="{style}">{drawn}</g></svg>'
