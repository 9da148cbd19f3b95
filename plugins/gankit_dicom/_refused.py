"""Why a file, a series or a study is not used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Refused(Exception):
    """Something that cannot be used; the message is a reason that the report prints.

    A reason is made of our own words and of numbers, never of text from a header, a file name or a library's error,
    for those can name a patient.
    """


@contextmanager
def damage_refused(reason: str) -> Iterator[None]:
    """Refuse what a parser of bytes that may be damaged raises: any error but those of memory, and refusals."""
    try:
        yield
    except (Refused, MemoryError):
        raise
    except OSError as error:
        raise Refused("cannot be read") from error
    except Exception as error:  # damaged bytes can raise anything from the depths of a parser
        raise Refused(reason) from error
