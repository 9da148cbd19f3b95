"""TOML as people write it: short lists on one line."""

from collections.abc import Mapping
from typing import Any

import tomli_w

WIDTH = 120
"""Characters of the longest line on which a list is put."""


def toml_text(document: Mapping[str, Any]) -> str:
    """A document as TOML. Reading it gives the same document.

    ``tomli_w`` writes each item of a list on a line of its own, between a line that ends with ``[`` and one that
    begins with ``]``. This joins the lines of short lists. A text value cannot be mistaken for such a line, since
    ``tomli_w`` writes it in quotes and without line breaks.
    """
    lines: list[str] = []
    opened: list[int] = []  # index of the first line of each list that is still open, outermost first
    for line in tomli_w.dumps(document).split("\n"):
        lines.append(line)
        if line.endswith("["):
            opened.append(len(lines) - 1)
        elif line.lstrip().startswith("]"):
            begin = opened.pop()
            lines[begin:] = _on_one_line(lines[begin:])
    return "\n".join(lines)


def _on_one_line(listed: list[str]) -> list[str]:
    """The lines of a list, joined to one line where it is short enough and each item is on one line."""
    first, *items, last = listed
    joined = first + " ".join(item.strip() for item in items).removesuffix(",") + last.strip()
    whole = all(item.endswith(",") for item in items)  # False where an item is itself a list too long for one line
    return [joined] if whole and len(joined) <= WIDTH else listed
