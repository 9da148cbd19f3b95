"""The running statistics of averaged networks, which must belong to the averaged weights.

No training step runs the averaged weights. What BatchNorm and its like gather in training is of the current weights,
and does not fit the averaged ones (Izmailov et al. 2018, arXiv:1803.05407, Algorithm 1). So statistics are not
averaged, and are no state of the training: they are gathered anew whenever the averages are used.

Batch normalisation gets the exact mean and variance of what it is given, over all that the phases draw from (as in Wu
and Johnson 2021, arXiv:2105.07576, Sec. 3). Other modules gather their buffers by their own rule.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gankit._draws import Draws
from gankit.networks.batch_norm import BatchNorm
from gankit.networks.synthesizer import Networks
from gankit.plugin.components import Inputs
from gankit.processes.ranks import ALONE
from gankit.recipe.recipe import Augmentation
from gankit.training.batch import BatchSource
from gankit.training.cohort import TrainingCohort
from gankit.training.phases import PhaseStep

PRIOR_DRAWS = 1024
"""Samples of a phase that draws no slices."""

ROUNDS = 100
"""Batches of each phase by which a module gathers its buffers by its own rule. With a momentum of 0.1 less than 0.003%
of a buffer is older then."""

VARIANCE_OF = {
    BatchNorm.forward: "running_variance",
    _BatchNorm.forward: "running_var",
    nn.SyncBatchNorm.forward: "running_var",
}
"""The layers whose running statistics are known to be mean and variance of what they are given, by their forward, and
how their variance is named."""


Twins = list[tuple[nn.Module, nn.Module]]
"""Each module of the averaged networks, with that of the current networks of which it is the average."""


@torch.no_grad()
def gather_statistics(
    averages: Networks, networks: Networks, phases: Collection[PhaseStep], cohort: TrainingCohort
) -> None:
    """Give averaged networks the buffers that belong to their weights.

    They follow from the averaged weights, the buffers of the current networks, the cohort and the seed alone. Every
    process of a run calls this and computes the same, since a network may wait for the other processes.

    - Batch normalisation: mean and variance of what the layer is given, over all slices of the pools that the phases
      draw, not augmented, and over draws of the prior. Layers are fitted one after another, so that a layer sees those
      before it as they will be.
    - Other floating-point buffers that change in training: what the module makes of the current network's buffer in
      ``ROUNDS`` batches of each phase in training mode.
    - All others, such as counts and fixed kernels, and statistics that are frozen: those of the current network.

    Args:
        averages: the averaged networks, in evaluation mode; their buffers are changed.
        networks: the current networks.
        phases: the phases whose inputs the statistics are of.
        cohort: what they draw from.
    """
    twins = _twins(averages, networks)
    _copy_buffers(twins)
    layers = [layer for layer, current in twins if _follows_training(layer, current)]
    if _gather_by_own_rule(averages, twins, layers, phases, cohort):
        _copy_buffers(twins, counts_alone=True)
    _fit(layers, averages, phases, cohort)


def _twins(averages: Networks, networks: Networks) -> Twins:
    return [
        twins
        for name in averages.by_name
        for twins in zip(averages[name].modules(), networks[name].modules(), strict=True)
    ]


def _copy_buffers(twins: Twins, counts_alone: bool = False) -> None:
    """Copy the buffers of the current networks, or only those of whole numbers and truths."""
    for mine, current in twins:
        for buffer, its in zip(mine.buffers(recurse=False), current.buffers(recurse=False), strict=True):
            if not (counts_alone and buffer.is_floating_point()):
                buffer.copy_(its)


def _follows_training(layer: nn.Module, current: nn.Module) -> bool:
    """Whether a module is batch normalisation whose statistics follow the training; those of others are frozen."""
    if type(layer).forward not in VARIANCE_OF or layer.running_mean is None:
        return False
    return current.training and bool(layer.momentum != 0)


# Their own rule -------------------------------------------------------------------------------------------


def _gather_by_own_rule(
    averages: Networks,
    twins: Twins,
    without: Collection[nn.Module],
    phases: Iterable[PhaseStep],
    cohort: TrainingCohort,
) -> bool:
    """Run batches of the phases through the averaged networks in the mode of the current ones.

    Returns: whether this changed floating-point buffers of other modules than those ``without``. If the first batches
    change none, no others are run.
    """
    others = [buffer for mine, _ in twins if mine not in without for buffer in mine.buffers(recurse=False)]
    floating = [buffer for buffer in others if buffer.is_floating_point()]
    before = [buffer.clone() for buffer in floating]
    for mine, current in twins:
        mine.training = current.training
    try:
        for number in range(ROUNDS if floating else 0):
            for phase in phases:
                draws = Draws(phase.recipe.training.seed, number)
                source = BatchSource(phase.recipe, cohort, draws, _stream(phase), ALONE)
                phase.candidates(averages, phase.inputs(source))
            if all(map(torch.equal, floating, before)):
                return False
    finally:
        averages.eval()
    return bool(floating)


def _stream(phase: PhaseStep) -> str:
    return f"{phase.spec.name}/statistics"


# Batch normalisation --------------------------------------------------------------------------------------


def _fit(
    layers: Collection[nn.Module], averages: Networks, phases: Collection[PhaseStep], cohort: TrainingCohort
) -> None:
    """Fit layers to what they are given. A layer is fitted after those that run before it.

    Each pass over the inputs fits the layers before which none runs that is still to be fitted. Where two run in a
    circle, the first to run is fitted first.
    """
    cohort = attrs.evolve(cohort, augmentation=Augmentation())
    while layers:
        seen = _Pass(layers)
        for phase in phases:
            seen.run(averages, phase, cohort)
        ready = [layer for layer in seen.sums if layer not in seen.later] or list(seen.sums)[:1]
        for layer in ready:
            _write(layer, seen.sums[layer])
        layers = [layer for layer in seen.sums if layer not in ready]


class _Enough(BaseException):
    """Ends a forward pass of which nothing more is needed. It is no Exception, so no component takes it for an error
    of its own."""


class _Pass:
    """One pass of the inputs of phases through networks, in which layers note what they are given."""

    def __init__(self, layers: Collection[nn.Module]):
        self.sums: dict[nn.Module, Tensor] = {}
        """Layer to the ``_sums`` of all that it was given, in the order in which layers first ran."""
        self.later: set[nn.Module] = set()
        """Layers that ran after another of the layers."""
        self._layers = layers
        self._calls: list[nn.Module] = []
        self._enough: int | None = None

    def run(self, networks: Networks, phase: PhaseStep, cohort: TrainingCohort) -> None:
        """Add all inputs of a phase. The first part of them shows which layers run, so that the others stop after the
        last of these."""
        self._enough = None
        with ExitStack() as noted:
            for layer in self._layers:
                hook = layer.register_forward_pre_hook(partial(self._note), with_kwargs=True)
                noted.callback(hook.remove)
            for inputs in _all_inputs(phase, cohort):
                self._calls = []
                with suppress(_Enough):
                    phase.candidates(networks, inputs)
                self._enough = len(self._calls)
                if not self._enough:
                    return

    def _note(self, layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if any(other is not layer for other in self._calls):
            self.later.add(layer)
        (x_BCS,) = (*args, *kwargs.values())
        self.sums[layer] = _sums(x_BCS) + self.sums.get(layer, 0)
        self._calls.append(layer)
        if len(self._calls) == self._enough:
            raise _Enough


def _sums(x_BCS: Tensor) -> Tensor:
    """Sums over all dimensions but that of channels, of ones, values and squares: (3, C) float64."""
    x_CN = x_BCS.transpose(0, 1).flatten(1).double()
    return torch.stack([torch.ones_like(x_CN).sum(dim=1), x_CN.sum(dim=1), x_CN.square().sum(dim=1)])


def _write(layer: nn.Module, sums_3C: Tensor) -> None:
    """Write mean and variance, without Bessel's correction, into the buffers of a layer."""
    count_C, sum_C, squares_C = sums_3C
    mean_C = sum_C / count_C
    layer.get_buffer("running_mean").copy_(mean_C)
    layer.get_buffer(VARIANCE_OF[type(layer).forward]).copy_((squares_C / count_C - mean_C.square()).clamp(min=0))


# Inputs ---------------------------------------------------------------------------------------------------


class _WholePools(BatchSource):
    """A source that gives the slices of pools in their order, from a place on, and those of smaller pools again."""

    def __init__(self, phase: PhaseStep, cohort: TrainingCohort, number: int, indices: np.ndarray):
        draws = Draws(phase.recipe.training.seed, number)
        super().__init__(phase.recipe, cohort, draws, _stream(phase), ALONE)
        self.count, self._indices = len(indices), indices
        self.sizes: list[int] = []
        """Slices of each pool that was drawn, those of sources ``apart`` too."""

    def _choose(self, members: np.ndarray) -> np.ndarray:
        self.sizes.append(len(members))
        return members[self._indices % len(members)]


def _all_inputs(phase: PhaseStep, cohort: TrainingCohort) -> Iterator[Inputs]:
    """All slices of the largest pool that a phase draws, and as many of smaller ones and of the prior.

    A phase that draws no slices gives ``PRIOR_DRAWS`` samples. Each part has at most the size of a global batch.
    """
    at_once = phase.recipe.training.batch
    phase.inputs(trial := _WholePools(phase, cohort, 0, np.arange(at_once)))
    total = max(trial.sizes, default=PRIOR_DRAWS)
    for number, indices in enumerate(np.array_split(np.arange(total), math.ceil(total / at_once))):
        yield phase.inputs(_WholePools(phase, cohort, number, indices))
