"""Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere, nothing where nobody
watches.

A command is watched, and so is a function that was not told to be quiet. What runs within it, a plugin's cohort for
one, shows how far it is through ``progress`` and need not know.
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
"""Seconds between plain lines."""

_WATCHED: ContextVar[bool] = ContextVar("gankit_watched", default=False)
_OUTER: ContextVar[Progress | None] = ContextVar("gankit_progress", default=None)

Item = TypeVar("Item")


def say(text: str, quiet: bool = False) -> None:
    """One line to people, on standard error. Names of parameters in backticks are said as flags by a command."""
    if quiet:
        return
    if (outer := _OUTER.get()) is not None:
        outer.say(text)
    else:
        print(worded(text), file=sys.stderr, flush=True)


def watched(yes: bool = True) -> AbstractContextManager[None]:
    """A context within which somebody watches, or nobody does: a public function takes ``quiet`` and gives its opposite
    here."""
    return _put(_WATCHED, yes)


def progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items, and show how far this is where somebody watches: what, rate and time left.

    Args:
        items: what long work goes through, in steps of seconds at most.
        what: one or two words, as in "drawing slices".
        total: how many there are; default: the length of ``items`` where they have one.
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
    """A context that shows how far something is. Within another it shows a bar beneath the other's."""

    def __init__(
        self,
        total: int,
        quiet: bool = False,
        what: str = "training",
        *,
        last_line: bool = True,
    ):
        """``total``: 0 where nobody knows. ``last_line``: whether short work ends with a plain line, too."""
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
        """Something that goes on beside others: a bar under this one until it is closed; none without a terminal."""
        below = Progress(total, quiet=True, what=what)
        if self._bar is not None:
            below._show_in(self._bar)
            below._held.callback(self._bar.remove_task, below._task)
        return below

    def close(self) -> None:
        """End what ``beneath`` began."""
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
        """Start counting from here."""
        self._first = done
        self._began = self._said = time.monotonic()

    def advance(self, done: int, numbers: dict[str, float] | None = None) -> None:
        """``done`` of the total are finished; a plain line carries what the players minimised."""
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
    """Set a context variable for the time of the context; without a token, which a generator that ends in another
    thread could not give back."""
    before = variable.get()
    variable.set(value)
    try:
        yield
    finally:
        variable.set(before)


def _bars() -> Any:
    """rich's bars on standard error, with rate and time left."""
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
