"""Many processes, one run: who this one is, its share of a batch, and sums over all.

Started by ``torchrun``, which sets RANK, LOCAL_RANK and WORLD_SIZE; without them there is one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
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
    """This process, counted from 0; process 0 writes."""
    size: int = 1
    """All of them."""

    @property
    def first(self) -> bool:
        return self.rank == 0

    def share(self, global_B: Any) -> Any:
        """This process's part of an array or tensor over the global batch: equal, contiguous, in order of rank."""
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
        """Whether it holds in any process."""
        if self.size == 1:
            return here
        flag = torch.tensor([float(here)], device=device)
        _all_reduce(flag)
        return bool(flag.item())

    def same(self, number: int, device: torch.device) -> bool:
        """Whether every process has the same number."""
        if self.size == 1:
            return True
        ends = torch.tensor([number, -number], device=device)
        _all_reduce(ends, dist.ReduceOp.MAX)
        return bool(ends.sum() == 0)


ALONE = Ranks()
"""One process."""


@contextmanager
def joined_ranks(device: torch.device, batch: int) -> Iterator[Ranks]:
    """Join the processes that torchrun started, for the time of a run.

    Raises:
        InputError: their number does not divide the batch, or the environment says it only in part.
    """
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
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size())
        dist.barrier()  # leave together: one that goes while another still speaks to it may be aborted
    finally:
        dist.destroy_process_group()


def _started() -> int:
    """How many processes torchrun started."""
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
    """The mean over all processes of a tensor that is a mean over each one's share, with gradients.

    For networks that mix the samples of a batch: with it they see the global batch, whatever the number of
    processes. One process: the tensor itself.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return mean
    return _MeanOverRanks.apply(mean)


class _MeanOverRanks(torch.autograd.Function):
    """A process's loss is its share of the global loss times the number of processes, so that gradients average:
    the derivative of the mean is the mean of the derivatives."""

    @staticmethod
    def forward(ctx: Any, mean: Tensor) -> Tensor:
        return _all_reduce(mean.clone()) / dist.get_world_size()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _all_reduce(gradients[0].clone()) / dist.get_world_size()


def _all_reduce(tensor: Tensor, operation: dist.ReduceOp.RedOpType = dist.ReduceOp.SUM) -> Tensor:
    try:
        dist.all_reduce(tensor, operation)
    except RuntimeError as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError(
            f"another process of this run has gone or cannot be reached ({why}); its own message says why. Start all of"
            " them again with the same command, in any number that divides the batch, to resume from the last"
            " checkpoint"
        ) from error
    return tensor
