"""Modes of pydicom, ITK and Python's warnings, which hold for the whole process: set for a while, then put back.

A mode belongs to the process and not to a thread. So threads that are inside the same context at one time share it: the
first that enters sets the mode, and the last that leaves puts back what the first one found, also after an error.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

Mode = Callable[[], AbstractContextManager[None]]


def _shared(mode: Mode) -> Mode:
    """The same mode, entered once however many threads are inside."""
    lock, entered, inside = threading.Lock(), ExitStack(), 0

    @contextmanager
    def shared() -> Iterator[None]:
        nonlocal inside
        with lock:
            if not inside:
                entered.enter_context(mode())
            inside += 1
        try:
            yield
        finally:
            with lock:
                inside -= 1
                if not inside:
                    entered.close()

    return shared


@_shared
@contextmanager
def lenient_pydicom() -> Iterator[None]:
    """pydicom reads values that break the standard's rules, and neither logs nor warns: what cannot be used is refused
    in words of our own, which tell nothing of the patient."""
    from pydicom.config import disable_value_validation

    log = logging.getLogger("pydicom")
    level = log.level
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            log.setLevel(level)


@_shared
@contextmanager
def silent_itk() -> Iterator[None]:
    """ITK prints no warnings, which hold paths and texts of headers; its errors are raised as ever."""
    from SimpleITK import ProcessObject

    shown = ProcessObject.GetGlobalWarningDisplay()
    ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        ProcessObject.SetGlobalWarningDisplay(shown)


@_shared
@contextmanager
def single_threaded_itk() -> Iterator[None]:
    """ITK's filters use one thread each: sums come in one order, and studies at a time share the processors."""
    from SimpleITK import ProcessObject

    threads = ProcessObject.GetGlobalDefaultNumberOfThreads()
    ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
