"""The network of ``coupled-critic``. Letters: B batch, C channels, S space."""

import math

from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, LeakyReLU, Shapes, activations, halving, he_weights


class CoupledCriticNetwork(nn.Module):
    """One modality at a time, (B, C, *S), to unbounded scores (B,); see ``CoupledCritic``.

    Args:
        source: shapes (C, *S) by modality, of one size.
        width: channels after the first layer.
        own: layers of each modality before the shared ones.
        depth: number of convolutional layers in all.
    """

    def __init__(self, source: Shapes, width: int, own: int, depth: int):
        super().__init__()
        self.places = tuple(source)
        size = list(next(iter(source.values()))[1:])
        widths = [width * min(2**layer, 8) for layer in range(depth)]
        firsts = [_layers(size, [shape[0], *widths[:own]]) for shape in source.values()]
        self.first = nn.ModuleList(nn.Sequential(*layers) for layers, _ in firsts)
        shared, size = _layers(firsts[0][1], widths[own - 1 :])
        self.shared = nn.Sequential(*shared, nn.Flatten(), he_weights(nn.Linear(widths[-1] * math.prod(size), 1)))

    def forward(self, x_BCS: Tensor, place: str) -> Tensor:
        first = self.first[self.places.index(place)]
        return self.shared(first(x_BCS)).squeeze(1)

    def features(self, x_BCS: Tensor, place: str) -> list[Tensor]:
        """The maps after each layer."""
        own = activations(self.first[self.places.index(place)], x_BCS)  # type: ignore[arg-type] # each is a Sequential
        return [*own, *activations(self.shared, own[-1])]


def _layers(size: list[int], widths: list[int]) -> tuple[list[nn.Module], list[int]]:
    """Layers that lead from one width to the next and halve the sides, and the sides after them."""
    layers: list[nn.Module] = []
    for i in range(len(widths) - 1):
        convolution, size = halving(widths[i], widths[i + 1], size)
        layers += [convolution, LeakyReLU(NEGATIVE_SLOPE)]
    return layers, size
