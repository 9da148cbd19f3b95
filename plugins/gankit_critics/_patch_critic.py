"""The network of ``patch-critic``. Letters: B batch, C channels, S space, P patches, K values of labels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, LeakyReLU, activations, convolution, he_weights, norm_layers, spectral_norm
from gankit_critics._averages import AVERAGES
from gankit_critics._labels import image_and_label, of_label

_TAPS = 4


class PatchCriticNetwork(nn.Module):
    """Images (B, C, *S) to unbounded scores (B, P); see ``PatchCritic``.

    Args:
        shape: (C, *S).
        classes: K; 0 for no projection.
        width: channels after the first layer.
        layers: convolutions that halve the sides.
        scales: critics, each on an image half as large as that of the one before.
        norm: what follows each layer but the first and the last, as for ``norm_layers``.
        spectral: whether the layers are spectrally normalised.
    """

    def __init__(
        self, shape: tuple[int, ...], classes: int, width: int, layers: int, scales: int, norm: str, spectral: bool
    ):
        super().__init__()
        inputs, rank = shape[0], len(shape) - 1
        self.scales = nn.ModuleList(
            _OneScale(rank, inputs, classes, width, layers, norm, spectral) for _ in range(scales)
        )
        self.smaller = AVERAGES[rank](2)

    def forward(self, *places: Tensor) -> Tensor:
        image_BCS, label_BK = image_and_label(places)
        scores = [scale(image, label_BK) for scale, image in self._scaled(image_BCS)]
        most = scores[0].shape[1]
        return torch.cat([each_BP.repeat(1, round(most / each_BP.shape[1])) for each_BP in scores], dim=1)

    def features(self, *places: Tensor) -> list[Tensor]:
        """The maps after each leaky ReLU, of the largest image first."""
        image_BCS, _ = image_and_label(places)
        return [each for scale, image in self._scaled(image_BCS) for each in scale.features(image)]

    def _scaled(self, image_BCS: Tensor) -> Iterator[tuple[_OneScale, Tensor]]:
        """The critic of each scale with its image."""
        for number, scale in enumerate(self.scales):
            image_BCS = self.smaller(image_BCS) if number else image_BCS
            yield scale, image_BCS  # type: ignore[misc] # a ModuleList has modules of any type


class _OneScale(nn.Module):
    """The critic of one scale: an image (B, C, *S) and its label (B, K), or None, to scores (B, P)."""

    def __init__(self, rank: int, inputs: int, classes: int, width: int, layers: int, norm: str, spectral: bool):
        super().__init__()

        def convolved(inputs: int, outputs: int, stride: int, bias: bool = True) -> nn.Module:
            layer = he_weights(convolution(inputs, outputs, rank, stride, _TAPS))
            layer.bias = layer.bias if bias else None
            return spectral_norm(layer) if spectral else layer

        made: list[nn.Module] = []
        for number in range(layers + 1):
            outputs = width * min(2**number, 8)
            made.append(convolved(inputs, outputs, stride=2 if number < layers else 1))
            made += [*(norm_layers(norm, outputs) if number else []), LeakyReLU(NEGATIVE_SLOPE)]
            inputs = outputs
        self.layers = nn.Sequential(*made)
        self.score = convolved(inputs, 1, stride=1)
        self.embedding = convolved(inputs, classes, stride=1, bias=False) if classes else None

    def forward(self, x_BCS: Tensor, label_BK: Tensor | None) -> Tensor:
        features_BCS = self.layers(x_BCS)
        scores_BS = self.score(features_BCS).squeeze(1)
        if self.embedding is not None and label_BK is not None:
            scores_BS = scores_BS + of_label(self.embedding(features_BCS), label_BK)
        return scores_BS.flatten(1)

    def features(self, x_BCS: Tensor) -> list[Tensor]:
        return activations(self.layers, x_BCS)
