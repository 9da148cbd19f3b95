"""The scalars of a run as plain numbers, and what to do when one is none."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gankit._errors import RunError
from gankit.run.directory import RunDirectory
from gankit.training.phases import Scalars


class Readings:
    """The scalars of a run as plain numbers. A GPU would wait while the host reads, so they are read many at once."""

    def __init__(self, run: RunDirectory, at_most: int):
        self._run = run
        self._at_most = at_most
        self._unread: list[tuple[int, dict[str, Tensor]]] = []
        self._newest: dict[str, float] = {}

    def add(self, step: int, scalars: dict[str, Scalars], needed: bool) -> dict[str, float]:
        """Take over the scalars of a step.

        Args:
            needed: the numbers of this very step must be returned, and all until now checked.

        Returns: the newest numbers read since the last row, by ``phase.term``: also of phases that rest on this step.

        Raises:
            RunError: one is not finite; names phase, term and step of the first.
        """
        named = {f"{phase}.{name}": value for phase, terms in scalars.items() for name, value in terms.items()}
        self._unread.append((step, named))
        if needed or len(self._unread) >= self._at_most:
            self._read()
        return dict(self._newest)

    def begin_row(self) -> None:
        """Forget what has been logged."""
        self._newest = {}

    def _read(self) -> None:
        values = [value for _, named in self._unread for value in named.values()]
        numbers = iter(torch.stack(values).tolist() if values else [])
        for step, named in self._unread:
            read = dict(zip(named, numbers, strict=False))  # as many as it has names
            self._newest |= read
            for name, number in read.items():
                if not math.isfinite(number):
                    phase, _, term = name.partition(".")
                    raise RunError(
                        f"phase {phase!r}, term {term!r}: the loss is {number} at step {step};"
                        f" {after_divergence(self._run)}"
                    )
        self._unread.clear()


def after_divergence(run: RunDirectory) -> str:
    """What to do when a loss or a weight is not finite."""
    good = next(iter(run.checkpoints()), None)
    kept = f"the last good checkpoint is {good}" if good else "there is no checkpoint yet"
    return (
        f"{kept}. Lower a learning rate or a weight, or look at the cohort's values, and train anew in another place"
        " (`out`)"
    )
