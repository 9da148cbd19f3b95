"""The network of ``mlp-critic``. Letters: B batch, Z latent."""

from torch import Tensor, nn

_SLOPE = 0.2


class MlpCriticNetwork(nn.Module):
    """Latents (B, Z) to unbounded scores (B,); see ``MlpCritic``.

    Args:
        latent: Z.
        width: units of each hidden layer.
        layers: number of hidden layers.
    """

    def __init__(self, latent: int, width: int, layers: int):
        super().__init__()
        sizes = [latent, *[width] * layers]
        hidden = [[_he(sizes[i], sizes[i + 1]), nn.LeakyReLU(_SLOPE)] for i in range(layers)]
        self.layers = nn.Sequential(*[module for pair in hidden for module in pair], _he(width, 1))

    def forward(self, z_BZ: Tensor) -> Tensor:
        return self.layers(z_BZ).squeeze(1)


def _he(inputs: int, outputs: int) -> nn.Linear:
    """Weights by He et al. 2015 for leaky ReLU; the biases stay torch's, small and random."""
    layer = nn.Linear(inputs, outputs)
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    return layer
