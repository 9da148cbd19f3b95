"""Files that a thread writes while steps run, so that writing does not hold them up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager


class Beside:
    """Writes one thing at a time, in the order in which they are asked for."""

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._writing: Future[None] | None = None

    def write(self, what: Callable[[], None]) -> None:
        """Begin to write, after what was begun before is written. Raises what writing that raised."""
        self.finish()
        self._writing = self._thread.submit(what)

    def finish(self) -> None:
        """Wait until all is written. Raises what writing raised, once. Where a signal ends the waiting,
        ``settle`` still waits."""
        self.settle()
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def settle(self) -> None:
        """Wait until all is written or has failed, which the next ``write`` or ``finish`` raises."""
        if self._writing is not None:
            wait([self._writing])


@contextmanager
def writing_beside() -> Iterator[Beside]:
    """A context at whose end all is written. An error that ends it is raised before one of writing."""
    with ThreadPoolExecutor(1, "gankit-files") as thread:  # which waits at its end, whatever ends it
        beside = Beside(thread)
        yield beside
        beside.finish()
