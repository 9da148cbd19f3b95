"""Ids of patients and studies as tables and names of files spell them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

NUMBER = re.compile(r"(\d+)(?:[.,]0+)?")


def id_key(text: str) -> str:
    """Equal for spellings of one id: case, spaces around it, and the fraction that a spreadsheet adds (10001.0)."""
    text = " ".join(unicodedata.normalize("NFKC", text).strip("\"'= \t\ufeff").split()).casefold()
    number = NUMBER.fullmatch(text)
    return number[1] if number else text


def _without_zeros(text: str) -> str:
    """``id_key`` without the zeros in front of a number, which a spreadsheet takes away (0012)."""
    key = id_key(text)
    return key.lstrip("0") or key if key.isdigit() else key


def match_ids(spelled: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Which of the ``known`` ids each spelling in a table means.

    An exact spelling goes before one that differs by what ``id_key`` forgives, and this before one that lacks zeros in
    front, which never means an id that another spelling means already. A spelling that would mean two of the known ids
    means none.
    """
    spelled, left = list(dict.fromkeys(spelled)), list(dict.fromkeys(known))
    meant: dict[str, str] = {}
    keys: tuple[Callable[[str], str], ...] = (str, id_key, _without_zeros)
    for key in keys:
        if key is _without_zeros:
            left = [name for name in left if name not in meant.values()]
        by_key: dict[str, list[str]] = {}
        for name in left:
            by_key.setdefault(key(name), []).append(name)
        found = {text: by_key[key(text)] for text in spelled if text not in meant and key(text) in by_key}
        meant |= {text: names[0] for text, names in found.items() if len(names) == 1}
    return meant
