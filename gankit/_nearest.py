"""The nearest known name, for messages about unknown ones."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'stitch'?"`` where a known name begins so or is near, else an empty string."""
    known = list(known)
    begun = [each for each in known if len(name) >= 3 and each.startswith(name)]
    matches = sorted(begun, key=len) or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""
