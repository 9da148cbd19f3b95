"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere, nothing where it is quiet.

The outermost command or public function decides whether progress is shown (``watched``): a command shows it, and a
function unless its ``quiet`` is True. Code that runs within, such as a plugin's cohort, calls ``progress`` and need not
know.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeVar

from gankit._wording import worded

LINE_EVERY_S = 10.0
"""Seconds between two plain lines."""

_WATCHED: ContextVar[bool] = ContextVar("gankit_watched", default=False)
_OUTER: ContextVar[Progress | None] = ContextVar("gankit_progress", default=None)

Item = TypeVar("Item")


def say(text: str, quiet: bool = False) -> None:
    """Print one line to people on standard error, above a bar where one is shown.

    While a command runs, its flags replace the names of parameters in backticks.
    """
    if quiet:
        return
    if (outer := _OUTER.get()) is not None:
        outer.say(text)
    else:
        print(worded(text), file=sys.stderr, flush=True)


def watched(yes: bool = True) -> AbstractContextManager[None]:
    """A context within which ``progress`` is shown, or not where ``yes`` is False.

    A public function that takes ``quiet`` does its work in ``watched(not quiet)``.
    """
    return _put(_WATCHED, yes)


def progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items and, within ``watched``, show how far this is: ``what``, the rate and the time left.

    Args:
        items: what the long work goes through; each item takes seconds at most.
        what: one or two words, as in "drawing slices".
        total: number of items; default: the length of ``items`` where they have one, else unknown.
    """
    if not _WATCHED.get():
        yield from items
        return
    total = total if total is not None else len(items) if isinstance(items, Sized) else 0
    with Progress(total, what=what, last_line=False) as shown:
        for done, item in enumerate(items):
            shown.advance(done)
            yield item
        shown.advance(total)


class Progress:
    """A context that shows how far some work is. Within another ``Progress``, its bar is beneath the other's."""

    def __init__(
        self,
        total: int,
        quiet: bool = False,
        what: str = "training",
        *,
        last_line: bool = True,
    ):
        """Begin nothing yet.

        Args:
            total: number of steps; 0 where it is unknown.
            quiet: show nothing.
            what: one or two words for the work.
            last_line: without a terminal, print a line at the end even of work shorter than ``LINE_EVERY_S``.
        """
        self._total = total
        self._quiet = quiet
        self._what = what
        self._last_line = last_line
        self._bar: Any = None
        self._first = 0
        self._began = self._said = time.monotonic()
        self._held = ExitStack()

    def __enter__(self) -> Progress:
        outer = _OUTER.get()
        if sys.stderr.isatty() and not self._quiet:
            if outer is not None and outer._bar is not None:  # two displays at once would write over each other
                self._show_in(outer._bar)
                self._held.callback(self._bar.remove_task, self._task)
            else:
                self._show_in(self._held.enter_context(_bars()))
        self._held.enter_context(_put(_WATCHED, not self._quiet))
        self._held.enter_context(_put(_OUTER, self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def _show_in(self, bars: Any) -> None:
        self._bar = bars
        self._task = bars.add_task(self._what, total=self._total or None, rate="")

    def beneath(self, what: str, total: int) -> Progress:
        """A further bar under this one, for one of several works side by side, until ``close``. Without a terminal it
        shows nothing."""
        below = Progress(total, quiet=True, what=what)
        if self._bar is not None:
            below._show_in(self._bar)
            below._held.callback(self._bar.remove_task, below._task)
        return below

    def close(self) -> None:
        """Remove a bar that ``beneath`` made."""
        self._held.close()

    def say(self, text: str) -> None:
        """One line, above the bar where there is one."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(worded(text), highlight=False, markup=False, soft_wrap=True)
        else:
            print(worded(text), file=sys.stderr, flush=True)

    def begin(self, done: int) -> None:
        """Say that ``done`` steps were finished before this work began, so the rate does not count them."""
        self._first = done
        self._began = self._said = time.monotonic()

    def advance(self, done: int, numbers: dict[str, float] | None = None) -> None:
        """Show that ``done`` steps are finished.

        Args:
            done: finished steps, those before ``begin`` included.
            numbers: term to its newest value; a plain line shows those of players, not those of critics.
        """
        now = time.monotonic()
        rate = (done - self._first) / max(now - self._began, 1e-9)
        pace = f"{rate:.1f}/s" if rate >= 1 or not rate else f"{1 / rate:.1f} s each"
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rate=pace)
        elif not self._quiet and (now - self._said >= LINE_EVERY_S or (self._last_line and done == self._total)):
            self._said = now
            left = f"  {duration((self._total - done) / rate)} left" if self._total and rate else ""
            terms = {name: number for name, number in (numbers or {}).items() if not name.endswith(".critic")}
            shown = "  ".join(f"{name} {number:.3g}" for name, number in terms.items())
            of = f"/{self._total}" if self._total else ""
            self.say(f"{self._what} {done}{of}  {pace}{left}  {shown}".rstrip())


def duration(seconds: float) -> str:
    """``"45 s"``, ``"12 min"``, ``"1 h 52 min"`` or ``"3 d 4 h"``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


@contextmanager
def _put(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    """Set a context variable until the end of the context.

    ``ContextVar.reset`` is not used: a generator may end in another thread, and its token is not valid there.
    """
    before = variable.get()
    variable.set(value)
    try:
        yield
    finally:
        variable.set(before)


def _bars() -> Any:
    """A display of rich's bars on standard error, with rate and time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    return Bars(*columns, console=Console(stderr=True))
