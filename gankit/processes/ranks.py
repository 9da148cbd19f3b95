"""One run in many processes (ranks): which one this process is, its share of a batch, and means over all processes.

``torchrun`` starts the processes and sets RANK, LOCAL_RANK and WORLD_SIZE. Without them there is one process.

The global batch of N slices is divided into equal shares of B = N / size slices. Each process computes the loss of its
share and its gradient; the gradients are averaged, so that every process makes the same update.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import torch
import torch.distributed as dist
from torch import Tensor

from gankit._errors import InputError, RunError


@attrs.frozen
class Ranks:
    """The processes of a run."""

    rank: int = 0
    """Number of this process, counted from 0. Process 0 writes the files."""
    size: int = 1
    """Number of processes."""

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, global_B: Any) -> Any:
        """This process's share of an array or tensor over the global batch, (N, ...) to (N / size, ...).

        The shares are equal and contiguous, in the order of the ranks.
        """
        if self.size == 1:
            return global_B
        count = len(global_B) // self.size
        return global_B[self.rank * count : (self.rank + 1) * count]

    def average(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in place, by one flat all-reduce.

        Raises:
            RunError: another process has gone.
        """
        if self.size == 1 or not tensors:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        _all_reduce(flat)
        flat /= self.size
        for tensor, mean in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def any(self, here: bool, device: torch.device) -> bool:
        """Whether ``here`` is True in any process."""
        if self.size == 1:
            return here
        flag = torch.tensor([float(here)], device=device)
        _all_reduce(flag)
        return bool(flag.item())

    def same(self, number: int, device: torch.device) -> bool:
        """Whether every process has the same number."""
        if self.size == 1:
            return True
        ends = torch.tensor([number, -number], device=device)  # the maxima of both add to 0 only where all are equal
        _all_reduce(ends, dist.ReduceOp.MAX)
        return bool(ends.sum() == 0)


ALONE = Ranks()
"""The run of one process."""


@contextmanager
def joined_ranks(device: torch.device, batch: int) -> Iterator[Ranks]:
    """A context in which this process is joined with the others that torchrun started.

    Args:
        device: the device of this process; CUDA uses NCCL, the CPU gloo.
        batch: size of the global batch.

    Raises:
        InputError: the number of processes does not divide the batch, or torchrun's variables are incomplete.
    """
    # 1. How many processes are there, and can they share the batch?
    size = _started()
    if size == 1:
        yield ALONE
        return
    if batch % size:
        divisors = [count for count in range(1, batch + 1) if batch % count == 0]
        raise InputError(
            f"training.batch is {batch}, which {size} processes cannot share equally; start {divisors} processes"
            " (torchrun --nproc-per-node) or change training.batch"
        )

    # 2. Join them.
    with _reaching_others():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
        # 3. Leave together: a process that leaves while another still sends to it may abort the other.
        with _reaching_others():
            dist.barrier()
    finally:
        dist.destroy_process_group()


def _started() -> int:
    """The number of processes that torchrun started. Raises InputError where its variables are incomplete."""
    if (size := os.environ.get("WORLD_SIZE", "1")) in ("0", "1"):
        return 1
    wrong = [name for name in ("WORLD_SIZE", "RANK", "MASTER_PORT") if not os.environ.get(name, "").isdecimal()]
    wrong += [] if os.environ.get("MASTER_ADDR") else ["MASTER_ADDR"]
    if wrong:
        raise InputError(
            f"the environment has WORLD_SIZE={size}, but no usable {', '.join(wrong)}; start with torchrun, which sets"
            " them all, or unset WORLD_SIZE"
        )
    return int(size)


def mean_over_ranks(mean: Tensor) -> Tensor:
    """Turn a mean over this process's share into the mean over the global batch, with gradients.

    For networks that mix the samples of a batch, such as BatchNorm: with it they see the global batch, whatever the
    number of processes. With one process it returns ``mean`` itself.

    Args:
        mean: the mean over this process's share, any shape, the same in all processes.

    Returns: a tensor of the same shape. Raises RunError where another process has gone.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return mean
    return _MeanOverRanks.apply(mean)


class _MeanOverRanks(torch.autograd.Function):
    """The mean over P processes, ``m = (1 / P) sum_p m_p``, and its gradient.

    A process's loss is P times its part of the global loss, since gradients are averaged over processes afterwards.
    So the gradient by ``m_p`` is the mean over all processes of their gradients by ``m``.
    """

    @staticmethod
    def forward(ctx: Any, mean: Tensor) -> Tensor:
        return _all_reduce(mean.clone()) / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _all_reduce(gradients[0].clone()) / dist.get_world_size()


Reduce = Callable[[], None]
"""Replaces a tensor by its sum or maximum over all processes. Every process calls it at the same point of its work."""


@contextmanager
def reductions_apart(take: Callable[[Reduce], None]) -> Iterator[None]:
    """A context in which ``take`` gets each reduction over processes, instead of its being run.

    A recorded step is cut there, since what processes say to each other is not recorded. ``take`` may be called from
    the thread in which autograd runs backward.
    """
    _taking.append(take)
    try:
        yield
    finally:
        _taking.pop()


_taking: list[Callable[[Reduce], None]] = []


def _all_reduce(tensor: Tensor, operation: dist.ReduceOp.RedOpType = dist.ReduceOp.SUM) -> Tensor:
    def reduce() -> None:
        with _reaching_others():
            dist.all_reduce(tensor, operation)

    if _taking:
        _taking[-1](reduce)
    else:
        reduce()
    return tensor


@contextmanager
def _reaching_others() -> Iterator[None]:
    """A context that needs the other processes. Raises RunError: one of them has gone."""
    try:
        yield
    except RuntimeError as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(
            f"another process of this run has gone or cannot be reached ({why}); its own message says why. Start all of"
            " them again with the same command, in any number that divides the batch, to resume from the last"
            " checkpoint"
        ) from error
