"""The scalars of a run as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gankit._errors import RunError
from gankit.training.phases import Scalars


class ScalarReader:
    """Reads the scalars of a run from the device as plain numbers.

    A GPU waits while the host reads, so the scalars of many steps are read at once.
    """

    def __init__(self, at_most: int, advice: Callable[[], str]):
        """
        Args:
            at_most: training steps after which scalars are read at the latest.
            advice: how the message about a number that is not finite ends.
        """
        self._advice = advice
        self._at_most = at_most
        self._unread: list[tuple[int, dict[str, Tensor]]] = []
        self._newest: dict[str, float] = {}

    def add(self, step: int, scalars: dict[str, Scalars], needed: bool) -> dict[str, float]:
        """Take the scalars of a step, and read those that wait where it is time.

        Args:
            step: training steps done.
            scalars: phase to its scalars.
            needed: read now, so that the numbers of this step are returned and all so far are checked.

        Returns: ``phase.term`` to its newest number that was read since the last row. Phases that did not run on this
            step have theirs of an earlier one.

        Raises:
            RunError: a number is not finite; the message names phase, term and step of the first.
        """
        named = {f"{phase}.{name}": value for phase, terms in scalars.items() for name, value in terms.items()}
        self._unread.append((step, named))
        if needed or len(self._unread) >= self._at_most:
            self._read()
        return dict(self._newest)

    def begin_row(self) -> None:
        """Forget the numbers of the last row."""
        self._newest = {}

    def _read(self) -> None:
        values = [value for _, named in self._unread for value in named.values()]
        numbers = iter(torch.stack(values).tolist() if values else [])
        for step, named in self._unread:
            read = dict(zip(named, numbers, strict=False))  # takes as many numbers as there are names
            self._newest |= read
            for name, number in read.items():
                if not math.isfinite(number):
                    phase, _, term = name.partition(".")
                    raise RunError(
                        f"phase {phase!r}, term {term!r}: the loss is {number} at step {step}; {self._advice()}"
                    )
        self._unread.clear()
