"""How files are called: patterns that a file's path below a folder fits."""

from __future__ import annotations

import re

from gankit_dicom._volumes.files import ENDINGS

FIELD = re.compile(r"\{(\w+)(?::([^{}]+))?\}")
FIELDS = {"patient", "study", "name"}


def expression(pattern: str) -> re.Pattern[str]:
    r"""A regular expression that finds ``{patient}``, ``{study}`` and ``{name}`` at the end of a path.

    A field may have a regular expression of its own after a colon, as in ``{patient:\d+}``. Without one it holds
    anything but ``/``, and where ``_`` parts the fields, only the last one holds ``_``.

    Raises:
        ValueError: the pattern cannot be used.
    """
    fields = [field[1] for field in FIELD.finditer(pattern)]
    if not {"patient", "name"} <= set(fields) or set(fields) - FIELDS or len(set(fields)) < len(fields):
        raise ValueError(
            "needs {patient} and {name}, and may have {study}, each once; as in {patient}_{study}_{name} or"
            " {patient}/{name}"
        )
    for field in FIELD.finditer(pattern):
        _refuse_broken(field[2] or "")
    bare = _without_ending(pattern)
    inner = "[^/_]+" if "_{" in bare else "[^/]+"
    text, end = "", 0
    for field in FIELD.finditer(bare):
        own = field[2] or ("[^/]+" if field[1] == fields[-1] else inner)
        text += f"{re.escape(bare[end : field.start()])}(?P<{field[1]}>{own})"
        end = field.end()
    return re.compile(rf"(?:^|/){text}{re.escape(bare[end:])}$", re.IGNORECASE)


def _refuse_broken(regex: str) -> None:
    try:
        compiled = re.compile(regex)
    except re.error as error:
        raise ValueError(f"has a field that is no regular expression: {error}") from None
    if compiled.groups:
        raise ValueError("has a field with a group; write (?:...) instead of (...)")


def _without_ending(pattern: str) -> str:
    return next((pattern[: -len(each)] for each in ENDINGS if pattern.lower().endswith(each)), pattern)
