"""How the steps of phases are run: operation by operation (eager), or recorded once on the GPU and replayed (graph).

On a GPU, the thousands of small operations of a step take longer to launch than to compute. A CUDA graph launches all
of them at once. The whole step of a phase (critic updates, penalty, player update, Adam) is recorded with the addresses
of its tensors, and each replay repeats it on what the batch buffers then hold. Draws and moving averages are not part
of the recording.

Where several processes share a run, what they say to each other is not recorded: the recording ends before each
reduction over processes and begins anew after it, so that a step is graphs with reductions between them. So an error in
one still names what happened, and any backend will do.

``auto`` is graph on CUDA, and eager otherwise: a CPU has nothing to record.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

import torch
from torch import Tensor

from gankit._errors import InputError, RunError
from gankit.processes.ranks import ALONE, Ranks, Reduce, reductions_apart
from gankit.training.batch import Batch
from gankit.training.phases import PhaseStep, Scalars
from gankit.training.state import TrainingState

PROOF_STEPS = 3
"""Steps of each phase that are run eagerly and replayed, to compare the two. CUDA's capture needs three to warm up."""

NEAR = 0.01
"""Largest accepted distance between replayed and eager parameters of a network, as a share of the distance that the
eager steps moved them."""

Draw = Callable[[], Batch]
"""Draws a batch of a phase."""
Engine = Callable[[PhaseStep, Draw], Scalars]
"""Draws a batch of a phase and runs the step of the phase on it."""
Weights = dict[str, Tensor]
"""Network to all its parameters in one vector."""


def wants_graph(engine: str, device: torch.device) -> bool:
    """Whether ``training.engine`` asks for replayed steps here.

    Raises:
        InputError: it asks for "graph", but the device is not CUDA.
    """
    if engine == "graph" and device.type != "cuda":
        raise InputError(
            f"training.engine: 'graph' needs CUDA and this run has the device {device.type}; use 'auto' or 'eager'"
        )
    return engine != "eager" and device.type == "cuda"


class EagerEngine:
    """Runs a step operation by operation."""

    def __init__(self, state: TrainingState):
        self._state = state

    def __call__(self, phase: PhaseStep, draw: Draw) -> Scalars:
        return phase(self._state.networks, self._state.optimizers, draw())


class Capture(Protocol):
    """What ``GraphEngine`` needs of a device."""

    def warming_up(self) -> AbstractContextManager[None]:
        """A context in which steps are run before one is recorded."""

    def record(self, step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Record a step, cut where it reduces over processes (``reductions_apart``).

        The returned function repeats it, and returns the same tensor, with new content, each time.
        """

    def feed(self, draw: Draw, fill: Callable[[Batch], None]) -> None:
        """``fill(draw())``, where the draws may run while the device is still busy with earlier work."""


class CaptureError(Exception):
    """A step cannot be recorded, or its replay differs from the step; the message names the phase."""


class GraphEngine:
    """Replays the recorded step of each phase, after ``prove`` has recorded it and compared it with the eager step."""

    def __init__(self, state: TrainingState, capture: Capture, ranks: Ranks = ALONE):
        self._state = state
        self._capture = capture
        self._ranks = ranks
        self.eager = EagerEngine(state)
        self._recorded: dict[str, RecordedStep] = {}

    def __call__(self, phase: PhaseStep, draw: Draw) -> Scalars:
        step = self._recorded[phase.spec.name]
        self._capture.feed(draw, step.fill)
        return step.replay()

    def prove(self, phase: PhaseStep, batches: list[Batch]) -> None:
        """Record the step of a phase, and make sure that replayed steps do what eager ones do. The state is put back.

        Each network's parameters after replayed steps must be near those after eager steps: within ``NEAR`` of the
        distance that the steps moved them, or within 4 times the distance between two eager runs, which differ since a
        GPU may add numbers in another order each time.

        Args:
            phase: the phase.
            batches: the batches of the compared steps.

        Raises:
            CaptureError: the step cannot be recorded, or replayed steps end elsewhere; here, or in another process.
        """
        name = phase.spec.name
        with state_kept(self._state) as rewind:
            # 1. Run the steps eagerly, twice, from the same state. This also warms up the capture.
            before = self._weights()
            with self._capture.warming_up():
                eager, again = (self._after(self.eager, phase, batches, rewind) for _ in range(2))

            # 2. Record the step. It has just run eagerly, so an error comes from recording it.
            with self._together(name):
                try:
                    self._recorded[name] = RecordedStep(phase, self._state, self._capture, batches[-1])
                except Exception as error:
                    raise CaptureError(f"a step of phase {name!r} cannot be recorded: {_first_line(error)}") from error

            # 3. Replay it, and compare where both ended. A distance that is NaN is refused too.
            with self._together(name):
                try:
                    replayed = self._after(self, phase, batches, rewind)
                except Exception as error:
                    raise CaptureError(f"a step of phase {name!r} cannot be replayed: {_first_line(error)}") from error
                for network, weights in eager.items():
                    allowed = max(NEAR * (weights - before[network]).norm(), 4 * (again[network] - weights).norm())
                    if not (replayed[network] - weights).norm() <= allowed:
                        raise CaptureError(f"replayed steps of phase {name!r} do not move {network!r} as eager ones do")

    @contextmanager
    def _together(self, phase: str) -> Iterator[None]:
        """A context at whose end all processes know whether one of them failed. Raises CaptureError: one did."""
        failed: CaptureError | None = None
        try:
            yield
        except CaptureError as error:
            failed = error
        device = next(iter(self._state.tensors().values())).device
        if self._ranks.any(failed is not None, device):
            raise failed or CaptureError(f"another process cannot replay a step of phase {phase!r}")

    def _after(self, engine: Engine, phase: PhaseStep, batches: list[Batch], rewind: Callable[[], None]) -> Weights:
        """The weights after steps on these batches, from the state that ``rewind`` puts back."""
        rewind()
        for batch in batches:
            engine(phase, _drawn(batch))
        return self._weights()

    def _weights(self) -> Weights:
        """A copy of the parameters of each network, as one vector of float64."""
        return {
            name: torch.cat([parameter.detach().double().flatten() for parameter in network.parameters()])
            for name, network in self._state.networks.by_name.items()
            if list(network.parameters())
        }


class RecordedStep:
    """The recorded step of a phase, which reads its batch from buffers of its own."""

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
        """Copy a batch into the buffers that the recorded step reads.

        Raises:
            RunError: its tensors have other shapes than the buffers.
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
        """Repeat the step on the batch in the buffers. The scalars are copies, since the next replay overwrites its
        own."""
        return dict(zip(self._names, self._replay().clone().unbind(), strict=True))


@contextmanager
def state_kept(state: TrainingState) -> Iterator[Callable[[], None]]:
    """A context at whose end the state of training is put back. It yields a function that does the same at once.

    Gradients are removed.
    """
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
    """Records CUDA graphs. They share one memory pool, since the result of each is copied before another runs."""

    def __init__(self, device: torch.device, ranks: Ranks = ALONE):
        """``ranks``: the processes that the steps are shared by."""
        self._device = device
        # A graph of several processes may end in the thread in which autograd runs backward, and the threads that watch
        # over communication look at events meanwhile.
        self._strictness = "relaxed" if ranks.size > 1 else "global"
        self._recording, self._drawing = torch.cuda.Stream(device), torch.cuda.Stream(device)
        self._filled = torch.cuda.Event()
        self._filled.record(torch.cuda.current_stream(device))
        self._pool = torch.cuda.graph_pool_handle()

    @contextmanager
    def warming_up(self) -> Iterator[None]:
        """A context on the stream that records. Autograd keeps the stream on which it first met a parameter, so steps
        must have run on this one before."""
        here = torch.cuda.current_stream(self._device)
        self._recording.wait_stream(here)
        with torch.cuda.stream(self._recording):
            yield
        here.wait_stream(self._recording)

    def record(self, step: Callable[[], Tensor]) -> Callable[[], Tensor]:
        gc.collect()  # autograd's nodes that are still alive may belong to another stream
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()
        parts: list[Callable[[], None]] = []
        with torch.cuda.device(self._device), torch.cuda.stream(self._recording):
            graph = self._begun()

            def cut(reduce: Reduce) -> None:
                """End the graph, leave the reduction to the replay, and begin the next graph."""
                nonlocal graph
                graph.capture_end()
                parts.extend((graph.replay, reduce))
                graph = self._begun()

            try:
                with reductions_apart(cut):
                    result = step()
            except BaseException:
                with suppress(RuntimeError):  # the first error is the one to tell
                    graph.capture_end()
                raise
            graph.capture_end()
            parts.append(graph.replay)

        def replay() -> Tensor:
            for part in parts:
                part()
            return result

        return replay

    def _begun(self) -> torch.cuda.CUDAGraph:
        """A graph that records the current stream from now on."""
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(self._pool, capture_error_mode=self._strictness)
        return graph

    def feed(self, draw: Draw, fill: Callable[[Batch], None]) -> None:
        """Draw on a stream that does not wait for replays, then fill the buffers on the current stream.

        The draws wait only until the last batch was copied into the buffers, since they may reuse its memory.
        """
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
    """The graph engine if replayed steps of every phase do what eager ones do, else the eager engine.

    Args:
        engine: the graph engine.
        phases: the phases that will run.
        draw: draws the batch of a phase with a number, counted from 0.
        say: prints a line that says which engine it is, and why.
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
