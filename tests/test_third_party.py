"""A package outside the repository adds a generator and a loss through the public API alone, and a recipe uses them."""

import os
import subprocess
import sys
import tomllib

import pytest

from gankit import read_cohort

PLUGIN = """
from pathlib import Path

from gankit import hookimpl


@hookimpl
def register_components(registry):
    registry.add("generator", "stranger-mlp", "stranger.specs:Mlp")
    registry.add("loss", "stranger-hinge", "stranger.specs:Hinge")


@hookimpl
def recipes():
    return {"stranger": Path(__file__).with_name("stranger.toml")}
"""

SPECS = '''
import attrs

from gankit import AbstractAdversarialLoss, AbstractGenerator, joined, option


@attrs.frozen(kw_only=True)
class Mlp(AbstractGenerator):
    """Two layers to all pixels at once."""

    width: int = option(16, ge=1, help="units of the hidden layer")

    def build(self, source, target):
        import math

        from torch import nn

        (latent,), shape = joined(source), joined(target)
        last = nn.Linear(self.width, math.prod(shape))
        return nn.Sequential(nn.Linear(latent, self.width), nn.ReLU(), last, nn.Tanh(), nn.Unflatten(1, shape))


@attrs.frozen(kw_only=True)
class Hinge(AbstractAdversarialLoss):
    """The hinge loss of Lim and Ye 2017 (arXiv:1705.02894)."""

    margin: float = option(1.0, gt=0, help="score beyond which the critic is content")

    def build(self):
        return HingeLoss(self.margin)


@attrs.frozen
class HingeLoss:
    margin: float

    def critic(self, critic, reference, candidate, draws):
        return (self.margin - critic(reference)).relu().mean() + (self.margin + critic(candidate)).relu().mean()

    def player(self, critic, reference, candidate, draws):
        return -critic(candidate).mean()
'''

RECIPE = """
name = "stranger"

[cohort]
use = "file"
path = "to be set"

[pools]
cs = { label = "cs" }

[latent]
dim = 8

[modalities]
adc = { shape = [1, 16, 16], unit = "1e-6 mm2/s", range = [0, 3000] }

[networks]
generator = { use = "stranger-mlp", width = 8 }
critic = { use = "conv-critic", width = 4 }

[synthesizer]
adc = { network = "generator", from = "latent" }

[training]
steps = 3
batch = 4

[[phases]]
use = "synthesize"
terms = [{ use = "stranger-hinge", on = "adc", critic = "critic", against = "cs", margin = 0.5 }]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with an installed package ``stranger``; what an installer leaves is its metadata beside it."""
    site = tmp_path_factory.mktemp("site")
    files = {
        "stranger/__init__.py": PLUGIN,
        "stranger/specs.py": SPECS,
        "stranger/stranger.toml": RECIPE,
        "stranger-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n",
        "stranger-1.0.dist-info/entry_points.txt": "[gankit]\nstranger = stranger\n",
    }
    for name, text in files.items():
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text(text)
    return site


def python(site, code, *arguments):
    """Run a program that sees the package."""
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    call = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_strangers_components_train_and_sample(installed, tiny_cohort_file, tmp_path):
    """Its shipped recipe is found by name, trains with its generator and loss, and the model samples."""
    code = """
import sys
from gankit.cli import main

run, cohort, out = sys.argv[1:]
main(["train", "stranger", "-o", run, "--set", f"cohort.path={cohort}", "--device", "cpu"], standalone_mode=False)
main(["sample", run, "-n", "5", "-o", out, "--device", "cpu"], standalone_mode=False)
"""
    python(installed, code, tmp_path / "run", tiny_cohort_file, tmp_path / "made.safetensors")
    made = read_cohort(tmp_path / "made.safetensors")
    assert made.modalities["adc"].values.shape == (5, 1, 16, 16)
    assert made.labels["cs"].tolist() == [1] * 5
    locked = tomllib.loads((tmp_path / "run" / "recipe.lock.toml").read_text())
    assert locked["networks"]["generator"] == {"use": "stranger-mlp", "width": 8}
    assert locked["phases"]["synthesize"]["terms"]["stranger-hinge-adc"]["margin"] == 0.5
    assert locked["provenance"]["plugins"]["stranger"] == "stranger 1.0"


def test_a_strangers_components_are_listed_and_checked_like_ours(installed):
    """``gankit components`` explains them, and ``gankit.testing`` is enough to test them."""
    code = """
from gankit.cli import main
main(["components", "stranger-mlp"], standalone_mode=False)

from gankit.testing import check_adversarial_loss, check_network
from stranger.specs import Hinge, Mlp
check_network(Mlp(), {"latent": (8,)}, {"adc": (1, 16, 16)})
check_adversarial_loss(Hinge(on=("adc",), critic="c", against="cs"))
print("checked")
"""
    said = python(installed, code)
    assert "units of the hidden layer" in said
    assert "checked" in said


def test_a_run_of_a_strangers_recipe_is_tracked(installed, tiny_cohort_file, tmp_path):
    """``--track`` in a process of its own: the curve of the stranger's loss is in TensorBoard's file."""
    pytest.importorskip("tensorboard", reason="needs the extra tensorboard")
    code = """
import sys
from gankit.cli import main

run, cohort = sys.argv[1:]
every = ["--set", "training.log_every=1", "--track", "tensorboard", "--device", "cpu"]
main(["train", "stranger", "-o", run, "--set", f"cohort.path={cohort}", *every], standalone_mode=False)

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
curve = EventAccumulator(f"{run}/tensorboard").Reload().Scalars("synthesize/stranger-hinge-adc")
print("steps", [event.step for event in curve])
"""
    assert "steps [1, 2, 3]" in python(installed, code, tmp_path / "run", tiny_cohort_file)
