"""Checks of losses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from gankit._errors import GankitError
from gankit._shapes import Shape
from gankit.plugin.components import (
    AbstractAdversarialLoss,
    AbstractFeatureLoss,
    AbstractPairedLoss,
    Critic,
    PairedLoss,
)
from gankit.plugin.questions import ask
from gankit.testing._promises import BATCH, check_imports, drawn, no_global_draws, normal, promise, require
from gankit.training.losses import built_adversarial


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
    _check_each(type(spec).__name__, spec.build(), shape)


def _check_each(who: str, loss: PairedLoss, shape: Shape) -> None:
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


def check_feature_loss(spec: AbstractFeatureLoss, shape: Shape = (1, 16, 16)) -> None:
    """Check that a loss on features keeps the promises of a paired loss (``check_paired_loss``), for the features of a
    small network of several layers.

    Args:
        spec: the component.
        shape: shape of the images without batch.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    loss = spec.build()
    networks = {dtype: _Critic(shape, 0).to(dtype).requires_grad_(False) for dtype in (torch.float32, torch.float64)}

    def compared(candidate: Tensor, reference: Tensor) -> Tensor:
        network = networks[candidate.dtype]
        both = (torch.stack([*network.features(each), each.flatten(1)[:, :8]]) for each in (candidate, reference))
        return loss(*map(tuple, both))

    _check_each(type(spec).__name__, compared, shape)


def check_adversarial_loss(spec: AbstractAdversarialLoss, shape: Shape = (1, 16, 16)) -> None:
    """Check that an adversarial loss returns finite scalars with the gradients that they need.

    Both functions are called with references, candidates, and the draws that ``draws`` declares, once with a critic
    that scores samples (B,) and once with one that scores patches (B, P).

    - A question is answered where ``trains_critic`` or ``moves_players`` says so.
    - What the critic minimises has a gradient by the critic's weights. Only with ``penalises_gradient`` may it have the
      derivative of the critic by its input.
    - What the player minimises has a gradient by every candidate, through a critic whose weights are frozen.
    - Neither draws random numbers, nor changes its arguments. From the same state both return the same again.
    - Only with ``needs_features`` are the critic's features asked for.
    - With ``accepts_alongside``, there may be more candidates than references.
    - A loss with a state is a module without parameters, whose ``state_dict`` holds all that it computes with.
    - ``holds_slope`` is None or above 0. If the loss penalises the gradient too, a critic of that slope pays less than
      one of three times or a third of it.

    Args:
        spec: the component.
        shape: shape of a sample without batch.

    Raises:
        AssertionError: a promise is broken.
    """
    check_imports(spec)
    who = type(spec).__name__
    try:
        ask(who, spec, "draws")
        ask(who, spec, "penalises_gradient")
    except GankitError as error:
        raise AssertionError(f"{who}: {error}") from error
    require(spec.trains_critic or spec.moves_players, who, "answers neither question")
    _check_slope(spec, shape)
    for dtype in (torch.float32, torch.float64):
        for patches in (0, 3):
            asked = _Asked(spec, shape, dtype, patches)
            if spec.trains_critic:
                with promise(who, f"answers for the critic in {dtype}{asked.scoring}"), no_global_draws(who):
                    _check_critic_answer(asked)
            if spec.trains_critic and spec.accepts_alongside:
                with promise(who, "takes more candidates than references, since accepts_alongside is True"):
                    _check_scalar(f"{who}.critic", asked.critic_answer(asked.critic, asked.candidates))
            if spec.moves_players:
                with promise(who, f"answers for the player in {dtype}{asked.scoring}"), no_global_draws(who):
                    _check_player_answer(asked)


class _Asked:
    """A loss, and what its two questions are asked with."""

    def __init__(self, spec: AbstractAdversarialLoss, shape: Shape, dtype: torch.dtype, patches: int):
        self.spec = spec
        self.who = type(spec).__name__
        self.scoring = f" with a critic of {patches} patches" if patches else ""
        self.critic = _Critic(shape, patches).to(dtype)
        self.reference = normal(BATCH, *shape).to(dtype)
        self.candidates = normal(2 * BATCH, *shape, seed=1).to(dtype)
        self.candidate = self.candidates[:BATCH]
        self.draws = {
            name: drawn(draw, BATCH, shape, seed).to(dtype) for seed, (name, draw) in enumerate(spec.draws.items())
        }
        try:
            self.loss = built_adversarial(self.who, spec)
        except GankitError as error:
            raise AssertionError(str(error)) from error
        if isinstance(self.loss, nn.Module):
            self.loss.to(dtype)
        self._begin = self._state()

    def critic_answer(self, critic: Critic, candidate: Tensor) -> Tensor:
        """What the critic minimises, from the state in which the loss is built."""
        return self._answer(self.loss.critic, critic, candidate)

    def player_answer(self, candidate: Tensor) -> Tensor:
        """What the player minimises, from the state in which the loss is built."""
        return self._answer(self.loss.player, self.critic, candidate)

    def _answer(self, question: Callable[..., Tensor], critic: Critic, candidate: Tensor) -> Tensor:
        if isinstance(self.loss, nn.Module):
            self.loss.load_state_dict(self._begin)
        given = [tensor.detach().clone() for tensor in (self.reference, candidate, *self.draws.values())]
        answer = question(critic, self.reference, candidate, self.draws)
        for before, after in zip(given, (self.reference, candidate, *self.draws.values()), strict=True):
            require(torch.equal(before, after), self.who, "writes into its arguments")
        return answer

    def _state(self) -> dict[str, Tensor]:
        held = self.loss.state_dict() if isinstance(self.loss, nn.Module) else {}
        return {name: value.clone() for name, value in held.items()}


def _check_critic_answer(asked: _Asked) -> None:
    spec, who = asked.spec, f"{asked.who}.critic"
    differentiated: list[bool] = []

    class Watched:
        def __call__(self, samples: Tensor) -> Tensor:
            differentiated.append(samples.requires_grad)
            return asked.critic(samples)

        features = asked.critic.features

    # A scalar with a gradient by the critic's weights
    value = asked.critic_answer(Watched(), asked.candidate)
    _check_scalar(who, value)
    gradients = torch.autograd.grad(value, list(asked.critic.parameters()), allow_unused=True)
    reached = any(gradient is not None and bool(gradient.any()) for gradient in gradients)
    require(reached, who, "its gradient does not reach the critic's weights")

    # What it does with the critic, and whether it does the same again
    require(
        spec.penalises_gradient or not any(differentiated),
        who,
        "differentiates the critic by its input, though penalises_gradient is False",
    )
    _check_features(asked)
    require(torch.equal(value, asked.critic_answer(asked.critic, asked.candidate)), who, "differs when computed again")


def _check_slope(spec: AbstractAdversarialLoss, shape: Shape) -> None:
    who, aim = type(spec).__name__, spec.holds_slope
    if aim is None:
        return
    require(isinstance(aim, int | float) and aim > 0, who, f"has holds_slope = {aim!r}, not a number above 0")
    if not (spec.trains_critic and spec.penalises_gradient):
        return
    asked = _Asked(spec, shape, torch.float64, 0)
    below, at, above = (
        float(asked.critic_answer(_Sloped(asked.reference, slope), asked.reference))
        for slope in (aim / 3, aim, 3 * aim)
    )
    fits = at < min(below, above)
    require(fits, who, f"has holds_slope = {aim:g}, but a critic of another slope pays no more where nothing differs")


class _Sloped:
    """A linear critic of one slope, whose mean score of some samples is 0."""

    def __init__(self, samples: Tensor, slope: float):
        self._slope, self._mean = slope, samples.flatten(1).mean(dim=0)

    def __call__(self, x: Tensor) -> Tensor:
        return (x.flatten(1) - self._mean).sum(dim=1) * (self._slope / len(self._mean) ** 0.5)

    def features(self, x: Tensor) -> list[Tensor]:
        return [x.flatten(1)]


def _check_player_answer(asked: _Asked) -> None:
    who = f"{asked.who}.player"
    asked.critic.requires_grad_(False)
    value = asked.player_answer(asked.candidate)
    _check_scalar(who, value)
    _check_reaches(who, "the candidate", asked.candidate, asked.player_answer)
    _check_features(asked)
    require(torch.equal(value, asked.player_answer(asked.candidate)), who, "differs when computed again")


def _check_features(asked: _Asked) -> None:
    fair = asked.spec.needs_features or not asked.critic.gave_features
    require(fair, asked.who, "asks the critic for features, though needs_features is False")


def _check_scalar(who: str, value: Tensor) -> None:
    require(value.shape == (), who, f"returns {tuple(value.shape)}, not a scalar")
    require(bool(value.isfinite()), who, "is not finite")


def _check_reaches(who: str, name: str, x: Tensor, value: Callable[[Tensor], Tensor]) -> None:
    x = x.clone().requires_grad_()
    with promise(who, f"has a gradient for {name}"):
        (gradient,) = torch.autograd.grad(value(x), x)
    require(bool(gradient.isfinite().all()), who, f"{name} gets a gradient that is not finite")
    require(bool(gradient.flatten(1).any(dim=1).all()), who, f"its gradient does not reach every sample of {name}")


class _Critic(nn.Module):
    """Samples to scores (B,), or to (B, patches)."""

    def __init__(self, shape: Shape, patches: int):
        super().__init__()
        inputs = int(np.prod(shape))
        self.hidden = nn.Sequential(nn.Flatten(), nn.Linear(inputs, 8), nn.Tanh())
        self.score = nn.Linear(8, patches or 1)
        self.patches, self.gave_features = patches, False
        for parameter in self.parameters():
            parameter.data = normal(*parameter.shape, seed=3) / inputs**0.5

    def forward(self, x: Tensor) -> Tensor:
        scores = self.score(self.hidden(x))
        return scores if self.patches else scores.squeeze(1)

    def features(self, x: Tensor) -> list[Tensor]:
        self.gave_features = True
        return [self.hidden(x)]
