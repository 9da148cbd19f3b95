"""Constant, linear and cosine schedules, each with a warm-up. In all equations t is the training step, counted from 0,
and T = ``training.steps``."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator

import attrs

from gankit import AbstractSchedule, Problem, option


@attrs.frozen(kw_only=True)
class AbstractWarmUp(AbstractSchedule):
    """A schedule that begins with a gradual warm-up (Goyal et al. 2017, arXiv:1706.02677, 2.2):
    ``factor(t) = min(1, (t + 1) / warm_up) decay(t)``."""

    warm_up: int = option(0, ge=0, help="training steps over which the rate grows evenly to its full size")

    def check(self, steps: int) -> Iterator[Problem]:
        if self.warm_up >= steps:
            yield Problem("warm_up", f"must be < training.steps, {steps}, got {self.warm_up}")

    def factor(self, step: int, steps: int) -> float:
        return min(1.0, (step + 1) / max(1, self.warm_up)) * self.decay(step, steps)

    @abstractmethod
    def decay(self, step: int, steps: int) -> float:
        """The factor without warm-up."""


@attrs.frozen(kw_only=True)
class Constant(AbstractWarmUp):
    """The rate stays as it is: ``decay(t) = 1``."""

    def decay(self, step: int, steps: int) -> float:
        return 1.0


@attrs.frozen(kw_only=True)
class Linear(AbstractWarmUp):
    """The rate stays as it is until step s, and falls evenly from there to ``final`` at the end of the training:
    ``decay(t) = 1 - (1 - final) max(0, t - s) / (T - s)``.

    With its defaults it is that of CycleGAN (Zhu et al. 2017, arXiv:1703.10593, 4): the same rate for one half of the
    training, and a fall to 0 over the other.
    """

    start: int | None = option(None, ge=0, help="training step s at which the fall begins; default: by share")
    share: float | None = option(
        0.5, ge=0, lt=1, unless="start", help="s as a share of training.steps; not beside start"
    )
    final: float = option(0.0, ge=0, le=1, help="factor at the end of the training")

    def check(self, steps: int) -> Iterator[Problem]:
        yield from super().check(steps)
        if self.start is not None and self.start >= steps:
            yield Problem("start", f"must be < training.steps, {steps}, or the rate never falls; got {self.start}")

    def decay(self, step: int, steps: int) -> float:
        start = self.start if self.start is not None else int((self.share or 0) * steps)
        return 1 - (1 - self.final) * max(0, step - start) / (steps - start)


@attrs.frozen(kw_only=True)
class Cosine(AbstractWarmUp):
    """After the warm-up of W steps the rate falls along half a cosine to ``final`` at the end of the training:
    ``decay(t) = final + (1 - final) (1 + cos(pi max(0, t - W) / (T - W))) / 2``, Eq. 5 of Loshchilov and Hutter 2017
    (SGDR, arXiv:1608.03983) without restarts."""

    final: float = option(0.0, ge=0, le=1, help="factor at the end of the training")

    def decay(self, step: int, steps: int) -> float:
        done = max(0, step - self.warm_up) / (steps - self.warm_up)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * done)) / 2
