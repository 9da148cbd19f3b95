"""The network of ``two-scale-critic``. Letters: B batch, C channels, S space, A its axes, W windows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gankit import sample_scores
from gankit_critics._averages import AVERAGES


class TwoScaleCriticNetwork(nn.Module):
    """Images (B, C, *S) to unbounded scores (B,); see ``TwoScaleCritic``.

    Args:
        whole: the critic of the coarse image.
        part: the critic of a window.
        size: S.
        coarse: voxels that are one voxel of the coarse image, for each axis.
        window: size of a window.
    """

    begins_WA: Tensor

    def __init__(
        self, whole: nn.Module, part: nn.Module, size: Sequence[int], coarse: Sequence[int], window: Sequence[int]
    ):
        super().__init__()
        self.whole, self.part = whole, part
        self.smaller = AVERAGES[len(size)](tuple(coarse))
        self.window = tuple(window)
        self.places = tuple(side - wide + 1 for side, wide in zip(size, window, strict=True))
        """Along each axis, the number of places where a window may begin."""
        covering = itertools.product(*map(_evenly_spaced, size, window))
        self.register_buffer("begins_WA", torch.tensor([*covering]), persistent=False)

    def forward(self, *given: Any, draws: Mapping[str, Tensor] = {}) -> Tensor:
        begins_WA = self._begins(draws)
        whole_B = sample_scores(self.whole(*self._coarse(given)))
        part_WB = sample_scores(self.part(*self._windows(given, begins_WA))).unflatten(0, (len(begins_WA), -1))
        return (whole_B + part_WB.mean(dim=0)) / 2

    def features(self, *given: Any, draws: Mapping[str, Tensor] = {}) -> list[Tensor]:
        """The features of the coarse image, then those of the windows, (B, W, ...)."""
        begins_WA = self._begins(draws)
        whole: list[Tensor] = self.whole.features(*self._coarse(given))  # type: ignore[operator]
        parts: list[Tensor] = self.part.features(*self._windows(given, begins_WA))  # type: ignore[operator]
        by_window = [each.unflatten(0, (len(begins_WA), -1)).transpose(0, 1) for each in parts]
        return [*whole, *by_window]

    def _begins(self, draws: Mapping[str, Tensor]) -> Tensor:
        """The first voxel of each window along each axis, (W, A): one window that is drawn, or those that cover all."""
        if not draws:
            return self.begins_WA
        drawn = [number * count for number, count in zip(draws["window"], self.places, strict=False)]
        return torch.stack(drawn).long()[None]

    def _coarse(self, given: tuple[Any, ...]) -> list[Any]:
        return [self.smaller(each) if _is_image(each) else each for each in given]

    def _windows(self, given: tuple[Any, ...], begins_WA: Tensor) -> list[Any]:
        """What the critic of windows is given: a window of all samples, then the next of all. The first image of a
        sample has maps of the place."""
        first = next(number for number, each in enumerate(given) if _is_image(each))
        return [
            torch.cat([self._window(each, begin_A, told=number == first) for begin_A in begins_WA])
            if isinstance(each, Tensor)
            else each
            for number, each in enumerate(given)
        ]

    def _window(self, x: Tensor, begin_A: Tensor, told: bool) -> Tensor:
        if not _is_image(x):
            return x
        maps = []
        for axis, (begin, wide, count) in enumerate(zip(begin_A, self.window, self.places, strict=True)):
            if count > 1:
                x = x.index_select(axis + 2, begin + torch.arange(wide, device=x.device))
                maps += [2 * begin.to(x.dtype) / (count - 1) - 1] if told else []
        return torch.cat([x, *(place.expand(len(x), 1, *x.shape[2:]) for place in maps)], dim=1)


def _is_image(x: Any) -> bool:
    return isinstance(x, Tensor) and x.ndim > 2


def _evenly_spaced(side: int, wide: int) -> list[int]:
    """Where as few windows begin as cover a side."""
    last, count = side - wide, math.ceil(side / wide)
    return [round(number * last / max(1, count - 1)) for number in range(count)]
