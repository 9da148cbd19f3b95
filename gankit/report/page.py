"""The page of a report: sections of blocks, rendered by ``report.html.j2`` as one HTML file that needs no other file.

Each kind of block has a name, ``block``, by which the template knows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import attrs

from gankit.files.tables import Table

MEGABYTE = 1e6


@attrs.frozen
class Text:
    """A sentence or two, also in the place of something that is missing."""

    block: ClassVar[str] = "text"
    text: str


@attrs.frozen
class Facts:
    """Pairs of name and value."""

    block: ClassVar[str] = "facts"
    facts: tuple[tuple[str, str], ...]


@attrs.frozen
class Listing:
    """A long text, which is folded."""

    block: ClassVar[str] = "listing"
    title: str
    text: str


@attrs.frozen
class TableBlock:
    """A table, which may be folded."""

    block: ClassVar[str] = "table"
    table: Table
    folded: bool = False

    @property
    def wide(self) -> tuple[int | None, ...]:
        """For each column of texts the characters of its longest cell; None for a column of numbers.

        Numbers stand at the right of their column and keep to one line. Texts stand at the left and wrap.
        """
        return tuple(map(_width, zip(*self.table.rows, strict=True))) if self.table.rows else ()


_NUMBER = re.compile(r"[\d<>≈−-].*|–|")


def _width(cells: Sequence[str]) -> int | None:
    return None if all(map(_NUMBER.fullmatch, cells)) else max(map(len, cells))


@attrs.frozen
class Bar:
    """A figure with its interval, drawn on the axis that its card has."""

    name: str
    svg: str
    """SVG markup, made from numbers alone, so that it needs no escaping."""
    figure: str
    mark: str = ""
    """How it stands among the others, in a word."""
    real: bool = False
    """Whether it is of slices that stand for real ones."""


@attrs.frozen
class Card:
    """One reading of every method, and what it shows."""

    title: str
    aim: str
    """Which values are better, in words."""
    bars: tuple[Bar, ...]
    axis: str
    """SVG markup of the axis."""
    words: str


@attrs.frozen
class Cards:
    """Cards side by side, as many as fit."""

    block: ClassVar[str] = "cards"
    cards: tuple[Card, ...]


@attrs.frozen
class Strip:
    """A picture of slices of one modality, side by side."""

    label: str
    """The modality."""
    alt: str
    """The picture in words."""
    source: str
    """The PNG as a data URI."""
    count: int
    """Number of slices."""


@attrs.frozen
class Panel:
    """Groups of strips under one title. The strips of a group are one below the other."""

    title: str
    groups: tuple[tuple[Strip, ...], ...]


@attrs.frozen
class ColourBar:
    """The values that are black, grey and white in one modality."""

    label: str
    """The modality."""
    ticks: tuple[str, ...]
    """The values of black, middle grey and white."""
    unit: str


@attrs.frozen
class Pictures:
    """Panels of slices, side by side (``beside``) or one below the other as the rows of a sheet."""

    block: ClassVar[str] = "pictures"
    bars: tuple[ColourBar, ...]
    panels: tuple[Panel, ...]
    beside: bool = False

    @property
    def across(self) -> int:
        """Number of groups in the panel that has most."""
        return max(len(panel.groups) for panel in self.panels)


@attrs.frozen
class Curve:
    """The curve of one number over training steps."""

    title: str
    last: str
    """The last value as text."""
    svg: str
    """SVG markup, made from numbers alone, so that it needs no escaping."""


@attrs.frozen
class Curves:
    """Curves under a heading of their own."""

    block: ClassVar[str] = "curves"
    title: str
    curves: tuple[Curve, ...]


@attrs.frozen
class Key:
    """What a line of a chart is."""

    name: str
    svg: str
    """SVG markup of a piece of the line."""


@attrs.frozen
class Chart:
    """Lines over an axis."""

    title: str
    axis: str
    """What the axis is, with its unit."""
    svg: str
    """SVG markup, made from numbers alone, so that it needs no escaping."""
    keys: tuple[Key, ...]


@attrs.frozen
class Charts:
    """Charts under a heading of their own."""

    block: ClassVar[str] = "charts"
    title: str
    charts: tuple[Chart, ...]


Block = Text | Facts | Listing | TableBlock | Cards | Pictures | Curves | Charts


@attrs.frozen
class Section:
    """One part of a report."""

    title: str
    blocks: tuple[Block, ...]


@attrs.frozen
class Page:
    """A report."""

    title: str
    summary: str
    sections: tuple[Section, ...]
    footer: str


def rendered(page: Page) -> bytes:
    """The page as HTML in UTF-8, with every text escaped. The page says its own size."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("gankit.report", ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    template = environment.get_template("report.html.j2")
    size = len(template.render(page=page, size="0.00 MB").encode())
    return template.render(page=page, size=f"{size / MEGABYTE:.2f} MB").encode()


@attrs.frozen
class Absent:
    """In the place of something that could not be read or made."""

    why: str
    """A sentence for the page that says why."""


def missing(title: str, *sentences: str) -> Section:
    """A section with sentences in the place of what is missing."""
    return Section(title, tuple(Text(sentence) for sentence in sentences))


def joined_sentence(parts: Sequence[str]) -> str:
    """Sentences as one text, without those that are empty."""
    return " ".join(part for part in parts if part)
