"""A package outside the repository has networks that read a latent, a class and a mask apart, for a graph whose places
are random, given and made."""

import json

import attrs
import numpy as np
import pytest

from gankit import write_cohort
from tests.test_third_party import python

PLUGIN = """
from gankit import hookimpl


@hookimpl
def register_components(registry):
    registry.add("generator", "painted", "painter.networks:Painted")
    registry.add("discriminator", "weighed", "painter.networks:Weighed")
"""

NETWORKS = '''
import attrs

from gankit import AbstractDiscriminator, AbstractGenerator, Problem, shape_text


@attrs.frozen(kw_only=True)
class Painted(AbstractGenerator):
    """A latent (B, Z), a class (B, K) and images (B, C, *S) to an image: a plane for each image, tilted by the rest."""

    @property
    def reads_apart(self):
        return True

    def check(self, source, target):
        (latent, label, *images), (made,) = source.values(), target.values()
        for image in images:
            if image[1:] != made[1:]:
                yield Problem("use", f"paints on images of its own size, not {shape_text(image)}")

    def build(self, source, target):
        import torch
        from torch import nn

        (latent, label, *images), (made,) = source.values(), target.values()

        class Paint(nn.Module):
            def __init__(self):
                super().__init__()
                self.tint = nn.Linear(latent[0] + label[0], made[0])
                self.draw = nn.Conv2d(sum(image[0] for image in images), made[0], 3, padding=1)

            def forward(self, z_BZ, y_BK, *images):
                tint_BC = self.tint(torch.cat([z_BZ, y_BK], dim=1))
                return torch.tanh(self.draw(torch.cat(images, dim=1)) + tint_BC[:, :, None, None])

        return Paint()


@attrs.frozen(kw_only=True)
class Weighed(AbstractDiscriminator):
    """An image (B, C, *S) and its class (B, K) to scores of four patches (B, 4); its features are the patches."""

    @property
    def reads_apart(self):
        return True

    @property
    def gives_features(self):
        return True

    def build(self, source, target):
        from torch import nn

        image, label = source.values()

        class Weigh(nn.Module):
            def __init__(self):
                super().__init__()
                self.patches = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * image[0], 4))
                self.weights = nn.Linear(label[0], 4)

            def forward(self, x_BCS, y_BK):
                assert set(y_BK.flatten().tolist()) <= {0.0, 1.0}
                return self.features(x_BCS, y_BK)[0] * self.weights(y_BK)

            def features(self, x_BCS, y_BK):
                return [self.patches(x_BCS)]

        return Weigh()
'''

RECIPE = """
name = "painted"
cohort = { use = "file", path = "to be set" }
pools.all = {}
latent.dim = 4

[modalities]
adc = { shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }
gland = { shape = [2, 16, 16], range = [0, 1], mask = "gland" }

[networks]
painter = { use = "painted" }
critic = { use = "weighed" }

[synthesizer]
grain = { random = [1, 16, 16] }
zone = { label = "zone", classes = 3 }
gland = { given = true }
adc = { network = "painter", from = ["latent", "zone", "gland", "grain"] }

[training]
steps = 2
batch = 4

[[phases]]
use = "synthesize"
pool = "all"
terms = [{ use = "gan", on = ["adc", "zone"], critic = "critic", against = "all" }]
"""


GLAND = (np.hypot(*(np.mgrid[:16, :16] - 7.5)) < 6).astype(np.uint8)


@pytest.fixture(scope="module")
def site(tmp_path_factory, tiny_cohort):
    """A folder with the installed package ``painter``, its recipe, and a cohort with zones and glands."""
    site = tmp_path_factory.mktemp("painter")
    files = {
        "painter/__init__.py": PLUGIN,
        "painter/networks.py": NETWORKS,
        "painter-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: painter\nVersion: 1.0\n",
        "painter-1.0.dist-info/entry_points.txt": "[gankit]\npainter = painter\n",
        "painted.toml": RECIPE,
    }
    for name, text in files.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    zone_N, gland_N = (np.arange(24) % 3).astype(np.int8), np.repeat(GLAND[None], 24, axis=0)
    zoned = attrs.evolve(tiny_cohort, labels={"zone": zone_N}, truth={"gland": gland_N})
    write_cohort(zoned, site / "zoned.safetensors")
    return site


RUN = """
import json, sys
from gankit import load_model, load_recipe, train

recipe = load_recipe(sys.argv[1], {"cohort.path": sys.argv[2]})
model = load_model(train(recipe, sys.argv[3], device="cpu", quiet=True).path)
made = model.cohort(6, given={"zone": [0, 1, 2, 0, 1, 2]})
zones, glands = made.labels["zone"].tolist(), int(made.truth["gland"].sum())
print(json.dumps({"zones": zones, "glands": glands, "shape": made.modalities["adc"].values.shape}))
"""


def test_a_strangers_networks_read_places_apart(site, tmp_path):
    """The recipe trains, and samples have the zones that were asked for and the glands of real slices."""
    made = json.loads(python(site, RUN, site / "painted.toml", site / "zoned.safetensors", tmp_path / "run"))
    assert made == {"zones": [0, 1, 2, 0, 1, 2], "glands": 6 * int(GLAND.sum()), "shape": [6, 1, 16, 16]}


def test_the_conformance_checks_know_networks_that_read_apart(site):
    """``check_network`` gives them a tensor for each place."""
    code = (
        "from gankit.testing import check_network; from painter.networks import *;"
        "check_network(Painted(), {'latent': (4,), 'zone': (3,), 'gland': (2, 8, 8)}, {'adc': (1, 8, 8)});"
    )
    python(site, code)
