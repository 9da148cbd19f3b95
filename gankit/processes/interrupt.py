"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping() -> Iterator[Callable[[], signal.Signals | None]]:
    """Ctrl-C and SIGTERM ask the loop to stop after the step; a second one stops at once. Yields a function that
    tells which one came."""
    received: list[signal.Signals] = []

    def note(number: signal.Signals) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    with handled(note):
        yield lambda: received[0] if received else None


@contextmanager
def handled(handle: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM are given to ``handle`` instead of being acted on."""

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
