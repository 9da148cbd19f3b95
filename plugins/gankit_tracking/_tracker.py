"""What a tracker does, and what trackers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gankit import RunResult


class Tracker(ABC):
    """Gets the news of one run; made when the run starts or goes on."""

    @abstractmethod
    def row(self, row: Mapping[str, float]) -> None:
        """Take over a row of ``metrics.jsonl``."""

    @abstractmethod
    def sheet(self, path: Path) -> None:
        """Take over a sample sheet, a PNG."""

    @abstractmethod
    def ended(self, result: RunResult) -> None:
        """Say how the run ended, and close."""


def curves(row: Mapping[str, float]) -> dict[str, float]:
    """Curve to its newest number: ``phase/term`` for each term, ``learning_rate/...`` for each rate, ``pace/...`` for
    what is neither."""
    numbers = {name.replace(".", "/", 1): number for name, number in row.items() if name != "step"}
    return {name if "/" in name else f"pace/{name}": number for name, number in numbers.items()}


def step_of(sheet: Path) -> int:
    """The step in the name of a sheet, ``step-000500.png``."""
    return int(sheet.stem.rpartition("-")[2])


def ending(result: RunResult) -> str:
    """How a run ended, in a sentence."""
    if result.failure is not None:
        return f"failed after {result.step} steps: {result.failure}"
    if result.interrupted_by is not None:
        return f"interrupted by {result.interrupted_by.name} after {result.step} steps; saved"
    return f"done, {result.step} steps"


def flat(document: Mapping[str, Any], place: str = "") -> dict[str, Any]:
    """A recipe as key path to value."""
    values: dict[str, Any] = {}
    for key, value in document.items():
        here = f"{place}{key}"
        values |= flat(value, f"{here}.") if isinstance(value, Mapping) else {here: value}
    return values
