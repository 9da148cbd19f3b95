"""Checks of losses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from gankit._shapes import Shape
from gankit.plugin.components import (
    AbstractAdversarialLoss,
    AbstractPairedLoss,
    AdversarialLoss,
)
from gankit.testing._promises import BATCH, check_imports, no_global_draws, normal, promise, require


def check_paired_loss(spec: AbstractPairedLoss, shape: Shape = (1, 16, 16)) -> None:
    """Check that a paired loss returns one finite number per sample, which depends on that sample alone.

    It must work in float32 and float64, draw no random numbers, give the same result again, and have a gradient by
    every sample.

    Args:
        spec: the component.
        shape: shape of the images without batch.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    loss = spec.build()
    candidate, reference = normal(BATCH, *shape).tanh(), normal(BATCH, *shape, seed=1).tanh()
    for dtype in (torch.float32, torch.float64):
        with promise(who, f"works in {dtype}"), no_global_draws(who):
            each_B = loss(candidate.to(dtype), reference.to(dtype))
        require(each_B.shape == (BATCH,), who, f"returns {tuple(each_B.shape)}, not one number per sample ({BATCH},)")
        require(each_B.dtype == dtype, who, f"returns {each_B.dtype} for {dtype}")
        require(bool(each_B.isfinite().all()), who, "is not finite for images in [-1, 1]")
    require(torch.equal(loss(candidate.double(), reference.double()), each_B), who, "differs when computed again")
    alone_B = loss(candidate[:2].double(), reference[:2].double())
    require(torch.allclose(alone_B, each_B[:2]), who, "depends on the other samples of the batch")
    _check_reaches(who, "the candidate", candidate, lambda image: loss(image, reference).sum())


def check_adversarial_loss(spec: AbstractAdversarialLoss, shape: Shape = (1, 16, 16)) -> None:
    """Check that both functions of an adversarial loss return finite scalars with the gradients that they need.

    What the critic minimises has a gradient by the critic's weights. Only with ``penalises_gradient`` may it have the
    derivative of the critic by its input. What the player minimises has a gradient by every candidate, through a critic
    whose weights are frozen. Neither draws random numbers; those that it needs are ``mixing_B``. With
    ``accepts_alongside``, there may be more candidates than references.

    Args:
        spec: the component.
        shape: shape of a sample without batch.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    loss = spec.build()
    for dtype in (torch.float32, torch.float64):
        critic = _small_critic(shape).to(dtype)
        reference, candidate = normal(BATCH, *shape).to(dtype), normal(2 * BATCH, *shape, seed=1).to(dtype)
        mixing_B = torch.linspace(0.1, 0.9, BATCH, dtype=dtype)
        with promise(who, f"answers for the critic in {dtype}"), no_global_draws(who):
            _check_critic_answer(spec, loss, critic, reference, candidate[:BATCH], mixing_B)
        if spec.accepts_alongside:
            with promise(who, "takes more candidates than references, since accepts_alongside is True"):
                _check_scalar(f"{who}.critic", loss.critic(critic, reference, candidate, mixing_B))
        with promise(who, f"answers for the player in {dtype}"), no_global_draws(who):
            _check_player_answer(who, loss, critic.requires_grad_(False), candidate[:BATCH])


def _check_critic_answer(
    spec: AbstractAdversarialLoss,
    loss: AdversarialLoss,
    critic: nn.Module,
    reference: Tensor,
    candidate: Tensor,
    mixing_B: Tensor,
) -> None:
    who, differentiated = type(spec).__name__, []

    def watched(samples: Tensor) -> Tensor:
        differentiated.append(samples.requires_grad)
        return critic(samples)

    # A scalar with a gradient by the critic's weights
    value = loss.critic(watched, reference, candidate, mixing_B)
    _check_scalar(f"{who}.critic", value)
    gradients = torch.autograd.grad(value, list(critic.parameters()), allow_unused=True)
    reached = any(gradient is not None and bool(gradient.any()) for gradient in gradients)
    require(reached, f"{who}.critic", "its gradient does not reach the critic's weights")

    # What it does with the critic, and whether it does the same again
    require(
        spec.penalises_gradient or not any(differentiated),
        f"{who}.critic",
        "differentiates the critic by its input, though penalises_gradient is False",
    )
    again = loss.critic(critic, reference, candidate, mixing_B)
    require(torch.equal(value, again), f"{who}.critic", "differs when computed again")


def _check_player_answer(who: str, loss: AdversarialLoss, critic: nn.Module, candidate: Tensor) -> None:
    _check_scalar(f"{who}.player", loss.player(critic, candidate))
    _check_reaches(f"{who}.player", "the candidate", candidate, lambda each: loss.player(critic, each))
    again = [loss.player(critic, candidate) for _ in range(2)]
    require(torch.equal(*again), f"{who}.player", "differs when computed again")


def _check_scalar(who: str, value: Tensor) -> None:
    require(value.shape == (), who, f"returns {tuple(value.shape)}, not a scalar")
    require(bool(value.isfinite()), who, "is not finite")


def _check_reaches(who: str, name: str, x: Tensor, value: Callable[[Tensor], Tensor]) -> None:
    x = x.clone().requires_grad_()
    with promise(who, f"has a gradient for {name}"):
        (gradient,) = torch.autograd.grad(value(x), x)
    require(bool(gradient.isfinite().all()), who, f"{name} gets a gradient that is not finite")
    require(bool(gradient.flatten(1).any(dim=1).all()), who, f"its gradient does not reach every sample of {name}")


def _small_critic(shape: Shape) -> nn.Module:
    inputs = int(np.prod(shape))
    critic = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
    for parameter in critic.parameters():
        parameter.data = normal(*parameter.shape, seed=3) / inputs**0.5
    return critic
