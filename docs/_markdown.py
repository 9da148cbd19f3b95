"""Docstrings and tables as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator

SECTION = re.compile(r"^(Args|Returns|Raises|Yields): *(.*)$")
CODE_SPAN = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
SPECIAL = re.compile(r"([*<\[\]$\\]|(?<!\w)_|_(?!\w))")
"""Characters that Markdown may read as markup."""


def page(blocks: Iterable[str]) -> str:
    """Blocks with a blank line between them."""
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip()) + "\n"


def prose(text: str | None) -> str:
    """A docstring as Markdown: code spans as they are, everything else without markup, arguments as lists."""
    return "\n\n".join(_paragraph(part) for part in _paragraphs(inspect.cleandoc(text or "")))


def line(text: str) -> str:
    """One sentence for a cell of a table."""
    return " ".join(prose(text).split())


def code(text: str) -> str:
    return f"`{text}`"


def fenced(language: str, text: str) -> str:
    return f"```{language}\n{text.rstrip()}\n```"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Groups of lines: what blank lines divide, and a section such as ``Args:`` on its own."""
    group: list[str] = []
    for each in text.splitlines():
        if (not each.strip() or SECTION.match(each)) and group:
            yield group
            group = []
        if each.strip():
            group.append(each)
    if group:
        yield group


def _paragraph(lines: list[str]) -> str:
    if found := SECTION.match(lines[0]):
        return _section(found[1], found[2], lines[1:])
    if lines[0].startswith("    "):
        return fenced("python" if lines[0].lstrip().startswith(("from ", "def ", "import ")) else "text",
                      inspect.cleandoc("\n".join(lines)))  # fmt: skip
    return _escaped("\n".join(lines))


def _section(name: str, rest: str, lines: list[str]) -> str:
    """``Args:`` and the like: its words beside it, or an item for each line that is not deeper than the first."""
    if rest or not lines:
        return f"**{name}:** {_escaped(' '.join([rest, *(each.strip() for each in lines)]))}"
    depth = len(lines[0]) - len(lines[0].lstrip())
    items: list[str] = []
    for each in lines:
        if len(each) - len(each.lstrip()) > depth and items:
            items[-1] += f" {each.strip()}"
        else:
            items.append(each.strip())
    return f"**{name}:**\n\n" + "\n".join(f"- {_item(item)}" for item in items)


def _item(item: str) -> str:
    names, colon, what = item.partition(": ")
    if not colon or "`" in names:
        return _escaped(item)
    return f"`{names}`: {_escaped(what)}"


def _escaped(text: str) -> str:
    parts = CODE_SPAN.split(text)
    return "".join(part if index % 2 else SPECIAL.sub(r"\\\1", part) for index, part in enumerate(parts))
