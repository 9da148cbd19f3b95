"""The cost of networks and kernels: parameters, arithmetic, time and memory, measured side by side."""

from __future__ import annotations

import math
import statistics
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from gankit._draws import Draws
from gankit._errors import InputError, PluginError, RunError, nearest
from gankit._shapes import joined
from gankit.networks.synthesizer import build_networks
from gankit.plugin.components import AbstractNetwork
from gankit.plugin.registry import Registry
from gankit.processes.device import ran_out
from gankit.recipe.check import check_recipe
from gankit.recipe.recipe import Recipe

LONG_ENOUGH_S = 1e-3
"""Seconds that one timing should take. A shorter call is timed many times in a row."""


@attrs.frozen
class Slot:
    """A network of a recipe, and the components that could take its place."""

    recipe: Recipe
    name: str
    candidates: dict[str, AbstractNetwork]
    """Label to component; the recipe's own comes first."""
    misfits: dict[str, str]
    """Component name to the reason why it cannot take the place with its default options."""


@attrs.frozen
class Cost:
    """The cost of one network for one batch."""

    parameters: int
    forward_flops: int
    """Floating-point operations of convolutions and matrix products; one multiplication and addition counts as two."""
    forward_s: float
    """Seconds of a forward pass in evaluation mode, without graph."""
    training_s: float
    """Seconds of a forward pass and a backward pass to weights and input."""
    peak_bytes: int
    """Most memory at a time, of weights, gradients and all tensors of a forward and a backward pass."""


def slot_of(recipe: Recipe, name: str, registry: Registry) -> Slot:
    """The slot of a recipe's network with every registered component of its kind.

    Raises:
        InputError: the recipe has no such network.
    """
    if name not in recipe.networks:
        raise InputError(
            f"`slot` {name}: recipe {recipe.name!r} has no such network{nearest(name, recipe.networks)};"
            f" it has {', '.join(recipe.networks)}"
        )
    own = recipe.networks[name]
    candidates = {f"{registry.name_of(type(own))}, as in {recipe.name}": own}
    misfits = {}

    # Every other component of the kind, with its default options
    for entry in registry.entries(own.kind):
        try:
            component: Any = registry.find(entry.name, entry.kind)
        except PluginError as error:
            misfits[entry.name] = str(error)
            continue
        required = [field.name for field in attrs.fields(component) if field.default is attrs.NOTHING]
        if required:
            misfits[entry.name] = f"{', '.join(required)}: required, without a default"
        elif problems := check_recipe(_with(recipe, name, component())):
            misfits[entry.name] = problems[0].message
        elif component() != own:
            candidates[entry.name] = component()
    return Slot(recipe, name, candidates, misfits)


def costs(slot: Slot, batch: int, device: torch.device, rounds: int) -> dict[str, Cost]:
    """Measure every candidate of a slot on one batch of normal numbers, squashed to [-1, 1] by tanh.

    Args:
        slot: from ``slot_of``.
        batch: samples in the batch.
        device: where to compute.
        rounds: a time is the median over so many interleaved rounds.

    Returns: label of the candidate to its cost.

    Raises:
        RunError: the device's memory is too small for the batch.
    """
    recipe = slot.recipe
    source, _ = recipe.ends()[slot.name][0]
    sizes: dict[str, tuple[int, int, int]] = {}
    calls: dict[str, Callable[[], None]] = {}
    try:
        x = torch.from_numpy(Draws(recipe.training.seed).normal("bench", batch, *joined(source))).to(device).tanh()
        for label, spec in slot.candidates.items():
            # Build the candidate and count what needs no clock.
            before = _allocated(device)
            networks = build_networks(_with(recipe, slot.name, spec), [slot.name]).to(device)
            network = networks[slot.name]
            run = partial(networks.run, slot.name, places=tuple(source))
            forward, training = _calls(network, run, x, recipe.training.precision == "bf16")
            training()  # so that memory which stays allocated, such as that of libraries, is not measured below
            sizes[label] = (_parameters(network), _flops(forward), _peak_bytes(network, training, device, before))
            calls |= {f"{label} forward": forward, f"{label} training": training}

        # Time all candidates together.
        taken = interleaved(calls, device, rounds)
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        raise RunError(f"`batch` {batch}: too much for the memory of {device}; choose a smaller one") from error
    return {
        label: Cost(
            parameters=parameters,
            forward_flops=flops,
            forward_s=taken[f"{label} forward"],
            training_s=taken[f"{label} training"],
            peak_bytes=peak,
        )
        for label, (parameters, flops, peak) in sizes.items()
    }


def _with(recipe: Recipe, name: str, spec: AbstractNetwork) -> Recipe:
    return attrs.evolve(recipe, networks={**recipe.networks, name: spec})


def _calls(
    network: nn.Module, run: Callable[[Tensor], Tensor], x: Tensor, bf16: bool
) -> tuple[Callable[[], None], Callable[[], None]]:
    precision = torch.autocast(x.device.type, torch.bfloat16, enabled=bf16)

    def forward() -> None:
        network.eval()
        with torch.no_grad(), precision:
            run(x)

    def training() -> None:
        network.train()
        given = x.detach().requires_grad_()
        with precision:
            made = run(given)
        made.backward(torch.ones_like(made))
        network.zero_grad()

    return forward, training


# Time -----------------------------------------------------------------------------------------------------


def interleaved(calls: Mapping[str, Callable[[], object]], device: torch.device, rounds: int) -> dict[str, float]:
    """Name of the call to its median seconds.

    Each round times every call once, so a disturbance of the machine hits all calls alike.
    """
    repeats = {name: _repeats(call, device) for name, call in calls.items()}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(_seconds(call, device, repeats[name]))
    return {name: statistics.median(times) for name, times in taken.items()}


def _repeats(call: Callable[[], object], device: torch.device) -> int:
    _seconds(call, device)  # not counted, since the first call also compiles and allocates
    return math.ceil(LONG_ENOUGH_S / max(_seconds(call, device), 1e-6))


def _seconds(call: Callable[[], object], device: torch.device, repeats: int = 1) -> float:
    """Seconds of one call, the device's work included, as the mean of ``repeats`` calls in a row."""
    _synchronize(device)
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    _synchronize(device)
    return (time.perf_counter() - began) / repeats


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """A context in which torch computes with ``count`` threads; None leaves torch's own choice."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# Arithmetic -----------------------------------------------------------------------------------------------


class FlopCount(TorchDispatchMode):
    """Counts the floating-point operations of convolutions and matrix products, first and second derivatives included.

    torch's ``FlopCounterMode`` is not used: it also counts for each module, and fails where a module calls
    ``torch.autograd.grad``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func._overloadpacket)) is not None:
            self.total += count(*args, **(kwargs or {}), out_val=result)
        return result


def _flops(call: Callable[[], None]) -> int:
    with FlopCount() as counted:
        call()
    return counted.total


# Memory ---------------------------------------------------------------------------------------------------


class LiveBytes(TorchDispatchMode):
    """Follows the memory of the tensors that operators make, from there to the end of the last reference to it.

    Memory that an operator needs only while it runs is not counted, since torch does not report it on a CPU.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = {id(leaf.untyped_storage()) for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        result = func(*args, **(kwargs or {}))
        for made in tree_leaves(result):
            if isinstance(made, Tensor) and id(storage := made.untyped_storage()) not in before | self._known:
                self._known.add(id(storage))
                self.live += storage.nbytes()
                weakref.finalize(storage, self._freed, id(storage), storage.nbytes())
        self.peak = max(self.peak, self.live)
        return result

    def _freed(self, storage: int, size: int) -> None:
        self._known.discard(storage)
        self.live -= size


def _peak_bytes(network: nn.Module, training: Callable[[], None], device: torch.device, before: int) -> int:
    """Most memory at a time in one call of ``training``; ``before`` is what was allocated before the network was."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        training()
        return torch.cuda.max_memory_allocated(device) - before
    with LiveBytes() as followed:
        training()
    weights = [*network.parameters(), *network.buffers()]
    return followed.peak + sum(weight.untyped_storage().nbytes() for weight in weights)


def _allocated(device: torch.device) -> int:
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
