"""Images on their way to a series."""

from __future__ import annotations

import attrs

from gankit_dicom._headers import Header


@attrs.frozen
class Images:
    """Images that are taken as one series, and what the report is to say of that."""

    headers: tuple[Header, ...]
    notes: tuple[str, ...] = ()
    problem: str = ""
    """Why they cannot be used whatever they are."""
