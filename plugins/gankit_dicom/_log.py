"""What became of every series and mask of a study, in words of our own and numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

NAMES = {"t2w": "T2w", "adc": "ADC", "dwi": "diffusion", "dce": "DCE", "mask": "mask"}


@attrs.define
class Row:
    """One series or mask."""

    number: int
    looks: str
    grid: str
    used: str = ""
    notes: list[str] = attrs.field(factory=list)
    refusals: list[str] = attrs.field(factory=list)

    def table(self) -> dict[str, Any]:
        """Plain values for the report. A row that is used says why it is; what it was refused for is left out."""
        said = self.notes + ([] if self.used else self.refusals)
        return {
            "number": self.number,
            "looks": self.looks,
            "grid": self.grid,
            "used": self.used,
            "reasons": said,
            "refused": bool(self.refusals) and not self.used,
        }


@attrs.define
class Log:
    """Rows by number, and sentences about the study."""

    rows: dict[int, Row] = attrs.field(factory=dict)
    masks: dict[int, Row] = attrs.field(factory=dict)
    notes: list[str] = attrs.field(factory=list)
    warnings: list[str] = attrs.field(factory=list)

    def use(self, number: int, modality: str, why: str = "", warnings: Sequence[str] = ()) -> None:
        """A modality is taken from it; ``warnings`` are what was odd in its files."""
        self.rows[number].used = NAMES[modality]
        if why:
            self.rows[number].notes.append(why)
        self.warnings += [sentence for sentence in warnings if sentence not in self.warnings]

    def refuse(self, number: int, modality: str, why: str) -> None:
        self.rows[number].refusals.append(f"not {NAMES[modality]}: {why}")

    def say(self, number: int, sentence: str) -> None:
        """What the report says of a series whatever becomes of it."""
        self.rows[number].notes.append(sentence)

    def note(self, sentence: str) -> None:
        """A sentence for the report alone."""
        self.notes.append(sentence)

    def warn(self, sentence: str) -> None:
        """A sentence for the report and the terminal, where equal ones of several studies are one line with a count;
        so it has no number of the study in it."""
        self.warnings.append(sentence)

    def table(self) -> dict[str, Any]:
        """Plain values for the report."""
        return {
            "series": [row.table() for row in self.rows.values()],
            "masks": [row.table() for row in self.masks.values()],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }


def counted_warnings(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Each warning of some studies' records with how many have it, as in "3 studies: SENTENCE", the commonest first."""
    counts = Counter(sentence for record in records for sentence in dict.fromkeys(record["warnings"]))
    return [f"{count} {'study' if count == 1 else 'studies'}: {text}" for text, count in counts.most_common()]
