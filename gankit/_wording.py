"""Names of parameters in messages: a message writes them in backticks, and the command line prints its flags instead.

A message of core is read in a notebook and in a terminal alike. It writes a parameter of the public function as
``"`device` cuda:9: ..."``. While a command runs, the code that prints the message replaces the name by ``--device``.
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
    """A context at whose end the flags that ``speak_flags`` has set are forgotten."""
    token = _FLAGS.set({})
    try:
        yield
    finally:
        _FLAGS.reset(token)


def speak_flags(flags: Mapping[str, str]) -> None:
    """From now on, messages name these parameters by their flags: ``{"device": "--device", "out": "-o"}``."""
    _FLAGS.set(flags)


def worded(message: str) -> str:
    """The message with each name in backticks replaced by its flag; a name that has no flag stays."""
    flags = _FLAGS.get({})
    return _NAMED.sub(lambda found: flags.get(found[1], found[0]), message)
