"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from gankit._wording import worded

LINE_EVERY_S = 10.0
"""Seconds between plain lines."""


def say(text: str, quiet: bool) -> None:
    """One line to people, where no bar is shown."""
    if not quiet:
        print(worded(text), file=sys.stderr, flush=True)


class Progress:
    """A context that shows how far a run is."""

    def __init__(self, total: int, quiet: bool = False, what: str = "training"):
        self._total = total
        self._quiet = quiet
        self._what = what
        self._bar: Any = None
        self._first = 0
        self._began = self._said = time.monotonic()

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and not self._quiet:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
            )
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(self._what, total=self._total, rate="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """One line, above the bar where there is one."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(worded(text), highlight=False, markup=False, soft_wrap=True)
        else:
            print(worded(text), file=sys.stderr, flush=True)

    def begin(self, done: int) -> None:
        """Start counting from here."""
        self._first = done
        self._began = self._said = time.monotonic()

    def advance(self, done: int, numbers: dict[str, float] | None = None) -> None:
        """``done`` of the total are finished; a plain line carries what the players minimised."""
        now = time.monotonic()
        rate = (done - self._first) / max(now - self._began, 1e-9)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rate=f"{rate:.1f}/s")
        elif not self._quiet and (now - self._said >= LINE_EVERY_S or done == self._total):
            self._said = now
            left_s = (self._total - done) / max(rate, 1e-9)
            terms = {name: number for name, number in (numbers or {}).items() if not name.endswith(".critic")}
            shown = "  ".join(f"{name} {number:.3g}" for name, number in terms.items())
            self.say(f"{self._what} {done}/{self._total}  {rate:.1f}/s  {left_s:.0f} s left  {shown}".rstrip())
