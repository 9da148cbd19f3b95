"""The network of ``residual-critic``. Letters: B batch, C channels, S space, K values of labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, LeakyReLU, convolution, halving, he_weights, norm_layers, spectral_norm
from gankit_critics._averages import AVERAGES
from gankit_critics._labels import image_and_label, of_label
from gankit_critics._minibatch_std import MinibatchStd


class ResidualCriticNetwork(nn.Module):
    """Images (B, C, *S) to unbounded scores (B,); see ``ResidualCritic``.

    Args:
        shape: (C, *S).
        classes: K; 0 for no projection.
        widths: channels after each block.
        norm: what comes before each leaky ReLU of a block, as for ``norm_layers``.
        spectral: whether the layers are spectrally normalised.
        group: samples in a group of ``MinibatchStd``; 0 for none.
    """

    def __init__(
        self, shape: tuple[int, ...], classes: int, widths: Sequence[int], norm: str, spectral: bool, group: int
    ):
        super().__init__()
        inputs, *sides = shape
        ready = spectral_norm if spectral else _unchanged
        self.blocks = nn.ModuleList()
        for number, outputs in enumerate(widths):
            # The last block reads the standard deviation as one more channel.
            added = [MinibatchStd(group)] if group and number == len(widths) - 1 else []
            block = _Block(inputs + len(added), outputs, sides, norm, ready, first=number == 0)
            self.blocks.append(nn.Sequential(*added, block))
            inputs, sides = outputs, block.sides
        self.activation = LeakyReLU(NEGATIVE_SLOPE)
        self.score = ready(he_weights(nn.Linear(inputs, 1)))
        self.embedding = ready(he_weights(nn.Linear(inputs, classes, bias=False))) if classes else None

    def forward(self, *places: Tensor) -> Tensor:
        _, label_BK = image_and_label(places)
        features_BC = self.features(*places)[-1]
        score_B = self.score(features_BC).squeeze(1)
        if self.embedding is None or label_BK is None:
            return score_B
        return score_B + of_label(self.embedding(features_BC), label_BK)

    def features(self, *places: Tensor) -> list[Tensor]:
        """The maps after each block, and the sums over pixels (B, C) that are scored."""
        x_BCS, _ = image_and_label(places)
        features = []
        for block in self.blocks:
            x_BCS = block(x_BCS)
            features.append(x_BCS)
        return [*features, self.activation(x_BCS).flatten(2).sum(dim=2)]


class _Block(nn.Module):
    """Maps (B, C, *S) to (B, C', *S'): each side of 8 or more is halved.

    Args:
        inputs, outputs: C and C'.
        sides: S.
        norm: as for ``norm_layers``.
        ready: makes a layer ready that has its weights.
        first: whether it reads images, which no leaky ReLU may cut.
    """

    def __init__(
        self, inputs: int, outputs: int, sides: Sequence[int], norm: str, ready: Callable[[Any], Any], first: bool
    ):
        super().__init__()
        rank, inner = len(sides), outputs if first else inputs
        before = [] if first else [*norm_layers(norm, inputs), LeakyReLU(NEGATIVE_SLOPE)]
        keep = ready(he_weights(convolution(inputs, inner, rank)))
        halve, self.sides = halving(inner, outputs, sides)
        activated = [*norm_layers(norm, inner), LeakyReLU(NEGATIVE_SLOPE)]
        self.branch = nn.Sequential(*before, keep, *activated, ready(halve))
        average = AVERAGES[rank](tuple(old // new for old, new in zip(sides, self.sides, strict=True)))
        self.shortcut = nn.Sequential(average, ready(he_weights(convolution(inputs, outputs, rank, taps=1))))

    def forward(self, x_BCS: Tensor) -> Tensor:
        return (self.shortcut(x_BCS) + self.branch(x_BCS)) / math.sqrt(2)


def _unchanged(layer: Any) -> Any:
    return layer
