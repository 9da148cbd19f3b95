"""Batches that a thread draws before they are needed, so that reading files does not hold up the steps.

What a step draws depends on the seed and its number alone, so it is known before the step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from gankit.training.batch import Batch
from gankit.training.phases import PhaseStep

STEPS = 2
"""Training steps whose batches are drawn ahead."""


class Ahead:
    """Draws the batches of a training in their order."""

    def __init__(
        self, phases: Iterable[PhaseStep], draw: Callable[[PhaseStep, int], Batch], steps: int, device: torch.device
    ):
        """
        Args:
            phases: the phases of the training, in their order.
            draw: draws the batch of a phase and a step on the CPU; it is called in the thread.
            steps: the number of steps of the training.
            device: where batches are wanted. To CUDA they are copied from pinned memory, while steps run.
        """
        self._phases, self._draw, self._steps, self._device = tuple(phases), draw, steps, device
        self._thread = ThreadPoolExecutor(1, "gankit-batches")
        self._drawn: dict[tuple[str, int], Future[Batch]] = {}

    def take(self, phase: PhaseStep, step: int) -> Batch:
        """The batch of a phase and a step, which must not lie before one that was taken. Raises what drawing raises."""
        for ahead in range(step, min(step + STEPS + 1, self._steps)):
            for each in self._phases:
                if (key := (each.spec.name, ahead)) not in self._drawn and each.spec.due(ahead):
                    self._drawn[key] = self._thread.submit(self._on_host, each, ahead)
        batch = self._drawn[phase.spec.name, step].result()
        self._drawn = {key: drawn for key, drawn in self._drawn.items() if key[1] >= step}
        moved = {name: tensor.to(self._device, non_blocking=True) for name, tensor in batch.tensors().items()}
        return batch.holding(moved)

    def _on_host(self, phase: PhaseStep, step: int) -> Batch:
        batch = self._draw(phase, step)
        if self._device.type != "cuda":
            return batch
        return batch.holding({name: tensor.pin_memory() for name, tensor in batch.tensors().items()})

    def close(self) -> None:
        """End the thread, after the batch that it draws."""
        self._drawn.clear()
        self._thread.shutdown(cancel_futures=True)
