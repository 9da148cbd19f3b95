"""Ways to change a file by chance: its bytes, or the document that it holds."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Mutation = Callable[[bytes, random.Random, Sequence[bytes]], bytes]
"""Changes the content of a file; the last argument has the contents of files beside it."""

# Bytes ----------------------------------------------------------------------------------------------------


def cut(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def turn_bits(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Anywhere, or among the first bytes, where headers are."""
    changed = bytearray(content)
    end = len(content) if chance.random() < 0.3 else min(len(content), 1200)
    for _ in range(chance.choice((1, 1, 2, 5, 30))):
        changed[chance.randrange(end)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwrite(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    at, length = chance.randrange(len(content)), chance.choice((1, 2, 4, 8, 64))
    filler = chance.choice((b"\0", b"\xff", b"\x7f", b"9", chance.randbytes(1)))
    return content[:at] + filler * length + content[at + length :]


def insert_or_delete(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    at, length = chance.randrange(len(content)), chance.randrange(1, 40)
    return content[:at] + (chance.randbytes(length) + content[at:] if chance.random() < 0.5 else content[at + length :])


def swap(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The content of another file, or half of it."""
    other = chance.choice(others)
    half = len(content) // 2
    return chance.choice((other, content[:half] + other[len(other) // 2 :], b"", b"PK\3\4" + content, other + content))


ANYWHERE: tuple[Mutation, ...] = (cut, turn_bits, overwrite, insert_or_delete, swap)

# Texts ----------------------------------------------------------------------------------------------------


def nest(content: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Many brackets, or one word or number of great length, somewhere in a text."""
    at = chance.randrange(len(content))
    word = chance.choice((b"[", b"{", b"[{", b'{"a":', b"9", b"a.", b"#", b'"', b"-", b"\n", b"[[a]]\n", b"1e", b"\\u"))
    return content[:at] + word * chance.choice((2, 100, 5_000, 200_000)) + content[at:]


NUMBERS = (0, 1, -1, 2, 255, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 1e300, -1e300, 1e-300, float("nan"), float("inf"))
WORDS = (
    "",
    " ",
    "nan",
    "inf",
    "-1",
    "0",
    "1e400",
    "1\\2\\3",
    "\0",
    "é",
    "患者",
    "x" * 5000,
    "9" * 400,
    "--",
    "TRUE",
    "../..",
)

# Documents ------------------------------------------------------------------------------------------------

Document = dict[str, Any]
_VALUES = (True, False, [], {}, [[]], {"": {}}, 2**62, 10**30, 20_000, 1e9, 1e21, -0.0, "a\nb", "{0.__class__}")
"""Beside numbers and words."""


def changed(document: Document, chance: random.Random) -> Document:
    """A document in which one to four values are others, are gone, or stand elsewhere."""
    document = copy.deepcopy(document)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(document))
        if not places:
            break
        (table, key), (other, its) = chance.choice(places), chance.choice(places)
        action = chance.choice(("set", "set", "set", "remove", "swap", "copy", "rename"))
        if action == "set":
            table[key] = _value(chance)
        elif action == "remove":
            del table[key]
        elif action == "swap":
            table[key], other[its] = copy.deepcopy(other[its]), copy.deepcopy(table[key])
        elif action == "copy":
            table[key] = copy.deepcopy(other[its])
        elif isinstance(table, dict):
            table[chance.choice((*WORDS, f"{key}s", "x" * 300))] = table.pop(key)
    return document


def _value(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(chance.choice((NUMBERS, WORDS, _VALUES))))


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every table or list in a document with each of its keys or indices."""
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)
