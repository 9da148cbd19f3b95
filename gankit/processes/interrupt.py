"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping() -> Iterator[Callable[[], signal.Signals | None]]:
    """A context in which Ctrl-C and SIGTERM ask a loop to stop after its step. A second one raises KeyboardInterrupt.

    Yields a function that returns the signal that came, or None. The loop asks it after each step.
    """
    received: list[signal.Signals] = []

    def note(number: signal.Signals) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    with handled(note):
        yield lambda: received[0] if received else None


@contextmanager
def handled(handle: Callable[[signal.Signals], None]) -> Iterator[None]:
    """A context in which Ctrl-C and SIGTERM call ``handle`` and do nothing else."""

    def note(number: int, _: FrameType | None) -> None:
        handle(signal.Signals(number))

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            previous[number] = signal.signal(number, note)
        except ValueError:  # not the main thread, where Python delivers no signals
            break
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
