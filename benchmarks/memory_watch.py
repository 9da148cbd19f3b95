"""A plugin that notes what the process holds whenever a training logs a row."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path

from gankit import Run, hookimpl

NOTED: list[tuple[int, int, int]] = []
"""Step, bytes of resident memory and number of open files, for each row."""


@hookimpl
def row_logged(run: Run, row: Mapping[str, float]) -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    NOTED.append((int(row["step"]), pages * resource.getpagesize(), len(list(Path("/proc/self/fd").iterdir()))))
