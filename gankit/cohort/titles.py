"""What slices of a cohort are called over pictures and in tables."""

from __future__ import annotations

import re

_PHANTOM = re.compile(r"\bphantoms?\b", re.IGNORECASE)


def real_title(source: str, title: str = "real") -> str:
    """The title of slices that stand for real ones: a cohort whose source speaks of a phantom shows no patient.

    Args:
        source: what the cohort says of where its slices came from.
        title: the title of slices of patients.
    """
    return f"{title} (phantom)" if _PHANTOM.search(source) else title
