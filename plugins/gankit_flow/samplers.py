"""``euler`` and ``heun``: how samples follow velocities. The specs; the arithmetic is in ``_samplers``."""

from __future__ import annotations

from functools import partial

import attrs

from gankit import AbstractSampler, Sampler


@attrs.frozen(kw_only=True)
class Euler(AbstractSampler):
    """Euler's method: ``x_{k+1} = x_k + h v(x_k, k h)`` with ``h = 1 / steps``.

    This is the sampler of Liu et al. 2022, "Flow straight and fast" (arXiv:2209.03003, Sec. 2.2). Its error falls with
    h; one evaluation a step.
    """

    @property
    def evaluations(self) -> int:
        return self.steps

    def build(self) -> Sampler:
        from gankit_flow._samplers import euler

        return partial(euler, steps=self.steps)


@attrs.frozen(kw_only=True)
class Heun(AbstractSampler):
    """Heun's method: ``x_{k+1} = x_k + h / 2 (v(x_k, k h) + v(y, (k + 1) h))`` with ``y = x_k + h v(x_k, k h)`` and
    ``h = 1 / steps``.

    Its error falls with h squared; two evaluations a step. Karras et al. 2022 (arXiv:2206.00364, Sec. 3) found it the
    best trade of evaluations for quality among samplers of diffusion models.
    """

    @property
    def evaluations(self) -> int:
        return 2 * self.steps

    def build(self) -> Sampler:
        from gankit_flow._samplers import heun

        return partial(heun, steps=self.steps)
