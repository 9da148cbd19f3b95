"""Training of the small networks that metrics rest on. Letters: B batch, C channels, S space.

All randomness comes from the generator that is given: the first weights, the batches, mirroring and shifts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import attrs
import numpy as np
import torch
from torch import Tensor, nn

from gankit import Rows

CHUNK = 32 * 64 * 64
"""Pixels of the slices that go through a trained network at a time. What a network makes of more does not fit a
processor's cache: at 256 slices of 64 x 64, the small U-Net takes twice as long a slice."""
FirstValues = Callable[[str, Tensor, np.random.Generator], Tensor]
Change = Callable[[Tensor, np.random.Generator], Tensor]
_Module = TypeVar("_Module", bound=nn.Module)


@attrs.frozen(kw_only=True)
class Schedule:
    """How a small network is trained: AdamW with decoupled decay (Loshchilov and Hutter 2019), the step size rising
    over the first tenth and then falling to zero along half a cosine."""

    steps: int
    batch: int = 64
    learning_rate: float = 2e-3
    decay: float = 1e-2
    mirror: bool = True
    """Mirror the last axis of each slice half of the time."""
    shift: int = 2
    """Move each batch by up to so many pixels along every axis, around the edge."""

    def rate(self, step: int) -> float:
        """Factor of the step size at a step, counted from 0."""
        rise = max(1, self.steps // 10)
        if step < rise:
            return (step + 1) / rise
        return 0.5 + 0.5 * math.cos(math.pi * (step - rise) / max(1, self.steps - rise))


def drawn(
    build: Callable[[], _Module], generator: np.random.Generator, first_values: FirstValues | None = None
) -> _Module:
    """Build a module whose parameters are drawn in the order in which it registers them.

    Args:
        first_values: (name, parameter, generator) -> its values; default: weights by He et al. 2015 for ReLU, biases
            zero and scales one.
    """
    values = first_values or _first_values
    with torch.device("meta"):
        network = build()
    network = network.to_empty(device="cpu")
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase):
            module.reset_running_stats()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(values(name, parameter, generator))
    return network


def _first_values(name: str, parameter: Tensor, generator: np.random.Generator) -> Tensor:
    if parameter.ndim < 2:
        return torch.full(parameter.shape, 1.0 if name.endswith("weight") else 0.0)
    scale = math.sqrt(2 / math.prod(parameter.shape[1:]))
    return torch.from_numpy(scale * generator.standard_normal(tuple(parameter.shape), dtype=np.float32))


def fit(
    network: nn.Module,
    loss: Callable[..., Tensor],
    arrays: Sequence[Rows],
    groups: Sequence[np.ndarray],
    schedule: Schedule,
    generator: np.random.Generator,
    change: Change | None = None,
) -> None:
    """Train a network in place and leave it in evaluation mode.

    Args:
        loss: called with a batch of each array; returns the scalar to minimise.
        arrays: aligned along their first axis; those of (N, C, *S) are mirrored and shifted, all alike.
        groups: indices of slices; each batch takes equally many of every group.
        change: changes the slices of each batch, in place of mirroring and shifts; they are in the first array alone.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.decay)
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule.rate)
    network.train()
    batches = _batches(arrays, groups, schedule, generator, change)
    minimise(loss, islice(batches, schedule.steps), optimizer, rates)
    network.eval()


def minimise(
    loss: Callable[..., Tensor],
    batches: Iterable[Sequence[Tensor]],
    optimizer: torch.optim.Optimizer,
    rates: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    """One step of the optimizer, and one of its step size, for each batch; ``loss`` is called with the batch's parts
    and returns the scalar to minimise."""
    with torch.enable_grad():
        for batch in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(*batch).backward()
            optimizer.step()
            rates.step()


def _batches(
    arrays: Sequence[Rows],
    groups: Sequence[np.ndarray],
    schedule: Schedule,
    generator: np.random.Generator,
    change: Change | None,
) -> Iterator[list[Tensor]]:
    """Batches of ``fit`` without end."""
    streams = [_epochs(group, max(1, schedule.batch // len(groups)), generator) for group in groups]
    while True:
        chosen_B = np.concatenate([next(stream) for stream in streams])
        batch = [torch.from_numpy(array[chosen_B]) for array in arrays]
        yield _varied(batch, schedule, generator) if change is None else [change(batch[0], generator), *batch[1:]]


def _epochs(group: np.ndarray, batch: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches of one permutation of the group after another, without end."""
    left = generator.permutation(group)
    while True:
        while len(left) < batch:
            left = np.concatenate([left, generator.permutation(group)])
        yield left[:batch]
        left = left[batch:]


def _varied(batch: list[Tensor], schedule: Schedule, generator: np.random.Generator) -> list[Tensor]:
    first = next(tensor for tensor in batch if tensor.ndim > 2)
    mirror_B = torch.from_numpy(generator.random(len(first)) < 0.5)
    moves = generator.integers(-schedule.shift, schedule.shift + 1, size=first.ndim - 2).tolist()

    def vary(tensor: Tensor) -> Tensor:
        if schedule.mirror:
            tensor = torch.where(mirror_B.view(-1, *[1] * (tensor.ndim - 1)), tensor.flip(-1), tensor)
        return tensor.roll(moves, dims=tuple(range(2, tensor.ndim))) if any(moves) else tensor

    return [vary(tensor) if tensor.ndim > 2 else tensor for tensor in batch]


@torch.inference_mode()
def applied(network: Callable[[Tensor], Tensor], images: Rows) -> np.ndarray:
    """What a trained network makes of slices (N, C, *S), chunk by chunk."""
    return torch.cat([network(chunk) for chunk in chunks(images, CHUNK // math.prod(images.shape[2:]))]).numpy()


def chunks(rows: Rows, size: int) -> Iterator[Tensor]:
    """Consecutive rows, so many at a time, one at least."""
    for start in range(0, len(rows), max(1, size)):
        yield torch.from_numpy(rows[start : start + max(1, size)])


def weights(network: nn.Module) -> dict[str, np.ndarray]:
    """Weights as arrays, for ``Evaluation.kept``."""
    return {name: tensor.numpy() for name, tensor in network.state_dict().items()}


def with_weights(build: Callable[[], _Module], arrays: Mapping[str, np.ndarray]) -> _Module:
    """The inverse of ``weights``."""
    with torch.device("meta"):
        network = build()
    tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    network.load_state_dict(tensors, assign=True)
    return network.requires_grad_(False).eval()
