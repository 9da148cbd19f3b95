"""Checks of samplers."""

from __future__ import annotations

import math

import attrs
import torch
from torch import Tensor

from gankit.plugin.components import AbstractSampler, Sampler
from gankit.testing._promises import BATCH, check_imports, no_global_draws, normal, promise, require

NEAR = 0.02
"""Largest relative error of a sampler that takes many steps through a smooth field."""


def check_sampler(spec: AbstractSampler) -> None:
    """Check that a sampler solves ``dx/dt = velocity(x, t)`` from time 0 to time 1, as ``AbstractSampler`` promises.

    - Its module imports no torch.
    - It asks for velocities ``evaluations`` times, at one time in [0, 1] for each sample.
    - It adds a velocity that is the same everywhere, in float32 and float64.
    - In 256 steps it comes within 2% of where fields that change with place and time lead.
    - It draws no random numbers, does not change its start, and treats each sample by itself.
    - The start gets a gradient.

    Args:
        spec: the component with the options to check.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who, start = type(spec).__name__, normal(BATCH, 2, 3, 3)
    with promise(who, "is built"):
        sampler, fine = spec.build(), attrs.evolve(spec, steps=256).build()
    _check_questions(who, spec, sampler, start)
    _check_ends(who, sampler, fine, start)
    _check_samples(who, sampler, start)


def _check_questions(who: str, spec: AbstractSampler, sampler: Sampler, start: Tensor) -> None:
    asked: list[Tensor] = []
    kept = start.clone()

    def velocity(x: Tensor, time: Tensor) -> Tensor:
        asked.append(time)
        require(x.shape == start.shape, who, f"asks for velocities at {tuple(x.shape)}, from {tuple(start.shape)}")
        return x

    with promise(who, "follows velocities"), no_global_draws(who):
        sampler(velocity, start)
    require(torch.equal(start, kept), who, "writes into its start")
    require(len(asked) == spec.evaluations, who, f"asks {len(asked)} times, where it says {spec.evaluations}")
    for time in asked:
        require(time.shape == (BATCH,), who, f"asks at times {tuple(time.shape)}, not one for each sample, ({BATCH},)")
        require(bool(((time >= 0) & (time <= 1)).all()), who, f"asks at time {time[0].item():g}, beyond [0, 1]")


def _check_ends(who: str, sampler: Sampler, fine: Sampler, start: Tensor) -> None:
    for dtype in (torch.float32, torch.float64):
        there = start.to(dtype)
        with promise(who, f"works in {dtype}"):
            end = sampler(lambda x, time: torch.ones_like(x), there)
        require(end.dtype == dtype, who, f"returns {end.dtype} in {dtype}")
        require(torch.allclose(end, there + 1, atol=1e-5), who, "does not add a velocity that is the same everywhere")
    grown = fine(lambda x, time: x, start)
    require(torch.allclose(grown, math.e * start, rtol=NEAR), who, "does not follow velocities that change with x")
    risen = fine(lambda x, time: torch.ones_like(x) * 3 * time.square()[:, None, None, None], start)
    require(torch.allclose(risen, start + 1, atol=NEAR), who, "does not follow velocities that change with time")


def _check_samples(who: str, sampler: Sampler, start: Tensor) -> None:
    whole = sampler(lambda x, time: x / 2, start)
    alone = sampler(lambda x, time: x / 2, start[:1])
    require(torch.allclose(alone, whole[:1]), who, "makes another sample of a start that is alone")
    leaf = start.clone().requires_grad_()
    with promise(who, "gives the start a gradient"):
        (gradient,) = torch.autograd.grad(sampler(lambda x, time: x / 2, leaf).sum(), leaf)
    require(bool(gradient.any()), who, "gives the start a gradient of zero")
