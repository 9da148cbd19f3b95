"""The trackers of one run, each on its own: one that fails leaves the others and the training alone."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gankit import PluginWarning, Run, RunResult
from gankit_tracking._tracker import Tracker
from gankit_tracking._trackers import TRACKERS


class Watch:
    """The trackers that the recipe of a run names, those of other plugins left out.

    One that fails is named in a warning and gets no more rows and sheets. It is still told how the run ends, so that
    its store does not say that the run goes on.
    """

    def __init__(self, run: Run):
        self._trackers: dict[str, Tracker] = {}
        self._off: set[str] = set()
        for name in dict.fromkeys(run.recipe.training.track or ()):
            if name in TRACKERS:
                with self._on_its_own(name):
                    self._trackers[name] = TRACKERS[name]()(run)

    def row(self, row: Mapping[str, float]) -> None:
        """Tell of a row."""
        for name, tracker in self._on():
            with self._on_its_own(name):
                tracker.row(row)

    def sheet(self, path: Path) -> None:
        """Tell of a sample sheet."""
        for name, tracker in self._on():
            with self._on_its_own(name):
                tracker.sheet(path)

    def ended(self, result: RunResult) -> None:
        """Tell how the run ended."""
        for name, tracker in self._trackers.items():
            with self._on_its_own(name):
                tracker.ended(result)

    def _on(self) -> list[tuple[str, Tracker]]:
        return [(name, tracker) for name, tracker in self._trackers.items() if name not in self._off]

    @contextmanager
    def _on_its_own(self, name: str) -> Iterator[None]:
        try:
            yield
        except (Exception, SystemExit) as error:
            if name not in self._off:
                says = " ".join(f"{type(error).__name__}: {error}".split())
                frame = traceback.extract_tb(error.__traceback__)[-1]
                warnings.warn(
                    f"plugin 'tracking': tracker {name!r} failed: {says} ({frame.filename}:{frame.lineno}); it is off"
                    " for the rest of this run, training and other trackers go on",
                    PluginWarning,
                    stacklevel=2,
                )
            self._off.add(name)
