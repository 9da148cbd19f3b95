"""``ReadingCurve``: readings of a metric that differ in an amount, to be drawn as lines."""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

_AT, _LINE = "{at}", "{line}"


@attrs.frozen(kw_only=True)
class ReadingCurve:
    """A picture of readings along an axis, which reports draw. A metric names it in ``curves``.

    Raises:
        ValueError: the pattern lacks ``{line}`` or ``{at}``.
    """

    title: str
    """What the picture shows, as in ``"AUC on fresh patients"``."""
    pattern: str = attrs.field()
    """Names of the readings, with ``{line}`` for the name of the line and ``{at}`` for the amount, a number:
    ``"fresh.{line}.{at}.auc"``."""
    axis: str
    """What the amount is, with its unit."""
    logarithmic: bool = False
    """Whether equal steps along the axis are equal factors of the amount, which must be above 0 then."""

    @pattern.validator
    def _require_parts(self, attribute: object, value: str) -> None:
        if value.count(_AT) != 1 or value.count(_LINE) != 1:
            raise ValueError(f"the pattern of a curve has {_LINE} and {_AT} once each, got {value!r}")

    def lines(self, names: Iterable[str]) -> dict[str, dict[float, str]]:
        """Line to amount to the name of the reading, for the names that fit, in increasing order of the amount."""
        text = re.escape(self.pattern)
        text = text.replace(re.escape(_LINE), r"(?P<line>[^.]+)").replace(re.escape(_AT), r"(?P<at>\d+(?:\.\d+)?)")
        found: dict[str, dict[float, str]] = {}
        for name in names:
            if (match := re.fullmatch(text, name)) is not None:
                found.setdefault(match["line"], {})[float(match["at"])] = name
        return {line: dict(sorted(points.items())) for line, points in found.items()}
