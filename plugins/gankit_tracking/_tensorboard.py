"""A run in TensorBoard's event files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tomli_w
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from gankit import Run, RunResult
from gankit_tracking._tracker import Tracker, curves, ending, step_of

FLUSH_EVERY_S = 10
"""Seconds after which a row is on the disk at the latest."""


class TensorBoard(Tracker):
    """Writes an event file each time the run starts. One of a run that goes on tells TensorBoard to forget the steps
    that are made again."""

    def __init__(self, run: Run):
        folder = run.path / "tensorboard"
        self._sheets_from = run.step + (1 if any(folder.glob("events.*")) else 0)
        self._writer = SummaryWriter(str(folder), purge_step=run.step + 1, flush_secs=FLUSH_EVERY_S)
        self._step = run.step
        self._text("recipe", tomli_w.dumps(run.document))
        self._text("provenance", tomli_w.dumps({"path": str(run.path), **run.provenance}))
        self._text("status", f"started at step {run.step}")

    def row(self, row: Mapping[str, float]) -> None:
        self._step = int(row["step"])
        for name, number in curves(row).items():
            self._writer.add_scalar(name, number, self._step)

    def sheet(self, path: Path) -> None:
        if (step := step_of(path)) >= self._sheets_from:
            with Image.open(path) as image:
                self._writer.add_image("sheet", np.asarray(image.convert("RGB")), step, dataformats="HWC")
            self._writer.flush()

    def ended(self, result: RunResult) -> None:
        self._step = result.step
        self._text("status", ending(result))
        self._writer.close()

    def _text(self, name: str, text: str) -> None:
        """Text as it is: four blanks before a line make it so in Markdown."""
        self._writer.add_text(name, "\n".join(f"    {line}" for line in text.splitlines()), self._step)
