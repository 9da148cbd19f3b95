"""Images on their way to a series."""

from __future__ import annotations

from functools import cached_property

import attrs

from gankit_dicom._dicom.headers import Header


@attrs.frozen
class Images:
    """Images that are taken as one series, and what the report is to say of that."""

    headers: tuple[Header, ...]
    notes: tuple[str, ...] = ()
    problem: str = ""
    """Why they cannot be used whatever they are."""

    @cached_property
    def places(self) -> frozenset[tuple[float | None, ...]]:
        """B-values and positions, to 0.1 mm, that they show."""
        return frozenset(
            (header.b_value, *(round(value, 1) for value in header.position_mm)) for header in self.headers
        )
