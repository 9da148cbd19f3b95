"""``metrics.jsonl``: a row of numbers on each line, with the digest of the line. A damaged line is kept aside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from gankit.files.atomic import write_bytes
from gankit.files.digest import KEY, text_digest, warn_of_file, with_digest
from gankit.files.obstacles import writing

Row = dict[str, Any]

LAST_ROWS = 1 << 14
"""Bytes at the end of a file that have at least its last row."""


@attrs.frozen
class Line:
    """A line of the file."""

    number: int
    """From 1."""
    content: bytes
    row: Row | None
    """What it says, without its digest; None where it is damaged, repeated or of another run."""
    proven: bool
    """Whether it has a digest. Those of earlier versions have none."""


@attrs.frozen
class MetricsFile:
    """The rows of a run, and the file beside them that gets damaged lines."""

    path: Path
    run: str = ""
    """The mark of the run, which the digests of its rows cover; empty where none is known."""

    @property
    def aside(self) -> Path:
        return self.path.with_name("metrics.damaged.jsonl")

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a line. Raises RunError: it cannot be written."""
        with writing(self.path), self.path.open("ab") as file:
            file.write(self._content(row))

    def lines(self) -> list[Line]:
        """All lines but blank ones; none where there is no file. A row whose step is not after those of the rows before
        it was not logged there."""
        content = self.path.read_bytes() if self.path.exists() else b""
        pieces = enumerate(content.split(b"\n"), start=1)
        lines, newest = [_line(number, piece, self.run) for number, piece in pieces if piece.strip()], -1
        for place, line in enumerate(lines):
            if line.row is not None and line.row["step"] <= newest:
                lines[place] = attrs.evolve(line, row=None)
            elif line.row is not None:
                newest = line.row["step"]
        return lines

    def rows(self) -> list[Row]:
        """What all sound lines say. Warns with ``FileWarning`` of damaged lines, and of those without a digest."""
        lines = self.lines()
        self._warn(lines, "left out")
        return [line.row for line in lines if line.row is not None]

    def last_step(self) -> int:
        """The step of the last row, or 0 where there is none. Reads only the end of the file."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - LAST_ROWS))
                ended = file.read().split(b"\n")[:-1]  # a line that is being written has no end yet
        except OSError:
            return 0
        rows = (_line(0, content, self.run).row for content in reversed(ended))
        return next((row["step"] for row in rows if row is not None), 0)

    def rewind(self, step: int) -> None:
        """Keep the rows up to a step, since those of later steps will be made again; move damaged lines aside.

        Warns with ``FileWarning``, as ``rows``. Raises RunError: a file cannot be written.
        """
        if not self.path.exists():
            return
        lines = self.lines()
        self._warn(lines, f"kept in {self.aside.name}")
        self._move_aside([line.content for line in lines if line.row is None])
        rows = [line.row for line in lines if line.row is not None]
        write_bytes(self.path, b"".join(self._content(row) for row in rows if row["step"] <= step))

    def _content(self, row: Mapping[str, Any]) -> bytes:
        return with_digest(row, json.dumps, self.run).encode() + b"\n"

    def _move_aside(self, damaged: Iterable[bytes]) -> None:
        before = self.aside.read_bytes() if self.aside.exists() else b""
        if new := [content for content in damaged if content not in before.split(b"\n")]:
            write_bytes(self.aside, before + b"".join(content + b"\n" for content in new))

    def _warn(self, lines: Iterable[Line], what: str) -> None:
        if damaged := [line.number for line in lines if line.row is None]:
            warn_of_file(self.path, f"{numbered(damaged)} damaged, cut short, repeated or of another run, and {what}")
        if any(line.row is not None and not line.proven for line in lines):
            warn_of_file(self.path, "has rows without a digest, as files of earlier versions, so damage goes unnoticed")


def numbered(lines: list[int]) -> str:
    """``"line 3 is"`` or ``"lines 3, 7 and 9 are"``; of many, the first ones."""
    some = [str(number) for number in lines[:5]]
    if len(lines) == 1:
        return f"line {some[0]} is"
    last = f"{len(lines) - len(some)} more" if len(lines) > len(some) else some.pop()
    return f"lines {', '.join(some)} and {last} are"


def _line(number: int, content: bytes, run: str) -> Line:
    """A line that is JSON, but no row of this file, is damaged too. Digests of earlier versions cover no run."""
    try:
        text = content.decode()
        found = json.loads(text)
        row = {key: value for key, value in found.items() if key != KEY}
        proven = KEY in found
        right = [text_digest(text, found[KEY], owner) for owner in (run, "")] if proven else []
        sound = found[KEY] in right if proven else all(map(_is_number, row.values()))
        counted = isinstance(row["step"], int) and _is_number(row["step"])
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return Line(number, content, None, False)
    return Line(number, content, row if sound and counted else None, proven)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
