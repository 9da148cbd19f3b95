"""Studies imported by several processes, each result kept in a file until all are done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from gankit import CohortError, FileWarning, progress, say
from gankit_dicom._part import Kept, written_part
from gankit_dicom._study import StudyTask, import_study

Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]


@contextmanager
def mapper(jobs: int) -> Iterator[Mapper]:
    """An ordered map over ``jobs`` fresh processes; in this process where ``jobs`` is 1.

    Raises:
        CohortError: one of the processes was killed.
    """
    if jobs == 1:
        yield map
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_end_with_parent)

    def mapped(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        with _interrupts_held():  # the pool starts its processes here
            return pool.map(function, items)

    try:
        yield mapped
    except BrokenProcessPool as error:
        raise CohortError(
            f"a process was killed, perhaps because memory ran out; give a smaller `jobs` than {jobs}; with `out` the"
            " same import goes on where it was cut off"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits until the end of the context. A process that starts within it starts with Ctrl-C held, too."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """In a process of the pool: end on Ctrl-C without a traceback, and when the process that started it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "not in a process of the pool"
    parent.join()
    os._exit(1)


def run_studies(tasks: Sequence[StudyTask], mapped: Mapper, quiet: bool = False) -> list[Kept]:
    """What all studies gave, in order; parts that an earlier run kept are taken over.

    Warns with ``FileWarning`` of a damaged part, which is made again.

    Raises:
        RunError: a part is gone that was written.
    """
    parts: list[Kept] = []
    kept = 0
    done = progress(mapped(import_study, tasks), "importing studies", len(tasks))
    for task, imported in zip(tasks, done, strict=True):
        file = task.parts / imported.name
        parts.append(Kept(file, written_part(file).record))
        kept += imported.was_there
        if imported.damaged:
            warnings.warn(f"{file}: was damaged; its study was imported again", FileWarning, stacklevel=2)
    if kept:
        say(f"{kept} studies were imported by an earlier run", quiet)
    return parts
