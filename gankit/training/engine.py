"""How the steps of phases are run: one operation at a time, or recorded once on the GPU and replayed.

On a GPU the thousands of small operations of a step take longer to launch than to compute. A CUDA graph launches all
of them at once: the whole step of a phase (critic updates, penalty, player update, Adam) is recorded into memory that
stays where it is, and each replay repeats it on what the batch buffers then hold. The moving averages and the draws
stay outside.

``auto`` replays on CUDA in one process and is eager elsewhere: a CPU has nothing to record, and what several
processes say to each other in a step has not been shown to replay safely, nor to name the process that has gone.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import torch
from torch import Tensor

from gankit._errors import InputError, RunError
from gankit.processes.ranks import Ranks
from gankit.training.batch import Batch
from gankit.training.phases import PhaseStep, Scalars
from gankit.training.state import TrainingState

PROOF_STEPS = 3
"""Steps of each phase that are run both ways before a replay is trusted; capture needs as many to warm up."""

NEAR = 0.01
"""How far the replayed parameters of a network may end from the eager ones, of the way that training moved them."""

Draw = Callable[[], Batch]
Engine = Callable[[PhaseStep, Draw], Scalars]
"""Draws a batch of a phase and runs its step on it."""
Weights = dict[str, Tensor]


def wants_graph(engine: str, device: torch.device, ranks: Ranks) -> bool:
    """Whether ``training.engine`` asks for replayed steps here.

    Raises:
        InputError: "graph" where there is no CUDA, or several processes.
    """
    lacking = "CUDA" if device.type != "cuda" else "one process" if ranks.size > 1 else None
    if engine == "graph" and lacking:
        here = f"{ranks.size} processes" if lacking == "one process" else f"the device {device.type}"
        raise InputError(f"training.engine: 'graph' needs {lacking} and this run has {here}; use 'auto' or 'eager'")
    return engine != "eager" and lacking is None


class EagerEngine:
    """Runs each operation as it comes."""

    def __init__(self, state: TrainingState):
        self._state = state

    def __call__(self, phase: PhaseStep, draw: Draw) -> Scalars:
        return phase(self._state.networks, self._state.optimizers, draw())


class Capture(Protocol):
    """What ``GraphEngine`` needs of a device."""

    def warming_up(self) -> AbstractContextManager[None]:
        """Where steps are run before one is recorded."""

    def record(self, step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Record a step; the result repeats it and returns the same memory each time."""

    def feed(self, draw: Draw, fill: Callable[[Batch], None]) -> None:
        """``fill(draw())``, drawing while earlier work may still be running."""


class CaptureError(Exception):
    """A step that cannot be recorded, or whose replay is not the step; the message names the phase."""


class GraphEngine:
    """Replays the recorded step of each phase, once ``prove`` has found it to be the eager one."""

    def __init__(self, state: TrainingState, capture: Capture):
        self._state = state
        self._capture = capture
        self.eager = EagerEngine(state)
        self._recorded: dict[str, RecordedStep] = {}

    def __call__(self, phase: PhaseStep, draw: Draw) -> Scalars:
        step = self._recorded[phase.spec.name]
        self._capture.feed(draw, step.fill)
        return step.replay()

    def prove(self, phase: PhaseStep, batches: list[Batch]) -> None:
        """Record a phase, and compare replayed with eager steps on these batches; the state ends as it began.

        The eager steps are run twice, since a GPU may add in another order each time: a replay must end as near to
        them as they to each other, or within ``NEAR``.

        Raises:
            CaptureError: the step cannot be recorded, or its replay ends elsewhere.
        """
        name = phase.spec.name
        with state_kept(self._state) as rewind:
            before = self._weights()
            with self._capture.warming_up():
                eager, again = (self._after(self.eager, phase, batches, rewind) for _ in range(2))
            try:
                self._recorded[name] = RecordedStep(phase, self._state, self._capture, batches[-1])
                replayed = self._after(self, phase, batches, rewind)
            except Exception as error:  # the same step has just been run eagerly, so recording it is to blame
                raise CaptureError(f"a step of phase {name!r} cannot be recorded: {_first_line(error)}") from error
            for network, weights in eager.items():
                allowed = max(NEAR * (weights - before[network]).norm(), 4 * (again[network] - weights).norm())
                if not (replayed[network] - weights).norm() <= allowed:
                    raise CaptureError(f"replayed steps of phase {name!r} do not move {network!r} as eager ones do")

    def _after(self, engine: Engine, phase: PhaseStep, batches: list[Batch], rewind: Callable[[], None]) -> Weights:
        rewind()
        for batch in batches:
            engine(phase, _drawn(batch))
        return self._weights()

    def _weights(self) -> Weights:
        """All parameters of each network in one vector, copied."""
        return {
            name: torch.cat([parameter.detach().double().flatten() for parameter in network.parameters()])
            for name, network in self._state.networks.by_name.items()
            if list(network.parameters())
        }


class RecordedStep:
    """A phase's step on buffers of its own."""

    def __init__(self, phase: PhaseStep, state: TrainingState, capture: Capture, example: Batch):
        self._phase = phase.spec.name
        self._buffers = {name: tensor.clone() for name, tensor in example.tensors().items()}
        self._names: tuple[str, ...] = ()
        buffered = example.holding(self._buffers)

        def step() -> Tensor:
            scalars = phase(state.networks, state.optimizers, buffered)
            self._names = tuple(scalars)
            return torch.stack(list(scalars.values()))

        self._replay = capture.record(step)

    def fill(self, batch: Batch) -> None:
        """Copy a batch to where the recorded step reads it.

        Raises:
            RunError: it is of other shapes.
        """
        tensors = batch.tensors()
        shapes, own = ({name: tensor.shape for name, tensor in each.items()} for each in (tensors, self._buffers))
        if shapes != own:
            raise RunError(
                f"phase {self._phase!r}: the shapes of its batches change, so its step cannot be replayed; set"
                " training.engine = 'eager' and run again"
            )
        torch._foreach_copy_(list(self._buffers.values()), [tensors[name] for name in self._buffers])

    def replay(self) -> Scalars:
        """Run the step on what was filled in; the scalars are copies, for the next replay writes over its own."""
        return dict(zip(self._names, self._replay().clone().unbind(), strict=True))


@contextmanager
def state_kept(state: TrainingState) -> Iterator[Callable[[], None]]:
    """Put the state back at the end; what is yielded does so in between. Gradients go, whatever left them."""
    tensors = state.tensors()
    kept = {name: tensor.clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def rewind() -> None:
        for name, tensor in tensors.items():
            tensor.copy_(kept[name])
        state.networks.zero_grad(set_to_none=True)

    try:
        yield rewind
    finally:
        rewind()


class CudaCapture:
    """Records CUDA graphs; they share one memory pool, for each one's result is copied before another runs."""

    def __init__(self, device: torch.device):
        self._device = device
        self._recording, self._drawing = torch.cuda.Stream(device), torch.cuda.Stream(device)
        self._filled = torch.cuda.Event()
        self._filled.record(torch.cuda.current_stream(device))
        self._pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def warming_up(self) -> Iterator[None]:
        """The stream of recording: autograd would go on using another one that it had met first."""
        here = torch.cuda.current_stream(self._device)
        self._recording.wait_stream(here)
        with torch.cuda.stream(self._recording):
            yield
        here.wait_stream(self._recording)

    def record(self, step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        gc.collect()  # what autograd left alive may remember another stream
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device), torch.cuda.graph(graph, self._pool, self._recording):
            result = step()

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay

    def feed(self, draw: Draw, fill: Callable[[Batch], None]) -> None:
        """Copies to the device wait for their stream, so the draws have one that never waits for a replay: only for
        the last batch to have been copied into the buffers, after which its memory may be drawn into again."""
        here = torch.cuda.current_stream(self._device)
        self._drawing.wait_event(self._filled)
        with torch.cuda.stream(self._drawing):
            batch = draw()
        here.wait_stream(self._drawing)
        fill(batch)
        self._filled.record(here)


def proven(
    engine: GraphEngine,
    phases: Iterable[PhaseStep],
    draw: Callable[[PhaseStep, int], Batch],
    say: Callable[[str], None],
) -> Engine:
    """The graph engine if every phase replays as it should, else the eager one; says which.

    Args:
        phases: those that will run.
        draw: the batch of a phase, by number from 0.
        say: takes one line of text.
    """
    try:
        for phase in phases:
            engine.prove(phase, [draw(phase, number) for number in range(PROOF_STEPS)])
    except CaptureError as error:
        say(f"engine: eager, because {error}")
        return engine.eager
    say("engine: graph; replayed steps of every phase end where eager ones do")
    return engine


def _drawn(batch: Batch) -> Draw:
    return lambda: batch


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
