"""Scores of critics: those of samples, and their slopes, which several losses penalise."""

from __future__ import annotations

import torch
from torch import Tensor

from gankit.plugin.components import Critic


def sample_scores(scores: Tensor) -> Tensor:
    """One score for each sample: scores (B,) as they are, or the mean over the P patches of scores (B, P)."""
    return scores if scores.ndim == 1 else scores.mean(dim=1)


def slopes(critic: Critic, x: Tensor) -> Tensor:
    """The derivative of each sample's score by the sample, (B, ...), with a graph for second derivatives.

    It is computed in the type of ``x`` also where autocast is on.

    Args:
        critic: samples to scores (B,) or (B, P); the scores of a sample depend on that sample only.
        x: samples (B, ...); their own graph is left out.
    """
    x = x.detach().requires_grad_(True)
    with torch.autocast(x.device.type, enabled=False):
        (slope,) = torch.autograd.grad(sample_scores(critic(x)).sum(), x, create_graph=True)
    return slope


def squared_slope(critic: Critic, x: Tensor) -> Tensor:
    """``E |∇D(x)|²``, a scalar, as in R1 and R2 of Mescheder et al. 2018 (arXiv:1801.04406, Eqs. 9 and 10).

    Arguments are those of ``slopes``.
    """
    return slopes(critic, x).square().flatten(1).sum(dim=1).mean()
