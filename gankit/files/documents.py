"""JSON and TOML from anywhere. Whatever a text holds, it is read, or refused by a ValueError of one line."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import filterfalse
from pathlib import Path
from typing import Any

from gankit._errors import InputError, shown

DEEPEST = 64
"""Tables and lists within each other. A document that is deeper could be neither merged, checked nor printed."""
LONGEST_KEY = 1000
"""Characters of a key."""
LARGEST_TOML, LARGEST_JSON = 500_000, 500_000_000
"""Bytes of a file. Python's reader of TOML takes a second for 100,000 bytes."""
_DEEP_KEY = re.compile(rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{DEEPEST}}}""")
"""A dotted key of more parts than ``DEEPEST``, for which Python's reader takes memory by their square."""
_DEEP = f"more than {DEEPEST} tables or lists within each other"
_LARGE = "a whole number of more than 64 bits"
_HALF_PAIR = re.compile(r"[\ud800-\udfff]")
"""As ``"\\ud800"`` in JSON makes it, and Python of an argument that is no UTF-8."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks."""


class Malformed(ValueError):
    """A text that is not of its language."""


def read_text(file: Path, largest: int) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    Raises:
        OSError: the file cannot be read.
        ValueError: it has another coding, or more bytes than ``largest``.
    """
    if (size := file.stat().st_size) > largest:
        raise ValueError(f"it has {size} bytes, and a file of its kind has at most {largest}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        found = "UTF-16" if error.object.startswith(_UTF_16) else "no UTF-8 text"
        raise ValueError(f"it is {found}; save it as UTF-8") from error
    if "\0" in text:
        raise ValueError("it has bytes 0, as UTF-16 and files of another kind have; save it as UTF-8 text")
    return text


def read_toml(file: Path) -> dict[str, Any]:
    """The document of a TOML file in UTF-8, with a byte order mark or without.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not TOML, or larger than documents are: 64 tables within each other, keys of 1000 characters,
            whole numbers of 64 bits. The message is one line.
    """
    return parse_toml(read_text(file, LARGEST_TOML))


def given_toml(parameter: str, file: Path) -> dict[str, Any]:
    """The document of a TOML file that a parameter names. Raises InputError: it cannot be read, or as ``read_toml``."""
    try:
        return read_toml(file)
    except OSError as error:
        raise InputError(f"`{parameter}` {file}: cannot be read ({error.strerror}); name a TOML file") from error
    except ValueError as error:
        raise InputError(f"`{parameter}` {file}: {error}") from error


def parse_toml(text: str) -> dict[str, Any]:
    """The document of a TOML text. Raises ValueError, as ``read_toml`` does."""
    return _parsed("TOML", _loads_toml, text)


def _loads_toml(text: str) -> dict[str, Any]:
    if _DEEP_KEY.search(text):
        raise RecursionError
    return tomllib.loads(text)


def parse_value(text: str) -> Any:
    """A value as a person gives it on one line: TOML, and what is not TOML is text.

    Raises:
        ValueError: it has several lines, or a comment after the value, or is larger than documents are, or is not
            Unicode.
    """
    if "\n" in text or "\r" in text:
        raise ValueError("has several lines; give one value on one line")
    try:
        require_bounded([text])
        value = parse_toml(f"value = {text}")["value"]
    except Malformed:
        return text
    except ValueError as error:
        raise ValueError(f"has {error}") from error
    try:
        parse_toml(f"value = [{text}]")  # a comment would hide the bracket
    except Malformed:
        raise ValueError("has a comment (#); leave it out, or put text in quotes") from None
    return value


def read_json(file: Path) -> Any:
    """What a JSON file in UTF-8 says, with a byte order mark or without.

    Raises:
        OSError: the file cannot be read.
        ValueError: as for ``read_toml``; or an object has one key twice, or a number is not finite.
    """
    return parse_json(read_text(file, LARGEST_JSON))


def parse_json(text: str) -> Any:
    """What a JSON text says. Raises ValueError, as ``read_json`` does."""
    return _parsed("JSON", _loads_json, text)


def _loads_json(text: str) -> Any:
    return json.loads(text, parse_constant=_number, parse_float=_number, object_pairs_hook=_object)


def _number(text: str) -> float:
    """JSON has no NaN and no infinity; Python's reader would take them."""
    if abs(number := float(text)) < float("inf"):
        return number
    raise ValueError(f"{text[:20]} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {shown(twice)} is there twice")
    return found


def _parsed(language: str, loads: Callable[[str], Any], text: str) -> Any:
    """The one place in which all that a parser raises becomes a sentence, and in which documents are bounded."""
    try:
        document = loads(text)
    except RecursionError:
        raise ValueError(_DEEP) from None
    except (ValueError, ArithmeticError, MemoryError) as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        if "set_int_max_str_digits" in said:  # how Python refuses more than 4300 digits
            raise ValueError(_LARGE) from error
        raise Malformed(f"not {language}: {said}") from error
    require_bounded(document)
    return document


def require_bounded(document: Any) -> None:
    """Raise ValueError where tables and lists, keys or whole numbers are larger than those of documents are, or where a
    text is not Unicode."""
    if excess := next(_excesses(document), None):
        raise ValueError(excess)


def _is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    return text.isascii() or not _HALF_PAIR.search(text)


def _excesses(document: Any) -> Iterator[str]:
    """A sentence for each part of a document that is larger than documents are."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            yield _DEEP
            return
        tables = [each for each in level if isinstance(each, dict)]
        if long := next((key for table in tables for key in table if len(str(key)) > LONGEST_KEY), None):
            yield f"the key {shown(long)} has {len(long)} characters; a key has at most {LONGEST_KEY}"
        inner = [value for table in tables for value in table.values()]
        inner += [value for each in level if isinstance(each, list | tuple) for value in each]
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in inner):
            yield _LARGE
        texts = [each for each in (*(key for table in tables for key in table), *inner) if isinstance(each, str)]
        if half := next(filterfalse(_is_unicode, texts), None):
            yield f"the text {shown(half)}, which is not Unicode, perhaps bytes of another coding than UTF-8"
        level = [value for value in inner if isinstance(value, dict | list | tuple)]
