"""Checks of optimizers and of schedules."""

from __future__ import annotations

import copy

import torch
from torch.nn import Parameter

from gankit._errors import PluginError
from gankit.plugin.components import AbstractOptimizer, AbstractSchedule
from gankit.plugin.questions import is_factor
from gankit.testing._promises import check_imports, no_global_draws, normal, promise, require
from gankit.training.engine import CudaCapture
from gankit.training.optimizers import built, set_rate

RATE = 1e-3
"""The rate of steps that are checked."""


def check_optimizer(spec: AbstractOptimizer) -> None:
    """Check that an optimizer does what ``AbstractOptimizer.build`` promises.

    - Its module imports no torch.
    - It takes every parameter once, at the rate that it is given, and its state is in tensors by parameter.
    - A step moves each weight that has a gradient, and nothing of a weight without. Steps on ``|w|^2 / 2`` lower it.
    - A step at rate 0 moves nothing, so the rate is read at each step.
    - It works in float32 and float64, draws no random numbers, and the names of its state stay.
    - Another one that is given its weights and state goes on with the same bits.
    - Where there is a GPU, a recorded step that is replayed at several rates ends where eager steps end.

    Args:
        spec: the component with the options to check.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    problems = [str(problem) for problem in spec.check()]
    require(not problems, who, f"refuses its options: {'; '.join(problems)}")
    for dtype in (torch.float32, torch.float64):
        with promise(who, f"works in {dtype}"), no_global_draws(who):
            _check_steps(spec, dtype)
            _check_goes_on(spec, dtype)
    if torch.cuda.is_available():
        with promise(who, "can be recorded"):
            _check_replays(spec)


def check_schedule(spec: AbstractSchedule, steps: int = 1000) -> None:
    """Check that a schedule gives a finite factor of at least 0 in each step, which depends on its arguments alone.

    Its module imports no torch.

    Args:
        spec: the component with the options to check.
        steps: length of a training that the options fit.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    problems = [str(problem) for problem in spec.check(steps)]
    require(not problems, who, f"refuses {steps} steps: {'; '.join(problems)}")
    other = copy.deepcopy(spec)
    with promise(who, "has a factor in every step"), no_global_draws(who):
        factors = [spec.factor(step, steps) for step in range(steps)]
        again = [other.factor(step, steps) for step in reversed(range(steps))][::-1]
    for step, (factor, repeated) in enumerate(zip(factors, again, strict=True)):
        require(is_factor(factor), who, f"must give a finite factor of at least 0, got {factor!r} at step {step}")
        require(factor == repeated, who, f"gives another factor at step {step} when it is asked in another order")


# Parts of check_optimizer ---------------------------------------------------------------------------------


class _Steps:
    """Weights, an optimizer of them, and steps on ``|w|^2 / 2``, whose gradient is ``w``. The last weight gets none."""

    def __init__(self, spec: AbstractOptimizer, dtype: torch.dtype, device: str = "cpu"):
        shapes = ((4, 3), (5,), (1,), (2,))
        self.weights = [Parameter((normal(*shape, seed=1) + 2).to(device, dtype)) for shape in shapes]
        try:
            self.optimizer = built("optimizers", spec, self.weights)
        except PluginError as error:
            raise AssertionError(f"{type(spec).__name__}: {error}") from error
        set_rate(self.optimizer, RATE)

    def fill_gradients(self) -> None:
        for weight in self.weights[:-1]:
            weight.grad = weight.detach().clone()

    def step(self) -> None:
        self.fill_gradients()
        self.optimizer.step()

    def values(self) -> list[torch.Tensor]:
        return [weight.detach().clone() for weight in self.weights]

    def state(self) -> list[dict[str, torch.Tensor]]:
        return [dict(self.optimizer.state.get(weight, {})) for weight in self.weights]


def _check_steps(spec: AbstractOptimizer, dtype: torch.dtype) -> None:
    who, run = type(spec).__name__, _Steps(spec, dtype)
    before, state = run.values(), [list(each) for each in run.state()]
    still = {name: value.clone() for name, value in run.state()[-1].items()}

    set_rate(run.optimizer, 0.0)
    run.step()
    require(all(map(torch.equal, before, run.values())), who, "moves weights at rate 0; is the rate read at each step?")

    set_rate(run.optimizer, RATE)
    for _ in range(10):
        run.step()
    *moved, unmoved = [bool((now != then).all()) for now, then in zip(run.values(), before, strict=True)]
    require(all(moved), who, "leaves weights with a gradient where they are")
    require([list(each) for each in run.state()] == state, who, "has other names in its state after a step than before")
    same = all(torch.equal(value, still[name]) for name, value in run.state()[-1].items())
    require(not unmoved and same, who, "moves a weight without gradient, or its state")
    now, then = (sum(float(weight.square().sum()) for weight in values) for values in (run.values(), before))
    require(now < then, who, f"does not go down: the sum of squares was {then:.6g}, and is {now:.6g} after 10 steps")


def _check_goes_on(spec: AbstractOptimizer, dtype: torch.dtype) -> None:
    first, second = _Steps(spec, dtype), _Steps(spec, dtype)
    for _ in range(3):
        first.step()
    with torch.no_grad():
        for mine, theirs in zip(second.weights, first.weights, strict=True):
            mine.copy_(theirs)
        for own, given in zip(second.state(), first.state(), strict=True):
            for name, value in own.items():
                value.copy_(given[name])
    for run in (first, second):
        run.step()
    same = all(map(torch.equal, first.values(), second.values()))
    require(same, type(spec).__name__, "goes on otherwise from a copy of its weights and state; does it keep more?")


def _check_replays(spec: AbstractOptimizer) -> None:
    eager, replayed = (_Steps(spec, torch.float32, "cuda") for _ in range(2))
    for run in (eager, replayed):
        run.fill_gradients()

    def step() -> torch.Tensor:
        replayed.optimizer.step()
        return replayed.weights[0]

    replay = CudaCapture(torch.device("cuda")).record(step)
    for rate in (RATE, 2 * RATE, 0.0):
        for run in (eager, replayed):
            set_rate(run.optimizer, rate)
        eager.optimizer.step()
        replay()
    for mine, theirs in zip(eager.values(), replayed.values(), strict=True):
        torch.testing.assert_close(mine, theirs)
