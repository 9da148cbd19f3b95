"""A plugin of a stranger: a generator with every kind of buffer that averaged networks must get right."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Literal

import attrs
import torch
from torch import Tensor, nn

from gankit import (
    AbstractGenerator,
    BatchNorm,
    Plugins,
    Registry,
    hookimpl,
    joined,
    load_plugins,
    mean_over_ranks,
    option,
)

RECIPE = """
name = "norms"
cohort = { use = "file", path = "to be set" }
pools.cs = { label = "cs", split = "train" }
latent.dim = 8
modalities.adc = { shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }
networks.encoder = { use = "conv-encoder", width = 4 }
networks.decoder = { use = "normed-generator" }
networks.critic = { use = "conv-critic", width = 4 }
synthesizer.adc = { network = "decoder", from = "latent" }
augmentation.shift = 2
training = { steps = 4, batch = 4, log_every = 1, checkpoint_every = 2, sample_every = 100, ema = 0.7 }

[[phases]]
use = "reconstruct"
encode = { network = "encoder", from = "adc" }
pool = "cs"
learning_rate = 0.05
terms = [{ use = "l2", on = "adc" }]

[[phases]]
use = "synthesize"
terms = [{ use = "wgan-gp", on = "adc", critic = "critic", against = "cs" }]
"""


@hookimpl
def register_components(registry: Registry) -> None:
    registry.add("generator", "normed-generator", "tests.training.strange_norms:NormedGenerator")


def with_strange_norms() -> Plugins:
    """Everything installed, and the generator of this file."""
    strange = EntryPoint(name="strange_norms", value="tests.training.strange_norms", group="gankit")
    return load_plugins([*entry_points(group="gankit"), strange])


@attrs.frozen(kw_only=True)
class NormedGenerator(AbstractGenerator):
    """Latents (B, Z) to images (B, C, H, W) through layers with buffers."""

    norm: Literal["torch", "gankit"] = option(
        "torch", help="whose batch normalisation; torch's knows no other processes"
    )

    @property
    def mixes_samples(self) -> bool:
        return True

    def build(self, source, target):
        (latent,), shape = joined(source), joined(target)
        return NormedNetwork(latent, shape, nn.BatchNorm2d if self.norm == "torch" else BatchNorm)


class NormedNetwork(nn.Module):
    def __init__(self, latent: int, shape: tuple[int, ...], norm: type[nn.Module]):
        super().__init__()
        channels, *sides = shape
        self.begin = nn.Sequential(nn.Linear(latent, 4 * sides[0] * sides[1], bias=False), nn.Unflatten(1, (4, *sides)))
        self.first, self.second = norm(4), norm(3)
        self.middle, self.end = nn.Conv2d(4, 3, 3, padding=1, bias=False), nn.Conv2d(3, channels, 1)
        self.frozen = Frozen(3)
        self.tracked = Tracked(3)
        self.register_buffer("kernel", torch.tensor([0.25, 0.5, 0.25]))

    def forward(self, z_BZ: Tensor) -> Tensor:
        x_BCHW = self.first(self.begin(z_BZ)).relu()
        x_BCHW = self.second(self.middle(x_BCHW)).relu() * self.kernel.sum()
        return self.end(self.tracked(self.frozen(x_BCHW))).tanh()


class Frozen(nn.BatchNorm2d):
    """Batch normalisation whose statistics came with it."""

    def __init__(self, channels: int):
        super().__init__(channels)
        self.running_mean.fill_(0.1)
        self.running_var.fill_(2.0)
        self.eval()


class Tracked(nn.Module):
    """Divides by a running mean of the size of its own weights, and adds a running mean of what it is given."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight_C = nn.Parameter(torch.ones(channels))
        self.register_buffer("size", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("forwards", torch.zeros((), dtype=torch.long))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.size.lerp_(self.weight_C.norm(), 0.1)
                self.mean.lerp_(mean_over_ranks(x_BCHW.mean()), 0.1)
                self.forwards += 1
        return x_BCHW * (self.weight_C / (self.size + 0.1)).view(1, -1, 1, 1) + self.mean
