"""The page of a report: sections of blocks, rendered as one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from gankit.files.tables import Table

MEGABYTE = 1e6


@attrs.frozen
class Text:
    """A sentence or two; also what stands where something is missing."""

    block: ClassVar[str] = "text"
    text: str


@attrs.frozen
class Facts:
    """Names and values."""

    block: ClassVar[str] = "facts"
    facts: tuple[tuple[str, str], ...]


@attrs.frozen
class Listing:
    """Long text, folded."""

    block: ClassVar[str] = "listing"
    title: str
    text: str


@attrs.frozen
class TableBlock:
    """A table, folded where it is long."""

    block: ClassVar[str] = "table"
    table: Table
    folded: bool = False


@attrs.frozen
class Strip:
    """Slices of one modality side by side."""

    label: str
    alt: str
    source: str
    """A data URI."""
    count: int


@attrs.frozen
class Panel:
    """Groups of strips under one title; the strips of a group are stacked."""

    title: str
    groups: tuple[tuple[Strip, ...], ...]


@attrs.frozen
class ColourBar:
    """What black, grey and white mean in one modality."""

    label: str
    ticks: tuple[str, ...]
    unit: str


@attrs.frozen
class Pictures:
    """Panels of slices: beside each other, or one below the other as the rows of a sheet."""

    block: ClassVar[str] = "pictures"
    bars: tuple[ColourBar, ...]
    panels: tuple[Panel, ...]
    beside: bool = False

    @property
    def across(self) -> int:
        """The most groups that a panel has."""
        return max(len(panel.groups) for panel in self.panels)


@attrs.frozen
class Curve:
    """One number over training."""

    title: str
    last: str
    svg: str
    """Markup made from numbers alone."""


@attrs.frozen
class Curves:
    """Curves under a heading of their own."""

    block: ClassVar[str] = "curves"
    title: str
    curves: tuple[Curve, ...]


Block = Text | Facts | Listing | TableBlock | Pictures | Curves


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
    """The page as UTF-8; every text is escaped."""
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
    """What could not be read or made, with a sentence that says why, for its place on the page."""

    why: str


def missing(title: str, *sentences: str) -> Section:
    """A section that says what is absent."""
    return Section(title, tuple(Text(sentence) for sentence in sentences))


def joined_sentence(parts: Sequence[str]) -> str:
    """Sentences as one text; empty ones are left out."""
    return " ".join(part for part in parts if part)
