"""Figures of a report: slices as PNG within the page, and curves as SVG in the colours of the page."""

from __future__ import annotations

import base64
import io
import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gankit.cohort.pictures import GAP, Images, Voxel, lesions, picture
from gankit.recipe.recipe import ModalitySpec
from gankit.report.page import ColourBar, Curve, Panel, Strip

POINTS = 120
"""Most points of a curve. A longer one is divided into as many blocks, and shows their means."""

CLIPPED = 0.5
"""Percentage of the points of a long curve, at each end of their values, that may be outside of its frame."""

WIDTH, HEIGHT = 320, 150
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 22
"""Size and margins of a curve, in units of its SVG."""


# Slices ---------------------------------------------------------------------------------------------------


def colour_bars(specs: Mapping[str, ModalitySpec]) -> tuple[ColourBar, ...]:
    """A colour bar with the window of each modality."""
    return tuple(_colour_bar(name, spec) for name, spec in specs.items())


def _colour_bar(name: str, spec: ModalitySpec) -> ColourBar:
    low, high = spec.window or spec.range
    return ColourBar(name, tuple(f"{value:g}" for value in np.linspace(low, high, 3)), unit_text(spec))


def unit_text(spec: ModalitySpec) -> str:
    """The unit of a modality in words."""
    return "a.u." if spec.unit == "1" else spec.unit


def pair_blocks(
    title: str, images: Images, specs: Mapping[str, ModalitySpec], aspects: Mapping[str, float], columns: int = 4
) -> Panel:
    """Slices in blocks of ``columns``, one below the other; each block has a strip for each modality. Of volumes there
    are three planes, through the lesion where a mask says where that is. ``aspects`` is that of ``Model``."""
    places = lesions(images, specs)
    blocks = [slice(start, start + columns) for start in range(0, len(places), columns)]
    groups = (
        tuple(_strip(title, name, images[name][block], specs[name], aspects, places[block]) for name in specs)
        for block in blocks
    )
    return Panel(title, tuple(groups))


def sheet_row(title: str, images: Images, specs: Mapping[str, ModalitySpec], aspects: Mapping[str, float]) -> Panel:
    """All slices in one strip for each modality; the strips are side by side. For volumes and ``aspects`` see
    ``pair_blocks``."""
    places = lesions(images, specs)
    strips = (_strip(title, name, images[name], spec, aspects, places) for name, spec in specs.items())
    return Panel(title, tuple((strip,) for strip in strips))


def _strip(
    title: str,
    name: str,
    images: Any,
    spec: ModalitySpec,
    aspects: Mapping[str, float],
    places: Sequence[Voxel | None],
) -> Strip:
    aspect = aspects.get(name, 1.0)
    planes = [picture(image, at, aspect) for image, at in zip(np.asarray(images), places, strict=True)]
    content = base64.b64encode(_strip_png(planes, *(spec.window or spec.range))).decode()
    return Strip(name, f"{title}: {len(planes)} slices, {name}", f"data:image/png;base64,{content}", len(planes))


def _strip_png(planes: Sequence[np.ndarray], low: float, high: float) -> bytes:
    """Slices side by side, one pixel of the PNG for each of their pixels; gaps and absent slices are transparent."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    gap = np.full((planes[0].shape[0], GAP), np.nan, dtype=np.float32)
    strip = np.concatenate([part for picture in planes for part in (picture, gap)][:-1], axis=1)
    there = ~np.isnan(strip)
    share = ((strip - low) / (high - low)).clip(0, 1)
    grey = (np.where(there, share, 0) * 255.999).astype(np.uint8)
    made, said, content = Image.fromarray(np.dstack([grey, np.uint8(255) * there]), "LA"), PngInfo(), io.BytesIO()
    said.add_text("Software", "gankit")
    made.save(content, "png", optimize=True, pnginfo=said)
    return content.getvalue()


# Curves ---------------------------------------------------------------------------------------------------


def curve(title: str, steps: Sequence[float], values: Sequence[float]) -> Curve:
    """The curve of one number over training steps. Numbers that are not finite are left out."""
    steps_N, values_N = np.asarray(steps, dtype=float), np.asarray(values, dtype=float)
    finite_N = np.isfinite(values_N)
    last = f"{values_N[-1]:.3g}".replace("-", "−") if len(values_N) else "–"
    return Curve(title, last, _svg(*decimated(steps_N[finite_N], values_N[finite_N])))


def decimated(
    steps_N: np.ndarray, values_N: np.ndarray, points: int = POINTS
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Reduce a curve to at most ``points`` blocks, whose lengths are equal or differ by one.

    Returns: for each block, its mean step, and the mean, least and greatest of its values.
    """
    count = min(points, len(values_N))
    edges = np.linspace(0, len(values_N), count + 1).astype(int)
    blocks = [slice(start, end) for start, end in itertools.pairwise(edges)]

    def over(values: np.ndarray, summary: Any) -> np.ndarray:
        return np.array([summary(values[block]) for block in blocks])

    return over(steps_N, np.mean), over(values_N, np.mean), over(values_N, np.min), over(values_N, np.max)


def _svg(steps_P: np.ndarray, mean_P: np.ndarray, low_P: np.ndarray, high_P: np.ndarray) -> str:
    """A curve with its band and ticks; empty where there is no point."""
    if not len(steps_P):
        return ""
    (left, right), (bottom, top) = _span(steps_P.min(), steps_P.max()), _frame(low_P, high_P, mean_P[-1])

    def across(steps: Any) -> Any:
        return LEFT + (steps - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    def down(values: Any) -> Any:
        return TOP + (top - values) / (top - bottom) * (HEIGHT - TOP - BOTTOM)

    # Ticks
    x_P = across(steps_P)
    parts = [_rule(down(tick), tick) for tick in ticks(bottom, top)]
    parts += [_foot(across(tick), tick) for tick in ticks(left, right) if tick >= 0]

    # The curve, in a frame of its own that clips what is outside
    parts.append(f'<svg x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}">')
    parts.append(f'<g transform="translate({-LEFT} {-TOP})">')
    if len(x_P) == 1:
        parts.append(f'<circle class="dot" cx="{x_P[0]:.1f}" cy="{down(mean_P)[0]:.1f}" r="3"/>')
    else:
        band = _points(np.concatenate([x_P, x_P[::-1]]), down(np.concatenate([high_P, low_P[::-1]])))
        parts.append(f'<polygon class="band" points="{band}"/>')
        parts.append(f'<polyline class="line" points="{_points(x_P, down(mean_P))}"/>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">{"".join(parts)}</g></svg></svg>'


def _points(x_P: np.ndarray, y_P: np.ndarray) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(x_P, y_P, strict=True))


def _rule(y: float, tick: float) -> str:
    line = f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f'{line}<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick_text(tick)}</text>'


def _foot(x: float, tick: float) -> str:
    line = f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM + 4}"/>'
    anchor = "end" if x > WIDTH - 20 else "middle"
    return f'{line}<text x="{min(x, WIDTH):.1f}" y="{HEIGHT - 5}" text-anchor="{anchor}">{tick_text(tick)}</text>'


def _frame(low_P: np.ndarray, high_P: np.ndarray, last: float) -> tuple[float, float]:
    """Lowest and highest value shown. A long curve is shown without rare extremes, but with its last value."""
    rare = CLIPPED if len(low_P) >= POINTS else 0.0
    return _span(min(np.percentile(low_P, rare), last), max(np.percentile(high_P, 100 - rare), last))


def _span(low: float, high: float) -> tuple[float, float]:
    """An interval with some room at both ends, which is not empty even where both ends are equal."""
    room = (high - low) * 0.02 or abs(high) * 0.1 or 1.0
    return float(low - room), float(high + room)


def ticks(low: float, high: float, least: int = 3) -> list[float]:
    """Round numbers within an interval, for its ticks.

    Their distance is the largest of 1, 2 or 5 times a power of ten that gives at least ``least`` of them.
    """
    power = math.floor(math.log10(high - low))
    for step in (factor * 10.0**exponent for exponent in (power, power - 1) for factor in (5, 2, 1)):
        first, last = math.ceil(low / step), math.floor(high / step)
        if last - first + 1 >= least:
            break
    return [number * step for number in range(first, last + 1)]


def tick_text(value: float) -> str:
    """The text of a tick, as in ``40k`` for 40000; with a true minus sign."""
    text = f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:.6g}"
    return text.replace("-", "−")


def series(rows: Iterable[Mapping[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Steps and values of one scalar, from the rows of metrics that have it."""
    having = [row for row in rows if isinstance(row.get(name), int | float)]
    return [row["step"] for row in having], [row[name] for row in having]
