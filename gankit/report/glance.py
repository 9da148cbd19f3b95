"""The first screen of a comparison's report: the few readings that decide, intervals drawn, verdicts in words."""

from __future__ import annotations

from collections.abc import Iterable

from gankit.cohort.titles import real_title
from gankit.evaluation.results import ComparisonResult, Row, Summary
from gankit.evaluation.tables import figure
from gankit.evaluation.verdicts import Verdict, standing_words, verdicts
from gankit.report.figures import tick_text, ticks
from gankit.report.page import Bar, Card, Cards, Section, Text, joined_sentence

DECIDE = 6
"""Number of readings on the first screen."""

AIMS = {"higher": "↑ higher is better", "lower": "↓ lower is better", "real": "≈ as on real slices"}

MIDDLE, HEIGHT = 9, 18
"""Of a drawn interval, in pixels."""


def glance(result: ComparisonResult) -> Section:
    """The section: how the methods stand, and a card for each of the first readings of the short table."""
    found = verdicts(result)
    real = next((row for row in result.rows if row.kind == "real"), None)
    said = [standing_words(found), result.note.partition(". ")[0] + "."]
    if len(found) > DECIDE:
        said.append(f"Here are the first {DECIDE} of the {len(found)} readings in the short table (--headline).")
    cards = Cards(tuple(_card(each, real) for each in found[:DECIDE]))
    return Section("At a glance", (Text(joined_sentence(said)), cards))


def _card(verdict: Verdict, real: Row | None) -> Card:
    first = next(iter(verdict.methods.values()))
    unit = "" if first.unit == "1" else f" ({first.unit})"
    own = verdict.real if verdict.real is not None and verdict.real.mean is not None else None
    scale = _Scale([*verdict.methods.values(), *([own] if own else [])])
    bars = [
        Bar(name, scale.drawn(summary, own, hollow=verdict.marks[name] != "best"), _short(summary), verdict.marks[name])
        for name, summary in verdict.methods.items()
    ]
    if own is not None and real is not None:
        bars.append(Bar(real_title(real.source), scale.drawn(own, own, hollow=True), _short(own), real=True))
    return Card(f"{verdict.id}{unit}", AIMS[first.better], tuple(bars), scale.axis(), verdict.words)


def _short(summary: Summary) -> str:
    """The mean; the interval is drawn."""
    return figure(summary).split(" ")[0]


class _Scale:
    """The axis that the figures of a card share, in percent of its width."""

    def __init__(self, summaries: Iterable[Summary]):
        ends = [end for each in summaries for end in (each.mean, *(each.interval or ())) if end is not None]
        room = 0.05 * (max(ends) - min(ends)) or 0.1 * abs(ends[0]) or 1.0
        self.low, self.high = min(ends) - room, max(ends) + room

    def at(self, value: float) -> str:
        return f"{100 * (value - self.low) / (self.high - self.low):.2f}%"

    def drawn(self, summary: Summary, real: Summary | None, hollow: bool) -> str:
        """A mean with its interval, over the interval of real slices."""
        parts = []
        if real is not None and real.interval is not None:
            width = 100 * (real.interval[1] - real.interval[0]) / (self.high - self.low)
            parts.append(f'<rect class="band" x="{self.at(real.interval[0])}" width="{width:.2f}%" height="{HEIGHT}"/>')
        if real is not None and real.mean is not None:
            x = self.at(real.mean)
            parts.append(f'<line class="aim" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}"/>')
        if summary.interval is not None:
            low, high = map(self.at, summary.interval)
            parts.append(f'<line class="line" x1="{low}" x2="{high}" y1="{MIDDLE}" y2="{MIDDLE}"/>')
        if summary.mean is not None:
            kind = "dot hollow" if hollow else "dot"
            parts.append(f'<circle class="{kind}" cx="{self.at(summary.mean)}" cy="{MIDDLE}" r="4"/>')
        return f'<svg class="drawn" aria-hidden="true">{"".join(parts)}</svg>'

    def axis(self) -> str:
        """The axis with two to four round numbers."""
        shown = ticks(self.low, self.high, least=2)
        parts = []
        for tick in shown[:: -(-len(shown) // 4)]:
            x = self.at(tick)
            parts.append(f'<line class="rule" x1="{x}" x2="{x}" y1="0" y2="4"/>')
            parts.append(f'<text x="{x}" y="15" text-anchor="middle">{tick_text(tick)}</text>')
        return f'<svg class="drawn" aria-hidden="true">{"".join(parts)}</svg>'
