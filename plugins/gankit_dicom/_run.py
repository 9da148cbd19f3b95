"""Studies imported by several processes, each result kept in a file until all are done."""

from __future__ import annotations

import multiprocessing
import shutil
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from gankit import progress, say, watched
from gankit_dicom._part import Part, read_part
from gankit_dicom._study import StudyTask, import_study

Given = TypeVar("Given")
Result = TypeVar("Result")
Mapper = Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]]
AHEAD = 2
"""Tasks waiting for each process, so that memory does not grow with the number of studies."""


@contextmanager
def mapper(jobs: int) -> Iterator[Mapper]:
    """An ordered map over ``jobs`` fresh processes; in this one where that is 1."""
    if jobs == 1:
        yield map
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield lambda function, items: _in_order(pool, function, items, AHEAD * jobs)


def _in_order(
    pool: ProcessPoolExecutor, function: Callable[[Given], Result], items: Iterable[Given], ahead: int
) -> Iterator[Result]:
    waiting: deque[Any] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def run_studies(tasks: Sequence[StudyTask], mapped: Mapper, quiet: bool = False) -> list[Part]:
    """Parts of all studies, in order; those that an earlier run kept are taken over."""
    parts: list[Part] = []
    kept = 0
    with watched(not quiet):
        done = progress(mapped(import_study, tasks), "importing studies", len(tasks))
        for task, (name, was_there) in zip(tasks, done, strict=True):
            part = read_part(task.parts / name)
            assert part is not None, "a part that was just written does not read"
            parts.append(part)
            kept += was_there
    if kept:
        say(f"{kept} studies were imported by an earlier run", quiet)
    return parts


def forget_parts(folder: Path) -> None:
    """Remove the kept parts after success."""
    shutil.rmtree(folder, ignore_errors=True)
