"""TOML as people write it: short lists on one line."""

from collections.abc import Mapping
from typing import Any

import tomli_w

WIDTH = 120
"""Longer lines than this are not made."""


def toml_text(document: Mapping[str, Any]) -> str:
    """A document as TOML, which reads back as the same document.

    ``tomli_w`` writes each item of a list on a line of its own, between a line that ends with ``[`` and one that
    begins with ``]``. No text looks like these lines: it has no line breaks, and stands in quotes.
    """
    lines: list[str] = []
    opened: list[int] = []  # lines at which the lists begin that are not closed yet
    for line in tomli_w.dumps(document).split("\n"):
        lines.append(line)
        if line.endswith("["):
            opened.append(len(lines) - 1)
        elif line.lstrip().startswith("]"):
            begin = opened.pop()
            lines[begin:] = _on_one_line(lines[begin:])
    return "\n".join(lines)


def _on_one_line(listed: list[str]) -> list[str]:
    """A list of which each item is on one line, joined where that is short enough."""
    first, *items, last = listed
    joined = first + " ".join(item.strip() for item in items).removesuffix(",") + last.strip()
    whole = all(item.endswith(",") for item in items)  # not in a list that itself has long lists
    return [joined] if whole and len(joined) <= WIDTH else listed
