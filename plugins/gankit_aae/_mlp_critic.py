"""The network of ``mlp-critic``. Letters: B batch, Z latent."""

from torch import Tensor, nn

from gankit import NEGATIVE_SLOPE, LeakyReLU, activations, he_weights


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
        hidden = [[he_weights(nn.Linear(sizes[i], sizes[i + 1])), LeakyReLU(NEGATIVE_SLOPE)] for i in range(layers)]
        self.layers = nn.Sequential(*[module for pair in hidden for module in pair], he_weights(nn.Linear(width, 1)))

    def forward(self, z_BZ: Tensor) -> Tensor:
        return self.layers(z_BZ).squeeze(1)

    def features(self, z_BZ: Tensor) -> list[Tensor]:
        """The units of each hidden layer."""
        return activations(self.layers, z_BZ)
