"""How a message names a parameter: in backticks, as Python has it; the command line says its own flag instead.

A message of core is read in a notebook and in a terminal alike. It writes a parameter of the public function as
``"`device` cuda:9: ..."``; while a command runs, whoever prints the message replaces the name by ``--device``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_FLAGS: ContextVar[Mapping[str, str]] = ContextVar("gankit_flags")
_NAMED = re.compile(r"`(\w+)`")


@contextmanager
def command_line() -> Iterator[None]:
    """Until the end of the context, ``speak_flags`` holds."""
    token = _FLAGS.set({})
    try:
        yield
    finally:
        _FLAGS.reset(token)


def speak_flags(flags: Mapping[str, str]) -> None:
    """From now on, messages name these parameters by their flags: ``{"device": "--device", "out": "-o"}``."""
    _FLAGS.set(flags)


def worded(message: str) -> str:
    """A message as its reader would write it: names in backticks that have a flag, by their flag."""
    flags = _FLAGS.get({})
    return _NAMED.sub(lambda found: flags.get(found[1], found[0]), message)
