"""What a comparison shows of its methods, in words: on each reading the best, and those not shown to be worse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import attrs

from gankit.evaluation.differences import real_readings
from gankit.evaluation.results import ComparisonResult, Difference, MethodSummary, Summary

Mark = Literal["best", "tie", "as far", "worse", ""]
"""How a method stands on a reading: its mean is the best; it is not shown to be worse than any other; nor that, and it
is shown to be as far from the real value as the best; it is shown to be worse than some other; nothing was tested."""


@attrs.frozen
class Verdict:
    """How the methods stand on one reading."""

    id: str
    """``"METRIC.READING"``."""
    methods: Mapping[str, MethodSummary]
    """Method to its figure, without methods that have none."""
    real: Summary | None
    """The figure of real slices."""
    marks: Mapping[str, Mark]
    """Method to how it stands."""

    @property
    def to_real(self) -> bool:
        """Whether the reading should be as on real slices."""
        return next(iter(self.methods.values())).better == "real"

    @property
    def words(self) -> str:
        """The verdict as a sentence or two."""
        named = {mark: [name for name, its in self.marks.items() if its == mark] for mark in set(self.marks.values())}
        if "best" not in named:
            return "Not tested." if len(self.marks) > 1 else ""
        first, ties, alike = named["best"][0], named.get("tie", []), named.get("as far", [])
        worse, lead = ("farther", "Nearest to real") if self.to_real else ("worse", "Best")
        if "worse" not in named and not alike:
            return f"No method is shown to be {'nearer to real' if self.to_real else 'better'} than another."
        parts = [f"{lead}: {first}"]
        if alike:
            parts.append(f"as far from real: {', '.join(alike)}")
        if ties:
            parts.append(f"not shown to be {worse} than any: {', '.join(ties)}")
        if "worse" in named:
            parts.append(f"{worse}: {', '.join(named['worse'])}")
        return "; ".join(parts) + "."


def verdicts(result: ComparisonResult) -> list[Verdict]:
    """The verdict on each reading of the short table that a method has a figure of."""
    real = real_readings(result.rows)
    return [found for name in result.headline if (found := _verdict(name, result, real.get(name))) is not None]


def standing_words(found: Sequence[Verdict]) -> str:
    """One sentence that says on how many readings each method is not shown to be worse than any other; empty where
    nothing was tested."""
    tested = [each for each in found if "best" in each.marks.values()]
    if not tested:
        return ""
    names = dict.fromkeys(name for each in tested for name in each.marks)
    counts = {name: sum(each.marks.get(name) in ("best", "tie", "as far") for each in tested) for name in names}
    listed = ", ".join(f"{name} {counts[name]}" for name in sorted(names, key=lambda name: -counts[name]))
    return f"Number of readings, of {len(tested)}, on which no other method is shown to be better: {listed}."


def _verdict(name: str, result: ComparisonResult, real: Summary | None) -> Verdict | None:
    figures = {method.name: each for method in result.methods for each in method.summary if each.id == name and each.n}
    if not figures:
        return None
    tests = [test for test in result.tests if test.id == name and test.p_holm is not None]
    return Verdict(name, figures, real, _marks(figures, tests))


def _marks(names: Iterable[str], tests: Sequence[Difference]) -> dict[str, Mark]:
    """How each method stands. One is shown to be worse where it is shown to be worse than any other."""
    tested = {name for test in tests for name in (test.a, test.b)}
    behind = {test.b if test.better == "a" else test.a for test in tests if test.better is not None}
    beaten = {test.b if test.better == "a" else test.a for test in tests if test.shown}
    best = next((name for name in names if name in tested and name not in behind), None)
    alike = {name for test in tests if test.alike and best in (test.a, test.b) for name in (test.a, test.b)}
    marks: dict[str, Mark] = {}
    for name in names:
        if name == best:
            marks[name] = "best"
        elif name in beaten:
            marks[name] = "worse"
        else:
            marks[name] = "" if name not in tested else "as far" if name in alike else "tie"
    return marks
